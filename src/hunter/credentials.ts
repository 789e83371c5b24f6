import { isIP, type Socket } from "node:net";
import { checkServerIdentity, createSecureContext, TLSSocket } from "node:tls";
import { X509Certificate } from "node:crypto";
import { CallCredentials, ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import type { Settings } from "../config/settings.ts";
import { type CertificateFigures, certificateFigures, ValidityWatch } from "../proto/certificate_validity.ts";
import { minTlsVersion, TlsMaterialStore } from "../proto/tls_material.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { logger } from "../telemetry/log.ts";
import { ApiKeySource } from "./api_key.ts";
import { validityOfRefused } from "./peer_certificate.ts";

/** The settings that say how the connection to a processor is protected. */
export type SecuritySettings =
  & Pick<Settings, "insecure" | "tlsCa" | "tlsCert" | "tlsKey" | "tlsSkipVerify">
  & Partial<Pick<Settings, "tlsServerName" | "apiKey" | "apiKeyFile">>;

/** How the connection to a processor is protected. */
export interface ChannelSecurity {
  /** Makes what a channel needs; `onSocket` is told each TCP connection that the channel makes with it. */
  credentials(onSocket: (socket: Socket) => void): ChannelCredentials;
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
      credentials: (onSocket) => new SocketCredentials(() => ChannelCredentials.createInsecure(), onSocket),
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
  readonly #settings: SecuritySettings;
  readonly #name: string;
  readonly #servername: string;
  readonly options: ChannelOptions;

  constructor(settings: SecuritySettings, processor: string) {
    this.#settings = settings;
    this.#name = settings.tlsServerName ?? hostOf(processor);
    this.#servername = isIP(this.#name) === 0 ? this.#name : nameForAddresses;
    this.options = { "grpc.ssl_target_name_override": this.#servername };
    this.#store = new TlsMaterialStore(settings);
    this.#key = new ApiKeySource({ apiKey: settings.apiKey, apiKeyFile: settings.apiKeyFile });
    this.#watch.check(this.certificates);
  }

  credentials(onSocket: (socket: Socket) => void): ChannelCredentials {
    return new SocketCredentials(() => this.#current(), onSocket, {
      secured: (socket) => this.#see(socket),
      explain: (error, socket) => this.#explain(error, socket),
    });
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

  #current(): ChannelCredentials {
    this.#store.refresh();
    const context = createSecureContext({ ...this.#store.current, minVersion: minTlsVersion });
    return ChannelCredentials.createFromSecureContext(context, {
      rejectUnauthorized: !this.#settings.tlsSkipVerify,
      checkServerIdentity: (_name, certificate) => checkServerIdentity(this.#name, certificate),
    });
  }

  #see(socket: Socket): void {
    const certificate = socket instanceof TLSSocket ? socket.getPeerCertificate()?.raw : undefined;
    if (certificate === undefined) return;
    this.#peer = certificateFigures(new X509Certificate(certificate), "peer");
    this.#watch.check(this.certificates);
  }

  async #explain(error: unknown, { remoteAddress, remotePort }: Peer): Promise<unknown> {
    if (
      remoteAddress === undefined || remotePort === undefined || !/unable to verify/.test(messageOf(error))
    ) {
      return error;
    }
    const peer = { host: remoteAddress, port: remotePort, servername: this.#servername };
    const reason = await validityOfRefused(peer);
    return reason === undefined ? error : new Error(reason);
  }
}

type ConnectorArguments = Parameters<ChannelCredentials["_createSecureConnector"]>;
type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;
/** Where a TCP connection leads. */
type Peer = Pick<Socket, "remoteAddress" | "remotePort">;

/** What happens in a handshake. */
interface Handshake {
  /** It succeeded. */
  secured(socket: Socket): void;
  /** It failed: says why in better words. */
  explain(error: unknown, peer: Peer): Promise<unknown>;
}

/** Makes new credentials for each connection, grpc-js's own reconnects included, and tells of its socket. */
class SocketCredentials extends ChannelCredentials {
  readonly #current: () => ChannelCredentials;
  readonly #onSocket: (socket: Socket) => void;
  readonly #handshake: Handshake | undefined;

  /** @param handshake undefined for plain text */
  constructor(current: () => ChannelCredentials, onSocket: (socket: Socket) => void, handshake?: Handshake) {
    super();
    this.#current = current;
    this.#onSocket = onSocket;
    this.#handshake = handshake;
  }

  _isSecure(): boolean {
    return this.#handshake !== undefined;
  }

  _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  _createSecureConnector(...target: ConnectorArguments): Connector {
    const [, , callCredentials = CallCredentials.createEmpty()] = target;
    return {
      connect: async (socket) => {
        this.#onSocket(socket);
        const { remoteAddress, remotePort } = socket;
        try {
          const connected = await this.#current()._createSecureConnector(...target).connect(socket);
          this.#handshake?.secured(connected.socket);
          return connected;
        } catch (error) {
          throw await this.#handshake?.explain(error, { remoteAddress, remotePort }) ?? error;
        }
      },
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials,
      destroy: () => {},
    };
  }
}

/** The host in `host:port` or `[host]:port`; the zone of a link-local address is no part of any certificate. */
function hostOf(address: string): string {
  return address.replace(/:\d*$/, "").replace(/^\[([^%]*).*\]$/, "$1");
}
