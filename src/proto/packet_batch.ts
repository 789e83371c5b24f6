import { Buffer } from "node:buffer";
import type { WirePiece } from "../engine/chunk.ts";
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

const packetBatch = codecOf<PacketBatch>("lippycat.data.PacketBatch");

/** A whole `PacketBatch`: protobuf messages merge when they are put one after the other. */
export function encodeBatch(header: BatchHeader, pieces: readonly WirePiece[]): Uint8Array {
  const head = packetBatch.encode({
    hunter_id: header.hunterId,
    sequence: header.sequence,
    timestamp_ns: header.timestampNs,
    packets: [],
    stats: header.stats,
  });
  return Buffer.concat([head, ...pieces.map((piece) => piece.bytes)]);
}
