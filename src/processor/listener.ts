import "../runtime/http2_sessions.ts";
import { Server, type ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js";
import { maxMessageBytes } from "../proto/contract.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";

/** Unfinished calls have this long when the server stops, ms. */
const graceMs = 2_000;
/** IPv6 and IPv4; where there is no IPv6, IPv4. */
const allAddresses = ["[::]", "0.0.0.0"];

/** Bytes that a connection, and each stream on it, may send ahead of being read: enough for a fast, distant hunter. */
const receiveWindowBytes = 4 * 1_048_576;

/** A gRPC server with the contract's limits; each call goes through the interceptors first. */
export function newServer(interceptors: readonly ServerInterceptor[] = []): Server {
  return new Server({
    interceptors: [...interceptors],
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": -1,
    "grpc-node.flow_control_window": receiveWindowBytes,
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
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon);
  let failure: unknown;
  for (const candidate of host === "" ? allAddresses : [host]) {
    const target = `${candidate}${address.slice(colon)}`;
    requirePermission({ name: "net", host: target }, `listening on ${address} (--listen)`);
    try {
      return await bind(server, target, credentials);
    } catch (error) {
      failure = error;
      if (/EADDRINUSE|EACCES/.test(messageOf(error))) break;
    }
  }
  throw new OperatorError(`cannot listen on ${address} (--listen): ${reasonOf(failure)}`);
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

function reasonOf(error: unknown): string {
  const text = messageOf(error);
  if (text.includes("EADDRINUSE")) return "another program listens there: stop it, or choose another port";
  if (text.includes("EACCES")) return "not allowed: ports below 1024 need more rights";
  if (/EADDRNOTAVAIL|EINVAL|ENOTFOUND|Name resolution failed/.test(text)) {
    return "this machine has no such address";
  }
  return text;
}
