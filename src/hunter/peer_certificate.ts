import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { certificateFigures } from "../proto/certificate_validity.ts";

/** Longest time that the look at a certificate may take, ms. */
const lookMs = 3_000;

/** Where a handshake failed. */
export interface HandshakePeer {
  /** Address of the other side. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** Name that was asked for. */
  readonly servername: string;
}

/**
 * Why a certificate that was refused is outside of its validity, or undefined when it is not, or cannot be seen. Deno
 * gives the same reason for such a certificate and for one of another authority, so one more connection is made that
 * verifies nothing, sends nothing, and is closed.
 */
export function validityOfRefused(peer: HandshakePeer): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...peer, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    const end = (reason?: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reason);
    };
    const timer = setTimeout(end, lookMs);
    socket.on("error", () => end());
    socket.once("secureConnect", () => {
      const raw = socket.getPeerCertificate()?.raw;
      end(raw === undefined ? undefined : reasonOf(raw));
    });
  });
}

function reasonOf(certificate: Uint8Array): string | undefined {
  const { subject, notBeforeMs, notAfterMs } = certificateFigures(new X509Certificate(certificate), "peer");
  const now = Date.now();
  if (now > notAfterMs) {
    return `certificate has expired: ${subject}, on ${new Date(notAfterMs).toISOString()}`;
  }
  if (now >= notBeforeMs) return undefined;
  return `certificate is not yet valid: ${subject}, only from ${new Date(notBeforeMs).toISOString()}`;
}
