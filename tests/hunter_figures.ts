/** Figures for tests: those of a hunter that has done nothing yet. */
import { noAmount } from "../src/delivery/batch.ts";
import { type DropReason, dropReasons, type OutboxFigures } from "../src/delivery/outbox_figures.ts";
import type { ConnectionFigures } from "../src/hunter/connection_figures.ts";

/** An outbox with a disk buffer, both empty. */
export const outboxFigures: OutboxFigures = {
  waiting: noAmount,
  fillPercent: 0,
  inFlight: noAmount,
  spool: {
    held: noAmount,
    unread: noAmount,
    diskBytes: 0,
    limitBytes: 1_000_000,
    faulty: false,
    full: false,
    notKept: noAmount,
  },
  acknowledged: noAmount,
  resent: noAmount,
  dropped: Object.fromEntries(dropReasons.map((reason) => [reason, noAmount])) as Record<
    DropReason,
    typeof noAmount
  >,
  flow: { state: "continue", forMs: 0 },
  window: { batches: 1, bytes: 1 },
};

/** A connection that was not tried yet. */
export const connectionFigures: ConnectionFigures = {
  processor: "processor.example:55555",
  processorId: "",
  state: "waiting",
  forMs: 0,
  attempts: 0,
  connections: 0,
  failures: new Map(),
  lastError: "",
  breaker: "closed",
  breakerOpenings: 0,
  nextAttemptInMs: undefined,
  certificates: [],
};
