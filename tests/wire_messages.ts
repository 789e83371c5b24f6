/**
 * Packets on the wire, decoded by protobufjs, beside what the engine shows of them as JSON.
 *
 * @module
 */
import assert from "node:assert/strict";
import type protobuf from "protobufjs";
import { root } from "../src/proto/contract.ts";
import type { JsonPacket } from "./engine_run.ts";

export const batchType = root.lookupType("lippycat.data.PacketBatch");
export const packetType = root.lookupType("lippycat.data.CapturedPacket");

/** A decoded message, with 64-bit integers as bigints and without fields that hold their default. */
export type Decoded = Record<string, unknown>;

export function decode(type: protobuf.Type, bytes: Uint8Array): Decoded {
  return type.toObject(type.decode(bytes), { longs: BigInt }) as Decoded;
}

/** Encodes the packets of `wire`, the content of a batch, again: they must come out as they were, so nothing is in them that the contract does not know, and no default is spelled out. */
export function decodeWire(wire: Uint8Array): Decoded[] {
  const batch = batchType.decode(wire);
  const again = batchType.encode(batch).finish();
  assert.equal(again.length, wire.length);
  assert.ok(again.every((byte, at) => byte === wire[at]), "encoded again, the wire output differs");
  return (decode(batchType, wire).packets ?? []) as Decoded[];
}

/** The JSON object that stands for a decoded packet: metadata on the same level, frame and keys left out. */
export function flattened({ data: _data, tls_keys: _keys, metadata, ...packet }: Decoded): Decoded {
  return { ...packet, ...metadata as Decoded };
}

/** Compares a decoded message with JSON: JSON may spell out defaults, and has nothing else beyond the message. */
export function assertShown(json: unknown, decoded: unknown, where: string): void {
  if (Array.isArray(decoded)) {
    assert.ok(Array.isArray(json) && json.length === decoded.length, where);
    decoded.forEach((item, at) => assertShown(json[at], item, `${where}[${at}]`));
  } else if (typeof decoded === "object" && decoded !== null) {
    const shown = json as Record<string, unknown>;
    assert.ok(typeof shown === "object" && shown !== null, where);
    for (const [field, value] of Object.entries(decoded)) {
      assertShown(shown[field], value, `${where}.${field}`);
    }
    for (const [field, value] of Object.entries(shown)) {
      if (field in decoded) continue;
      const isDefault = value === 0 || value === "" || value === false ||
        (Array.isArray(value) && value.length === 0);
      assert.ok(isDefault, `${where}.${field} is ${JSON.stringify(value)} in JSON only`);
    }
  } else if (typeof decoded === "bigint") {
    assert.equal(BigInt(json as number), decoded, where);
  } else {
    assert.equal(json, decoded, where);
  }
}

export function assertShownAll(json: readonly JsonPacket[], decoded: readonly Decoded[]): void {
  assert.equal(json.length, decoded.length);
  json.forEach(({ timestamp: _text, hunter_id: _sender, ...shown }, at) => {
    assertShown(shown, flattened(decoded[at] ?? {}), `packet ${at + 1}`);
  });
}

/** One field of an encoded message. */
export interface EncodedField {
  readonly number: number;
  /** Wire type: 0 varint, 1 and 5 fixed, 2 length-delimited. */
  readonly wireType: number;
  /** What follows a length; empty for the other wire types. */
  readonly value: Uint8Array;
  /** Tag, length and value. */
  readonly whole: Uint8Array;
}

/** The fields of an encoded message, read without protobufjs. */
export function* fieldsOf(bytes: Uint8Array): Generator<EncodedField> {
  let at = 0;
  const varint = () => {
    for (let [value, unit] = [0, 1];; unit *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const tag = varint();
    const wireType = tag & 7;
    let valueAt = at;
    if (wireType === 0) varint();
    else if (wireType === 2) {
      const length = varint();
      valueAt = at;
      at += length;
    } else at += wireType === 1 ? 8 : 4;
    const value = wireType === 2 ? bytes.subarray(valueAt, at) : new Uint8Array();
    yield { number: tag >>> 3, wireType, value, whole: bytes.subarray(start, at) };
  }
}

/** The octets of all string fields in an encoded message. */
export function* stringsOf(type: protobuf.Type, bytes: Uint8Array): Generator<Uint8Array> {
  for (const { number, value } of fieldsOf(bytes)) {
    const field = type.fieldsById[number];
    assert.ok(field !== undefined, `${type.name} has no field ${number}`);
    const inner = field.resolve().resolvedType;
    if (inner !== null && "fieldsById" in inner) yield* stringsOf(inner, value);
    else if (field.type === "string" && !field.map) yield value;
  }
}
