import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";

/** Counts the calls of a server that were refused or failed. */
export class RefusedCalls {
  readonly #counts = new Map<string, number>();

  /** By name of the gRPC status code; a call that the client gave up is not among them. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** To be the first of a server's interceptors, so that it sees what the others refuse. */
  readonly interceptor: ServerInterceptor = (_method, call) =>
    new ServerInterceptingCall(call, {
      sendStatus: (end, next) => {
        this.#count(end.code);
        next(end);
      },
    });

  #count(code: status): void {
    if (code === status.OK || code === status.CANCELLED) return;
    const name = status[code] ?? "UNKNOWN";
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}
