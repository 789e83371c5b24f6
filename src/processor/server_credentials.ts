import { ServerCredentials } from "@grpc/grpc-js";
import type { Settings } from "../config/settings.ts";
import { minTlsVersion, readKeyPair, readPem } from "../proto/tls_material.ts";
import { OperatorError } from "../runtime/operator_error.ts";

/** The settings that say how a processor's connections are protected. */
export type ServerSecuritySettings = Pick<
  Settings,
  "insecure" | "tlsCert" | "tlsKey" | "tlsCa" | "tlsClientAuth"
>;

/** Reads the certificates and makes the server's credentials. Throws OperatorError. */
export function serverCredentials(settings: ServerSecuritySettings): ServerCredentials {
  if (settings.insecure) return ServerCredentials.createInsecure();
  const pair = readKeyPair(settings.tlsCert, settings.tlsKey);
  if (pair === undefined) {
    throw new OperatorError(
      "a processor that listens needs --tls-cert and --tls-key, or --insecure for plain text",
      2,
    );
  }
  if (settings.tlsClientAuth && settings.tlsCa === undefined) {
    throw new OperatorError("--tls-client-auth needs --tls-ca, the CA of the clients' certificates", 2);
  }
  const ca = settings.tlsCa === undefined ? null : readPem(settings.tlsCa, "--tls-ca");
  const keyPairs = [{ private_key: pair.key, cert_chain: pair.certificate }];
  // Without a CA, createSsl would read the file that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names, and with many
  // certificates in it Deno's server speaks no TLS. Nobody is verified then, so any certificate does.
  const credentials = ServerCredentials.createSsl(ca ?? pair.certificate, keyPairs, settings.tlsClientAuth);
  // createSsl has no parameter for these; node:tls takes them from the same options.
  Object.assign(credentials._getConstructorOptions() ?? {}, {
    minVersion: minTlsVersion,
    rejectUnauthorized: settings.tlsClientAuth,
  });
  return credentials;
}
