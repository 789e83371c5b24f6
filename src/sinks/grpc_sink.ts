import type { Amount } from "../delivery/batch.ts";
import { Batcher, type BatcherLimits } from "../delivery/batcher.ts";
import type { Chunk } from "../engine/chunk.ts";
import type { Hunter } from "../hunter/hunter.ts";
import type { Sink } from "../pipeline/sink.ts";
import { splitPiece } from "../proto/packet_batch.ts";

/** How soon an interruption is noticed, ms. */
const INTERRUPTION_MS = 200;

/** Forms batches and hands them to a hunter. */
export class GrpcSink implements Sink {
  /** Encoded packets are all that a batch is made of. */
  readonly needs = ["wire"] as const;
  readonly #hunter: Hunter;
  readonly #batcher: Batcher;
  readonly #live: boolean;
  #packets: number;
  #undelivered: Amount | undefined;
  #interrupted = false;

  /**
   * Begins without an open batch.
   * @param hunter is started by the caller, and stopped by {@link close}
   * @param live true: what does not fit is dropped and counted; false: {@link write} waits for room
   */
  constructor(hunter: Hunter, limits: BatcherLimits, live: boolean) {
    this.#hunter = hunter;
    this.#live = live;
    this.#packets = limits.packets;
    const { queue } = hunter.outbox;
    this.#batcher = new Batcher(
      limits,
      () => hunter.batchStats(),
      (batch) => live ? queue.offer(batch) : queue.add(batch),
    );
  }

  /** For messages: `processor host:port`. */
  get name(): string {
    return this.#hunter.name;
  }

  /** What could not be delivered; undefined before {@link close} is done. */
  get undelivered(): Amount | undefined {
    return this.#undelivered;
  }

  /** Changes when a batch is closed, as the processor wishes it. */
  setLimits(limits: Pick<BatcherLimits, "packets" | "milliseconds">): void {
    this.#packets = limits.packets;
    this.#batcher.setLimits(limits);
  }

  /** Takes a chunk; a promise only where it has to wait for room. */
  write(chunk: Chunk): void | Promise<void> {
    for (const piece of chunk.wire ?? []) {
      // The engine's pieces have the size that was known when capture began.
      if (piece.packets <= this.#packets) this.#batcher.add(piece);
      else for (const part of splitPiece(piece, this.#packets)) this.#batcher.add(part);
    }
    return this.#live ? undefined : this.#hunter.outbox.queue.room();
  }

  /** The run is to end: {@link write} waits no longer. Without this, a file would wait for ever for a lost processor. */
  interrupt(): void {
    this.#interrupted = true;
    this.#hunter.outbox.queue.release();
  }

  /** Sends what is held back, and stops the hunter. */
  async close(): Promise<void> {
    this.#batcher.flush();
    // What came from a file waits for its processor as long as it takes; what was captured live has some seconds.
    while (!this.#live && !this.#interrupted && this.#hunter.outbox.undelivered.batches > 0) {
      await this.#hunter.progressed(INTERRUPTION_MS);
    }
    this.#undelivered = await this.#hunter.stop();
  }
}
