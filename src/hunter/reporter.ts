import type { CaptureFigures } from "../delivery/capture_figures.ts";
import type { Outbox } from "../delivery/outbox.ts";
import type { BatchStats } from "../proto/data_messages.ts";
import { HunterStatus } from "../proto/management_messages.ts";
import type { HunterReport } from "./heartbeat.ts";
import { SystemSampler } from "../telemetry/system_metrics.ts";

/** Above this fill of the queue a hunter warns, percent. */
const warningFillPercent = 80;
/** Above this part of recent packets lost a hunter warns. */
const warningDropPart = 0.1;
/** Above this part of the disk buffer's limit a hunter warns. */
const warningDiskPart = 0.9;

/**
 * Turns counters into what heartbeats and batches say.
 *
 * The status is the first of these that holds:
 *
 * | status | when |
 * |---|---|
 * | STOPPING | in the last heartbeat of a connection that the hunter ends (set by `Heartbeat`) |
 * | ERROR | nothing is captured, though it should be |
 * | WARNING | the queue in memory is more than 80 % full, by the bound that is nearest |
 * | WARNING | since the last heartbeat, packets dropped (by the kernel, or later, for any reason) were more than 10 % of those captured |
 * | WARNING | the disk buffer is faulty, or more than 90 % full |
 * | WARNING | the processor has paused the hunter for longer than `longPauseMs` |
 * | HEALTHY | otherwise |
 */
export class Reporter {
  readonly #figures: () => CaptureFigures;
  readonly #outbox: Outbox;
  readonly #unknownFilters: () => number;
  readonly #longPauseMs: number;
  readonly #system = new SystemSampler();
  #last = { captured: 0, dropped: 0 };

  /** Reads the counters when it reports; `unknownFilters` gives the number of filters of a type not known here. */
  constructor(
    figures: () => CaptureFigures,
    outbox: Outbox,
    unknownFilters: () => number,
    longPauseMs: number,
  ) {
    this.#figures = figures;
    this.#outbox = outbox;
    this.#unknownFilters = unknownFilters;
    this.#longPauseMs = longPauseMs;
  }

  /** The counters that go with a batch. */
  batchStats(): BatchStats {
    const { captured, matched } = this.#figures();
    return {
      total_captured: BigInt(captured),
      filtered_matched: BigInt(matched),
      dropped: BigInt(this.#dropped()),
      buffer_usage: Math.min(100, Math.floor(this.#outbox.fillPercent)),
    };
  }

  /** What a heartbeat says; recent losses are those since the last call. */
  report(): HunterReport {
    const { captured, matched, failed, filters } = this.#figures();
    const dropped = this.#dropped();
    const recent = { captured: captured - this.#last.captured, dropped: dropped - this.#last.dropped };
    this.#last = { captured, dropped };
    const lossy = recent.dropped > warningDropPart * Math.max(recent.captured, 1);
    const refused = (filters?.refused ?? 0) + this.#unknownFilters() > 0;
    const system = this.#system.sample();
    return {
      status: failed
        ? HunterStatus.STATUS_ERROR
        : lossy || refused || this.#congested()
        ? HunterStatus.STATUS_WARNING
        : HunterStatus.STATUS_HEALTHY,
      stats: {
        packets_captured: BigInt(captured),
        packets_matched: BigInt(matched),
        packets_forwarded: BigInt(this.#outbox.acknowledged.packets),
        packets_dropped: BigInt(dropped),
        buffer_bytes: BigInt(this.#outbox.undelivered.bytes),
        active_filters: filters?.active ?? 0,
        cpu_percent: system.cpuPercent,
        memory_rss_bytes: BigInt(system.memoryRssBytes),
        memory_limit_bytes: BigInt(system.memoryLimitBytes),
      },
    };
  }

  #congested(): boolean {
    const { fillPercent, spool, flow } = this.#outbox.figures;
    return fillPercent > warningFillPercent ||
      spool !== undefined && (spool.faulty || spool.diskBytes > warningDiskPart * spool.limitBytes) ||
      flow.state === "paused" && flow.forMs > this.#longPauseMs;
  }

  #dropped(): number {
    const inOutbox = Object.values(this.#outbox.dropped);
    return this.#figures().dropped + inOutbox.reduce((sum, { packets }) => sum + packets, 0);
  }
}
