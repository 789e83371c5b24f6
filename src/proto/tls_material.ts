import { Buffer } from "node:buffer";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";

/** Lowest TLS version that either side of the contract speaks. */
export const minTlsVersion = "TLSv1.3";

/** Reads a PEM file. Throws OperatorError naming `flag` when it cannot be read, or is no PEM file. */
export function readPem(path: string, flag: string): Buffer {
  requirePermission({ name: "read", path }, `reading ${path} (${flag})`);
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    throw new OperatorError(`${flag}: cannot read ${path}: ${messageOf(error)}`);
  }
  const pem = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!pem.includes("-----BEGIN ")) throw new OperatorError(`${flag}: ${path} is no PEM file`);
  return pem;
}

/** Certificate and key, which come together or not at all. */
export function readKeyPair(
  certificate: string | undefined,
  key: string | undefined,
): { certificate: Buffer; key: Buffer } | undefined {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    const missing = certificate === undefined ? "--tls-cert" : "--tls-key";
    throw new OperatorError(`a certificate and its key belong together: add ${missing}`, 2);
  }
  return { certificate: readPem(certificate, "--tls-cert"), key: readPem(key, "--tls-key") };
}
