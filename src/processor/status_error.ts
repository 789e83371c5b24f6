import { type handleUnaryCall, type ServerUnaryCall, status } from "@grpc/grpc-js";
import { messageOf } from "../runtime/operator_error.ts";
import { logger } from "../telemetry/log.ts";

/** A failure that a caller is told as it is. */
export class StatusError extends Error {
  /** Class name, as a printed error shows it. */
  override readonly name = "StatusError";

  /**
   * Becomes the status that a call ends with.
   * @param code gRPC status code
   * @param details what the caller reads
   * @param options the failure behind it, for this process
   */
  constructor(readonly code: status, readonly details: string, options?: ErrorOptions) {
    super(details, options);
  }
}

/** Any thrown value as a failure for the caller; one that nobody foresaw is logged, too. */
export function statusErrorFrom(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  logger("processor").error(`a call failed: ${messageOf(error)}`);
  return new StatusError(status.INTERNAL, messageOf(error));
}

/** A unary method whose work may throw a {@link StatusError}. */
export function unary<Request, Response>(
  answer: (request: Request, call: ServerUnaryCall<Request, Response>) => Response,
): handleUnaryCall<Request, Response> {
  return (call, reply) => {
    try {
      reply(null, answer(call.request, call));
    } catch (error) {
      reply(statusErrorFrom(error));
    }
  };
}

/** A method of the contract that this processor does not have. */
export function notOffered(why: string): (call: unknown, reply?: unknown) => void {
  const failure = new StatusError(status.UNIMPLEMENTED, why);
  return (call, reply) => {
    if (typeof reply === "function") reply(failure);
    else (call as { emit(event: "error", error: StatusError): void }).emit("error", failure);
  };
}
