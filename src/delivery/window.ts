import { type Amount, minus, noAmount, plus } from "./batch.ts";
import type { SequencedBatch } from "./spool.ts";

/** A message on its way: one batch, or several that waited together. */
export interface SentBatch extends SequencedBatch {
  /** What the message was made of, oldest first; the last one's sequence is the message's. */
  readonly parts: readonly SequencedBatch[];
}

/** The least part of its bounds that a window shrinks to. */
const smallestShare = 1 / 64;
/** What a window grows by, of its bounds, with each round of acknowledgements. */
const growthPerRound = 1 / 16;

/**
 * Messages that were sent and not yet acknowledged, in order of their sequence; bounded in messages and bytes. The
 * bounds follow the processor by additive increase and multiplicative decrease, as TCP's window does (RFC 5681): half
 * of it at the first sign of trouble in a round trip, a sixteenth back in each round without one.
 */
export class Window {
  readonly #limits: Pick<Amount, "batches" | "bytes">;
  /** Insertion order is sequence order. */
  #unacknowledged = new Map<bigint, SentBatch>();
  #held: Amount = noAmount;
  #share = 1;
  #newest = 0n;
  #acknowledged = 0n;
  /** What was the newest message at the last {@link shrink}. */
  #shrunkAt = 0n;

  /** Begins empty, with its largest bounds; each of the two holds by itself, and `batches` are messages here. */
  constructor(limits: Pick<Amount, "batches" | "bytes">) {
    this.#limits = limits;
  }

  /** What waits for its acknowledgement, in batches as they were accepted. */
  get held(): Amount {
    return this.#held;
  }

  /** The bounds now, in messages and bytes. */
  get size(): Pick<Amount, "batches" | "bytes"> {
    const { batches, bytes } = this.#limits;
    return {
      batches: Math.max(1, Math.floor(batches * this.#share)),
      bytes: Math.max(1, Math.floor(bytes * this.#share)),
    };
  }

  /** Whether another message has to wait. One message always fits, however large. */
  get full(): boolean {
    const { batches, bytes } = this.size;
    return this.#unacknowledged.size >= batches || this.#held.bytes >= bytes;
  }

  /** The messages, oldest first. */
  get unacknowledged(): SentBatch[] {
    return [...this.#unacknowledged.values()];
  }

  /** Adds a message that is about to be sent for the first time. */
  add(sent: SentBatch): void {
    this.#unacknowledged.set(sent.sequence, sent);
    this.#held = plus(this.#held, contentOf(sent));
    this.#newest = sent.sequence;
  }

  /**
   * Removes the messages up to `sequence`: acknowledgements come in order, so a later one covers earlier ones.
   * @returns what was removed
   */
  acknowledge(sequence: bigint): Amount {
    let removed = noAmount;
    for (const sent of this.#unacknowledged.values()) {
      if (sent.sequence > sequence) break;
      removed = plus(removed, this.remove(sent));
      this.#acknowledged = sent.sequence;
    }
    return removed;
  }

  /** Removes one message. */
  remove(sent: SentBatch): Amount {
    if (!this.#unacknowledged.delete(sent.sequence)) return noAmount;
    const removed = contentOf(sent);
    this.#held = minus(this.#held, removed);
    return removed;
  }

  /** Puts the parts of a message in its place, each as a message of its own. */
  split(sent: SentBatch): void {
    this.#unacknowledged = new Map(
      this.unacknowledged.flatMap((one) => one.sequence === sent.sequence ? sent.parts.map(alone) : [one])
        .map((one) => [one.sequence, one]),
    );
  }

  /** Halves the bounds, once per round trip: what was sent before the last time says nothing about this size. */
  shrink(): void {
    if (this.#acknowledged < this.#shrunkAt) return;
    this.#share = Math.max(smallestShare, this.#share / 2);
    this.#shrunkAt = this.#newest;
  }

  /** Grows the bounds a little, by how much of the window was acknowledged. */
  grow(acknowledged: Amount): void {
    const { batches, bytes } = this.size;
    const round = Math.min(1, Math.max(acknowledged.batches / batches, acknowledged.bytes / bytes));
    this.#share = Math.min(1, this.#share + growthPerRound * round);
  }
}

/** A batch as a message of its own. */
export function alone(entry: SequencedBatch): SentBatch {
  return { ...entry, parts: [entry] };
}

function contentOf({ parts, batch: { packets, bytes } }: SentBatch): Amount {
  return { batches: parts.length, packets, bytes };
}
