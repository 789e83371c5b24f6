import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type PeerCertificate, TLSSocket } from "node:tls";
import { X509Certificate } from "node:crypto";
import { CallCredentials, ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import type { Settings } from "../config/settings.ts";
import { type CertificateFigures, certificateFigures, ValidityWatch } from "../proto/certificate_validity.ts";
import { minTlsVersion, TlsMaterialStore } from "../proto/tls_material.ts";
import { OperatorError } from "../runtime/operator_error.ts";
import { logger } from "../telemetry/log.ts";
import { ApiKeySource } from "./api_key.ts";

/** The settings that say how the connection to a processor is protected. */
export type SecuritySettings =
  & Pick<Settings, "insecure" | "tlsCa" | "tlsCert" | "tlsKey" | "tlsSkipVerify">
  & Partial<Pick<Settings, "tlsServerName" | "apiKey" | "apiKeyFile">>;

/** How the connection to a processor is protected. */
export interface ChannelSecurity {
  /** For the channel's constructor. */
  readonly credentials: ChannelCredentials;
  /** Options that go with them. */
  readonly options: ChannelOptions;
  /** Own certificate, authority, and the processor's certificate once it was seen; empty in plain text. */
  readonly certificates: readonly CertificateFigures[];
  /** The API key, read anew; undefined without one. */
  apiKey(): string | undefined;
  /** Takes changed files for handshakes from now on, and warns of certificates that end soon; for a timer. */
  refresh(): void;
}

/** SNI must not carry an address (RFC 6066, section 3), and Deno refuses it; a name must be given all the same. */
const nameForAddresses = "address.invalid";

/** Request metadata that carries the API key. */
export const apiKeyMetadata = "x-api-key";

/**
 * Reads certificates and API key, and makes the credentials for `processor` (`host:port`). Trust is in the CA file
 * alone, never in the system's store. Throws OperatorError, exit code 2, for what cannot work.
 */
export function channelSecurity(settings: SecuritySettings, processor: string): ChannelSecurity {
  const { insecure, tlsCa, tlsSkipVerify, apiKey, apiKeyFile } = settings;
  if (insecure && (apiKey ?? apiKeyFile) !== undefined) {
    throw new OperatorError(
      "an API key is not sent in plain text, where everybody on the path could read it: " +
        "remove --insecure, or the key (--api-key, --api-key-file)",
      2,
    );
  }
  if (insecure) {
    return {
      credentials: ChannelCredentials.createInsecure(),
      options: {},
      certificates: [],
      apiKey: () => undefined,
      refresh: () => {},
    };
  }
  if (tlsCa === undefined && !tlsSkipVerify) {
    throw new OperatorError(
      `the connection to ${processor} needs --tls-ca, or --tls-skip-verify, or --insecure for plain text`,
      2,
    );
  }
  return new TlsChannelSecurity(settings, processor);
}

class TlsChannelSecurity implements ChannelSecurity {
  readonly #store: TlsMaterialStore;
  readonly #key: ApiKeySource;
  readonly #watch = new ValidityWatch((line) => logger("tls").warn(line), "the processor");
  #peer: CertificateFigures | undefined;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;

  constructor(settings: SecuritySettings, processor: string) {
    const name = settings.tlsServerName ?? hostOf(processor);
    const isAddress = isIP(name) !== 0;
    const checkIdentity = (_name: string, certificate: PeerCertificate) =>
      checkServerIdentity(name, certificate);
    this.#store = new TlsMaterialStore(settings);
    this.#key = new ApiKeySource({ apiKey: settings.apiKey, apiKeyFile: settings.apiKeyFile });
    this.options = isAddress || settings.tlsServerName !== undefined
      ? { "grpc.ssl_target_name_override": isAddress ? nameForAddresses : name }
      : {};
    this.credentials = new ReloadableCredentials(
      () => {
        this.#store.refresh();
        const context = createSecureContext({ ...this.#store.current, minVersion: minTlsVersion });
        return ChannelCredentials.createFromSecureContext(context, {
          rejectUnauthorized: !settings.tlsSkipVerify,
          ...isAddress && { checkServerIdentity: checkIdentity },
        });
      },
      (certificate) => this.#see(certificate),
    );
    this.#watch.check(this.certificates);
  }

  get certificates(): readonly CertificateFigures[] {
    return [...this.#store.certificates, ...this.#peer === undefined ? [] : [this.#peer]];
  }

  apiKey(): string | undefined {
    return this.#key.current();
  }

  refresh(): void {
    this.#store.refresh();
    this.#watch.check(this.certificates);
  }

  #see(certificate: Uint8Array): void {
    this.#peer = certificateFigures(new X509Certificate(certificate), "peer");
    this.#watch.check(this.certificates);
  }
}

type ConnectorArguments = Parameters<ChannelCredentials["_createSecureConnector"]>;
type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/** Makes new credentials for each connection, grpc-js's own reconnects included. */
class ReloadableCredentials extends ChannelCredentials {
  /** @param seen told the processor's certificate (DER) of each connection */
  constructor(
    readonly current: () => ChannelCredentials,
    readonly seen: (certificate: Uint8Array) => void,
  ) {
    super();
  }

  _isSecure(): boolean {
    return true;
  }

  _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  _createSecureConnector(...target: ConnectorArguments): Connector {
    const [, , callCredentials = CallCredentials.createEmpty()] = target;
    return {
      connect: async (socket) => {
        const connected = await this.current()._createSecureConnector(...target).connect(socket);
        const certificate = connected.socket instanceof TLSSocket
          ? connected.socket.getPeerCertificate()?.raw
          : undefined;
        if (certificate !== undefined) this.seen(certificate);
        return connected;
      },
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials,
      destroy: () => {},
    };
  }
}

/** The host in `host:port` or `[host]:port`. */
function hostOf(address: string): string {
  return address.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
}
