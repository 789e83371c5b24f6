import "../runtime/http2_sessions.ts";
import type { Socket } from "node:net";
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type MethodDefinition,
  status,
} from "@grpc/grpc-js";
import { apiKeyMetadata, maxMessageBytes } from "../proto/contract.ts";
import type { ChannelSecurity } from "./credentials.ts";
import { failureOf, RpcFailure } from "./rpc_failure.ts";

/** Time without traffic after which HTTP/2 is asked whether it is alive, ms; processors allow 10 s and more. */
export const defaultKeepaliveMs = 30_000;

/** Time that a closed channel has to say goodbye, ms. */
const lingerMs = 500;

/** One HTTP/2 connection to a processor, made at the first call. */
export class Channel {
  readonly #client: Client;
  readonly #apiKey: string | undefined;
  readonly #sockets = new Set<Socket>();
  #closed = false;

  /** Connects to nothing yet; `processor` is `host:port`. Reads the API key, which goes with every call. */
  constructor(processor: string, security: ChannelSecurity, keepaliveMs: number = defaultKeepaliveMs) {
    this.#apiKey = security.apiKey();
    this.#client = new Client(processor, security.credentials((socket) => this.#hold(socket)), {
      ...security.options,
      // Without a pool of its own, the two channels of a hunter would share one connection.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_retries": 0,
      "grpc.keepalive_time_ms": keepaliveMs,
      "grpc.keepalive_timeout_ms": 20_000,
      "grpc.keepalive_permit_without_calls": 1,
      "grpc.max_receive_message_length": maxMessageBytes,
      "grpc.max_send_message_length": -1,
    });
  }

  /** Connects. Rejects with an {@link RpcFailure} when that takes longer than `deadlineMs`, or on `abort`. */
  connect(deadlineMs: number, abort: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = () => this.#client.close();
      abort.addEventListener("abort", cancel);
      this.#client.waitForReady(Date.now() + deadlineMs, (error) => {
        abort.removeEventListener("abort", cancel);
        if (error === undefined) resolve();
        else if (abort.aborted) reject(new RpcFailure("CANCELLED", status.CANCELLED, false));
        else {reject(
            new RpcFailure(
              `UNAVAILABLE: no second connection within ${deadlineMs} ms`,
              status.UNAVAILABLE,
              false,
            ),
          );}
      });
      if (abort.aborted) cancel();
    });
  }

  /** One request, one response. Rejects with an {@link RpcFailure}: at the latest after `deadlineMs`, or on `abort`. */
  unary<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    deadlineMs: number,
    abort?: AbortSignal,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const cancel = () => call.cancel();
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.#metadata(),
        { deadline: Date.now() + deadlineMs },
        (error, response) => {
          abort?.removeEventListener("abort", cancel);
          if (error !== null) reject(failureOf(error));
          else resolve(response as Response);
        },
      );
      abort?.addEventListener("abort", cancel);
      if (abort?.aborted) cancel();
    });
  }

  /** One request, a stream of responses. */
  serverStream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
  ): ClientReadableStream<Response> {
    return this.#client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.#metadata(),
    );
  }

  /** Streams in both directions. */
  duplexStream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    headers: Readonly<Record<string, string>> = {},
  ): ClientDuplexStream<Request, Response> {
    const metadata = this.#metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadata,
    );
  }

  /**
   * Ends the connection, and soon after it whatever is left of it: a connection that is still being made would else
   * stay open, since grpc-js knows no way to end it.
   */
  close(): void {
    this.#client.close();
    if (this.#closed) return;
    this.#closed = true;
    if (this.#sockets.size === 0) return;
    Deno.unrefTimer(setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, lingerMs));
  }

  #hold(socket: Socket): void {
    if (this.#closed) return void socket.destroy();
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    if (this.#apiKey !== undefined) metadata.set(apiKeyMetadata, this.#apiKey);
    return metadata;
  }
}
