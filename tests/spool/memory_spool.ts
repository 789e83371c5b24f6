import { type Amount, noAmount, plus } from "../../src/delivery/batch.ts";
import type { SequencedBatch, Spool, SpoolFullPolicy, SpoolLoss } from "../../src/delivery/spool.ts";

/** A spool that keeps nothing over a restart, for tests of whatever uses one. */
export class MemorySpool implements Spool {
  readonly id = crypto.randomUUID();
  readonly firstSequence = 1n;
  readonly lastRecovered = 0n;
  readonly #batches: SequencedBatch[] = [];
  readonly #lost = new Map<SpoolLoss, Amount>();
  #last = 0n;
  #acknowledged = 0n;
  #synced = 0n;

  /** @param limits most bytes of batches, and what is dropped beyond them */
  constructor(private readonly limits: { readonly maxBytes: number; readonly whenFull: SpoolFullPolicy }) {}

  get held(): Amount {
    return this.#batches.reduce((sum, { batch }) => plus(sum, batch), noAmount);
  }

  get diskBytes(): number {
    return this.held.bytes;
  }

  get lost(): ReadonlyMap<SpoolLoss, Amount> {
    return this.#lost;
  }

  get synced(): bigint {
    return this.#synced;
  }

  append(numbered: SequencedBatch): boolean {
    const { sequence, batch } = numbered;
    if (sequence <= this.#last) throw new RangeError(`batch ${sequence} is not behind batch ${this.#last}`);
    const { maxBytes, whenFull } = this.limits;
    while (this.held.bytes + batch.bytes > maxBytes) {
      const oldest = batch.bytes <= maxBytes && whenFull === "drop-oldest"
        ? this.#batches.shift()
        : undefined;
      this.#lost.set("full", plus(this.#lost.get("full") ?? noAmount, oldest?.batch ?? batch));
      if (oldest === undefined) return false;
    }
    this.#batches.push(numbered);
    this.#last = sequence;
    return true;
  }

  read(after: bigint, bytes: number): SequencedBatch[] {
    const taken: SequencedBatch[] = [];
    let left = bytes;
    for (const one of this.#batches.filter(({ sequence }) => sequence > after)) {
      if (taken.length > 0 && one.batch.bytes > left) break;
      taken.push(one);
      left -= one.batch.bytes;
    }
    return taken;
  }

  acknowledge(sequence: bigint): void {
    if (sequence > this.#acknowledged) this.#acknowledged = sequence;
    while ((this.#batches[0]?.sequence ?? this.#acknowledged + 1n) <= this.#acknowledged) {
      this.#batches.shift();
    }
  }

  sync(): Promise<void> {
    this.#synced = this.#last;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.sync();
  }
}
