import { type ClientDuplexStream, status } from "@grpc/grpc-js";
import { nowNs } from "../delivery/batch.ts";
import type { Outbox } from "../delivery/outbox.ts";
import type { FlowState } from "../delivery/outbox_figures.ts";
import { Wake } from "../delivery/wake.ts";
import type { SentBatch } from "../delivery/window.ts";
import { type BatchStats, FlowControl, type StreamControl } from "../proto/data_messages.ts";
import type { BatchMessage } from "../proto/batch_message.ts";
import { batchOf, runIdKey } from "../proto/packet_batch.ts";
import { dataService } from "../proto/services.ts";
import { logger } from "../telemetry/log.ts";
import type { Channel } from "./channel.ts";
import { RareWarning } from "../telemetry/rare_warning.ts";
import { failureOf, RpcFailure } from "./rpc_failure.ts";

/**
 * Processors take a batch's time as a sign of life, so one that is farther from now than this carries its sending time:
 * it has waited, or the clock was set.
 */
const staleNs = 10_000_000_000n;

/** Probes are this part of their interval early or late, so that hunters that were paused together do not stay so. */
const probeJitter = 0.25;

/** How often a stream looks around that nobody speaks on, ms. */
const watchMs = 1_000;

/** What is asked for by each value of the contract; RESUME is also what idle processors send all the time. */
const flowStates: Readonly<Partial<Record<FlowControl, FlowState>>> = {
  [FlowControl.FLOW_CONTINUE]: "continue",
  [FlowControl.FLOW_SLOW]: "slow",
  [FlowControl.FLOW_PAUSE]: "paused",
  [FlowControl.FLOW_RESUME]: "continue",
};

const log = logger("hunter");
// They outlive streams: a processor may end one after each message.
const reportedErrors = new RareWarning(log);
const unknownBatches = new RareWarning(log);

/** What a packet stream needs. */
export interface PacketStreamOptions {
  /** The hunter's name on this connection. */
  readonly hunterId: string;
  /** Value of {@link runIdKey}. */
  readonly runId: string;
  /** What to send. */
  readonly outbox: Outbox;
  /** The hunter's counters now. */
  readonly stats: () => BatchStats;
  /** Time between probes during a pause, ms; each is up to a quarter early or late. */
  readonly probeMs: number;
  /** The stream is given up when nothing is acknowledged, or no probe answered, for this time, ms. */
  readonly ackTimeoutMs: number;
  /** A pause longer than this is warned about, ms. */
  readonly longPauseMs: number;
  /** Called after each acknowledgement. */
  readonly acknowledged: () => void;
}

/**
 * Sends what the outbox holds over one connection: first what was not acknowledged on earlier ones.
 *
 * PAUSE holds back what has not been sent, and what is to be sent again. A processor speaks only when it is sent a
 * batch, so empty ones go on: any known answer but PAUSE ends the pause. Values that the contract does not have change
 * nothing. A stream whose batches are not acknowledged for long is given up; in a pause the processor may leave them
 * lying, and only one that answers no probe either, for as long as a pause is bearable, is given up.
 */
export class PacketStream {
  readonly #options: PacketStreamOptions;
  readonly #call: ClientDuplexStream<Uint8Array | BatchMessage, StreamControl>;
  readonly #again: SentBatch[];
  readonly #wake = new Wake();
  #probe: ReturnType<typeof setTimeout> | undefined;
  readonly #watch: ReturnType<typeof setInterval>;
  /** When something was last heard, or began to be awaited; of a clock that nobody sets. */
  #heardAt = performance.now();
  #pausedAt = 0;
  #pauseWarned = false;
  #unknownWarned = false;
  #open = true;
  #givenUp: RpcFailure | undefined;
  /** Resolves when the stream has ended, whoever ended it. */
  readonly ended: Promise<RpcFailure>;

  /** Opens the stream and begins to send. */
  constructor(channel: Channel, options: PacketStreamOptions) {
    this.#options = options;
    this.#again = options.outbox.unacknowledged;
    options.outbox.onSendable(() => this.#wake.wake());
    this.#call = channel.duplexStream(dataService.StreamPackets, { [runIdKey]: options.runId });
    this.#call.on("data", (control: StreamControl) => this.#take(control));
    this.#call.on("drain", () => {
      this.#heardAt = performance.now();
      this.#wake.wake();
    });
    this.#call.on("error", () => {});
    this.#watch = setInterval(() => {
      this.#judgeSilence();
      // A disk that could not be read does not say when it can.
      this.#wake.wake();
    }, Math.min(watchMs, options.ackTimeoutMs / 4));
    this.ended = new Promise((resolve) =>
      this.#call.on("status", (end) => {
        clearInterval(this.#watch);
        this.#stopSending();
        resolve(this.#givenUp ?? failureOf(end));
      })
    );
    void this.#send();
  }

  /** Whether the processor has asked for a pause. */
  get paused(): boolean {
    return this.#probe !== undefined;
  }

  /** Half-closes: nothing more will be sent. */
  finish(): void {
    this.#stopSending();
    this.#call.end();
  }

  /** Ends the stream at once. */
  close(): void {
    clearInterval(this.#watch);
    this.#stopSending();
    this.#call.cancel();
  }

  async #send(): Promise<void> {
    const { outbox } = this.#options;
    while (this.#open) {
      const ready = !this.paused && !this.#call.writableNeedDrain;
      const again = ready ? this.#again.shift() : undefined;
      if (again !== undefined) outbox.countResent(again);
      const idle = outbox.inFlight.batches === 0;
      const sent = again ?? (ready ? outbox.next() : undefined);
      if (sent === undefined) await this.#wake.wait();
      else {
        if (idle) this.#heardAt = performance.now();
        this.#call.write(this.#encode(sent));
      }
    }
  }

  #encode({ sequence, batch }: SentBatch): BatchMessage {
    const now = nowNs();
    const ageNs = now - batch.closedNs;
    const timestampNs = ageNs > staleNs || ageNs < -staleNs ? now : batch.closedNs;
    return batchOf(
      { hunterId: this.#options.hunterId, sequence, timestampNs, stats: batch.stats },
      batch.pieces,
    );
  }

  #take(control: StreamControl): void {
    this.#heardAt = performance.now();
    if (control.error !== "") {
      reportedErrors.warn(
        `the processor reports an error with batch ${control.ack_sequence}: ${control.error}`,
        this.#heardAt,
      );
    }
    const flow = flowStates[control.flow_control];
    if (flow === undefined && !this.#unknownWarned) {
      log.warn(`the processor sends flow control ${control.flow_control}, which is unknown: ignored`);
      this.#unknownWarned = true;
    }
    if (!this.#options.outbox.acknowledge(control.ack_sequence, flow)) {
      unknownBatches.warn(
        `the processor acknowledges batch ${control.ack_sequence}, which was never sent`,
        this.#heardAt,
      );
    }
    if (flow === "paused" && this.#open) this.#pause();
    else if (flow !== undefined) this.#release();
    this.#options.acknowledged();
    this.#wake.wake();
  }

  #pause(): void {
    if (this.paused) return;
    this.#pausedAt = performance.now();
    this.#pauseWarned = false;
    log.debug("the processor has paused the hunter");
    this.#scheduleProbe();
  }

  #release(): void {
    if (!this.paused) return;
    clearTimeout(this.#probe);
    this.#probe = undefined;
    const line = `the pause ended after ${secondsText(performance.now() - this.#pausedAt)}`;
    if (this.#pauseWarned) log.info(line);
    else log.debug(line);
  }

  #scheduleProbe(): void {
    const ms = this.#options.probeMs * (1 + probeJitter * (2 * Math.random() - 1));
    this.#probe = setTimeout(() => {
      this.#sendProbe();
      this.#scheduleProbe();
    }, ms);
  }

  #sendProbe(): void {
    const pausedMs = performance.now() - this.#pausedAt;
    if (pausedMs >= this.#options.longPauseMs && !this.#pauseWarned) {
      this.#pauseWarned = true;
      log.warn(
        `the processor has paused the hunter for ${secondsText(pausedMs)}: see whether it can store packets`,
      );
    }
    if (this.#call.writableNeedDrain) return;
    const header = { hunterId: this.#options.hunterId, sequence: 0n, timestampNs: nowNs() };
    this.#call.write(batchOf({ ...header, stats: this.#options.stats() }, []));
  }

  /** Connections may be half open, and acknowledgements lost: nothing else would ever end the wait. */
  #judgeSilence(): void {
    const silentMs = performance.now() - this.#heardAt;
    const { ackTimeoutMs, longPauseMs, outbox: { inFlight } } = this.#options;
    if (!this.paused && inFlight.batches === 0) return;
    if (silentMs < (this.paused ? Math.max(ackTimeoutMs, longPauseMs) : ackTimeoutMs)) return;
    this.#givenUp = new RpcFailure(
      this.paused
        ? `the processor has paused the hunter, and answers nothing for ${secondsText(silentMs)}`
        : `none of ${inFlight.batches} batches was acknowledged for ${secondsText(silentMs)}`,
      status.DEADLINE_EXCEEDED,
      false,
    );
    this.close();
  }

  #stopSending(): void {
    this.#open = false;
    this.#release();
    this.#options.outbox.flow("continue");
    this.#wake.wake();
  }
}

function secondsText(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
