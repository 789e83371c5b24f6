import { status } from "@grpc/grpc-js";
import { OperatorError } from "../runtime/operator_error.ts";

/** Why a call, and with it the connection, failed. */
export class RpcFailure extends Error {
  /** Class name, as a printed error shows it. */
  override readonly name = "RpcFailure";

  /**
   * Carries no cause: the message says all.
   * @param message one line for the operator
   * @param code gRPC status code
   * @param permanent true when the same attempt is bound to fail again until somebody changes something
   */
  constructor(message: string, readonly code: status, readonly permanent: boolean) {
    super(message);
  }
}

/** Codes that mean: this hunter, or what it sends, is not wanted. */
const permanentCodes: readonly status[] = [
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.UNIMPLEMENTED,
];

const advice: readonly [pattern: RegExp, text: string][] = [
  [
    /altname|does not match certificate/i,
    "the certificate is for another name: check --processor and the certificate",
  ],
  [
    /CertificateRequired|certificate required/i,
    "the processor wants a client certificate: add --tls-cert and --tls-key",
  ],
  [/alert.*(certificate|unknown.?ca)/i, "the processor refuses the client certificate: check --tls-cert"],
  [
    /self-signed|issuer|unable to (get|verify)|UnknownIssuer/i,
    "the certificate is not from the CA in --tls-ca",
  ],
  [/expired|not yet valid/i, "check the certificate's validity and this machine's clock"],
  [
    /InvalidContentType|wrong version number|corrupt message/i,
    "the processor does not speak TLS: try --insecure",
  ],
  [/ProtocolVersion|protocol version/i, "TLS 1.3 is needed on both sides"],
];

/** Said of a call that was refused for want of a valid key. */
const keyAdvice = "the processor wants an API key that is for hunters: check --api-key or --api-key-file";

/** Said of a connection that was made, and ended before HTTP/2 began. */
const endedAtOnce = "the other side ended the connection at once: is TLS on, or off, on both sides, " +
  "and does it accept this side's certificate?";

/** What that looks like: no HTTP/2 settings came, or the writing of this side's met a closed socket. */
const cutAtOnce =
  /^Failed to connect|^No connection established.*(EPIPE|ECONNRESET|broken pipe|reset by peer|hang up)/is;

/** Describes the status of a failed call. */
export function failureOf(call: { readonly code: status; readonly details: string }): RpcFailure {
  // grpc-js wraps the cause of a failed connection in words of its own, with a time of its own.
  const cause = call.details.replace(/^No connection established\. Last error: /, "")
    .replace(/\.? Resolution note:.*$/s, "").replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, "").replace(
      /^Error: /,
      "",
    );
  const found = call.code === status.UNAVAILABLE
    ? advice.find(([pattern]) => pattern.test(cause))
    : undefined;
  const hint = found?.[1] ?? (call.code === status.UNAUTHENTICATED ? keyAdvice : undefined) ??
    (cutAtOnce.test(cause) || cutAtOnce.test(call.details) ? endedAtOnce : undefined);
  if (call.code === status.OK) return new RpcFailure("the processor ended the stream", status.OK, false);
  return new RpcFailure(
    [status[call.code], ...(cause === "" ? [] : [cause])].join(": ") +
      (hint === undefined ? "" : `; ${hint}`),
    call.code,
    found !== undefined || permanentCodes.includes(call.code),
  );
}

/** Any thrown value as a failure of the connection. */
export function failureFrom(error: unknown): RpcFailure {
  if (error instanceof RpcFailure) return error;
  if (error instanceof OperatorError) return new RpcFailure(error.message, status.FAILED_PRECONDITION, true);
  return new RpcFailure(error instanceof Error ? error.message : String(error), status.UNKNOWN, false);
}
