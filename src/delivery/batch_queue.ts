import { type Amount, type Batch, noAmount, plus } from "./batch.ts";

/** The bound that a batch would have broken. */
export type QueueBound = "batches" | "packets" | "bytes";

/**
 * Batches that wait to be sent, first in, first out, bounded in batches, packets and bytes. What a live capture
 * offers to a full queue is dropped and counted; a reader of files adds, and then waits for room.
 */
export class BatchQueue {
  readonly #limits: Amount;
  #batches: Batch[] = [];
  /** Where the queue begins in `#batches`. */
  #head = 0;
  #held: Amount = noAmount;
  readonly #dropped = new Map<QueueBound, Amount>();
  readonly #waiting: (() => void)[] = [];
  #released = false;
  #added: () => void = () => {};

  /** Begins empty; each of the three bounds holds by itself. */
  constructor(limits: Amount) {
    this.#limits = limits;
  }

  /** What waits in it. */
  get held(): Amount {
    return this.#held;
  }

  /** How full it is, 0 to 100 and above, percent of the bound that is nearest. */
  get fillPercent(): number {
    const { batches, packets, bytes } = this.#limits;
    return 100 * Math.max(
      this.#held.batches / batches,
      this.#held.packets / packets,
      this.#held.bytes / bytes,
    );
  }

  /** What {@link offer} dropped, by the bound that was met. */
  get dropped(): ReadonlyMap<QueueBound, Amount> {
    return this.#dropped;
  }

  /** Calls `added` whenever a batch came in. */
  onAdded(added: () => void): void {
    this.#added = added;
  }

  /** Takes a batch, or drops and counts it when that would break a bound. */
  offer(batch: Batch): boolean {
    const bound = this.#boundMetBy(batch);
    if (bound !== undefined) {
      this.#dropped.set(bound, plus(this.#dropped.get(bound) ?? noAmount, batch));
      return false;
    }
    this.add(batch);
    return true;
  }

  /** Takes a batch whatever the bounds; the caller then waits for {@link room}. */
  add(batch: Batch): void {
    this.#batches.push(batch);
    this.#held = plus(this.#held, batch);
    this.#added();
  }

  /** Resolves when no bound is met; undefined when that is so already, or after {@link release}. */
  room(): Promise<void> | undefined {
    return this.#full && !this.#released ? new Promise((resolve) => this.#waiting.push(resolve)) : undefined;
  }

  /** The oldest batch. */
  get oldest(): Batch | undefined {
    return this.#batches[this.#head];
  }

  /** Removes the oldest batch. */
  shift(): Batch | undefined {
    const batch = this.#batches[this.#head];
    if (batch === undefined) return undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
    const { batches, packets, bytes } = this.#held;
    this.#held = { batches: batches - 1, packets: packets - batch.packets, bytes: bytes - batch.bytes };
    if (!this.#full) this.#admit();
    return batch;
  }

  /** Nobody waits for room any more, now and later: the run is about to end. */
  release(): void {
    this.#released = true;
    this.#admit();
  }

  #admit(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  get #full(): boolean {
    return this.#held.batches >= this.#limits.batches || this.#held.packets >= this.#limits.packets ||
      this.#held.bytes >= this.#limits.bytes;
  }

  #boundMetBy(batch: Batch): QueueBound | undefined {
    if (this.#held.batches >= this.#limits.batches) return "batches";
    // A batch that is larger than the whole queue passes through an empty one.
    if (this.#held.batches === 0) return undefined;
    if (this.#held.packets + batch.packets > this.#limits.packets) return "packets";
    if (this.#held.bytes + batch.bytes > this.#limits.bytes) return "bytes";
    return undefined;
  }
}
