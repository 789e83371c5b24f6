import { Buffer } from "node:buffer";
import { readRecordHeader, recordHeaderBytes, recordMarker } from "./record.ts";
import { segmentHeaderBytes } from "./segment_header.ts";
import { readFully, type SpoolFile } from "./spool_file_system.ts";

/** Where a record is in its segment, and what it holds. */
export interface RecordPlace {
  /** Number of the batch. */
  readonly sequence: bigint;
  /** Time at which the batch was closed, ns since 1970. */
  readonly closedNs: bigint;
  /** Where its header begins, bytes from the file's beginning. */
  readonly offset: number;
  /** Bytes behind the header. */
  readonly bodyBytes: number;
  /** Packets in it. */
  readonly packets: number;
}

/** Bytes of a segment that are no record. */
export interface Stretch {
  /** Bytes from the file's beginning. */
  readonly offset: number;
  /** Length, bytes. */
  readonly bytes: number;
}

/** What a segment holds, by the headers of its records. */
export interface SegmentScan {
  /** In their order; sequences grow. Bodies have not been looked at. */
  readonly records: RecordPlace[];
  /** What lies between records, and is none. */
  readonly damaged: Stretch[];
  /** What lies behind the last record: the rest of a write that was cut short; undefined when nothing does. */
  readonly torn: Stretch | undefined;
}

/** Headers are looked for in pieces of this length. */
const searchBytes = 1 << 20;
/** Batches may be short: one read then brings several headers. */
const windowBytes = 1 << 13;

/** Where a record ends, bytes from the file's beginning. */
export function endOf({ offset, bodyBytes }: RecordPlace): number {
  return offset + recordHeaderBytes + bodyBytes;
}

/**
 * Goes through the first `size` bytes of a segment from header to header. Where there is none, the next one is looked
 * for; every byte is looked at once at most. Throws what reading throws.
 *
 * @param segment its first sequence, and what its sums begin with
 */
export function scanSegment(
  file: SpoolFile,
  size: number,
  { first, seed }: { readonly first: bigint; readonly seed: number },
): SegmentScan {
  const records: RecordPlace[] = [];
  const damaged: Stretch[] = [];
  const window = new Window(file, size);
  let last = first - 1n;
  const headerAt = (offset: number) => {
    const header = readRecordHeader(window.at(offset, recordHeaderBytes), seed);
    // A number that was there before is what is left of an older file.
    return header !== undefined && header.sequence > last ? header : undefined;
  };
  let at = Math.min(segmentHeaderBytes, size);
  while (at < size) {
    const header = headerAt(at);
    if (header === undefined) {
      const next = findHeader(window, at + 1, headerAt);
      if (next === undefined) break;
      damaged.push({ offset: at, bytes: next - at });
      at = next;
      continue;
    }
    const { sequence, closedNs, bodyBytes, packets } = header;
    const place = { sequence, closedNs, offset: at, bodyBytes, packets };
    if (endOf(place) > size) break;
    records.push(place);
    last = sequence;
    at = endOf(place);
  }
  return { records, damaged, torn: at < size ? { offset: at, bytes: size - at } : undefined };
}

function findHeader(window: Window, from: number, headerAt: (offset: number) => unknown): number | undefined {
  for (let start = from; start + recordHeaderBytes <= window.size; start += searchBytes) {
    // A marker may lie across the end of a piece.
    const piece = Buffer.from(window.copy(start, searchBytes + recordMarker.length - 1));
    for (
      let found = piece.indexOf(recordMarker);
      found >= 0;
      found = piece.indexOf(recordMarker, found + 1)
    ) {
      if (headerAt(start + found) !== undefined) return start + found;
    }
  }
  return undefined;
}

/** A file behind a small buffer. */
class Window {
  readonly #buffer = new Uint8Array(windowBytes);
  #start = 0;
  #end = 0;

  constructor(private readonly file: SpoolFile, readonly size: number) {}

  /** `length` bytes at `offset`, fewer at the end; good until the next call. */
  at(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.size);
    if (offset < this.#start || end > this.#end) {
      // Far from what was read last, little of what comes next would be of use.
      const ahead = offset > this.#end + windowBytes ? length : windowBytes;
      this.#start = offset;
      this.#end = Math.min(offset + ahead, this.size);
      this.#fill(this.#buffer.subarray(0, this.#end - offset), offset);
    }
    return this.#buffer.subarray(offset - this.#start, end - this.#start);
  }

  /** Bytes of their own. */
  copy(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.min(length, this.size - offset));
    this.#fill(bytes, offset);
    return bytes;
  }

  #fill(bytes: Uint8Array, offset: number): void {
    if (readFully(this.file, bytes, offset)) return;
    this.#end = this.#start;
    throw new Error("the file is shorter than it was");
  }
}
