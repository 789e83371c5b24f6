import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { Settings } from "../config/settings.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";
import { logger } from "../telemetry/log.ts";
import { type CertificateFigures, certificateFigures, firstToEnd } from "./certificate_validity.ts";

/** Lowest TLS version that either side of the contract speaks. */
export const minTlsVersion = "TLSv1.3";

/** The files of one side. */
export type TlsFiles = Pick<Settings, "tlsCert" | "tlsKey" | "tlsCa">;

/** What the files of one side hold, PEM, as they were read together. */
export interface TlsMaterial {
  /** Own certificate, and those between it and its authority. */
  readonly cert?: Buffer;
  /** Private key of the own certificate. */
  readonly key?: Buffer;
  /** Certificates that verify the other side. */
  readonly ca?: Buffer;
}

const flagOf = { cert: "--tls-cert", key: "--tls-key", ca: "--tls-ca" } as const;
const settingOf = { cert: "tlsCert", key: "tlsKey", ca: "tlsCa" } as const;
const parts = ["cert", "key", "ca"] as const;
const pemCertificate = /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs;

/**
 * The certificates of one side, which may change while the program runs: {@link refresh} takes what the files hold
 * now, and keeps what it has where they hold nothing that works.
 */
export class TlsMaterialStore {
  readonly #files: TlsFiles;
  #current: TlsMaterial;
  #certificates: readonly CertificateFigures[];
  /** What is wrong with the files, as the last refresh found, and as the operator was told. */
  #problem = "";
  #told = "";

  /**
   * Reads the files. Throws OperatorError, exit code 2: a file that cannot be read or is no PEM, a certificate or key
   * that cannot be used, a key that is not the certificate's, one of the two without the other.
   */
  constructor(files: TlsFiles) {
    this.#files = files;
    this.#current = read(files);
    this.#certificates = check(this.#current, files);
  }

  /** What is in force. */
  get current(): TlsMaterial {
    return this.#current;
  }

  /** Of each role, the certificate that ends first. */
  get certificates(): readonly CertificateFigures[] {
    return this.#certificates;
  }

  /**
   * Reads the files again. What is wrong with them is logged when it is seen for the second time: certificate and key
   * are often not replaced at the same moment.
   * @returns true when something else is in force now
   */
  refresh(): boolean {
    let next: TlsMaterial;
    try {
      next = read(this.#files);
      if (parts.every((part) => same(next[part], this.#current[part]))) {
        this.#problem = this.#told = "";
        return false;
      }
      this.#certificates = check(next, this.#files);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      if (this.#problem === error.message && this.#told !== error.message) {
        this.#told = error.message;
        logger("tls").warn(`${error.message}; the certificates read before stay in use`);
      }
      this.#problem = error.message;
      return false;
    }
    this.#current = next;
    this.#problem = this.#told = "";
    const leaf = this.#certificates.find(({ role }) => role === "own") ?? this.#certificates[0];
    logger("tls").info(
      `the TLS files changed: new connections use them` +
        (leaf === undefined ? "" : ` (${leaf.subject}, until ${new Date(leaf.notAfterMs).toISOString()})`),
    );
    return true;
  }
}

function same(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

function read(files: TlsFiles): TlsMaterial {
  if ((files.tlsCert === undefined) !== (files.tlsKey === undefined)) {
    const missing = files.tlsCert === undefined ? "--tls-cert" : "--tls-key";
    throw new OperatorError(`a certificate and its key belong together: add ${missing}`, 2);
  }
  const material: { -readonly [P in keyof TlsMaterial]: TlsMaterial[P] } = {};
  for (const part of parts) {
    const path = files[settingOf[part]];
    if (path !== undefined) material[part] = readPem(path, flagOf[part]);
  }
  return material;
}

function readPem(path: string, flag: string): Buffer {
  requirePermission({ name: "read", path }, `reading ${path} (${flag})`);
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    throw new OperatorError(`${flag}: cannot read ${path}: ${messageOf(error)}`, 2);
  }
  const pem = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!pem.includes("-----BEGIN ")) throw new OperatorError(`${flag}: ${path} is no PEM file`, 2);
  return pem;
}

/** Throws OperatorError where TLS would fail later, and with a message that says less. */
function check(material: TlsMaterial, files: TlsFiles): CertificateFigures[] {
  const own = certificatesIn(material, files, "cert");
  const ca = certificatesIn(material, files, "ca");
  if (
    material.key !== undefined && own[0] !== undefined && !own[0].checkPrivateKey(keyIn(material.key, files))
  ) {
    throw new OperatorError(
      `--tls-key: the key in ${files.tlsKey} is not the one of the certificate in ${files.tlsCert}`,
      2,
    );
  }
  try {
    createSecureContext(material);
  } catch (error) {
    throw new OperatorError(`--tls-cert, --tls-key, --tls-ca: ${messageOf(error)}`, 2);
  }
  return [
    firstToEnd(own.map((certificate) => certificateFigures(certificate, "own"))),
    firstToEnd(ca.map((certificate) => certificateFigures(certificate, "ca"))),
  ].filter((certificate) => certificate !== undefined);
}

function certificatesIn(material: TlsMaterial, files: TlsFiles, part: "cert" | "ca"): X509Certificate[] {
  const pem = material[part];
  if (pem === undefined) return [];
  const place = `${flagOf[part]}: ${files[settingOf[part]]}`;
  const found = [...pem.toString("latin1").matchAll(pemCertificate)];
  if (found.length === 0) throw new OperatorError(`${place} holds no certificate`, 2);
  return found.map(([text], index) => {
    try {
      return new X509Certificate(text);
    } catch (error) {
      throw new OperatorError(`${place}: certificate ${index + 1} cannot be read: ${messageOf(error)}`, 2);
    }
  });
}

function keyIn(pem: Buffer, files: TlsFiles): KeyObject {
  if (pem.includes("ENCRYPTED")) {
    throw new OperatorError(
      `--tls-key: the key in ${files.tlsKey} is encrypted: take its passphrase away (openssl pkey)`,
      2,
    );
  }
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new OperatorError(
      `--tls-key: ${files.tlsKey} holds no private key that can be used: ${messageOf(error)}`,
      2,
    );
  }
}
