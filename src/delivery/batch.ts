import type { WirePiece } from "../engine/chunk.ts";
import type { BatchStats } from "../proto/data_messages.ts";

/** Packets that go out as one message. */
export interface Batch {
  /** Encoded packets; the batch is their only owner. */
  readonly pieces: readonly WirePiece[];
  /** Packets in them. */
  readonly packets: number;
  /** Bytes in them. */
  readonly bytes: number;
  /** When it was closed, nanoseconds since 1970. */
  readonly closedNs: bigint;
  /** The hunter's counters at that time. */
  readonly stats: BatchStats;
}

/** An amount of packet data. */
export interface Amount {
  /** Batches. */
  readonly batches: number;
  /** Packets. */
  readonly packets: number;
  /** Encoded bytes. */
  readonly bytes: number;
}

/** Nothing. */
export const noAmount: Amount = { batches: 0, packets: 0, bytes: 0 };

/** The sum of two amounts; a batch counts as the amount in it. */
export function plus(amount: Amount, more: Amount | Batch): Amount {
  return {
    batches: amount.batches + ("batches" in more ? more.batches : 1),
    packets: amount.packets + more.packets,
    bytes: amount.bytes + more.bytes,
  };
}

/** What is left of an amount when another is taken off it; a batch counts as the amount in it. */
export function minus(amount: Amount, less: Amount | Batch): Amount {
  return {
    batches: amount.batches - ("batches" in less ? less.batches : 1),
    packets: amount.packets - less.packets,
    bytes: amount.bytes - less.bytes,
  };
}

/** The clock of batches and heartbeats, nanoseconds since 1970. */
export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
