import { Buffer } from "node:buffer";
import protobuf from "protobufjs";
import { BatchMessage } from "./batch_message.ts";
import contract from "../../proto/contract.json" with { type: "json" };

/** Longest message that either side of the contract receives, bytes. */
export const maxMessageBytes = 10_485_760;

/** Request metadata that carries an API key. */
export const apiKeyMetadata = "x-api-key";

/** Writes and reads one message type. */
export interface Codec<T> {
  /** The protobuf bytes of `message`. Strings are made valid UTF-8: a receiver in Go refuses all else. */
  encode(message: T): Buffer;
  /** Reads a message; absent fields have their default. Throws when `bytes` are no protobuf message. */
  decode(bytes: Uint8Array): T;
}

/** The wire contract, reflected. */
export const root: protobuf.Root = protobuf.Root.fromJSON(contract);
root.resolveAll();

/**
 * The codec of one message type.
 * @param name full name of the message, such as `lippycat.data.StreamControl`
 */
export function codecOf<T>(name: string): Codec<T> {
  const type = root.lookupType(name);
  return {
    encode(message) {
      return viewOf(type.encode(type.fromObject(wellFormed(message) as Record<string, unknown>)).finish());
    },
    decode(bytes) {
      return type.toObject(type.decode(bytes), { longs: BigInt, defaults: true }) as T;
    },
  };
}

/** `PacketBatch` stays what it is, bytes: the engine writes and reads it. Nothing is copied. */
export const encodedBatch: Codec<Uint8Array> = { encode: viewOf, decode: (bytes) => bytes };

/** The same for a sender that has it in parts. */
export const batchMessage: Codec<Uint8Array | BatchMessage> = {
  encode: (message) => message instanceof BatchMessage ? message as unknown as Buffer : viewOf(message),
  decode: (bytes) => bytes,
};

/** The same bytes as a Buffer, which grpc-js insists on. */
function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Lone surrogates are no UTF-8. */
function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [wellFormed(key), wellFormed(item)]));
}
