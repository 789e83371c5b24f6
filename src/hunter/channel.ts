import "../runtime/http2_sessions.ts";
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type MethodDefinition,
} from "@grpc/grpc-js";
import { maxMessageBytes } from "../proto/contract.ts";
import type { ChannelSecurity } from "./credentials.ts";
import { failureOf } from "./rpc_failure.ts";

/** One HTTP/2 connection to a processor, made at the first call. */
export class Channel {
  readonly #client: Client;

  /** Connects to nothing yet; `processor` is `host:port`. */
  constructor(processor: string, security: ChannelSecurity) {
    this.#client = new Client(processor, security.credentials, {
      ...security.options,
      // Without a pool of its own, the two channels of a hunter would share one connection.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_retries": 0,
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 20_000,
      "grpc.keepalive_permit_without_calls": 1,
      "grpc.max_receive_message_length": maxMessageBytes,
      "grpc.max_send_message_length": -1,
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
    );
  }

  /** Streams in both directions. */
  duplexStream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    headers: Readonly<Record<string, string>> = {},
  ): ClientDuplexStream<Request, Response> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadata,
    );
  }

  /** Ends the connection when its calls are done. */
  close(): void {
    this.#client.close();
  }
}
