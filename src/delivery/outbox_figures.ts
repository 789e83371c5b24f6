import type { Amount } from "./batch.ts";

/** Why packets that were accepted by the filters will never reach the processor; each is counted by one reason only. */
export const dropReasons = [
  /** As many batches waited in memory as may. */
  "queue_full_batches",
  /** As many packets waited in memory as may. */
  "queue_full_packets",
  /** As many bytes waited in memory as may. */
  "queue_full_bytes",
  /** The disk buffer was at its size limit; what was dropped is said by its policy. */
  "spool_full",
  /** The disk refused to take them, and memory had no room. */
  "spool_write_failed",
  /** They could not be read back from disk; where the record's head is unreadable, its packets are not known. */
  "spool_corrupt",
  /** The processor refused them several times. */
  "refused_by_processor",
  /** The run ended before they were delivered, and no disk buffer holds them. */
  "undelivered",
] as const;

/** One of {@link dropReasons}. */
export type DropReason = typeof dropReasons[number];

/** What the processor asked for last; `continue` also before it said anything, and while there is no connection. */
export type FlowState = "continue" | "slow" | "paused";

/** The disk buffer, as figures. */
export interface SpoolFigures {
  /** What is in it; some of that is in memory, too. */
  readonly held: Amount;
  /** What is in it and not in memory. */
  readonly unread: Amount;
  /** What it takes on disk, bytes. */
  readonly diskBytes: number;
  /** What it may take on disk, bytes. */
  readonly limitBytes: number;
  /** True from a refused write or sync until a write succeeds, and while what is in it cannot be read. */
  readonly faulty: boolean;
  /** True from the first batch that the size limit cost until something in it is acknowledged. */
  readonly full: boolean;
  /** Batches that write-ahead let go on in memory, refused by the disk or too large: not lost, but not kept either. */
  readonly notKept: Amount;
}

/** The counters and states of an outbox at one moment. Amounts of what is gone only grow. */
export interface OutboxFigures {
  /** What waits in memory, and is not on its way. */
  readonly waiting: Amount;
  /** How full the memory is, percent of the bound that is nearest; 0 to 100, and above where one batch is too large. */
  readonly fillPercent: number;
  /** What was sent and not acknowledged. */
  readonly inFlight: Amount;
  /** The disk buffer; undefined without one. */
  readonly spool: SpoolFigures | undefined;
  /** What the processor has acknowledged in this run. */
  readonly acknowledged: Amount;
  /** What was sent again after a connection was lost. */
  readonly resent: Amount;
  /** What will never be delivered, by reason. */
  readonly dropped: Readonly<Record<DropReason, Amount>>;
  /** What the processor asked for last, and for how long it has been so, ms. */
  readonly flow: { readonly state: FlowState; readonly forMs: number };
  /** What may be in flight now; SLOW shrinks it. */
  readonly window: Pick<Amount, "batches" | "bytes">;
}
