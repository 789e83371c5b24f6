import { status } from "@grpc/grpc-js";
import type { Filter } from "../engine/filter.ts";
import { Backoff, defaultBackoff } from "../delivery/backoff.ts";
import type { Amount } from "../delivery/batch.ts";
import type { CaptureFigures } from "../delivery/capture_figures.ts";
import { Outbox, type OutboxLimits } from "../delivery/outbox.ts";
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

const log = logger("hunter");

/**
 * Keeps a connection to the processor, and sends what comes into its outbox. What was sent and not acknowledged is
 * sent again after a reconnect: delivery is at least once.
 */
export class Hunter {
  readonly #options: HunterOptions;
  readonly #timings: HunterTimings;
  readonly #filters: FilterTable;
  readonly #reporter: Reporter;
  readonly #backoff: Backoff;
  readonly #runId = crypto.randomUUID();
  /** Woken by acknowledgements and changes of the connection; {@link stop} waits on it. */
  readonly #progress = new Wake();
  /** Woken to end the wait between attempts. */
  readonly #retry = new Wake();
  readonly #stopping = new AbortController();
  #connection: Connection | undefined;
  #running: Promise<void> | undefined;
  #stopped: Promise<Amount> | undefined;
  #refusal = { sequence: 0n, times: 0 };
  /** What it holds for the processor. */
  readonly outbox: Outbox;

  /** Begins unconnected and with an empty outbox; {@link start} connects. */
  constructor(options: HunterOptions) {
    this.#options = options;
    this.#timings = { ...defaultTimings, ...options.timings };
    this.outbox = new Outbox(options.limits);
    this.#filters = new FilterTable(options.onFilters);
    this.#reporter = new Reporter(options.figures, this.outbox, () => this.#filters.unknown);
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
   * Delivers what the outbox holds, for as long as something is acknowledged at least every `patienceMs`; then says
   * goodbye.
   * @returns what could not be delivered
   */
  stop(patienceMs = 10_000): Promise<Amount> {
    return this.#stopped ??= this.#stop(patienceMs);
  }

  /** Resolves at the next acknowledgement or change of the connection, or after `ms`. */
  progressed(ms: number): Promise<unknown> {
    return this.#progress.wait(ms);
  }

  async #stop(patienceMs: number): Promise<Amount> {
    this.#retry.wake();
    let remaining = this.outbox.undelivered.batches;
    let deadline = Date.now() + patienceMs;
    while (this.#running !== undefined && remaining > 0 && Date.now() < deadline) {
      await this.#progress.wait(deadline - Date.now());
      const { batches } = this.outbox.undelivered;
      if (batches < remaining) deadline = Date.now() + patienceMs;
      remaining = batches;
    }
    this.#stopping.abort();
    this.#retry.wake();
    await this.#connection?.finish();
    await this.#running;
    this.#filters.stop();
    this.outbox.queue.release();
    this.#tell("stopped", `${this.name}: disconnected`);
    return this.outbox.undelivered;
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
    this.outbox.refuse(oldest);
    log.error(`${this.name} refuses batch ${oldest.sequence} (${oldest.batch.packets} packets): dropped`);
  }

  #tell(state: HunterState, line: string): void {
    if (state === "waiting") log.warn(line);
    else if (state === "connecting") log.debug(line);
    else log.info(line);
    this.#options.onState?.(state, line);
  }
}
