import type { Chunk } from "../engine/chunk.ts";

/** What one received batch says about itself. */
export interface ReceivedBatch {
  /** The hunter that sent it. */
  readonly hunterId: string;
  /** Its number; 0 for a probe. */
  readonly sequence: bigint;
  /** When it was closed, nanoseconds since 1970. */
  readonly timestampNs: bigint;
  /** Packets in it. */
  readonly packets: number;
  /** Bytes of frames in it. */
  readonly bytes: number;
  /** The sender's cumulative counters, packets. */
  readonly captured: bigint;
  /** Packets that passed its filters. */
  readonly matched: bigint;
  /** Packets that it lost. */
  readonly dropped: bigint;
}

/** Reads and renders batches: the engine, seen from the processor. */
export interface BatchDecoder {
  /** Reads one encoded `PacketBatch` and renders its packets. Throws OperatorError when it is none. */
  processBatch(batch: Uint8Array): ReceivedBatch;
  /** What was rendered since the last call. */
  take(): Chunk;
}
