import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type SecureContextOptions } from "node:tls";
import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";
import type { Settings } from "../config/settings.ts";
import { minTlsVersion, readKeyPair, readPem } from "../proto/tls_material.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";

/** The settings that say how the connection to a processor is protected. */
export type SecuritySettings = Pick<Settings, "insecure" | "tlsCa" | "tlsCert" | "tlsKey" | "tlsSkipVerify">;

/** How a channel is protected. */
export interface ChannelSecurity {
  /** For the channel's constructor. */
  readonly credentials: ChannelCredentials;
  /** Options that go with them. */
  readonly options: ChannelOptions;
}

/** SNI must not carry an address (RFC 6066, section 3), and Deno refuses it; a name must be given all the same. */
const nameForAddresses = "address.invalid";

/**
 * Reads the certificates anew and makes the credentials for `processor` (`host:port`). Trust is in the CA file
 * alone, never in the system's store. Throws OperatorError.
 */
export function channelSecurity(settings: SecuritySettings, processor: string): ChannelSecurity {
  if (settings.insecure) return { credentials: credentials.createInsecure(), options: {} };
  const context: SecureContextOptions = { minVersion: minTlsVersion };
  if (settings.tlsCa !== undefined) context.ca = readPem(settings.tlsCa, "--tls-ca");
  else if (!settings.tlsSkipVerify) {
    throw new OperatorError(
      `the connection to ${processor} needs --tls-ca, or --tls-skip-verify, or --insecure for plain text`,
      2,
    );
  }
  const pair = readKeyPair(settings.tlsCert, settings.tlsKey);
  if (pair !== undefined) {
    context.cert = pair.certificate;
    context.key = pair.key;
  }
  const host = hostOf(processor);
  const isAddress = isIP(host) !== 0;
  return {
    credentials: credentials.createFromSecureContext(secureContext(context), {
      rejectUnauthorized: !settings.tlsSkipVerify,
      ...(isAddress &&
        { checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate) }),
    }),
    options: isAddress ? { "grpc.ssl_target_name_override": nameForAddresses } : {},
  };
}

function secureContext(context: SecureContextOptions) {
  try {
    return createSecureContext(context);
  } catch (error) {
    throw new OperatorError(`--tls-ca, --tls-cert, --tls-key: ${messageOf(error)}`);
  }
}

/** The host in `host:port` or `[host]:port`. */
function hostOf(address: string): string {
  return address.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
}
