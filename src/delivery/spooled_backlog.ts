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

/** Time until a disk that could not be read is asked again, ms. */
const askAgainMs = 1_000;

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
  /** A write or sync was refused, and none has gone well since. */
  #refusing = false;
  #unreadable = false;
  #metLimit = false;
  /** What the size limit took, and is in memory no more, or never was. */
  #full: Amount = noAmount;
  /** What the disk took and did not keep, likewise. */
  #vanished: Amount = noAmount;
  /** What the spool has counted as refused by the disk, as far as it is accounted for. */
  #failed: Amount;
  /** While the disk cannot be read, it is not asked again before this time. */
  #askAgainAt = 0;

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
    this.#failed = this.#lost("write_failed");
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

  /** Whether everything in it was acknowledged. */
  get holdsNothing(): boolean {
    return this.#spool.held.batches === 0;
  }

  /** Whether a batch in memory is on disk, too. */
  keeps({ sequence }: SequencedBatch): boolean {
    return sequence > this.#displaced && sequence <= this.#appended;
  }

  /** What was in the spool and will not come back, by reason. */
  get dropped(): Partial<Record<DropReason, Amount>> {
    this.#noticeVanished();
    return {
      spool_full: this.#full,
      spool_write_failed: this.#vanished,
      spool_corrupt: this.#lost("corrupt"),
    };
  }

  /** The figures; `notKept` is the outbox's. */
  figures(notKept: Amount): SpoolFigures {
    return {
      held: this.#spool.held,
      unread: this.unreadAmount,
      diskBytes: this.#spool.diskBytes,
      limitBytes: this.#limitBytes,
      faulty: this.#refusing || this.#unreadable,
      full: this.#metLimit,
      notKept,
    };
  }

  /** What is on disk and not in memory. */
  get unreadAmount(): Amount {
    if (!this.unread) return noAmount;
    let unread = this.#spool.held;
    for (const entry of this.#inMemory()) if (this.keeps(entry)) unread = minus(unread, entry.batch);
    return unread.batches > 0 ? unread : noAmount;
  }

  /** Appends a batch; its sequence must be above {@link appended}. */
  append(entry: SequencedBatch): Refusal | undefined {
    this.#noticeVanished();
    const full = this.#lost("full");
    const kept = this.#spool.append(entry);
    let displaced = minus(this.#lost("full"), full);
    let refusal: Refusal | undefined;
    if (kept) {
      this.#appended = entry.sequence;
      this.#refusing = false;
    } else if (this.#lost("write_failed").batches > this.#failed.batches) {
      refusal = "spool_write_failed";
      this.#failed = this.#lost("write_failed");
      this.#refusing = true;
    } else {
      refusal = "spool_full";
      displaced = minus(displaced, entry.batch);
      this.#metLimit = true;
    }
    if (displaced.batches > 0) this.#metLimit = true;
    this.#full = plus(this.#full, this.#displace(displaced));
    return refusal;
  }

  /** Reads the next batches into memory, no more than `bytes` of them if that is more than one. */
  load(bytes: number): SequencedBatch[] {
    if (performance.now() < this.#askAgainAt) return [];
    const found = this.#spool.read(this.#loaded, bytes);
    const last = found.at(-1);
    this.#unreadable = last === undefined && this.unreadAmount.batches > 0;
    if (this.#unreadable) this.#askAgainAt = performance.now() + askAgainMs;
    else this.#loaded = last?.sequence ?? this.#appended;
    return found;
  }

  /** Bytes of `batches` batches, by those in the spool. */
  bytesOf(batches: number): number {
    const { held } = this.#spool;
    return Math.ceil(batches * held.bytes / Math.max(1, held.batches));
  }

  /** Batches up to `sequence` are owed no more. */
  acknowledge(sequence: bigint): void {
    // An empty spool would only write down how far it is.
    if (this.#spool.held.batches > 0) this.#spool.acknowledge(sequence);
    this.#metLimit = false;
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
      this.#refusing = true;
    }
    this.#synced();
  }

  /** Files may be removed by others while they are in use. */
  #noticeVanished(): void {
    const failed = this.#lost("write_failed");
    const vanished = minus(failed, this.#failed);
    this.#failed = failed;
    this.#vanished = plus(this.#vanished, this.#displace(vanished));
  }

  /** The spool has lost its oldest batches: those that are in memory can still be delivered. What cannot? */
  #displace(displaced: Amount): Amount {
    if (displaced.batches <= 0) return noAmount;
    let lost = displaced;
    for (const entry of this.#inMemory()) {
      if (lost.batches === 0) break;
      if (!this.keeps(entry)) continue;
      this.#displaced = entry.sequence;
      lost = minus(lost, entry.batch);
    }
    return lost;
  }

  #lost(reason: SpoolLoss): Amount {
    return this.#spool.lost.get(reason) ?? noAmount;
  }
}
