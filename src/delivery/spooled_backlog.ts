import { type Amount, minus, noAmount, plus } from "./batch.ts";
import type { DropReason, SpoolFigures } from "./outbox_figures.ts";
import type { SequencedBatch, Spool, SpoolLoss, SpoolMode, SyncPolicy } from "./spool.ts";

/** A spool, and how an outbox is to use it. */
export interface OutboxStorage {
  /** Opened by the caller; closed by who stops the hunter. */
  readonly spool: Spool;
  /** What goes into it. */
  readonly mode: SpoolMode;
  /** The policy that it was opened with. */
  readonly sync: SyncPolicy;
  /** The size limit that it was opened with, bytes. */
  readonly limitBytes: number;
}

/** Why a batch is not in the spool. */
type Refusal = Extract<DropReason, "spool_full" | "spool_write_failed">;

/**
 * The spool as its outbox sees it. All that the hunter owes up to some sequence ({@link appended}) is in the spool, and
 * nothing behind it; memory holds all that is owed up to another ({@link loaded}). What is between the two when the
 * spool is ahead is unread; when memory is ahead, it is at risk.
 */
export class SpooledBacklog {
  /** What goes to disk. */
  readonly mode: SpoolMode;
  readonly #spool: Spool;
  readonly #gated: boolean;
  readonly #limitBytes: number;
  readonly #inMemory: () => Iterable<SequencedBatch>;
  readonly #synced: () => void;
  #appended: bigint;
  #loaded = 0n;
  /** Up to here, batches that are in memory have been dropped from disk. */
  #displaced = 0n;
  #syncing = false;
  /** Up to here nobody waits for a sync that failed. */
  #unsynced = 0n;
  #faulty = false;
  #full: Amount = noAmount;

  /**
   * Everything in the spool is unread at first.
   * @param inMemory the batches in memory, oldest first
   * @param synced called when a sync has ended, so that batches may be sendable that were not
   */
  constructor(storage: OutboxStorage, inMemory: () => Iterable<SequencedBatch>, synced: () => void) {
    const { spool, mode, sync, limitBytes } = storage;
    this.#spool = spool;
    this.mode = mode;
    this.#gated = mode === "write-ahead" && sync === "always";
    this.#limitBytes = limitBytes;
    this.#inMemory = inMemory;
    this.#synced = synced;
    this.#appended = spool.lastRecovered;
    if (spool.held.batches === 0) this.#loaded = this.#appended;
  }

  /** The last batch that was appended. */
  get appended(): bigint {
    return this.#appended;
  }

  /** The last batch that was put into memory; set when one goes there without having been read from disk, or all leave. */
  get loaded(): bigint {
    return this.#loaded;
  }

  set loaded(sequence: bigint) {
    this.#loaded = sequence;
  }

  /** Batches up to this one are of earlier runs. */
  get lastRecovered(): bigint {
    return this.#spool.lastRecovered;
  }

  /** Whether the spool holds batches that are not in memory. */
  get unread(): boolean {
    return this.#appended > this.#loaded;
  }

  /** Whether a batch in memory is on disk, too. */
  keeps({ sequence }: SequencedBatch): boolean {
    return sequence > this.#displaced && sequence <= this.#appended;
  }

  /** What was dropped by the size limit and is in memory no more, or never was. */
  get droppedAsOldest(): Amount {
    return this.#full;
  }

  /** What could not be read back. */
  get corrupt(): Amount {
    return this.#lost("corrupt");
  }

  /** The figures; `notKept` is the outbox's. */
  figures(notKept: Amount): SpoolFigures {
    return {
      held: this.#spool.held,
      unread: this.unreadAmount,
      diskBytes: this.#spool.diskBytes,
      limitBytes: this.#limitBytes,
      faulty: this.#faulty,
      notKept,
    };
  }

  /** What is on disk and not in memory. */
  get unreadAmount(): Amount {
    // Records that could not be read stay in the spool until a later batch is acknowledged; nobody waits for them.
    if (!this.unread) return noAmount;
    let unread = this.#spool.held;
    for (const entry of this.#inMemory()) if (this.keeps(entry)) unread = minus(unread, entry.batch);
    return unread.batches > 0 ? unread : noAmount;
  }

  /** Appends a batch; its sequence must be above {@link appended}. */
  append(entry: SequencedBatch): Refusal | undefined {
    const full = this.#lost("full");
    const failed = this.#lost("write_failed");
    const kept = this.#spool.append(entry);
    let displaced = minus(this.#lost("full"), full);
    if (kept) {
      this.#appended = entry.sequence;
      this.#faulty = false;
      this.#displace(displaced);
      return undefined;
    }
    const refusal = displaced.batches > 0 && this.#lost("write_failed").batches === failed.batches
      ? "spool_full"
      : "spool_write_failed";
    if (refusal === "spool_full") displaced = minus(displaced, entry.batch);
    else this.#faulty = true;
    this.#displace(displaced);
    return refusal;
  }

  /** Reads the next batches into memory: at least one if there is any, else no more than `bytes`. */
  load(bytes: number): SequencedBatch[] {
    const found = this.#spool.read(this.#loaded, bytes);
    this.#loaded = found.at(-1)?.sequence ?? this.#appended;
    return found;
  }

  /** Bytes of `batches` batches, by those in the spool. */
  bytesOf(batches: number): number {
    const { held } = this.#spool;
    return Math.ceil(batches * held.bytes / Math.max(1, held.batches));
  }

  /** Batches up to `sequence` are owed no more. */
  acknowledge(sequence: bigint): void {
    this.#spool.acknowledge(sequence);
  }

  /** Whether a batch in memory may be sent now; if it has to wait for a sync, that has begun. */
  sendable(entry: SequencedBatch): boolean {
    const { sequence } = entry;
    if (!this.#gated || !this.keeps(entry) || sequence <= this.#unsynced) return true;
    if (sequence <= this.#spool.synced) return true;
    if (!this.#syncing) void this.#sync();
    return false;
  }

  /** One sync for all that was appended before it; what comes in meanwhile shares the next. */
  async #sync(): Promise<void> {
    this.#syncing = true;
    const upTo = this.#appended;
    await this.#spool.sync();
    this.#syncing = false;
    if (this.#spool.synced < upTo) {
      this.#unsynced = upTo;
      this.#faulty = true;
    }
    this.#synced();
  }

  /** The spool has dropped its oldest batches: those that are in memory can still be delivered. */
  #displace(displaced: Amount): void {
    if (displaced.batches <= 0) return;
    let lost = displaced;
    for (const entry of this.#inMemory()) {
      if (lost.batches === 0) break;
      if (!this.keeps(entry)) continue;
      this.#displaced = entry.sequence;
      lost = minus(lost, entry.batch);
    }
    this.#full = plus(this.#full, lost);
  }

  #lost(reason: SpoolLoss): Amount {
    return this.#spool.lost.get(reason) ?? noAmount;
  }
}
