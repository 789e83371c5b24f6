import { Backoff, type BackoffLimits } from "../delivery/backoff.ts";
import type { BreakerLimits } from "../delivery/circuit_breaker.ts";
import type { Outbox } from "../delivery/outbox.ts";
import type { BatchStats } from "../proto/data_messages.ts";
import type { SuspicionLimits } from "./batch_refusals.ts";
import { Channel } from "./channel.ts";
import type { ChannelSecurity } from "./credentials.ts";
import { FilterSubscription } from "./filter_subscription.ts";
import type { FilterTable } from "./filter_table.ts";
import { Heartbeat, type HunterReport } from "./heartbeat.ts";
import { PacketStream } from "./packet_stream.ts";
import { type HunterIdentity, type ProcessorWishes, register, type Registration } from "./registration.ts";
import type { RpcFailure } from "./rpc_failure.ts";

/** How long things may take, ms. */
export interface HunterTimings {
  /** Until a request must be answered, and a connection made. */
  readonly deadlineMs: number;
  /** A processor that answers no heartbeat for this long is dead. */
  readonly silenceMs: number;
  /** Between heartbeats. */
  readonly heartbeatMs: number;
  /** Between probes during a pause. */
  readonly probeMs: number;
  /** Until the packet stream is given up, when nothing is acknowledged that should be. */
  readonly ackTimeoutMs: number;
  /** Until a pause is warned about. */
  readonly longPauseMs: number;
  /** Until the processor must have closed its side after a stop. */
  readonly closingMs: number;
  /** Between attempts to connect, and to subscribe to filters. */
  readonly backoff: BackoffLimits;
  /** When attempts to connect are held back altogether. */
  readonly breaker: BreakerLimits;
  /** Between two looks at the certificate files. */
  readonly certificatesMs: number;
  /** When a batch is given up that the processor may be refusing. */
  readonly suspicion: SuspicionLimits;
}

/** What a connection serves; it outlives connections. */
export interface ConnectionContext {
  /** `host:port`. */
  readonly processor: string;
  /** What the hunter says about itself. */
  readonly identity: HunterIdentity;
  /** Name of this run of the process. */
  readonly runId: string;
  /** What to send. */
  readonly outbox: Outbox;
  /** Where filters go. */
  readonly filters: FilterTable;
  /** The counters that go with probes. */
  readonly stats: () => BatchStats;
  /** What heartbeats say. */
  readonly report: () => HunterReport;
  /** Called after each acknowledgement. */
  readonly acknowledged: () => void;
  /** How long things may take. */
  readonly timings: HunterTimings;
  /** Time without traffic after which HTTP/2 is asked whether it is alive, ms. */
  readonly keepaliveMs: number;
}

/** Why a connection was lost, and which of its streams said so. */
export interface ConnectionLoss {
  /** The first stream that ended. */
  readonly stream: "packets" | "heartbeat";
  /** How it ended. */
  readonly failure: RpcFailure;
}

/** One registered connection to a processor: two channels, and the three streams on them. */
export class Connection {
  readonly #channels: readonly Channel[];
  readonly #packets: PacketStream;
  readonly #heartbeat: Heartbeat;
  readonly #subscription: FilterSubscription;
  readonly #closingMs: number;
  /** Resolves with the reason when the connection can no longer serve. */
  readonly lost: Promise<ConnectionLoss>;
  #finished: Promise<void> | undefined;
  /** The processor's name; empty when it did not say. */
  readonly processorId: string;
  /** How the processor wants to be served. */
  readonly wishes: ProcessorWishes;

  /** Connects and registers. Rejects with an {@link RpcFailure}, also on `abort`; nothing is left open then. */
  static async open(
    security: ChannelSecurity,
    context: ConnectionContext,
    abort: AbortSignal,
  ): Promise<Connection> {
    const { processor, identity, filters, timings, keepaliveMs } = context;
    const [management, data] = [0, 1].map(() => new Channel(processor, security, keepaliveMs)) as [
      Channel,
      Channel,
    ];
    try {
      const registration = await register(management, identity, timings.deadlineMs, abort);
      await data.connect(timings.deadlineMs, abort);
      filters.replaceAll(registration.filters);
      return new Connection(data, management, registration, context);
    } catch (error) {
      management.close();
      data.close();
      throw error;
    }
  }

  private constructor(
    data: Channel,
    management: Channel,
    registration: Registration,
    context: ConnectionContext,
  ) {
    const { runId, outbox, stats, timings } = context;
    const { hunterId } = registration;
    this.processorId = registration.processorId;
    this.wishes = registration.wishes;
    this.#closingMs = timings.closingMs;
    this.#channels = [data, management];
    this.#packets = new PacketStream(data, {
      hunterId,
      runId,
      outbox,
      stats,
      probeMs: timings.probeMs,
      ackTimeoutMs: timings.ackTimeoutMs,
      longPauseMs: timings.longPauseMs,
      acknowledged: context.acknowledged,
    });
    this.#heartbeat = new Heartbeat(
      management,
      hunterId,
      context.report,
      timings.heartbeatMs,
      timings.silenceMs,
    );
    this.#subscription = new FilterSubscription(
      management,
      hunterId,
      context.filters,
      new Backoff(timings.backoff),
      timings.deadlineMs,
    );
    this.lost = Promise.race([
      this.#packets.ended.then((failure) => ({ stream: "packets" as const, failure })),
      this.#heartbeat.ended.then((failure) => ({ stream: "heartbeat" as const, failure })),
    ]);
  }

  /** Says goodbye: a last heartbeat, half-closes, and waits a little for the processor to do the same. */
  finish(): Promise<void> {
    return this.#finished ??= this.#finish();
  }

  async #finish(): Promise<void> {
    this.#heartbeat.finish();
    this.#packets.finish();
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      Promise.all([this.#packets.ended, this.#heartbeat.ended]),
      new Promise((resolve) => timer = setTimeout(resolve, this.#closingMs)),
    ]);
    clearTimeout(timer);
    this.close();
  }

  /** Ends everything at once. */
  close(): void {
    this.#subscription.close();
    this.#packets.close();
    this.#heartbeat.close();
    for (const channel of this.#channels) channel.close();
  }
}
