import { type Amount, type Batch, noAmount, plus } from "./batch.ts";

/** A batch with the number that it is sent under, every time. */
export interface SentBatch {
  /** Counted from 1 over the life of the process. */
  readonly sequence: bigint;
  /** The batch. */
  readonly batch: Batch;
}

/** Batches that were sent and not yet acknowledged, in order of their sequence; bounded in batches and bytes. */
export class Window {
  readonly #limits: Pick<Amount, "batches" | "bytes">;
  /** Insertion order is sequence order. */
  readonly #unacknowledged = new Map<bigint, SentBatch>();
  #held: Amount = noAmount;

  /** Begins empty; each of the two bounds holds by itself. */
  constructor(limits: Pick<Amount, "batches" | "bytes">) {
    this.#limits = limits;
  }

  /** What waits for its acknowledgement. */
  get held(): Amount {
    return this.#held;
  }

  /** Whether another batch has to wait. One batch always fits, however large. */
  get full(): boolean {
    return this.#held.batches >= this.#limits.batches || this.#held.bytes >= this.#limits.bytes;
  }

  /** The batches, oldest first. */
  get unacknowledged(): SentBatch[] {
    return [...this.#unacknowledged.values()];
  }

  /** Adds a batch that is about to be sent for the first time. */
  add(sent: SentBatch): void {
    this.#unacknowledged.set(sent.sequence, sent);
    this.#held = plus(this.#held, sent.batch);
  }

  /**
   * Removes the batches up to `sequence`: acknowledgements come in order, so a later one covers earlier ones.
   * @returns what was removed
   */
  acknowledge(sequence: bigint): Amount {
    let removed = noAmount;
    for (const sent of this.#unacknowledged.values()) {
      if (sent.sequence > sequence) break;
      removed = plus(removed, this.remove(sent));
    }
    return removed;
  }

  /** Removes one batch. */
  remove(sent: SentBatch): Amount {
    if (!this.#unacknowledged.delete(sent.sequence)) return noAmount;
    const removed = plus(noAmount, sent.batch);
    this.#held = {
      batches: this.#held.batches - removed.batches,
      packets: this.#held.packets - removed.packets,
      bytes: this.#held.bytes - removed.bytes,
    };
    return removed;
  }
}
