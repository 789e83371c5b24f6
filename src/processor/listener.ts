import "../runtime/http2_sessions.ts";
import { Server, type ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js";
import { maxMessageBytes } from "../proto/contract.ts";
import { isFinalListenFailure, listenFailure, listenTargets } from "../runtime/listen_address.ts";
import { OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";

/** Unfinished calls have this long when the server stops, ms. */
const graceMs = 2_000;

/** A gRPC server with the contract's limits; each call goes through the interceptors first. */
export function newServer(interceptors: readonly ServerInterceptor[] = []): Server {
  return new Server({
    interceptors: [...interceptors],
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.keepalive_permit_without_calls": 1,
  });
}

/**
 * Listens on `address`, `host:port`, where an empty host means all addresses. Resolves with the port. Throws
 * OperatorError when that is not possible.
 */
export async function listen(
  server: Server,
  address: string,
  credentials: ServerCredentials,
): Promise<number> {
  let failure: unknown;
  for (const target of listenTargets(address)) {
    requirePermission({ name: "net", host: target }, `listening on ${address} (--listen)`);
    try {
      return await bind(server, target, credentials);
    } catch (error) {
      failure = error;
      if (isFinalListenFailure(error)) break;
    }
  }
  throw new OperatorError(`cannot listen on ${address} (--listen): ${listenFailure(failure)}`);
}

/** Stops taking calls, lets those under way end, and closes all connections. */
export async function shutDown(server: Server): Promise<void> {
  const timer = setTimeout(() => server.forceShutdown(), graceMs);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  clearTimeout(timer);
}

function bind(server: Server, target: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) =>
    server.bindAsync(target, credentials, (error, port) => error === null ? resolve(port) : reject(error))
  );
}
