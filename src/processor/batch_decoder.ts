import type { Chunk } from "../engine/chunk.ts";
import type { BatchInfo } from "../engine/engine.ts";

/** Reads and renders batches: the engine, seen from the processor. */
export interface BatchDecoder {
  /**
   * Reads one encoded `PacketBatch` and renders its packets. Throws OperatorError when it is none.
   * @param described whether its sender says what the packets are, so that they can be passed on as they came
   */
  processBatch(batch: Uint8Array, described: boolean): BatchInfo;
  /** What was rendered of the last batch. */
  take(): Chunk;
  /** So many ms have gone by: ends calls that are over, though no packet may have come. What was rendered of them. */
  advance(elapsedMs: number): Chunk[];
  /** Ends all calls. What was rendered of them. */
  finish(): Chunk[];
  /** Lines for the operator since the last call. */
  takeNotices(): string[];
  /** What was counted since the start, by name. */
  counters(): Readonly<Record<string, number>>;
}
