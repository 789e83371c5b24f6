import { nowNs, plus } from "../batch.ts";
import type { SequencedBatch } from "../spool.ts";
import type { FaultState } from "./fault_state.ts";
import { recordBytes, writeRecord } from "./record.ts";
import { sequencesPerRun } from "./recovery.ts";
import { type OpenSegment, Segment } from "./segment.ts";
import { stateFiles } from "./file_names.ts";
import { encodeSegmentHeader, segmentHeaderBytes, segmentVersion } from "./segment_header.ts";
import { type SpoolFileSystem, writeFully } from "./spool_file_system.ts";
import { encodeState } from "./state_file.ts";

/** Bounds what the places of a segment's records take in memory. */
const maxSegmentRecords = 16_384;
/** Old segments that stay open, with the places of their records. */
const maxOpen = 4;

/** The segments of a spool and their files. What the disk refuses is told to the fault state. */
export class SegmentLog {
  /** In order; the active one is the last. */
  readonly segments: Segment[];
  /** Whether a file's name may not be on disk yet. */
  isFolderDirty = true;
  #active: Segment | undefined;
  readonly #open = new Map<Segment, OpenSegment>();
  /** Files that are to be removed and could not be yet, with their length. */
  readonly #leftovers = new Map<string, number>();
  #diskBytes: number;
  #reserved: bigint;
  #buffer = new Uint8Array(0);

  /**
   * Goes on behind `segments`.
   * @param segmentBytes length at which a segment ends
   */
  constructor(
    private readonly fileSystem: SpoolFileSystem,
    private readonly fault: FaultState,
    private readonly id: string,
    private readonly segmentBytes: number,
    private readonly firstSequence: bigint,
    segments: Segment[],
  ) {
    this.segments = segments;
    this.#diskBytes = segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
    this.#reserved = firstSequence + sequencesPerRun;
  }

  /** What all segments' files take, bytes. */
  get diskBytes(): number {
    return this.#diskBytes;
  }

  /** The segment that is written to. */
  get active(): Segment | undefined {
    return this.#active;
  }

  /** What the files grow by when a record of `bytes` is written. */
  growth(bytes: number): number {
    return this.#isFullFor(bytes) ? segmentHeaderBytes + bytes : bytes;
  }

  /** Writes a record; false when the disk refuses, and all is as it was. */
  append(numbered: SequencedBatch): boolean {
    const { sequence, batch } = numbered;
    const bytes = recordBytes(batch);
    const segment = this.#segmentFor(sequence, bytes);
    const open = segment === undefined ? undefined : this.#open.get(segment);
    if (segment === undefined || open === undefined) return false;
    if (this.#buffer.length < bytes) this.#buffer = new Uint8Array(Math.max(bytes, 2 * this.#buffer.length));
    writeRecord(this.#buffer, numbered, segment.seed);
    try {
      writeFully(open.file, this.#buffer.subarray(0, bytes), segment.bytes);
    } catch (error) {
      this.fault.failed("a batch could not be written", error);
      this.#cutBack(segment, open, bytes);
      return false;
    }
    const { closedNs, packets } = batch;
    open.places.push({ sequence, closedNs, offset: segment.bytes, bodyBytes: batch.bytes, packets });
    segment.bytes += bytes;
    segment.fileBytes = segment.bytes;
    this.#diskBytes += bytes;
    segment.last = sequence;
    segment.held = plus(segment.held, batch);
    this.fault.worked();
    return true;
  }

  /** Whether {@link open} has nothing to do. */
  isOpen(segment: Segment): boolean {
    return this.#open.has(segment);
  }

  /** The segment's file and the places of its records. Throws what the system says. */
  open(segment: Segment): OpenSegment {
    let open = this.#open.get(segment);
    if (open === undefined) {
      const file = this.fileSystem.open(segment.name);
      try {
        open = { file, places: segment.scan(file) };
      } catch (error) {
        file.close();
        throw error;
      }
      this.#open.set(segment, open);
      for (const old of this.#open.keys()) {
        if (this.#open.size <= maxOpen) break;
        if (old !== this.#active && old !== segment) this.#close(old);
      }
    }
    return open;
  }

  /** Nothing more is written to the active segment. */
  seal(): void {
    this.#active = undefined;
  }

  /** Forgets a segment and removes its file. With `must`, it is kept when that fails, and the answer is false. */
  remove(segment: Segment, must = false): boolean {
    if (!this.#removeFile(segment.name, segment.fileBytes) && must) {
      this.#leftovers.delete(segment.name);
      return false;
    }
    this.#forget(segment);
    return true;
  }

  /** Forgets a segment whose file is gone. */
  lose(segment: Segment): void {
    this.#diskBytes -= segment.fileBytes;
    this.#forget(segment);
  }

  /** Tries again to remove what could not be removed. */
  removeLeftovers(): void {
    for (const [name, bytes] of [...this.#leftovers]) this.#removeFile(name, bytes);
  }

  /** Closes all files. */
  close(): void {
    for (const segment of [...this.#open.keys()]) this.#close(segment);
  }

  #isFullFor(bytes: number): boolean {
    const active = this.#active;
    if (active === undefined) return true;
    const records = this.#open.get(active)?.places.length ?? 0;
    return records > 0 && (active.bytes + bytes > this.segmentBytes || records >= maxSegmentRecords);
  }

  #segmentFor(sequence: bigint, bytes: number): Segment | undefined {
    if (!this.#isFullFor(bytes)) return this.#active;
    const before = this.#active;
    this.seal();
    if (before !== undefined && before.held.batches === 0) this.remove(before);
    try {
      if (sequence >= this.#reserved) {
        this.#reserved = sequence + sequencesPerRun;
        this.#writeIdentity();
      }
      return this.#active = this.#create(sequence);
    } catch (error) {
      this.fault.failed("a file could not be made", error);
      return undefined;
    }
  }

  #create(first: bigint): Segment {
    if (!this.fileSystem.has(stateFiles.identity)) {
      this.fileSystem.restoreFolder();
      this.#writeIdentity();
    }
    const segment = new Segment(first, this.id);
    // What is there under this name is the rest of a try that failed.
    if (this.#leftovers.has(segment.name)) {
      this.#removeFile(segment.name, this.#leftovers.get(segment.name) ?? 0);
    }
    const file = this.fileSystem.create(segment.name);
    this.#diskBytes += segmentHeaderBytes;
    try {
      const previous = this.segments.at(-1)?.last;
      const identity = { version: segmentVersion, id: this.id, first, previous, run: this.firstSequence };
      const header = encodeSegmentHeader(identity, nowNs());
      writeFully(file, header, 0);
    } catch (error) {
      file.close();
      this.#removeFile(segment.name, segmentHeaderBytes);
      throw error;
    }
    this.isFolderDirty = true;
    this.#open.set(segment, { file, places: [] });
    this.segments.push(segment);
    return segment;
  }

  #writeIdentity(): void {
    const identity = encodeState("identity", { id: this.id, sequence: this.#reserved });
    this.fileSystem.replace(stateFiles.identity, identity, true);
  }

  /** Takes the rest of a failed write of `bytes` away. */
  #cutBack(segment: Segment, open: OpenSegment, bytes: number): void {
    try {
      open.file.truncate(segment.bytes);
    } catch {
      // Nothing is written behind what may be there; the next run cuts it off.
      segment.fileBytes += bytes;
      this.#diskBytes += bytes;
      this.seal();
    }
  }

  #removeFile(name: string, bytes: number): boolean {
    try {
      this.fileSystem.remove(name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        this.fault.failed(`${name} could not be removed`, error);
        this.#leftovers.set(name, bytes);
        return false;
      }
    }
    this.#leftovers.delete(name);
    this.#diskBytes -= bytes;
    return true;
  }

  #forget(segment: Segment): void {
    if (segment === this.#active) this.#active = undefined;
    this.segments.splice(this.segments.indexOf(segment), 1);
    this.#close(segment);
  }

  #close(segment: Segment): void {
    this.#open.get(segment)?.file.close();
    this.#open.delete(segment);
  }
}
