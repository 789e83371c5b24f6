import { type ClientDuplexStream, status } from "@grpc/grpc-js";
import { nowNs } from "../delivery/batch.ts";
import {
  type HunterHeartbeat,
  type HunterStats,
  HunterStatus,
  type ProcessorHeartbeat,
} from "../proto/management_messages.ts";
import { managementService } from "../proto/services.ts";
import type { Channel } from "./channel.ts";
import { failureOf, RpcFailure } from "./rpc_failure.ts";

/** What a heartbeat reports. */
export interface HunterReport {
  /** The hunter's state. */
  readonly status: HunterStatus;
  /** Its counters. */
  readonly stats: HunterStats;
}

/** Reports to the processor now and every few seconds, over one connection. */
export class Heartbeat {
  readonly #hunterId: string;
  readonly #report: () => HunterReport;
  readonly #call: ClientDuplexStream<HunterHeartbeat, ProcessorHeartbeat>;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #answerMs: number;
  /** When the oldest report was sent that has had no answer; a clock that never goes back, ms. */
  #waitingSince: number | undefined;
  #silent = false;
  /** Resolves when the stream has ended, whoever ended it. */
  readonly ended: Promise<RpcFailure>;

  /**
   * Opens the stream and sends the first report.
   * @param answerMs a processor that answers no report for this long is taken for dead
   */
  constructor(
    channel: Channel,
    hunterId: string,
    report: () => HunterReport,
    intervalMs: number,
    answerMs: number,
  ) {
    this.#answerMs = answerMs;
    this.#hunterId = hunterId;
    this.#report = report;
    this.#call = channel.duplexStream(managementService.Heartbeat);
    // Nothing in the answers changes what a hunter does; that they come says that the processor is alive.
    this.#call.on("data", () => this.#waitingSince = undefined);
    this.#call.on("error", () => {});
    this.ended = new Promise((resolve) =>
      this.#call.on("status", (end) => {
        clearInterval(this.#timer);
        const silence = `DEADLINE_EXCEEDED: no answer to heartbeats for ${this.#answerMs / 1000} s`;
        resolve(this.#silent ? new RpcFailure(silence, status.DEADLINE_EXCEEDED, false) : failureOf(end));
      })
    );
    this.#timer = setInterval(() => this.#send(this.#report()), intervalMs);
    this.#send(this.#report());
  }

  /** Sends a last report, STATUS_STOPPING, and half-closes. */
  finish(): void {
    clearInterval(this.#timer);
    this.#send({ ...this.#report(), status: HunterStatus.STATUS_STOPPING });
    this.#call.end();
  }

  /** Ends the stream at once. */
  close(): void {
    clearInterval(this.#timer);
    this.#call.cancel();
  }

  #send(report: HunterReport): void {
    if (this.#waitingSince !== undefined && performance.now() - this.#waitingSince >= this.#answerMs) {
      this.#silent = true;
      return this.close();
    }
    // A stream that does not drain is about to be found dead; reports must not pile up in it.
    if (this.#call.writableNeedDrain || this.#call.writableEnded) return;
    this.#waitingSince ??= performance.now();
    this.#call.write({
      hunter_id: this.#hunterId,
      timestamp_ns: nowNs(),
      status: report.status,
      stats: report.stats,
    });
  }
}
