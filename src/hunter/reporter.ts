import type { CaptureFigures } from "../delivery/capture_figures.ts";
import type { Outbox } from "../delivery/outbox.ts";
import type { BatchStats } from "../proto/data_messages.ts";
import { hunterStatusNames } from "../proto/hunter_status.ts";
import { HunterStatus } from "../proto/management_messages.ts";
import type { HunterReport } from "./heartbeat.ts";
import { logger } from "../telemetry/log.ts";
import { StatusLog } from "../telemetry/status_log.ts";
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
 * | WARNING | filters of the processor cannot be used |
 * | WARNING | the disk buffer is faulty, or more than 90 % full |
 * | WARNING | the processor has paused the hunter for longer than `longPauseMs` |
 * | HEALTHY | otherwise |
 */
export class Reporter {
  readonly #figures: () => CaptureFigures;
  readonly #outbox: Outbox;
  readonly #refusedFilters: () => number;
  readonly #longPauseMs: number;
  readonly #system = new SystemSampler();
  readonly #log = new StatusLog(logger("hunter"), hunterStatusNames[HunterStatus.STATUS_HEALTHY]);
  #last = { captured: 0, dropped: 0 };
  #status: HunterStatus = HunterStatus.STATUS_HEALTHY;
  #reports = 0;

  /** Reads the counters when it reports; `refusedFilters` gives the number of filters that never came to the capture. */
  constructor(
    figures: () => CaptureFigures,
    outbox: Outbox,
    refusedFilters: () => number,
    longPauseMs: number,
  ) {
    this.#figures = figures;
    this.#outbox = outbox;
    this.#refusedFilters = refusedFilters;
    this.#longPauseMs = longPauseMs;
  }

  /** The status of the last report. */
  get status(): HunterStatus {
    return this.#status;
  }

  /** Reports so far. */
  get reports(): number {
    return this.#reports;
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
    const system = this.#system.sample();
    const warning = this.#warning(recent, (filters?.refused ?? 0) + this.#refusedFilters());
    this.#status = failed
      ? HunterStatus.STATUS_ERROR
      : warning === undefined
      ? HunterStatus.STATUS_HEALTHY
      : HunterStatus.STATUS_WARNING;
    this.#log.note(hunterStatusNames[this.#status] ?? "", failed ? "nothing is captured" : warning);
    this.#reports += 1;
    return {
      status: this.#status,
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

  /** What is worth a warning, for the log; undefined when nothing is. */
  #warning(
    recent: { readonly captured: number; readonly dropped: number },
    refusedFilters: number,
  ): string | undefined {
    const { fillPercent, spool, flow } = this.#outbox.figures;
    if (fillPercent > warningFillPercent) {
      return `${Math.floor(fillPercent)} % of the memory for the processor is in use`;
    }
    if (recent.dropped > warningDropPart * Math.max(recent.captured, 1)) {
      return `${recent.dropped} packets dropped while ${recent.captured} were captured`;
    }
    if (refusedFilters > 0) {
      return `${refusedFilters} ${
        refusedFilters === 1 ? "filter" : "filters"
      } of the processor cannot be used`;
    }
    if (spool?.faulty) return "the disk buffer cannot be written or read";
    if (spool !== undefined && spool.diskBytes > warningDiskPart * spool.limitBytes) {
      return `${Math.floor(100 * spool.diskBytes / spool.limitBytes)} % of the disk buffer is in use`;
    }
    if (flow.state === "paused" && flow.forMs > this.#longPauseMs) {
      return `the processor has paused this hunter for ${Math.round(flow.forMs / 1000)} s`;
    }
    return undefined;
  }

  #dropped(): number {
    const inOutbox = Object.values(this.#outbox.dropped);
    return this.#figures().dropped + inOutbox.reduce((sum, { packets }) => sum + packets, 0);
  }
}
