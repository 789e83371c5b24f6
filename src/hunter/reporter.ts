import { plus } from "../delivery/batch.ts";
import type { CaptureFigures } from "../delivery/capture_figures.ts";
import type { Outbox } from "../delivery/outbox.ts";
import type { BatchStats } from "../proto/data_messages.ts";
import { HunterStatus } from "../proto/management_messages.ts";
import type { HunterReport } from "./heartbeat.ts";
import { SystemSampler } from "./system_metrics.ts";

/** Above this fill of the queue a hunter warns, percent. */
const warningFillPercent = 80;
/** Above this part of recent packets lost a hunter warns. */
const warningDropPart = 0.1;

/** Turns counters into what heartbeats and batches say. */
export class Reporter {
  readonly #figures: () => CaptureFigures;
  readonly #outbox: Outbox;
  readonly #unknownFilters: () => number;
  readonly #system = new SystemSampler();
  #last = { captured: 0, dropped: 0 };

  /** Reads the counters when it reports; `unknownFilters` gives the number of filters of a type not known here. */
  constructor(figures: () => CaptureFigures, outbox: Outbox, unknownFilters: () => number) {
    this.#figures = figures;
    this.#outbox = outbox;
    this.#unknownFilters = unknownFilters;
  }

  /** The counters that go with a batch. */
  batchStats(): BatchStats {
    const { captured, matched } = this.#figures();
    return {
      total_captured: BigInt(captured),
      filtered_matched: BigInt(matched),
      dropped: BigInt(this.#dropped()),
      buffer_usage: Math.min(100, Math.floor(this.#outbox.queue.fillPercent)),
    };
  }

  /** What a heartbeat says; recent losses are those since the last call. */
  report(): HunterReport {
    const { captured, matched, failed, filters } = this.#figures();
    const dropped = this.#dropped();
    const refused = (filters?.refused ?? 0) + this.#unknownFilters() > 0;
    const system = this.#system.sample();
    return {
      status: failed ? HunterStatus.STATUS_ERROR : this.#status(captured, dropped, refused),
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

  #status(captured: number, dropped: number, refused: boolean): HunterStatus {
    const recent = { captured: captured - this.#last.captured, dropped: dropped - this.#last.dropped };
    this.#last = { captured, dropped };
    return refused || this.#outbox.queue.fillPercent > warningFillPercent ||
        recent.dropped > warningDropPart * Math.max(recent.captured, 1)
      ? HunterStatus.STATUS_WARNING
      : HunterStatus.STATUS_HEALTHY;
  }

  #dropped(): number {
    const queued = [...this.#outbox.queue.dropped.values()].reduce(plus, this.#outbox.refused);
    return this.#figures().dropped + queued.packets;
  }
}
