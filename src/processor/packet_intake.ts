import { status } from "@grpc/grpc-js";
import { nowNs } from "../delivery/batch.ts";
import type { Chunk } from "../engine/chunk.ts";
import type { BatchStats } from "../proto/data_messages.ts";
import { type BatchKey, encodeBatch, readBatchKey } from "../proto/packet_batch.ts";
import { messageOf } from "../runtime/operator_error.ts";
import { type Sink, writeToAll } from "../pipeline/sink.ts";
import { logger } from "../telemetry/log.ts";
import type { BatchDecoder } from "./batch_decoder.ts";
import type { PacketSubscribers } from "./packet_subscribers.ts";
import { NewestStream } from "./newest_stream.ts";
import { RepeatDetector } from "./repeat_detector.ts";
import { StatusError } from "./status_error.ts";

/** What came in since the processor was started. */
export interface IntakeCounters {
  /** Batches taken from hunters, without repeats and probes. */
  readonly batches: number;
  /** Packets in them, and packets captured here. */
  readonly packets: number;
  /** Bytes of frames in these packets. */
  readonly bytes: number;
  /** Batches that hunters sent again, and that were here already. */
  readonly repeats: number;
  /** Batches that could not be read. */
  readonly malformed: number;
  /** Packets that the capture file cannot hold, because it began with another link type. */
  readonly unwritable: number;
}

const log = logger("processor");

/** Takes packets from hunters and from the capture on this machine to the sinks and subscribers, one batch at a time. */
export class PacketIntake {
  readonly #decoder: BatchDecoder;
  readonly #sinks: readonly Sink[];
  readonly #subscribers: PacketSubscribers;
  readonly #repeats = new RepeatDetector();
  readonly #newest = new NewestStream();
  readonly #onSinkFailure: (error: unknown) => void;
  #counters = { batches: 0, packets: 0, bytes: 0, repeats: 0, malformed: 0 };
  /** The last piece of work; sinks never see two writes at once. */
  #lane: Promise<unknown> = Promise.resolve();
  #localSequence = 0n;
  /** What the first sink that failed threw. */
  #sinkFailure: unknown;

  /** All counters begin at 0; `onSinkFailure` is told what a sink threw. */
  constructor(
    decoder: BatchDecoder,
    sinks: readonly Sink[],
    subscribers: PacketSubscribers,
    onSinkFailure: (error: unknown) => void,
  ) {
    this.#decoder = decoder;
    this.#sinks = sinks;
    this.#subscribers = subscribers;
    this.#onSinkFailure = onSinkFailure;
  }

  /** What came in so far. */
  get counters(): IntakeCounters {
    return { ...this.#counters, unwritable: this.#decoder.counters().unwritable_link_types ?? 0 };
  }

  /**
   * Takes a batch of a hunter; resolves when every sink has taken it, so that it may be acknowledged. Rejects with a
   * StatusError when it cannot be read, or a sink failed.
   * @param runId what the hunter sent as `runIdKey`; undefined when it sent none
   * @param stream number of the stream that it came over, in the order in which they were opened
   */
  receive(batch: Uint8Array, runId: string | undefined, stream: number): Promise<BatchKey> {
    return this.#inTurn(async () => {
      const key = this.#read(() => readBatchKey(batch));
      const run = runId === undefined ? undefined : `${key.hunterId}\n${runId}`;
      if (run !== undefined && !this.#newest.isCurrent(run, stream)) {
        throw new StatusError(status.ABORTED, "the hunter has gone on over another stream");
      }
      if (run !== undefined && this.#repeats.isRepeat(run, key.sequence)) {
        this.#counters.repeats += 1;
        return key;
      }
      const received = this.#read(() => this.#decoder.processBatch(batch, run !== undefined));
      const chunk = this.#decoder.take();
      for (const line of this.#decoder.takeNotices()) log.warn(line);
      if (received.packets > 0) {
        this.#counters.batches += 1;
        await this.#deliver(chunk, received);
        const { captured, matched, dropped } = received;
        const stats = { total_captured: captured, filtered_matched: matched, dropped, buffer_usage: 0 };
        this.#subscribers.publish(
          key.hunterId,
          () => chunk.wire === undefined ? batch : encodeBatch({ ...received, stats }, chunk.wire),
        );
      }
      if (run !== undefined) this.#repeats.taken(run, key.sequence);
      return key;
    });
  }

  /**
   * Takes packets that were captured on this machine; resolves when every sink has taken them.
   * @param hunterId the name that subscribers see
   */
  acceptLocal(chunk: Chunk, hunterId: string, stats: () => BatchStats): Promise<void> {
    return this.#inTurn(async () => {
      await this.#deliver(chunk, chunk);
      for (const piece of chunk.wire ?? []) {
        this.#localSequence += 1n;
        const header = { hunterId, sequence: this.#localSequence, timestampNs: nowNs() };
        this.#subscribers.publish(hunterId, () => encodeBatch({ ...header, stats: stats() }, [piece]));
      }
    });
  }

  /** So many ms have gone by: gives the sinks what is over, though no packet may have come. */
  advance(elapsedMs: number): Promise<void> {
    return this.#deliverAll(() => this.#decoder.advance(elapsedMs));
  }

  /** Gives the sinks what was waiting for more packets: none will come. */
  finish(): Promise<void> {
    return this.#deliverAll(() => this.#decoder.finish());
  }

  /** Resolves when all that came in before is done. */
  async idle(): Promise<void> {
    await this.#inTurn(() => Promise.resolve());
  }

  #deliverAll(chunks: () => readonly Chunk[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const chunk of chunks()) await this.#deliver(chunk, chunk);
    }).catch((error) => {
      // The sink's failure has been told where it happened.
      if (!(error instanceof StatusError)) throw error;
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lane.then(work);
    this.#lane = done.catch(() => {});
    return done;
  }

  #read<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      this.#counters.malformed += 1;
      throw new StatusError(status.INVALID_ARGUMENT, `this is no PacketBatch: ${messageOf(error)}`);
    }
  }

  async #deliver(chunk: Chunk, amount: { readonly packets: number; readonly bytes: number }): Promise<void> {
    if (this.#sinkFailure === undefined) {
      try {
        await writeToAll(this.#sinks, chunk);
      } catch (error) {
        this.#sinkFailure = error;
        this.#onSinkFailure(error);
      }
    }
    if (this.#sinkFailure !== undefined) {
      const reason = messageOf(this.#sinkFailure);
      throw new StatusError(status.UNAVAILABLE, `the processor cannot store packets: ${reason}`, {
        cause: this.#sinkFailure,
      });
    }
    this.#counters.packets += amount.packets;
    this.#counters.bytes += amount.bytes;
  }
}
