import { status } from "@grpc/grpc-js";
import type { Filter } from "../engine/filter.ts";
import { Backoff, defaultBackoff } from "../delivery/backoff.ts";
import type { Amount } from "../delivery/batch.ts";
import type { CaptureFigures } from "../delivery/capture_figures.ts";
import { CircuitBreaker, defaultBreaker } from "../delivery/circuit_breaker.ts";
import { Outbox, type OutboxLimits } from "../delivery/outbox.ts";
import type { OutboxStorage } from "../delivery/spooled_backlog.ts";
import { Wake } from "../delivery/wake.ts";
import type { BatchStats } from "../proto/data_messages.ts";
import { ownCertificateProblem } from "../proto/certificate_validity.ts";
import type { HunterStatus } from "../proto/management_messages.ts";
import { countPingComplaints } from "../runtime/http2_sessions.ts";
import { logger } from "../telemetry/log.ts";
import { inSpan } from "../telemetry/open_telemetry.ts";
import { BatchRefusals, defaultSuspicion } from "./batch_refusals.ts";
import { defaultKeepaliveMs } from "./channel.ts";
import { Connection, type HunterTimings } from "./connection.ts";
import { type ConnectionFigures, ConnectionRecord, type HunterState } from "./connection_figures.ts";
import type { ChannelSecurity } from "./credentials.ts";
import { FilterTable } from "./filter_table.ts";
import type { HunterIdentity, ProcessorWishes } from "./registration.ts";
import { Reporter } from "./reporter.ts";
import { failureFrom, RpcFailure } from "./rpc_failure.ts";

/** What a hunter is told. */
export interface HunterOptions {
  /** `host:port` of the processor. */
  readonly processor: string;
  /** How the connection is protected; its files are looked at again now and then. */
  readonly security: ChannelSecurity;
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
  /** Told at each registration how the processor wants to be served; what it wishes of connecting is done already. */
  readonly onWishes?: (wishes: ProcessorWishes) => void;
  /** Told that the hunter connects no more, because the processor has set a limit to attempts, and it is reached. */
  readonly onGivenUp?: () => void;
  /** Other timings than {@link defaultTimings}. */
  readonly timings?: Partial<HunterTimings>;
}

export type { HunterState };

/** The timings of the program. */
export const defaultTimings: HunterTimings = {
  deadlineMs: 10_000,
  silenceMs: 30_000,
  heartbeatMs: 5_000,
  probeMs: 1_000,
  ackTimeoutMs: 30_000,
  longPauseMs: 60_000,
  closingMs: 2_000,
  backoff: defaultBackoff,
  breaker: defaultBreaker,
  certificatesMs: 5_000,
  suspicion: defaultSuspicion,
};

/** Longest time between two keepalive pings to a processor that complains of them, ms. */
const longestKeepaliveMs = 600_000;

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
  readonly #breaker: CircuitBreaker;
  readonly #record: ConnectionRecord;
  readonly #runId: string;
  /** Woken by acknowledgements and changes of the connection; {@link stop} waits on it. */
  readonly #progress = new Wake();
  /** Woken to end the wait between attempts. */
  readonly #retry = new Wake();
  readonly #stopping = new AbortController();
  #connection: Connection | undefined;
  #certificates: ReturnType<typeof setInterval> | undefined;
  #keepaliveMs = defaultKeepaliveMs;
  #pingComplaints = countPingComplaints();
  /** Failed attempts since the last connection, and how many the processor allows. */
  #failedAttempts = 0;
  #attemptsAllowed = Infinity;
  #running: Promise<void> | undefined;
  #stopped: Promise<Amount> | undefined;
  readonly #refusals: BatchRefusals;
  /** Since when there is nobody to send to, while somebody waits for that. */
  #idleSince: number | undefined;
  #draining = false;
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
      () => this.#filters.refused,
      this.#timings.longPauseMs,
    );
    this.#backoff = new Backoff(this.#timings.backoff);
    this.#breaker = new CircuitBreaker(this.#timings.breaker);
    this.#refusals = new BatchRefusals(this.#timings.suspicion);
    this.#record = new ConnectionRecord(options.processor);
  }

  /** For messages: `processor host:port`. */
  get name(): string {
    return `processor ${this.#options.processor}`;
  }

  /** What is known of its connection now. */
  get connection(): ConnectionFigures {
    return this.#record.figures({
      breaker: this.#breaker.state,
      breakerOpenings: this.#breaker.openings,
      certificates: this.#options.security.certificates,
    });
  }

  /** What the last heartbeat said, and how many there were. */
  get heartbeats(): { readonly status: HunterStatus; readonly count: number } {
    return { status: this.#reporter.status, count: this.#reporter.reports };
  }

  /** The counters that go with a batch closed now. */
  batchStats(): BatchStats {
    return this.#reporter.batchStats();
  }

  /** Begins to connect, and goes on until {@link stop}, or until the processor's own limit is reached. */
  start(): void {
    this.#certificates ??= setInterval(() => this.#options.security.refresh(), this.#timings.certificatesMs);
    this.#running ??= this.#run();
  }

  /** Ends the wait for the next attempt, if there is one: somebody may have changed what was wrong. */
  retry(): void {
    if (this.connection.state === "waiting") this.#retry.wake();
  }

  /**
   * Resolves when everything is delivered, however long that takes; when `remainingMs` gives 0 or less, which it is
   * asked a few times a second; or when everything is on disk and the processor takes nothing.
   */
  async drain(remainingMs: () => number): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      // The processor may have come back since the last attempt: one more, and a moment for it.
      this.#idleSince = undefined;
      this.retry();
    }
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
    return this.#stopped ??= inSpan("stop", () => this.#stop(timeoutMs));
  }

  async #stop(timeoutMs: number): Promise<Amount> {
    const deadline = performance.now() + timeoutMs;
    const remaining = () => Math.max(0, deadline - performance.now());
    const goodbyeMs = Math.min(this.#timings.closingMs, timeoutMs * goodbyePart);
    await this.drain(() => remaining() - goodbyeMs);
    this.#stopping.abort();
    this.#retry.wake();
    await this.#sayGoodbye(remaining());
    await this.#running;
    clearInterval(this.#certificates);
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
      this.#record.failed(status[failure.code], failure.message);
      if (this.#failedAttempts >= this.#attemptsAllowed) return this.#giveUp(failure);
      this.#heedPingComplaints();
      const waitMs = Math.max(this.#backoff.next(heldMs, failure.permanent), this.#breaker.remainingMs);
      this.#wait(failure, waitMs);
      await this.#retry.wait(waitMs);
    }
  }

  /** Holds one connection until it is lost. */
  async #connectOnce(): Promise<{ failure: RpcFailure; heldMs: number }> {
    this.#breaker.begin();
    this.#tell("connecting", `${this.name}: connecting`);
    let openedAt: number | undefined;
    try {
      const connection = await inSpan("register", () =>
        Connection.open(this.#options.security, {
          processor: this.#options.processor,
          identity: this.#options.identity,
          runId: this.#runId,
          outbox: this.outbox,
          filters: this.#filters,
          stats: () => this.#reporter.batchStats(),
          report: () => this.#reporter.report(),
          acknowledged: () => this.#progress.wake(),
          timings: this.#timings,
          keepaliveMs: this.#keepaliveMs,
        }, this.#stopping.signal));
      openedAt = performance.now();
      this.#connection = connection;
      this.#connected(connection);
      if (this.#stopping.signal.aborted) void connection.finish();
      const { stream, failure } = await connection.lost;
      if (this.#stopping.signal.aborted) await connection.finish();
      else connection.close();
      if (stream === "packets") this.#judgeOldest(failure);
      return { failure, heldMs: performance.now() - openedAt };
    } catch (error) {
      if (openedAt === undefined && !this.#stopping.signal.aborted) this.#countFailedAttempt();
      return { failure: this.#explain(failureFrom(error)), heldMs: 0 };
    } finally {
      // Also where somebody who was told of it threw.
      this.#connection?.close();
      this.#connection = undefined;
    }
  }

  /** A processor that refuses this side's certificate often just hangs up. */
  #explain(failure: RpcFailure): RpcFailure {
    const problem = ownCertificateProblem(this.#options.security.certificates);
    if (failure.code !== status.UNAVAILABLE || problem === undefined) return failure;
    return new RpcFailure(`${failure.message}; ${problem}`, failure.code, true);
  }

  #connected({ processorId, wishes }: Connection): void {
    this.#breaker.succeeded();
    this.#failedAttempts = 0;
    this.#attemptsAllowed = wishes.maxReconnectAttempts ?? Infinity;
    this.#backoff.firstMs = wishes.reconnectIntervalMs ?? this.#timings.backoff.firstMs;
    this.#record.named(processorId);
    this.#options.onWishes?.(wishes);
    this.#filters.flush();
    this.#tell("connected", `${this.name}: registered${processorId && ` with ${processorId}`}`);
  }

  #countFailedAttempt(): void {
    this.#refusals.unreachable();
    this.#failedAttempts += 1;
    const before = this.#breaker.openings;
    this.#breaker.failed();
    if (this.#breaker.openings === before) return;
    const seconds = this.#timings.breaker.openMs / 1000;
    log.warn(
      `${this.name}: ${this.#failedAttempts} attempts in a row failed; circuit breaker open, none for ${seconds} s`,
    );
  }

  #wait(failure: RpcFailure, waitMs: number): void {
    const remedy = failure.permanent ? "; this lasts until somebody changes something" : "";
    const line = `${this.name}: ${failure.message}${remedy}; trying again in ${(waitMs / 1000).toFixed(1)} s`;
    if (failure.permanent) log.error(line);
    else log.warn(line);
    this.#enter("waiting", line, waitMs);
  }

  #giveUp(failure: RpcFailure): void {
    const line =
      `${this.name}: ${failure.message}; given up after ${this.#failedAttempts} failed attempts, ` +
      "the most that the processor allows (max_reconnect_attempts)";
    log.error(line);
    this.#running = undefined;
    this.#enter("stopped", line);
    this.#options.onGivenUp?.();
  }

  /** As gRPC's proposal A8 has it: a client that pings too often pings half as often from then on. */
  #heedPingComplaints(): void {
    if (countPingComplaints() === this.#pingComplaints) return;
    this.#pingComplaints = countPingComplaints();
    this.#keepaliveMs = Math.min(longestKeepaliveMs, this.#keepaliveMs * 2);
    log.warn(
      `${this.name} closed the connection because of too many pings; one every ${
        this.#keepaliveMs / 1000
      } s now`,
    );
  }

  /** Gives up a batch that the processor has refused several times: all others would wait behind it for ever. */
  #judgeOldest(failure: RpcFailure): void {
    const [oldest] = this.outbox.unacknowledged;
    if (oldest === undefined) return;
    if (!this.#refusals.refused(oldest.sequence, failure, performance.now())) return;
    const { packets } = this.outbox.refuse(oldest);
    if (packets > 0) log.error(`${this.name} refuses batch ${oldest.sequence} (${packets} packets): dropped`);
  }

  #tell(state: HunterState, line: string): void {
    if (state === "connecting") log.debug(line);
    else log.info(line);
    this.#enter(state, line);
  }

  #enter(state: HunterState, line: string, nextAttemptInMs?: number): void {
    this.#record.enter(state, nextAttemptInMs);
    this.#options.onState?.(state, line);
  }
}
