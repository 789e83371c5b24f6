import type { ClientDuplexStream } from "@grpc/grpc-js";
import { nowNs } from "../delivery/batch.ts";
import type { Outbox } from "../delivery/outbox.ts";
import { Wake } from "../delivery/wake.ts";
import type { SentBatch } from "../delivery/window.ts";
import { type BatchStats, FlowControl, type StreamControl } from "../proto/data_messages.ts";
import { encodeBatch, runIdKey } from "../proto/packet_batch.ts";
import { dataService } from "../proto/services.ts";
import { logger } from "../telemetry/log.ts";
import type { Channel } from "./channel.ts";
import { failureOf, type RpcFailure } from "./rpc_failure.ts";

/** Processors take a batch's time as a sign of life, so one sent later than this carries its sending time. */
const staleNs = 10_000_000_000n;

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
  /** Time between probes during a pause, ms. */
  readonly probeMs: number;
  /** Called after each acknowledgement. */
  readonly acknowledged: () => void;
}

/** Sends what the outbox holds over one connection: first what was not acknowledged on earlier ones. */
export class PacketStream {
  readonly #options: PacketStreamOptions;
  readonly #call: ClientDuplexStream<Uint8Array, StreamControl>;
  readonly #again: SentBatch[];
  readonly #wake = new Wake();
  #probes: ReturnType<typeof setInterval> | undefined;
  #open = true;
  /** Resolves when the stream has ended, whoever ended it. */
  readonly ended: Promise<RpcFailure>;

  /** Opens the stream and begins to send. */
  constructor(channel: Channel, options: PacketStreamOptions) {
    this.#options = options;
    this.#again = options.outbox.unacknowledged;
    options.outbox.queue.onAdded(() => this.#wake.wake());
    this.#call = channel.duplexStream(dataService.StreamPackets, { [runIdKey]: options.runId });
    this.#call.on("data", (control: StreamControl) => this.#take(control));
    this.#call.on("drain", () => this.#wake.wake());
    this.#call.on("error", () => {});
    this.ended = new Promise((resolve) =>
      this.#call.on("status", (end) => {
        this.#stopSending();
        resolve(failureOf(end));
      })
    );
    void this.#send();
  }

  /** Whether the processor has asked for a pause. */
  get paused(): boolean {
    return this.#probes !== undefined;
  }

  /** Half-closes: nothing more will be sent. */
  finish(): void {
    this.#stopSending();
    this.#call.end();
  }

  /** Ends the stream at once. */
  close(): void {
    this.#stopSending();
    this.#call.cancel();
  }

  async #send(): Promise<void> {
    while (this.#open) {
      const ready = !this.paused && !this.#call.writableNeedDrain;
      const sent = ready ? this.#again.shift() ?? this.#options.outbox.next() : undefined;
      if (sent === undefined) await this.#wake.wait();
      else this.#call.write(this.#encode(sent));
    }
  }

  #encode({ sequence, batch }: SentBatch): Uint8Array {
    const now = nowNs();
    const timestampNs = now - batch.closedNs > staleNs ? now : batch.closedNs;
    return encodeBatch(
      { hunterId: this.#options.hunterId, sequence, timestampNs, stats: batch.stats },
      batch.pieces,
    );
  }

  #take(control: StreamControl): void {
    if (control.error !== "") {
      logger("hunter").warn(
        `the processor reports an error with batch ${control.ack_sequence}: ${control.error}`,
      );
    }
    if (!this.#options.outbox.acknowledge(control.ack_sequence)) {
      logger("hunter").warn(`the processor acknowledges batch ${control.ack_sequence}, which was never sent`);
    }
    if (control.flow_control === FlowControl.FLOW_PAUSE && this.#open) this.#pause();
    else this.#release();
    this.#options.acknowledged();
    this.#wake.wake();
  }

  /** A processor speaks only when it is sent a batch: without probes, the end of the pause would not be heard. */
  #pause(): void {
    this.#probes ??= setInterval(() => this.#probe(), this.#options.probeMs);
  }

  #release(): void {
    clearInterval(this.#probes);
    this.#probes = undefined;
  }

  #probe(): void {
    if (this.#call.writableNeedDrain) return;
    const header = { hunterId: this.#options.hunterId, sequence: 0n, timestampNs: nowNs() };
    this.#call.write(encodeBatch({ ...header, stats: this.#options.stats() }, []));
  }

  #stopSending(): void {
    this.#open = false;
    this.#release();
    this.#wake.wake();
  }
}
