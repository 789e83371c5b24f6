import protobuf from "protobufjs";
import type { WirePiece } from "../engine/chunk.ts";
import { BatchMessage } from "./batch_message.ts";
import { codecOf } from "./contract.ts";
import type { BatchStats, PacketBatch } from "./data_messages.ts";

/** Everything of a `PacketBatch` but its packets. */
export interface BatchHeader {
  /** The hunter that captured the packets. */
  readonly hunterId: string;
  /** Number of the batch; 0 for a probe, which no acknowledgement is awaited for. */
  readonly sequence: bigint;
  /** Time of the batch, nanoseconds since 1970. */
  readonly timestampNs: bigint;
  /** The hunter's counters. */
  readonly stats: BatchStats;
}

/**
 * Request metadata of StreamPackets: a name for this run of the hunter's process. Sequences count on over reconnects
 * within one run, so a processor that knows the key can tell a batch sent again from a new one. Hunters that do not
 * send it never send a batch again.
 */
export const runIdKey = "caracal-run-id";

/** Which batch it is. */
export type BatchKey = Pick<BatchHeader, "hunterId" | "sequence">;

/** `hunter_id = 1`, length-delimited. */
const hunterIdTag = 0x0a;
/** `sequence = 2`, varint. */
const sequenceTag = 0x10;

const packetBatch = codecOf<PacketBatch>("lippycat.data.PacketBatch");

/** A whole `PacketBatch`. */
export function encodeBatch(header: BatchHeader, pieces: readonly WirePiece[]): Uint8Array {
  const message = batchOf(header, pieces);
  const bytes = new Uint8Array(message.length);
  message.copy(bytes);
  return bytes;
}

/** A `PacketBatch` to be sent. */
export function batchOf(header: BatchHeader, pieces: readonly WirePiece[]): BatchMessage {
  const head = packetBatch.encode({
    hunter_id: header.hunterId,
    sequence: header.sequence,
    timestamp_ns: header.timestampNs,
    packets: [],
    stats: header.stats,
  });
  return new BatchMessage([head, ...pieces.map((piece) => piece.bytes)]);
}

/** Cuts a piece into pieces of at most `packets` packets, in order. Throws when it is no list of packets. */
export function splitPiece(piece: WirePiece, packets: number): WirePiece[] {
  const reader = protobuf.Reader.create(piece.bytes);
  const parts: WirePiece[] = [];
  let start = 0;
  for (let done = 0; done < piece.packets;) {
    const count = Math.min(packets, piece.packets - done);
    for (let packet = 0; packet < count; packet++) reader.skipType(reader.uint32() & 7);
    parts.push({ bytes: piece.bytes.subarray(start, reader.pos), packets: count });
    start = reader.pos;
    done += count;
  }
  return parts;
}

/**
 * Reads which batch it is, and no further than that takes: packets come behind, as senders write fields in order of
 * their numbers. Throws when `batch` is no protobuf message up to there.
 */
export function readBatchKey(batch: Uint8Array): BatchKey {
  const reader = protobuf.Reader.create(batch);
  let hunterId = "";
  let sequence = 0n;
  while (reader.pos < reader.len && (hunterId === "" || sequence === 0n)) {
    const tag = reader.uint32();
    if (tag === hunterIdTag) hunterId = reader.string();
    else if (tag === sequenceTag) sequence = BigInt(reader.uint64().toString());
    else reader.skipType(tag & 7);
  }
  return { hunterId, sequence };
}
