import type { Amount, Batch } from "./batch.ts";

/** `overflow`: what does not fit into memory goes to disk; `write-ahead`: every batch does, before it is sent. */
export type SpoolMode = "overflow" | "write-ahead";

/** What is dropped when a spool is full. */
export type SpoolFullPolicy = "drop-oldest" | "drop-newest";

/** When a spool is forced to disk: before each batch counts as kept, every so often, or when the system likes. */
export type SyncPolicy = "always" | "interval" | "never";

/** A batch with the number that it is sent under, every time. */
export interface SequencedBatch {
  /** Grows with every batch of this hunter, also over restarts where there is a spool. */
  readonly sequence: bigint;
  /** The batch. */
  readonly batch: Batch;
}

/** Why batches are not in a spool, or not any longer, although nobody acknowledged them. */
export type SpoolLoss =
  /** The size limit was met. */
  | "full"
  /** The disk refused to take them. */
  | "write_failed"
  /** What was read back was not what had been written. */
  | "corrupt";

/**
 * Keeps batches, in order of their sequence, until they are acknowledged. Implementations are checked by one contract
 * suite. No method throws for a fault of the disk: it is counted, told by `onFault`, and the spool goes on as far as it
 * can.
 */
export interface Spool {
  /** Name of this spool, made when it was created: batches with the same number and this name are the same. */
  readonly id: string;
  /** The first number for a new batch: above those of all batches of earlier runs. */
  readonly firstSequence: bigint;
  /** The number of the last batch that was found when the spool was opened; 0 when there was none. */
  readonly lastRecovered: bigint;
  /** Batches in it. */
  readonly held: Amount;
  /** What it takes on disk, bytes. */
  readonly diskBytes: number;
  /** Batches that were lost in it, by reason. Unreadable records of unknown content count as a batch of 0 packets. */
  readonly lost: ReadonlyMap<SpoolLoss, Amount>;
  /**
   * Writes a batch behind all others; sequences must grow. False when it could not be kept: it is then counted in
   * `lost`, and the caller still owns it. With `drop-oldest`, older batches may be dropped instead.
   */
  append(batch: SequencedBatch): boolean;
  /**
   * The batches behind `after`, oldest first: at least one if there is any, and no more than `bytes` together unless
   * the first alone is larger.
   */
  read(after: bigint, bytes: number): SequencedBatch[];
  /** Batches up to `sequence` were taken by the processor, and need not be kept. */
  acknowledge(sequence: bigint): void;
  /** The highest sequence that would survive a loss of power, as far as the disk is honest. */
  readonly synced: bigint;
  /** Forces all to disk. */
  sync(): Promise<void>;
  /** Syncs (unless the policy is `never`), and lets go of the folder. What is not acknowledged stays. */
  close(): Promise<void>;
}
