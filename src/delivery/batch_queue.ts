import { type Amount, type Batch, minus, noAmount, plus } from "./batch.ts";
import type { SequencedBatch } from "./spool.ts";

/** The bound that a batch would break. */
export type QueueBound = "batches" | "packets" | "bytes";

/** Batches that wait in memory, first in, first out, with bounds in batches, packets and bytes that its owner keeps. */
export class BatchQueue {
  /** The bounds; each of the three holds by itself. */
  readonly limits: Amount;
  #batches: SequencedBatch[] = [];
  /** Where the queue begins in `#batches`. */
  #head = 0;
  #held: Amount = noAmount;

  /** Begins empty. */
  constructor(limits: Amount) {
    this.limits = limits;
  }

  /** What waits in it. */
  get held(): Amount {
    return this.#held;
  }

  /** How full it is, 0 to 100 and above, percent of the bound that is nearest. */
  get fillPercent(): number {
    const { batches, packets, bytes } = this.limits;
    return 100 * Math.max(
      this.#held.batches / batches,
      this.#held.packets / packets,
      this.#held.bytes / bytes,
    );
  }

  /** Whether a bound is met, so that no further batch would fit. */
  get full(): boolean {
    return this.fillPercent >= 100;
  }

  /** The bound that this batch would break; undefined when it fits. */
  boundMetBy(batch: Batch): QueueBound | undefined {
    if (this.#held.batches >= this.limits.batches) return "batches";
    // A batch that is larger than the whole queue passes through an empty one.
    if (this.#held.batches === 0) return undefined;
    if (this.#held.packets + batch.packets > this.limits.packets) return "packets";
    if (this.#held.bytes + batch.bytes > this.limits.bytes) return "bytes";
    return undefined;
  }

  /** Takes a batch, whatever the bounds. */
  add(entry: SequencedBatch): void {
    this.#batches.push(entry);
    this.#held = plus(this.#held, entry.batch);
  }

  /** The oldest batch. */
  get oldest(): SequencedBatch | undefined {
    return this.#batches[this.#head];
  }

  /** Removes the oldest batch. */
  shift(): SequencedBatch | undefined {
    const entry = this.#batches[this.#head];
    if (entry === undefined) return undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
    this.#held = minus(this.#held, entry.batch);
    return entry;
  }

  /** The batches, oldest first. */
  *[Symbol.iterator](): Iterator<SequencedBatch> {
    for (let at = this.#head; at < this.#batches.length; at += 1) yield this.#batches[at] as SequencedBatch;
  }
}
