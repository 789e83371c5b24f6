import { status } from "@grpc/grpc-js";
import type { Filter } from "../engine/filter.ts";
import { Backoff, defaultBackoff } from "../delivery/backoff.ts";
import type { Amount } from "../delivery/batch.ts";
import type { CaptureFigures } from "../delivery/capture_figures.ts";
import { Outbox, type OutboxLimits } from "../delivery/outbox.ts";
import type { OutboxStorage } from "../delivery/spooled_backlog.ts";
import { Wake } from "../delivery/wake.ts";
import type { BatchStats } from "../proto/data_messages.ts";
import { logger } from "../telemetry/log.ts";
import { Connection, type HunterTimings } from "./connection.ts";
import type { ChannelSecurity } from "./credentials.ts";
import { FilterTable } from "./filter_table.ts";
import type { HunterIdentity } from "./registration.ts";
import { Reporter } from "./reporter.ts";
import { failureFrom, type RpcFailure } from "./rpc_failure.ts";

/** What a hunter is told. */
export interface HunterOptions {
  /** `host:port` of the processor. */
  readonly processor: string;
  /** Called before each attempt to connect, so that new certificates are used; may throw OperatorError. */
  readonly security: () => ChannelSecurity;
  /** What it says about itself. */
  readonly identity: HunterIdentity;
  /** Bounds of what it holds for the processor. */
  readonly limits: OutboxLimits;
  /** Where it keeps what does not fit; closed when the hunter stops. Undefined keeps everything in memory. */
  readonly storage?: OutboxStorage;
  /** The counters of the capture now. */
  readonly figures: () => CaptureFigures;
  /** Told all filters soon after some of them changed. */
  readonly onFilters: (filters: readonly Filter[]) => void;
  /** Told each change of the connection: what happened, in one line. Filters of a registration are told before it. */
  readonly onState?: (state: HunterState, line: string) => void;
  /** Other timings than {@link defaultTimings}. */
  readonly timings?: Partial<HunterTimings>;
}

/** Where a hunter stands with its processor. */
export type HunterState = "connecting" | "connected" | "waiting" | "stopped";

/** The timings of the program. */
export const defaultTimings: HunterTimings = {
  deadlineMs: 10_000,
  heartbeatMs: 5_000,
  probeMs: 1_000,
  ackTimeoutMs: 30_000,
  longPauseMs: 60_000,
  closingMs: 2_000,
  backoff: defaultBackoff,
};

/** Codes that a processor answers with when it cannot take a batch, however often it is sent. */
const refusingCodes: readonly status[] = [
  status.INTERNAL,
  status.INVALID_ARGUMENT,
  status.RESOURCE_EXHAUSTED,
];
/** Connections lost over the same batch before it is given up. */
const refusalsAllowed = 3;

/** Time in which a processor may come back before a hunter ends without it, everything being on disk, ms. */
const momentMs = 1_000;
/** How often {@link Hunter.drain} looks around, ms. */
const drainTurnMs = 200;
/** The part of the time to stop in that is kept for the last heartbeat and the half-closes. */
const goodbyePart = 0.2;

const log = logger("hunter");

/**
 * Keeps a connection to the processor, and sends what comes into its outbox. What was sent and not acknowledged is
 * sent again after a reconnect: delivery is at least once, and exactly once with a processor that knows the run id.
 */
export class Hunter {
  readonly #options: HunterOptions;
  readonly #timings: HunterTimings;
  readonly #filters: FilterTable;
  readonly #reporter: Reporter;
  readonly #backoff: Backoff;
  readonly #runId: string;
  /** Woken by acknowledgements and changes of the connection; {@link stop} waits on it. */
  readonly #progress = new Wake();
  /** Woken to end the wait between attempts. */
  readonly #retry = new Wake();
  readonly #stopping = new AbortController();
  #connection: Connection | undefined;
  #running: Promise<void> | undefined;
  #stopped: Promise<Amount> | undefined;
  #refusal = { sequence: 0n, times: 0 };
  /** Since when there is nobody to send to, while somebody waits for that. */
  #idleSince: number | undefined;
  /** What it holds for the processor. */
  readonly outbox: Outbox;

  /** Begins unconnected and with an empty outbox; {@link start} connects. */
  constructor(options: HunterOptions) {
    this.#options = options;
    this.#timings = { ...defaultTimings, ...options.timings };
    this.outbox = new Outbox(options.limits, options.storage);
    this.#runId = options.storage?.spool.id ?? crypto.randomUUID();
    this.#filters = new FilterTable(options.onFilters);
    this.#reporter = new Reporter(
      options.figures,
      this.outbox,
      () => this.#filters.size,
      this.#timings.longPauseMs,
    );
    this.#backoff = new Backoff(this.#timings.backoff);
  }

  /** For messages: `processor host:port`. */
  get name(): string {
    return `processor ${this.#options.processor}`;
  }

  /** The counters that go with a batch closed now. */
  batchStats(): BatchStats {
    return this.#reporter.batchStats();
  }

  /** Begins to connect, and never gives up until {@link stop}. */
  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Resolves when everything is delivered, however long that takes; when `remainingMs` gives 0 or less, which it is
   * asked a few times a second; or when everything is on disk and the processor takes nothing.
   */
  async drain(remainingMs: () => number): Promise<void> {
    while (this.#running !== undefined && !this.outbox.empty && !this.#pointless()) {
      const ms = Math.min(drainTurnMs, remainingMs());
      if (ms <= 0) return;
      await this.#progress.wait(ms);
    }
  }

  /**
   * Delivers what the outbox holds, says goodbye, and closes the spool: all within `timeoutMs`, and in a moment where
   * the processor takes nothing and everything is on disk.
   * @returns what could not be delivered, and is not on disk either
   */
  stop(timeoutMs = 10_000): Promise<Amount> {
    return this.#stopped ??= this.#stop(timeoutMs);
  }

  async #stop(timeoutMs: number): Promise<Amount> {
    const deadline = performance.now() + timeoutMs;
    const remaining = () => Math.max(0, deadline - performance.now());
    const goodbyeMs = Math.min(this.#timings.closingMs, timeoutMs * goodbyePart);
    this.#retry.wake();
    await this.drain(() => remaining() - goodbyeMs);
    this.#stopping.abort();
    this.#retry.wake();
    await this.#sayGoodbye(remaining());
    await this.#running;
    this.#filters.stop();
    const lost = this.outbox.abandon();
    const { spool } = this.outbox.figures;
    if (spool !== undefined && spool.held.batches > 0) {
      const { batches, packets } = spool.held;
      log.info(
        `${packets} packets (${batches} batches) stay in the disk buffer, and are sent by the next run`,
      );
    }
    if (lost.batches > 0) log.error(`${lost.packets} packets (${lost.batches} batches) were not delivered`);
    await this.#options.storage?.spool.close();
    this.#tell("stopped", `${this.name}: disconnected`);
    return lost;
  }

  async #sayGoodbye(mostMs: number): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, mostMs));
    await Promise.race([connection.finish(), late]);
    clearTimeout(timer);
    connection.close();
  }

  /** Whether nothing is won by waiting: for a moment nothing could be sent, and everything is on disk. */
  #pointless(): boolean {
    if (this.#connection !== undefined && this.outbox.flowState !== "paused") {
      this.#idleSince = undefined;
      return false;
    }
    this.#idleSince ??= performance.now();
    if (this.#options.storage === undefined || performance.now() - this.#idleSince < momentMs) return false;
    this.outbox.secure();
    return this.outbox.atRisk.batches === 0;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const { failure, heldMs } = await this.#connectOnce();
      if (this.#stopping.signal.aborted) return;
      const waitMs = this.#backoff.next(heldMs, failure.permanent);
      this.#tell(
        "waiting",
        `${this.name}: ${failure.message}; trying again in ${(waitMs / 1000).toFixed(1)} s`,
      );
      await this.#retry.wait(waitMs);
    }
  }

  /** Holds one connection until it is lost. */
  async #connectOnce(): Promise<{ failure: RpcFailure; heldMs: number }> {
    this.#tell("connecting", `${this.name}: connecting`);
    let openedAt = Infinity;
    try {
      const connection = await Connection.open(this.#options.security(), {
        processor: this.#options.processor,
        identity: this.#options.identity,
        runId: this.#runId,
        outbox: this.outbox,
        filters: this.#filters,
        stats: () => this.#reporter.batchStats(),
        report: () => this.#reporter.report(),
        acknowledged: () => this.#progress.wake(),
        timings: this.#timings,
      }, this.#stopping.signal);
      openedAt = Date.now();
      this.#connection = connection;
      this.#filters.flush();
      this.#tell(
        "connected",
        `${this.name}: registered${connection.processorId && ` with ${connection.processorId}`}`,
      );
      if (this.#stopping.signal.aborted) void connection.finish();
      const { stream, failure } = await connection.lost;
      if (this.#stopping.signal.aborted) await connection.finish();
      else connection.close();
      if (stream === "packets") this.#judgeOldest(failure);
      return { failure, heldMs: Date.now() - openedAt };
    } catch (error) {
      return { failure: failureFrom(error), heldMs: 0 };
    } finally {
      this.#connection = undefined;
    }
  }

  /** Gives up a batch that the processor has refused several times: all others would wait behind it for ever. */
  #judgeOldest(failure: RpcFailure): void {
    const [oldest] = this.outbox.unacknowledged;
    if (oldest === undefined || !refusingCodes.includes(failure.code)) return;
    const times = this.#refusal.sequence === oldest.sequence ? this.#refusal.times + 1 : 1;
    this.#refusal = { sequence: oldest.sequence, times };
    if (times < refusalsAllowed) return;
    this.#refusal = { sequence: 0n, times: 0 };
    const { packets } = this.outbox.refuse(oldest);
    if (packets > 0) log.error(`${this.name} refuses batch ${oldest.sequence} (${packets} packets): dropped`);
  }

  #tell(state: HunterState, line: string): void {
    if (state === "waiting") log.warn(line);
    else if (state === "connecting") log.debug(line);
    else log.info(line);
    this.#options.onState?.(state, line);
  }
}
