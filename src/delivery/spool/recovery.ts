import { type Amount, noAmount, plus } from "../batch.ts";
import { messageOf } from "../../runtime/operator_error.ts";
import { amountOf, indexBehind, Segment } from "./segment.ts";
import { batchesIn, scanSegment } from "./segment_scan.ts";
import { firstOfName, isSpoolFile, stateFiles, temporarySuffix } from "./file_names.ts";
import { missingBetween, readSegmentHeader, segmentHeaderBytes, segmentVersion } from "./segment_header.ts";
import { recordHeaderBytes } from "./record.ts";
import { readFully, type SpoolFileSystem } from "./spool_file_system.ts";
import { decodeState, type State, type StateFile } from "./state_file.ts";

/** What was found in a folder when it was opened. */
export interface Finding {
  /** Segments with batches that are not acknowledged. */
  readonly segments: number;
  /** These batches. */
  readonly held: Amount;
  /** Bytes of writes that had been cut short, and were cut off. */
  readonly truncatedBytes: number;
  /** Stretches between records that are no records. */
  readonly badRecords: number;
  /** Batches that are gone with them, and with segments that are missing; how many packets they had is unknown. */
  readonly lostBatches: number;
  /** Files that are none of this spool's, or of another version: they are left alone. */
  readonly foreign: readonly string[];
  /** What was wrong with identity and cursor, as sentences. */
  readonly notes: readonly string[];
}

/** A spool as its folder says it is. */
export interface Recovered {
  /** Its UUID. */
  readonly id: string;
  /** Above all sequences of earlier runs. */
  readonly firstSequence: bigint;
  /** The last acknowledged sequence. */
  readonly cursor: bigint;
  /** In order; each with something that is not acknowledged. */
  readonly segments: Segment[];
  /** What was there, and what was odd about it. */
  readonly finding: Finding;
}

/**
 * Sequences that a run may use without writing down how far it came: four days at 3,000 batches a second, and what is
 * acknowledged is written down, too. As the wall clock counts it is one second: runs that follow each other faster
 * are the only ones that get ahead of it.
 */
export const sequencesPerRun = 1n << 30n;
/**
 * Sequences for a millisecond of the wall clock, as a power of two: more than any run uses, and few enough to stay below
 * 2^63 until the year 2248.
 */
const wallClockShift = 20n;
/** Where numbers by the wall clock end: behind it, only runs count. */
const maxWallMs = 1n << 43n;
/** A file that is shorter holds no batch, whatever it was. */
const smallestBytes = segmentHeaderBytes + recordHeaderBytes;
/** Runs that may be unknown when the identity file is lost. */
const runsSkipped = 1_024n;

/**
 * Reads a spool's folder, and cleans it up: what is acknowledged is removed, what a crash cut short is cut off. Never
 * throws for what files hold; throws what the system says when the folder cannot be read or written at all.
 *
 * @param wallMs milliseconds since 1970, as the clock is set
 */
export function recover(fileSystem: SpoolFileSystem, wallMs: number): Recovered {
  const entries = fileSystem.list().filter(({ isFile }) => isFile);
  const names = new Set(entries.map(({ name }) => name));
  const notes: string[] = [];
  const state = (file: StateFile) => {
    if (!names.has(stateFiles[file])) return undefined;
    try {
      const found = decodeState(file, fileSystem.load(stateFiles[file]));
      if (found === undefined) notes.push(`the ${file} file is damaged`);
      return found;
    } catch (error) {
      notes.push(`the ${file} file cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  };
  const identity = state("identity");
  const files = entries.flatMap(({ name, bytes }) => {
    const first = firstOfName(name);
    return first === undefined ? [] : [{ name, bytes, first, header: headerOf(fileSystem, name) }];
  }).sort((one, other) => one.first < other.first ? -1 : 1);
  const id = identity?.id ?? files.find(({ header }) => header !== undefined)?.header?.id ??
    crypto.randomUUID();
  if (identity === undefined && files.length > 0) {
    notes.push("its identity is taken from its segments, and numbers go on far above");
  }
  const cursorState = state("cursor");
  const cursor = cursorState?.id === id ? cursorState.sequence : 0n;

  const segments: Segment[] = [];
  let [held, truncatedBytes, badRecords, lostBatches, highest]: [Amount, number, number, number, bigint] = [
    noAmount,
    0,
    0,
    0,
    cursor,
  ];
  const foreign: string[] = [];
  let lastSeen = 0n;
  for (const file of files) {
    if (file.first > highest) highest = file.first;
    const { header } = file;
    if (
      header !== undefined &&
      (header.version !== segmentVersion || header.id !== id || header.first !== file.first)
    ) {
      foreign.push(file.name);
      continue;
    }
    const found = recoverSegment(fileSystem, file, id, cursor);
    const isBehind = file.first > (segments.at(-1)?.last ?? 0n);
    const isEmpty = found !== undefined && found.segment.last < file.first;
    // Without a header and without a record, it may be anything.
    if (
      found === undefined || !isBehind || (isEmpty && header === undefined && file.bytes >= smallestBytes)
    ) {
      notes.push(`${file.name} cannot be read`);
      foreign.push(file.name);
      continue;
    }
    const { segment } = found;
    truncatedBytes += found.truncatedBytes;
    if (segment.last > highest) highest = segment.last;
    // Only between two that are there: what was before the first was acknowledged or dropped.
    if (lastSeen > 0n && header !== undefined) {
      const missing = missingBetween(lastSeen, header, cursor);
      lostBatches += missing;
      if (missing > 0) notes.push(`batches between ${lastSeen} and ${file.first} are missing`);
    }
    lastSeen = segment.last;
    if (segment.held.batches === 0) {
      fileSystem.remove(file.name);
      continue;
    }
    badRecords += found.badRecords;
    lostBatches += found.lostBatches;
    held = plus(held, segment.held);
    segments.push(segment);
  }
  for (const name of names) {
    if (!isSpoolFile(name)) foreign.push(name);
    else if (name.endsWith(temporarySuffix)) fileSystem.remove(name);
  }
  return {
    id,
    firstSequence: firstOfRun(identity, highest, files.length > 0 || cursor > 0n, wallMs),
    cursor,
    segments,
    finding: { segments: segments.length, held, truncatedBytes, badRecords, lostBatches, foreign, notes },
  };
}

/**
 * The first sequence of the next run. A folder that was set back to an earlier state knows nothing of the runs since:
 * the wall clock is above what they used. Where that went back, what the folder says is.
 */
function firstOfRun(identity: State | undefined, highest: bigint, isUsed: boolean, wallMs: number): bigint {
  const byFolder = firstByFolder(identity, highest, isUsed);
  const ms = BigInt(Math.max(0, Math.trunc(wallMs)));
  const byClock = ms < maxWallMs ? (ms << wallClockShift) + 1n : 1n;
  return byClock > byFolder ? byClock : byFolder;
}

/** Above all that the folder knows of; number 0 is none. */
function firstByFolder(identity: State | undefined, highest: bigint, isUsed: boolean): bigint {
  if (identity === undefined) return isUsed ? highest + runsSkipped * sequencesPerRun : 1n;
  const stored = identity.sequence > 0n ? identity.sequence : 1n;
  return highest < stored ? stored : highest + sequencesPerRun;
}

function headerOf(fileSystem: SpoolFileSystem, name: string): ReturnType<typeof readSegmentHeader> {
  const bytes = new Uint8Array(segmentHeaderBytes);
  try {
    const file = fileSystem.open(name);
    try {
      return readFully(file, bytes, 0) ? readSegmentHeader(bytes) : undefined;
    } finally {
      file.close();
    }
  } catch {
    // The scan says so.
    return undefined;
  }
}

function recoverSegment(
  fileSystem: SpoolFileSystem,
  { name, bytes, first }: { name: string; bytes: number; first: bigint },
  id: string,
  cursor: bigint,
): { segment: Segment; truncatedBytes: number; badRecords: number; lostBatches: number } | undefined {
  const segment = new Segment(first, id);
  let scan: ReturnType<typeof scanSegment>;
  try {
    const file = fileSystem.open(name);
    try {
      scan = scanSegment(file, bytes, segment);
    } finally {
      file.close();
    }
  } catch {
    return undefined;
  }
  const { records, damaged, torn } = scan;
  segment.last = records.at(-1)?.sequence ?? segment.last;
  segment.held = amountOf(records.slice(indexBehind(records, cursor)));
  segment.bytes = segment.fileBytes = torn?.offset ?? bytes;
  if (torn !== undefined && segment.held.batches > 0) {
    try {
      fileSystem.truncate(name, torn.offset);
    } catch {
      // The disk cannot be written. Nothing is read behind the last record, and nothing added to old segments.
      segment.fileBytes = bytes;
    }
  }
  const lostBatches = damaged.reduce((sum, stretch) => sum + batchesIn(stretch, cursor), 0);
  return { segment, truncatedBytes: torn?.bytes ?? 0, badRecords: damaged.length, lostBatches };
}
