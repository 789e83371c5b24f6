import { type Amount, type Batch, minus, noAmount, plus } from "../batch.ts";
import type { SequencedBatch, Spool, SpoolFullPolicy, SpoolLoss, SyncPolicy } from "../spool.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Cursor } from "./cursor.ts";
import { FaultState } from "./fault_state.ts";
import { logFinding } from "./finding_log.ts";
import { GroupSync } from "./group_sync.ts";
import { maxBodyBytes, recordBytes } from "./record.ts";
import { readRecords } from "./record_reader.ts";
import { type Finding, recover, type Recovered, sequencesPerRun } from "./recovery.ts";
import { amountOf, indexBehind, type OpenSegment, type Segment } from "./segment.ts";
import { SegmentLog } from "./segment_log.ts";
import { stateFiles } from "./file_names.ts";
import { segmentHeaderBytes } from "./segment_header.ts";
import type { RecordPlace } from "./segment_scan.ts";
import { openFolder } from "./locked_folder.ts";
import { readFully, type SpoolFileSystem, writeFully } from "./spool_file_system.ts";
import { encodeState } from "./state_file.ts";

/** How a {@link DiskSpool} keeps batches. */
export interface DiskSpoolOptions {
  /** Most that its segments may take on disk, bytes. */
  readonly maxBytes: number;
  /** What is dropped at that limit; the oldest go by whole segments. */
  readonly whenFull: SpoolFullPolicy;
  /**
   * When written batches are forced to disk. A process that is killed loses nothing with any of them: this is about
   * the machine going down. `always`: a sync follows each append, and what comes while one is under way shares the
   * next; who sends only what is {@link Spool.synced} loses nothing, and waits for the disk. `interval`: the batches
   * of up to `syncIntervalMs` may be lost, and nobody waits. `never`: the system writes when it likes, Linux after
   * some 30 s.
   */
  readonly sync: SyncPolicy;
  /** Time from an append to its sync with `interval`, and from a sync that failed to the next, ms. */
  readonly syncIntervalMs: number;
  /** Takes a line when the disk begins to fail, and when it works again. */
  readonly onFault: (line: string) => void;
  /** Length at which a segment ends, bytes; 16 MiB when left out, or an eighth of `maxBytes` if that is less. */
  readonly segmentBytes?: number;
  /** Time; the machine's when left out. */
  readonly clock?: Clock;
}

const defaultSegmentBytes = 16 * 1_048_576;
/** What drops when the oldest go is no more than this part of the whole. */
const segmentsPerSpool = 8;

/** A {@link Spool} in a folder: an append-only log of segments, and a cursor. */
export class DiskSpool implements Spool {
  readonly id: string;
  readonly firstSequence: bigint;
  readonly lastRecovered: bigint;
  /** What was there when it was opened. */
  readonly finding: Finding;
  readonly #fileSystem: SpoolFileSystem;
  readonly #options: DiskSpoolOptions;
  readonly #clock: Clock;
  readonly #fault: FaultState;
  readonly #cursor: Cursor;
  readonly #log: SegmentLog;
  readonly #group = new GroupSync(() => this.#syncAll());
  readonly #lost = new Map<SpoolLoss, Amount>();
  #held: Amount;
  #last: bigint;
  #synced: bigint;
  #cancelSync: (() => void) | undefined;
  #isClosed = false;

  /**
   * Opens the spool in `folder`, which is made when it is not there, and locked.
   *
   * Throws OperatorError when another process uses it, Deno does not grant reading and writing it, or it cannot be
   * written. What is in it never makes opening fail.
   */
  static open(folder: string, options: DiskSpoolOptions): DiskSpool {
    const spool = openFolder(folder, (fileSystem) => DiskSpool.on(fileSystem, options));
    logFinding(folder, spool.finding);
    return spool;
  }

  /** Opens the spool in the folder of `fileSystem`. Throws what the system says when that cannot be written. */
  static on(fileSystem: SpoolFileSystem, options: DiskSpoolOptions): DiskSpool {
    const recovered = recover(fileSystem, (options.clock ?? systemClock).wallNow());
    const { id, firstSequence } = recovered;
    const identity = encodeState("identity", { id, sequence: firstSequence + sequencesPerRun });
    fileSystem.replace(stateFiles.identity, identity, true);
    return new DiskSpool(fileSystem, options, recovered);
  }

  private constructor(fileSystem: SpoolFileSystem, options: DiskSpoolOptions, recovered: Recovered) {
    const { id, firstSequence, segments, finding, cursor } = recovered;
    const segmentBytes = options.segmentBytes ??
      Math.min(defaultSegmentBytes, Math.floor(options.maxBytes / segmentsPerSpool));
    this.id = id;
    this.firstSequence = firstSequence;
    this.lastRecovered = segments.at(-1)?.last ?? 0n;
    this.finding = finding;
    this.#fileSystem = fileSystem;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#fault = new FaultState(fileSystem.folder, options.onFault, () => this.#clock.now());
    this.#cursor = new Cursor(fileSystem, this.#clock, this.#fault, id, cursor);
    this.#log = new SegmentLog(fileSystem, this.#fault, id, segmentBytes, firstSequence, segments);
    this.#held = finding.held;
    this.#last = firstSequence - 1n;
    this.#lose("corrupt", { ...noAmount, batches: finding.lostBatches });
    // The run that wrote them may not have come to sync them.
    this.#synced = segments.length > 0 ? cursor : this.#last;
    if (segments.length > 0) this.#syncSoon();
  }

  get held(): Amount {
    return this.#held;
  }

  get diskBytes(): number {
    return this.#log.diskBytes;
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
    const room = batch.bytes <= maxBodyBytes ? this.#makeRoom(recordBytes(batch)) : "full";
    if (room !== undefined) return this.#refuse(room, batch);
    if (!this.#log.append(numbered)) return this.#refuse("write_failed", batch);
    this.#last = sequence;
    this.#held = plus(this.#held, batch);
    if (this.#options.sync === "always" && this.#cancelSync === undefined) void this.#group.run();
    else this.#syncSoon();
    return true;
  }

  /** Empty also while the disk cannot be read: what is {@link held} then is to be asked for again. */
  read(after: bigint, bytes: number): SequencedBatch[] {
    const from = after > this.#cursor.sequence ? after : this.#cursor.sequence;
    const batches: SequencedBatch[] = [];
    let left = bytes;
    for (let at = this.#indexBehind(from); at < this.#log.segments.length;) {
      const segment = this.#log.segments[at];
      if (segment === undefined) break;
      const open = this.#open(segment);
      if (open === "gone") continue;
      // What is behind it must not overtake it.
      if (open === undefined) break;
      const run = readRecords(open, segment.seed, from, left, batches.length === 0);
      for (const place of run.unreadable) this.#giveUp(segment, open, place);
      for (const one of run.batches) {
        batches.push(one);
        left -= one.batch.bytes;
      }
      if (run.isFull) break;
      at += 1;
    }
    return batches;
  }

  acknowledge(sequence: bigint): void {
    const before = this.#cursor.sequence;
    if (sequence <= before) return;
    for (let front = this.#log.segments[0]; front !== undefined; front = this.#log.segments[0]) {
      if (front.last > sequence) {
        if (front.first <= sequence) this.#acknowledgePart(front, before, sequence);
        break;
      }
      this.#release(front, front.held);
      // More may come behind what is in it.
      if (front === this.#log.active) break;
      this.#log.remove(front);
    }
    this.#cursor.advance(sequence);
  }

  sync(): Promise<void> {
    return this.#group.run();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cursor.close();
    const { active } = this.#log;
    if (active?.held.batches === 0) this.#log.remove(active);
    if (this.#options.sync !== "never" || this.#group.isRunning) await this.#group.run();
    this.#cancelSync?.();
    this.#log.close();
    this.#fileSystem.close();
  }

  #refuse(reason: SpoolLoss, batch: Batch): false {
    this.#lose(reason, plus(noAmount, batch));
    return false;
  }

  #lose(reason: SpoolLoss, amount: Amount): void {
    if (amount.batches > 0) this.#lost.set(reason, plus(this.#lost.get(reason) ?? noAmount, amount));
  }

  #release(segment: Segment, amount: Amount): void {
    segment.held = minus(segment.held, amount);
    this.#held = minus(this.#held, amount);
  }

  /** Makes sure that a record of `bytes` may be written, or says why it may not. */
  #makeRoom(bytes: number): SpoolLoss | undefined {
    const { maxBytes, whenFull } = this.#options;
    const fits = () => this.#log.diskBytes + this.#log.growth(bytes) <= maxBytes;
    if (fits()) return undefined;
    if (segmentHeaderBytes + bytes > maxBytes) return "full";
    this.#log.removeLeftovers();
    const { active } = this.#log;
    if (active?.held.batches === 0) this.#log.remove(active);
    while (!fits() && whenFull === "drop-oldest") {
      const front = this.#log.segments[0];
      if (front === undefined) return "full";
      if (!this.#log.remove(front, true)) return "write_failed";
      this.#lose("full", front.held);
      this.#release(front, front.held);
    }
    return fits() ? undefined : "full";
  }

  /** Index of the first segment with a record behind `sequence`. */
  #indexBehind(sequence: bigint): number {
    const { segments } = this.#log;
    let [low, high] = [0, segments.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((segments[middle]?.last ?? 0n) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The segment's places; undefined when the disk cannot be read now, `gone` when there is no such file any more. */
  #open(segment: Segment): OpenSegment | "gone" | undefined {
    const isNew = !this.#log.isOpen(segment);
    let open: OpenSegment;
    try {
      open = this.#log.open(segment);
    } catch (error) {
      this.#fault.failed(`${segment.name} could not be read`, error);
      if (!(error instanceof Deno.errors.NotFound)) return undefined;
      this.#vanished(segment, "corrupt");
      return "gone";
    }
    if (!isNew) return open;
    const there = amountOf(open.places.slice(indexBehind(open.places, this.#cursor.sequence)));
    const missing = minus(segment.held, there);
    if (missing.batches > 0) {
      this.#lose("corrupt", missing);
      this.#release(segment, missing);
    }
    return open;
  }

  /** Someone removed the file of `segment`. */
  #vanished(segment: Segment, reason: SpoolLoss): void {
    this.#lose(reason, segment.held);
    this.#release(segment, segment.held);
    this.#log.lose(segment);
  }

  #giveUp(segment: Segment, open: OpenSegment, place: RecordPlace): void {
    const amount = amountOf([place]);
    segment.unreadable.add(place.sequence);
    open.places.splice(open.places.indexOf(place), 1);
    this.#lose("corrupt", amount);
    this.#release(segment, amount);
  }

  #acknowledgePart(segment: Segment, before: bigint, sequence: bigint): void {
    const open = this.#open(segment);
    // What cannot be read now is taken off when the whole segment is acknowledged.
    if (open === undefined || open === "gone") return;
    const { places } = open;
    this.#release(
      segment,
      amountOf(places.slice(indexBehind(places, before), indexBehind(places, sequence))),
    );
  }

  #syncSoon(): void {
    if (this.#options.sync === "never" || this.#isClosed) return;
    this.#cancelSync ??= this.#clock.after(this.#options.syncIntervalMs, () => {
      this.#cancelSync = undefined;
      void this.#group.run();
    });
  }

  async #syncAll(): Promise<void> {
    this.#cancelSync?.();
    this.#cancelSync = undefined;
    const target = this.#last;
    try {
      for (const segment of this.#log.segments.filter(({ bytes, syncedBytes }) => syncedBytes < bytes)) {
        await this.#syncSegment(segment);
      }
      if (this.#log.isFolderDirty) {
        this.#log.isFolderDirty = false;
        await this.#fileSystem.syncFolder();
      }
      if (target > this.#synced) this.#synced = target;
      this.#fault.worked();
    } catch (error) {
      this.#log.isFolderDirty = true;
      this.#fault.failed("what was written could not be forced to disk", error);
      this.#syncSoon();
    }
  }

  async #syncSegment(segment: Segment): Promise<void> {
    const { bytes } = segment;
    try {
      if (segment.isDoubtful) this.#rewrite(segment);
      segment.isDoubtful = false;
      await this.#fileSystem.sync(segment.name);
      segment.syncedBytes = bytes;
    } catch (error) {
      // It was acknowledged or dropped in the meantime.
      if (!this.#log.segments.includes(segment)) return;
      segment.isDoubtful = true;
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      this.#fault.failed(`${segment.name} is gone`, error);
      this.#vanished(segment, "write_failed");
    }
  }

  /**
   * After a sync that failed, Linux takes the pages for clean, and the next sync says that all is well. So what they
   * hold is written once more.
   */
  #rewrite(segment: Segment): void {
    const file = this.#fileSystem.open(segment.name, true);
    try {
      const bytes = new Uint8Array(segment.bytes - segment.syncedBytes);
      if (!readFully(file, bytes, segment.syncedBytes)) throw new Error("the file is shorter than it was");
      writeFully(file, bytes, segment.syncedBytes);
    } finally {
      file.close();
    }
  }
}
