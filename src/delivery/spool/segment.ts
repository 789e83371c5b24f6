import { type Amount, noAmount } from "../batch.ts";
import { type RecordPlace, scanSegment } from "./segment_scan.ts";
import { segmentName } from "./file_names.ts";
import { seedOf, segmentHeaderBytes } from "./segment_header.ts";
import type { SpoolFile } from "./spool_file_system.ts";

/** What is known of a segment while it is not looked at. */
export class Segment {
  /** File name. */
  readonly name: string;
  /** What the sums of its records begin with. */
  readonly seed: number;
  /** Highest sequence in it; `first - 1` while it is empty. */
  last: bigint;
  /** Length up to the end of the last good record, bytes. */
  bytes: number = segmentHeaderBytes;
  /** Length of the file where a failed write left more than `bytes` behind. */
  fileBytes: number = segmentHeaderBytes;
  /** What it holds that is not acknowledged. */
  held: Amount = noAmount;
  /** How much of it is on disk for certain, bytes. */
  syncedBytes = 0;
  /** A sync failed: the system may have forgotten what is behind `syncedBytes`, and has to be given it again. */
  isDoubtful = false;
  /** Batches that could not be read: they are counted, and no longer there. */
  readonly unreadable: Set<bigint> = new Set();

  /** Begins empty. */
  constructor(readonly first: bigint, id: string) {
    this.name = segmentName(first);
    this.seed = seedOf({ id, first });
    this.last = first - 1n;
  }

  /** The places of its records, from the headers in its file. Throws what reading throws. */
  scan(file: SpoolFile): RecordPlace[] {
    const { records } = scanSegment(file, this.bytes, this);
    return this.unreadable.size === 0
      ? records
      : records.filter(({ sequence }) => !this.unreadable.has(sequence));
  }
}

/** An open segment with the places of its records. */
export interface OpenSegment {
  /** For reading, and for writing if it is new. */
  readonly file: SpoolFile;
  /** In order. */
  readonly places: RecordPlace[];
}

/** The sum of what `places` hold. */
export function amountOf(places: readonly RecordPlace[]): Amount {
  let [packets, bytes] = [0, 0];
  for (const place of places) {
    packets += place.packets;
    bytes += place.bodyBytes;
  }
  return { batches: places.length, packets, bytes };
}

/** Index of the first place whose sequence is above `sequence`; the length when none is. */
export function indexBehind(places: readonly RecordPlace[], sequence: bigint): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const place = places[middle];
    if (place !== undefined && place.sequence <= sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
