import type { WirePiece } from "../engine/chunk.ts";
import type { BatchStats } from "../proto/data_messages.ts";
import { type Batch, nowNs } from "./batch.ts";

/** When a batch is closed. */
export interface BatcherLimits {
  /** Packets in a batch, at most; a piece that alone holds more stays whole. */
  readonly packets: number;
  /** Bytes in a batch, at most; a piece that alone holds more stays whole. */
  readonly bytes: number;
  /** Longest time that a packet waits in an open batch, ms. */
  readonly milliseconds: number;
}

/** Bytes that a batch holds at most: well below the contract's message limit, and enough to keep a stream busy. */
export const maxBatchBytes = 4_194_304;

/** Collects pieces into batches. */
export class Batcher {
  readonly #limits: BatcherLimits;
  readonly #stats: () => BatchStats;
  readonly #closed: (batch: Batch) => void;
  #pieces: WirePiece[] = [];
  #packets = 0;
  #bytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Begins without an open batch.
   * @param limits looked up for each piece
   * @param stats the counters that go with a batch
   * @param closed takes each batch as it is closed
   */
  constructor(limits: BatcherLimits, stats: () => BatchStats, closed: (batch: Batch) => void) {
    this.#limits = limits;
    this.#stats = stats;
    this.#closed = closed;
  }

  /** Adds a piece to the open batch, closing it before or after where a limit says so. */
  add(piece: WirePiece): void {
    if (
      this.#packets + piece.packets > this.#limits.packets ||
      this.#bytes + piece.bytes.length > this.#limits.bytes
    ) this.flush();
    this.#pieces.push(piece);
    this.#packets += piece.packets;
    this.#bytes += piece.bytes.length;
    if (this.#packets >= this.#limits.packets || this.#bytes >= this.#limits.bytes) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#limits.milliseconds);
  }

  /** Closes the open batch, if it holds anything. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pieces.length === 0) return;
    const batch: Batch = {
      pieces: this.#pieces,
      packets: this.#packets,
      bytes: this.#bytes,
      closedNs: nowNs(),
      stats: this.#stats(),
    };
    this.#pieces = [];
    this.#packets = 0;
    this.#bytes = 0;
    this.#closed(batch);
  }
}
