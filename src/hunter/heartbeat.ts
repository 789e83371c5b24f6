import type { ClientDuplexStream } from "@grpc/grpc-js";
import { nowNs } from "../delivery/batch.ts";
import {
  type HunterHeartbeat,
  type HunterStats,
  HunterStatus,
  type ProcessorHeartbeat,
} from "../proto/management_messages.ts";
import { managementService } from "../proto/services.ts";
import type { Channel } from "./channel.ts";
import { failureOf, type RpcFailure } from "./rpc_failure.ts";

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
  /** Resolves when the stream has ended, whoever ended it. */
  readonly ended: Promise<RpcFailure>;

  /** Opens the stream and sends the first report. */
  constructor(channel: Channel, hunterId: string, report: () => HunterReport, intervalMs: number) {
    this.#hunterId = hunterId;
    this.#report = report;
    this.#call = channel.duplexStream(managementService.Heartbeat);
    // Nothing in the answers changes what a hunter does; reading them keeps the stream going.
    this.#call.resume();
    this.#call.on("error", () => {});
    this.ended = new Promise((resolve) =>
      this.#call.on("status", (end) => {
        clearInterval(this.#timer);
        resolve(failureOf(end));
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
    // A stream that does not drain is about to be found dead; reports must not pile up in it.
    if (this.#call.writableNeedDrain || this.#call.writableEnded) return;
    this.#call.write({
      hunter_id: this.#hunterId,
      timestamp_ns: nowNs(),
      status: report.status,
      stats: report.stats,
    });
  }
}
