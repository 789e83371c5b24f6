import { type Amount, noAmount, plus } from "../../src/delivery/batch.ts";
import type { SequencedBatch, Spool, SpoolFullPolicy, SpoolLoss } from "../../src/delivery/spool.ts";

/** What outlives the process in a {@link MemorySpool}. */
export interface Disk {
  readonly id: string;
  run: bigint;
  batches: SequencedBatch[];
  acknowledged: bigint;
}

/** A new disk. */
export function emptyDisk(): Disk {
  return { id: crypto.randomUUID(), run: 0n, batches: [], acknowledged: 0n };
}

/** Numbers that a run may use. */
const runLength = 1n << 40n;

/** A spool on a disk of memory, whose faults the test chooses. A crash is a new one on the same disk. */
export class MemorySpool implements Spool {
  readonly id: string;
  readonly firstSequence: bigint;
  readonly lastRecovered: bigint;
  readonly lost = new Map<SpoolLoss, Amount>();
  /** The disk refuses writes. */
  failing = false;
  /** The disk cannot be read now. */
  unreadable = false;
  /** What a loss of power would leave; only moved by {@link sync}. */
  synced: bigint;
  syncs = 0;
  closed = false;
  /** While set, syncs wait for it. */
  gate: Promise<void> | undefined;
  readonly #disk: Disk;
  readonly #limitBytes: number;
  readonly #full: SpoolFullPolicy;
  #last: bigint;

  constructor(disk: Disk, limitBytes = Infinity, full: SpoolFullPolicy = "drop-newest") {
    this.#disk = disk;
    this.#limitBytes = limitBytes;
    this.#full = full;
    this.id = disk.id;
    this.lastRecovered = disk.batches.at(-1)?.sequence ?? 0n;
    this.firstSequence = disk.run * runLength + 1n;
    disk.run += 1n;
    this.#last = this.firstSequence - 1n;
    this.synced = this.#last;
  }

  get held(): Amount {
    return this.#disk.batches.reduce((sum, { batch }) => plus(sum, batch), noAmount);
  }

  get diskBytes(): number {
    return this.held.bytes;
  }

  append(entry: SequencedBatch): boolean {
    if (entry.sequence <= this.#last) throw new RangeError(`${entry.sequence} is not behind ${this.#last}`);
    if (this.failing) return this.#lose("write_failed", entry);
    const mayDrop = this.#full === "drop-oldest" && entry.batch.bytes <= this.#limitBytes;
    while (this.diskBytes + entry.batch.bytes > this.#limitBytes) {
      const oldest = mayDrop ? this.#disk.batches.shift() : undefined;
      if (oldest === undefined) return this.#lose("full", entry);
      this.#lose("full", oldest);
    }
    this.#last = entry.sequence;
    this.#disk.batches.push(entry);
    return true;
  }

  read(after: bigint, bytes: number): SequencedBatch[] {
    if (this.unreadable) return [];
    const found: SequencedBatch[] = [];
    for (const entry of this.#disk.batches) {
      if (entry.sequence <= after) continue;
      if (found.length > 0 && entry.batch.bytes > bytes) break;
      bytes -= entry.batch.bytes;
      found.push(entry);
    }
    return found;
  }

  acknowledge(sequence: bigint): void {
    this.#disk.batches = this.#disk.batches.filter((entry) => entry.sequence > sequence);
    if (sequence > this.#disk.acknowledged) this.#disk.acknowledged = sequence;
  }

  async sync(): Promise<void> {
    this.syncs += 1;
    const last = this.#last;
    await this.gate;
    if (!this.failing) this.synced = last;
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** What cannot be read any more. */
  corrupt(): void {
    const entry = this.#disk.batches.pop();
    if (entry !== undefined) this.#lose("corrupt", entry);
  }

  #lose(reason: SpoolLoss, { batch }: SequencedBatch): false {
    this.lost.set(reason, plus(this.lost.get(reason) ?? noAmount, batch));
    return false;
  }
}
