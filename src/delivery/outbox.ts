import { type Amount, type Batch, noAmount, plus } from "./batch.ts";
import { BatchQueue } from "./batch_queue.ts";
import { type DropReason, dropReasons, type FlowState, type OutboxFigures } from "./outbox_figures.ts";
import type { SequencedBatch } from "./spool.ts";
import { type OutboxStorage, SpooledBacklog } from "./spooled_backlog.ts";
import { alone, type SentBatch, Window } from "./window.ts";

/** Bounds of what a hunter holds for its processor in memory. */
export interface OutboxLimits {
  /** What may wait to be sent. */
  readonly queue: Amount;
  /**
   * Batches that wait go out as one message up to this many bytes: a message costs a turn of the event loop however
   * short it is, so a backlog is sent in longer ones. 0 or undefined sends each batch by itself.
   */
  readonly messageBytes?: number;
  /** What may be sent without having been acknowledged; `batches` are messages. */
  readonly window: Pick<Amount, "batches" | "bytes">;
}

/** Bytes that may wait to be sent, unless the operator's bounds in packets and batches are met first. */
export const maxQueueBytes = 256 * 1_048_576;

/** Enough to make the cost of a message small beside that of its bytes. */
export const backlogMessageBytes = 1_048_576;

/** Enough for 1.5 Gbit/s over a path of 100 ms. */
export const defaultWindow: OutboxLimits["window"] = { batches: 1_024, bytes: 32 * 1_048_576 };

/** Above this fill of the memory, percent, overflow begins to write, so that it is done before the memory is full. */
const spillPercent = 50;
/** Batches written for each that comes in, until the disk has all of the memory. */
const spillBatches = 4;
/** Below this fill of the memory, percent, it takes more from disk. */
const refillPercent = 50;
/** Bytes read from disk at a time. */
const refillBytes = 1_048_576;

/**
 * Everything that a hunter still owes its processor: batches that wait, in memory or on disk, and batches that were
 * sent and not yet acknowledged. It outlives connections, and with a spool, processes.
 *
 * **Sequences.** A batch gets its number when it is accepted, the next one above all that this hunter ever gave; one
 * that is dropped gets none. A message may join batches that waited together: it carries the last one's number, and
 * stands for all numbers since the message before. A processor that knows the run id remembers the highest number that
 * it took, and takes what is above it. So three things must hold, and do:
 *
 * 1. Numbers only grow along the stream: there is one queue and one sender, and what is sent again goes first.
 * 2. What is sent again has the boundaries that it had, or finer ones. Finer is safe: if the processor took the message,
 *    all its parts are at or below the number that it remembers; if not, all are above. Coarser is not: of a message
 *    that joins a batch that was taken with one that was not, neither taking nor skipping is right. Within a run,
 *    messages stay as they are until they are acknowledged (a refused one is split). After a restart nobody knows the
 *    boundaries, so batches of earlier runs (up to `lastRecovered`) are never joined.
 * 3. A number is never given twice under the same run id: with a spool, that is the spool's id, and the spool says
 *    where to go on; without, each run has an id of its own.
 *
 * **Disk.** Memory holds the oldest batches without a gap, the spool holds what {@link SpooledBacklog} says. With
 * `write-ahead` every batch is appended before it may be sent, and memory is a cache. With `overflow` memory is
 * written out, oldest first, once it is half full, and what does not fit into it goes only to disk; so the log is in
 * order, and the rest of the memory can still be appended at the end.
 */
export class Outbox {
  readonly #queue: BatchQueue;
  readonly #window: Window;
  readonly #messageBytes: number;
  readonly #store: SpooledBacklog | undefined;
  /** The last number given. */
  #last = 0n;
  /** The last number sent. */
  #sent = 0n;
  #acknowledged: Amount = noAmount;
  #resent: Amount = noAmount;
  #notKept: Amount = noAmount;
  readonly #dropped = new Map<DropReason, Amount>();
  /** Batches of a file that found no room, without a number yet. */
  readonly #pending: Batch[] = [];
  readonly #waiting: (() => void)[] = [];
  #released = false;
  #sendable: () => void = () => {};
  #flow: { state: FlowState; since: number } = { state: "continue", since: performance.now() };

  /** Begins with what the spool holds; without one empty, and the first batch gets sequence 1. */
  constructor(limits: OutboxLimits, storage?: OutboxStorage) {
    this.#queue = new BatchQueue(limits.queue);
    this.#window = new Window(limits.window);
    this.#messageBytes = limits.messageBytes ?? 0;
    if (storage !== undefined) {
      this.#last = storage.spool.firstSequence - 1n;
      this.#store = new SpooledBacklog(storage, () => this.#inMemory(), () => this.#sendable());
    }
  }

  /** Counters and states now. */
  get figures(): OutboxFigures {
    const { state, since } = this.#flow;
    return {
      waiting: this.#pending.reduce(plus, this.#queue.held),
      fillPercent: this.#queue.fillPercent,
      inFlight: this.#window.held,
      spool: this.#store?.figures(this.#notKept),
      acknowledged: this.#acknowledged,
      resent: this.#resent,
      dropped: this.dropped,
      flow: { state, forMs: performance.now() - since },
      window: this.#window.size,
    };
  }

  /** What the processor has acknowledged. */
  get acknowledged(): Amount {
    return this.#acknowledged;
  }

  /** What was sent and not acknowledged. */
  get inFlight(): Amount {
    return this.#window.held;
  }

  /** What the processor asked for last. */
  get flowState(): FlowState {
    return this.#flow.state;
  }

  /** What will never be delivered, by reason. */
  get dropped(): Readonly<Record<DropReason, Amount>> {
    const inSpool = this.#store?.dropped ?? {};
    const total = (reason: DropReason) =>
      plus(this.#dropped.get(reason) ?? noAmount, inSpool[reason] ?? noAmount);
    return Object.fromEntries(dropReasons.map((reason) => [reason, total(reason)])) as Record<
      DropReason,
      Amount
    >;
  }

  /** How full the memory is, percent of the bound that is nearest. */
  get fillPercent(): number {
    return this.#queue.fillPercent;
  }

  /** What has not been acknowledged: it waits in memory or on disk, or is on its way. */
  get undelivered(): Amount {
    const inMemory = plus(this.#pending.reduce(plus, this.#queue.held), this.#window.held);
    return plus(inMemory, this.#store?.unreadAmount ?? noAmount);
  }

  /** What would be lost if the process ended now. */
  get atRisk(): Amount {
    let atRisk = this.#pending.reduce(plus, noAmount);
    for (const entry of this.#inMemory()) if (!this.#store?.keeps(entry)) atRisk = plus(atRisk, entry.batch);
    return atRisk;
  }

  /** Whether everything has been acknowledged. */
  get empty(): boolean {
    return this.#pending.length === 0 && this.#queue.held.batches === 0 && this.#window.held.batches === 0 &&
      this.#store?.unread !== true;
  }

  /** What was sent and not acknowledged, oldest first: it is sent again after a reconnect. */
  get unacknowledged(): SentBatch[] {
    return this.#window.unacknowledged;
  }

  /** Calls `sendable` whenever {@link next} may have something that it had not before. */
  onSendable(sendable: () => void): void {
    this.#sendable = sendable;
  }

  /** Takes a batch of a live capture, or drops and counts it when there is no room. */
  offer(batch: Batch): boolean {
    const reason = this.#place(batch);
    if (reason !== undefined) this.#drop(reason, plus(noAmount, batch));
    return reason === undefined;
  }

  /** Takes a batch of a file, whatever the bounds; the caller then waits for {@link room}. */
  add(batch: Batch): void {
    if (this.#pending.length > 0 || this.#place(batch) !== undefined) this.#pending.push(batch);
  }

  /** Resolves when there is room for more; undefined when there is some already, or after {@link release}. */
  room(): Promise<void> | undefined {
    return this.#full && !this.#released ? new Promise((resolve) => this.#waiting.push(resolve)) : undefined;
  }

  /** Nobody waits for room any more, now and later: the run is about to end. */
  release(): void {
    this.#released = true;
    this.#admit();
  }

  /** The next message to send for the first time; undefined when none may be sent now. */
  next(): SentBatch | undefined {
    if (this.#window.full) return undefined;
    this.#refill();
    const sent = this.#join();
    if (sent === undefined) return undefined;
    this.#sent = sent.sequence;
    this.#window.add(sent);
    this.#admit();
    return sent;
  }

  /** Counts a message that was sent before, and is sent again now. */
  countResent({ parts, batch: { packets, bytes } }: SentBatch): void {
    this.#resent = plus(this.#resent, { batches: parts.length, packets, bytes });
  }

  /**
   * Takes an acknowledgement, and what the processor asks for with it (undefined: nothing that is known).
   * @returns false when it is for a batch that was never sent: only what is asked for counts then
   */
  acknowledge(sequence: bigint, flow?: FlowState): boolean {
    const known = sequence <= this.#sent;
    const removed = known ? this.#window.acknowledge(sequence) : noAmount;
    this.#acknowledged = plus(this.#acknowledged, removed);
    if (removed.batches > 0) this.#store?.acknowledge(sequence);
    if (flow !== undefined) this.flow(flow);
    if (flow === "slow") this.#window.shrink();
    else if (flow === "continue") this.#window.grow(removed);
    this.#admit();
    return known;
  }

  /** Notes what the processor asks for; the end of a connection ends a pause, too. */
  flow(state: FlowState): void {
    if (state !== this.#flow.state) this.#flow = { state, since: performance.now() };
  }

  /**
   * Gives up the oldest message, which the processor refuses. One that joins several batches is split instead: it is
   * sent again in parts, so that only the one that is refused is lost.
   * @returns what was dropped
   */
  refuse(oldest: SentBatch): Amount {
    if (oldest.parts.length > 1) {
      this.#window.split(oldest);
      return noAmount;
    }
    const removed = this.#window.remove(oldest);
    this.#drop("refused_by_processor", removed);
    this.#store?.acknowledge(oldest.sequence);
    this.#admit();
    return removed;
  }

  /** Writes to disk, as far as there is one and it takes it, all that is not there yet. */
  secure(): void {
    if (this.#store === undefined) return;
    this.#writeMemory(Infinity);
    for (const batch of this.#pending.splice(0)) {
      if (this.#pending.length > 0 || this.#place(batch) !== undefined) this.#pending.push(batch);
    }
  }

  /**
   * The end: what is on disk stays there, the rest is counted as undelivered and forgotten.
   * @returns that rest
   */
  abandon(): Amount {
    this.secure();
    const lost = this.atRisk;
    this.#drop("undelivered", lost);
    this.#pending.length = 0;
    for (const sent of this.unacknowledged) this.#window.remove(sent);
    while (this.#queue.shift() !== undefined);
    if (this.#store !== undefined) this.#store.loaded = 0n;
    this.release();
    return lost;
  }

  /** Numbers a batch and puts it into memory, to disk, or both; else says why not. */
  #place(batch: Batch): DropReason | undefined {
    this.#refill();
    const entry = { sequence: this.#last + 1n, batch };
    const bound = this.#queue.boundMetBy(batch);
    const toMemory = bound === undefined && this.#store?.unread !== true;
    if (this.#store === undefined) {
      if (bound !== undefined) return `queue_full_${bound}`;
    } else if (this.#store.mode === "write-ahead" || !toMemory) {
      const refusal = this.#writeMemory(Infinity) ?? this.#store.append(entry);
      if (refusal !== undefined) {
        // A batch that is larger than the whole spool passes by an empty one.
        const passes = refusal === "spool_write_failed" || this.#store.holdsNothing;
        if (!toMemory || !passes) return refusal;
        this.#notKept = plus(this.#notKept, batch);
      }
    } else if (this.#queue.fillPercent > spillPercent) {
      // What the disk refuses now is tried again with the next batch, and memory has room for this one.
      if (this.#store.appended < this.#store.loaded) this.#writeMemory(spillBatches);
      else this.#store.append(entry);
    }
    this.#last = entry.sequence;
    if (toMemory) {
      this.#queue.add(entry);
      if (this.#store !== undefined) this.#store.loaded = entry.sequence;
    }
    this.#sendable();
    return undefined;
  }

  /**
   * Appends the oldest batches in memory that are not on disk, `most` of them, until one is refused: what comes behind
   * it has to wait, or it could never be appended.
   */
  #writeMemory(most: number): DropReason | undefined {
    const store = this.#store;
    if (store === undefined || store.appended >= store.loaded) return undefined;
    for (const entry of this.#inMemory()) {
      if (entry.sequence <= store.appended) continue;
      if (most === 0) break;
      most -= 1;
      const refusal = store.append(entry);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /** Takes batches from disk into memory, where there is room again. */
  #refill(): void {
    if (this.#store?.unread !== true || this.#queue.fillPercent >= refillPercent) return;
    const { limits, held } = this.#queue;
    const bytes = Math.min(
      refillBytes,
      limits.bytes - held.bytes,
      this.#store.bytesOf(limits.batches - held.batches),
    );
    for (const entry of this.#store.load(Math.max(1, bytes))) this.#queue.add(entry);
  }

  /** The oldest batch that waits, with those behind it as far as they fit into a message and may be sent. */
  #join(): SentBatch | undefined {
    const first = this.#shiftSendable(Infinity);
    if (first === undefined || first.sequence <= (this.#store?.lastRecovered ?? 0n)) {
      return first && alone(first);
    }
    const parts = [first];
    let last = first;
    let { bytes, packets } = first.batch;
    for (
      let next = this.#shiftSendable(this.#messageBytes - bytes);
      next !== undefined;
      next = this.#shiftSendable(this.#messageBytes - bytes)
    ) {
      parts.push(next);
      last = next;
      bytes += next.batch.bytes;
      packets += next.batch.packets;
    }
    if (last === first) return alone(first);
    const { closedNs, stats } = last.batch;
    const pieces = parts.flatMap(({ batch }) => batch.pieces);
    return { sequence: last.sequence, batch: { pieces, packets, bytes, closedNs, stats }, parts };
  }

  #shiftSendable(mostBytes: number): SequencedBatch | undefined {
    const { oldest } = this.#queue;
    if (oldest === undefined || oldest.batch.bytes > mostBytes) return undefined;
    return this.#store?.sendable(oldest) === false ? undefined : this.#queue.shift();
  }

  *#inMemory(): Generator<SequencedBatch> {
    for (const { parts } of this.#window.unacknowledged) yield* parts;
    yield* this.#queue;
  }

  /** Places what waited for room, and lets go who waits. */
  #admit(): void {
    while (this.#pending[0] !== undefined && this.#place(this.#pending[0]) === undefined) {
      this.#pending.shift();
    }
    if (!this.#full || this.#released) { for (const resolve of this.#waiting.splice(0)) resolve(); }
  }

  get #full(): boolean {
    return this.#pending.length > 0 || (this.#store === undefined && this.#queue.full);
  }

  #drop(reason: DropReason, amount: Amount): void {
    this.#dropped.set(reason, plus(this.#dropped.get(reason) ?? noAmount, amount));
  }
}
