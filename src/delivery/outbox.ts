import { type Amount, type Batch, noAmount, plus } from "./batch.ts";
import { BatchQueue } from "./batch_queue.ts";
import { type SentBatch, Window } from "./window.ts";

/** Bounds of what a hunter holds for its processor. */
export interface OutboxLimits {
  /** What may wait to be sent. */
  readonly queue: Amount;
  /**
   * Batches that wait go out as one message up to this many bytes: a message costs a turn of the event loop however
   * short it is, so a backlog is sent in longer ones. 0 or undefined sends each batch by itself.
   */
  readonly messageBytes?: number;
  /** What may be sent without having been acknowledged. */
  readonly window: Pick<Amount, "batches" | "bytes">;
}

/** Bytes that may wait to be sent, unless the operator's bounds in packets and batches are met first. */
export const maxQueueBytes = 256 * 1_048_576;

/** Enough to make the cost of a message small beside that of its bytes. */
export const backlogMessageBytes = 1_048_576;

/** Enough for 1.5 Gbit/s over a path of 100 ms. */
export const defaultWindow: OutboxLimits["window"] = { batches: 1_024, bytes: 32 * 1_048_576 };

/**
 * Everything that a hunter still owes its processor: batches that wait, and batches that were sent and not yet
 * acknowledged. It outlives connections.
 */
export class Outbox {
  /** Where batches come in. */
  readonly queue: BatchQueue;
  readonly #window: Window;
  readonly #messageBytes: number;
  #lastSequence = 0n;
  #acknowledged: Amount = noAmount;
  #refused: Amount = noAmount;

  /** Begins empty; the first batch that is sent gets sequence 1. */
  constructor(limits: OutboxLimits) {
    this.queue = new BatchQueue(limits.queue);
    this.#window = new Window(limits.window);
    this.#messageBytes = limits.messageBytes ?? 0;
  }

  /** What the processor has acknowledged. */
  get acknowledged(): Amount {
    return this.#acknowledged;
  }

  /** What was given up because the processor refuses it. */
  get refused(): Amount {
    return this.#refused;
  }

  /** What has not been acknowledged: it waits, or is on its way. */
  get undelivered(): Amount {
    return plus(this.queue.held, this.#window.held);
  }

  /** What was sent and not acknowledged, oldest first: it is sent again after a reconnect. */
  get unacknowledged(): SentBatch[] {
    return this.#window.unacknowledged;
  }

  /** The next batch to send for the first time; undefined when none waits, or the window is full. */
  next(): SentBatch | undefined {
    if (this.#window.full) return undefined;
    const batch = this.#waiting();
    if (batch === undefined) return undefined;
    this.#lastSequence += 1n;
    const sent = { sequence: this.#lastSequence, batch };
    this.#window.add(sent);
    return sent;
  }

  /** The oldest batch that waits, with those behind it as far as they fit into a message. */
  #waiting(): Batch | undefined {
    const first = this.queue.shift();
    if (first === undefined) return undefined;
    const joined = [first];
    let last = first;
    let { bytes, packets } = first;
    for (let next = this.queue.oldest; next !== undefined && bytes + next.bytes <= this.#messageBytes;) {
      this.queue.shift();
      joined.push(next);
      last = next;
      bytes += next.bytes;
      packets += next.packets;
      next = this.queue.oldest;
    }
    if (last === first) return first;
    const { closedNs, stats } = last;
    return { pieces: joined.flatMap(({ pieces }) => pieces), packets, bytes, closedNs, stats };
  }

  /** Takes an acknowledgement; false when it is for a batch that was never sent. */
  acknowledge(sequence: bigint): boolean {
    if (sequence > this.#lastSequence) return false;
    this.#acknowledged = plus(this.#acknowledged, this.#window.acknowledge(sequence));
    return true;
  }

  /** Gives up a batch that the processor refuses. */
  refuse(sent: SentBatch): void {
    this.#refused = plus(this.#refused, this.#window.remove(sent));
  }
}
