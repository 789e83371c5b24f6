import { ServerCredentials } from "@grpc/grpc-js";
import type { Settings } from "../config/settings.ts";
import { type CertificateFigures, ValidityWatch } from "../proto/certificate_validity.ts";
import { minTlsVersion, TlsMaterialStore } from "../proto/tls_material.ts";
import { OperatorError } from "../runtime/operator_error.ts";
import { logger } from "../telemetry/log.ts";

/** The settings that say how a processor's connections are protected. */
export type ServerSecuritySettings = Pick<
  Settings,
  "insecure" | "tlsCert" | "tlsKey" | "tlsCa" | "tlsClientAuth"
>;

/** How a processor's connections are protected. */
export interface ServerSecurity {
  /** For the server. */
  readonly credentials: ServerCredentials;
  /** Own certificate and authority; empty in plain text. */
  readonly certificates: readonly CertificateFigures[];
  /** Takes changed files for handshakes from now on, and warns of certificates that end soon; for a timer. */
  refresh(): void;
}

/** Reads the certificates and makes the server's credentials. Throws OperatorError, exit code 2. */
export function serverSecurity(settings: ServerSecuritySettings): ServerSecurity {
  if (settings.insecure) {
    return { credentials: ServerCredentials.createInsecure(), certificates: [], refresh: () => {} };
  }
  if (settings.tlsCert === undefined && settings.tlsKey === undefined) {
    throw new OperatorError(
      "a processor that listens needs --tls-cert and --tls-key, or --insecure for plain text",
      2,
    );
  }
  if (settings.tlsClientAuth && settings.tlsCa === undefined) {
    throw new OperatorError("--tls-client-auth needs --tls-ca, the CA of the clients' certificates", 2);
  }
  return new TlsServerSecurity(settings);
}

class TlsServerSecurity implements ServerSecurity {
  readonly #store: TlsMaterialStore;
  readonly #watch = new ValidityWatch((line) => logger("tls").warn(line), "a hunter");
  readonly credentials: ReloadableCredentials;

  constructor(settings: ServerSecuritySettings) {
    this.#store = new TlsMaterialStore(settings);
    this.credentials = new ReloadableCredentials(this.#store, settings.tlsClientAuth);
    this.#watch.check(this.certificates);
  }

  get certificates(): readonly CertificateFigures[] {
    return this.#store.certificates;
  }

  refresh(): void {
    if (this.#store.refresh()) this.credentials.reload();
    this.#watch.check(this.certificates);
  }
}

/**
 * Credentials whose certificates can be exchanged under a listening server: connections that are there go on with
 * what they were made with. grpc-js's own `createSsl` has neither that nor a lowest version, and where it is given no
 * CA, it reads the file that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names.
 */
class ReloadableCredentials extends ServerCredentials {
  readonly #store: TlsMaterialStore;

  constructor(store: TlsMaterialStore, clientAuth: boolean) {
    super(
      { minVersion: minTlsVersion, requestCert: clientAuth, rejectUnauthorized: clientAuth },
      { ...store.current, minVersion: minTlsVersion },
    );
    this.#store = store;
  }

  reload(): void {
    this.updateSecureContextOptions({ ...this.#store.current, minVersion: minTlsVersion });
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
