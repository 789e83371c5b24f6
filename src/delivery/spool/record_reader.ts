import type { SequencedBatch } from "../spool.ts";
import { readRecord } from "./record.ts";
import { indexBehind, type OpenSegment } from "./segment.ts";
import { endOf, type RecordPlace } from "./segment_scan.ts";
import { readFully, type SpoolFile } from "./spool_file_system.ts";

/** What was read of a segment. */
export interface RecordRun {
  /** In order. */
  readonly batches: readonly SequencedBatch[];
  /** Records that are not what was written. */
  readonly unreadable: readonly RecordPlace[];
  /** Whether there is a next record, and it would have been too much. */
  readonly isFull: boolean;
}

/**
 * The records behind `after`, as long as their bodies are no more than `bytes` together; with `atLeastOne`, the first
 * good one in any case. Records that lie behind each other are read at once. Never throws.
 */
export function readRecords(
  { file, places }: OpenSegment,
  seed: number,
  after: bigint,
  bytes: number,
  atLeastOne: boolean,
): RecordRun {
  const batches: SequencedBatch[] = [];
  const unreadable: RecordPlace[] = [];
  let left = bytes;
  for (let from = indexBehind(places, after); from < places.length;) {
    const may = (place: RecordPlace) => place.bodyBytes <= left || (atLeastOne && batches.length === 0);
    const first = places[from];
    if (first === undefined || !may(first)) return { batches, unreadable, isFull: true };
    const run = [first];
    let total = first.bodyBytes;
    for (let last = first, next = places[from + 1]; next !== undefined; next = places[from + run.length]) {
      if (next.offset !== endOf(last) || total + next.bodyBytes > left) break;
      run.push(next);
      total += next.bodyBytes;
      last = next;
    }
    for (const { place, batch } of readRun(file, run, seed)) {
      if (batch === undefined) unreadable.push(place);
      else {
        batches.push(batch);
        left -= place.bodyBytes;
      }
    }
    from += run.length;
  }
  return { batches, unreadable, isFull: false };
}

interface ReadRecord {
  readonly place: RecordPlace;
  /** Undefined when it is damaged. */
  readonly batch: SequencedBatch | undefined;
}

function readRun(file: SpoolFile, run: readonly RecordPlace[], seed: number): ReadRecord[] {
  const [first, last] = [run[0], run.at(-1)];
  if (first === undefined || last === undefined) return [];
  const bytes = new Uint8Array(endOf(last) - first.offset);
  try {
    if (readFully(file, bytes, first.offset)) {
      return run.map((place) => {
        const batch = readRecord(
          bytes.subarray(place.offset - first.offset, endOf(place) - first.offset),
          seed,
        );
        return { place, batch: batch?.sequence === place.sequence ? batch : undefined };
      });
    }
  } catch {
    // A sector may be bad: the others are not.
  }
  if (run.length === 1) return [{ place: first, batch: undefined }];
  return run.flatMap((place) => readRun(file, [place], seed));
}
