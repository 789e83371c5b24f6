import type { Amount } from "../delivery/batch.ts";
import { Batcher, type BatcherLimits } from "../delivery/batcher.ts";
import type { Chunk } from "../engine/chunk.ts";
import type { Hunter } from "../hunter/hunter.ts";
import type { Sink } from "../pipeline/sink.ts";
import { splitPiece } from "../proto/packet_batch.ts";

/** Forms batches and hands them to a hunter. */
export class GrpcSink implements Sink {
  /** Encoded packets are all that a batch is made of. */
  readonly needs = ["wire"] as const;
  readonly #hunter: Hunter;
  readonly #batcher: Batcher;
  readonly #live: boolean;
  readonly #limits: BatcherLimits;
  #undelivered: Amount | undefined;
  readonly #shutdownMs: number;
  /** When the run was told to end, of a clock that nobody sets. */
  #interruptedAt: number | undefined;

  /**
   * Begins without an open batch.
   * @param hunter is started by the caller, and stopped by {@link close}
   * @param live true: what does not fit is dropped and counted; false: {@link write} waits for room
   * @param shutdownMs time from {@link interrupt}, or else from {@link close}, in which the hunter must have stopped
   */
  constructor(hunter: Hunter, limits: BatcherLimits, live: boolean, shutdownMs: number) {
    this.#hunter = hunter;
    this.#live = live;
    this.#limits = limits;
    this.#shutdownMs = shutdownMs;
    const { outbox } = hunter;
    this.#batcher = new Batcher(
      limits,
      () => hunter.batchStats(),
      (batch) => live ? outbox.offer(batch) : outbox.add(batch),
    );
  }

  /** For messages: `processor host:port`. */
  get name(): string {
    return this.#hunter.name;
  }

  /** What could not be delivered, and is not on disk either; undefined before {@link close} is done. */
  get undelivered(): Amount | undefined {
    return this.#undelivered;
  }

  /** Takes a chunk; a promise only where it has to wait for room. */
  write(chunk: Chunk): void | Promise<void> {
    for (const piece of chunk.wire ?? []) {
      // The engine's pieces have the size that was known when capture began.
      if (piece.packets <= this.#limits.packets) this.#batcher.add(piece);
      else for (const part of splitPiece(piece, this.#limits.packets)) this.#batcher.add(part);
    }
    return this.#live ? undefined : this.#hunter.outbox.room();
  }

  /** The run is to end: {@link write} waits no longer. Without this, a file would wait for ever for a lost processor. */
  interrupt(): void {
    this.#interruptedAt ??= performance.now();
    this.#hunter.outbox.release();
  }

  /** Sends what is held back, and stops the hunter. */
  async close(): Promise<void> {
    this.#batcher.flush();
    // What came from a file waits for its processor as long as it takes; what was captured live has some seconds.
    if (!this.#live) await this.#hunter.drain(() => this.#interruptedAt === undefined ? Infinity : 0);
    const elapsed = this.#interruptedAt === undefined ? 0 : performance.now() - this.#interruptedAt;
    this.#undelivered = await this.#hunter.stop(Math.max(0, this.#shutdownMs - elapsed));
  }
}
