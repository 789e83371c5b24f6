import { readRecords } from "./record_reader.ts";
import { batchesIn, endOf, type RecordPlace, scanSegment, type Stretch } from "./segment_scan.ts";
import { damagedSuffix, firstOfName, isSpoolFile, stateFiles } from "./file_names.ts";
import {
  missingBetween,
  readSegmentHeader,
  seedOf,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentVersion,
} from "./segment_header.ts";
import { readFully, type SpoolFile, type SpoolFileSystem } from "./spool_file_system.ts";
import { decodeState, type State, type StateFile } from "./state_file.ts";

/** Something in a spool's folder that is not as it was written. */
export interface Damage extends Stretch {
  /** Name of the file. */
  readonly file: string;
  /** `header`: a segment's first bytes; `gap`: what was before a segment is missing; `tail`: a write that was cut short; `stretch`: bytes in the midst of others; `state`: a small file. */
  readonly kind: "header" | "gap" | "tail" | "stretch" | "state";
  /** What is wrong, for people. */
  readonly what: string;
}

/** A segment as its file is. */
export interface ExaminedSegment {
  /** File name. */
  readonly name: string;
  /** Length of the file, bytes. */
  readonly fileBytes: number;
  /** The last sequence that the headers of its records say; one less than its first when there is none. */
  readonly last: bigint;
  /** Its good records. */
  readonly records: readonly RecordPlace[];
  /** What is wrong with it. */
  readonly damages: readonly Damage[];
}

/** What is in a spool's folder. */
export interface Examination {
  /** The spool's UUID; undefined when nothing says it. */
  readonly id: string | undefined;
  /** The last acknowledged sequence; undefined when there is no good cursor. */
  readonly cursor: bigint | undefined;
  /** The first sequence of the next run; undefined when the identity file is not there, or damaged. */
  readonly nextRun: bigint | undefined;
  /** In order of their sequences. */
  readonly segments: readonly ExaminedSegment[];
  /** Of identity and cursor. */
  readonly stateDamages: readonly Damage[];
  /** Files that are not this spool's, or of another version; a spool leaves them alone. */
  readonly foreign: readonly string[];
  /** What repairs took out. */
  readonly setAside: readonly string[];
}

/** So much is checked at once, bytes. */
const checkBytes = 8 * 1_048_576;

/**
 * Looks at all of a folder, and changes nothing. Undefined when it holds no spool. Throws what the system says.
 *
 * @param checksBodies whether all records are read, and not only their headers
 */
export function examine(fileSystem: SpoolFileSystem, checksBodies: boolean): Examination | undefined {
  const files = fileSystem.list().filter(({ isFile }) => isFile).sort((one, other) =>
    one.name < other.name ? -1 : 1
  );
  const names = new Set(files.map(({ name }) => name));
  const candidates = files.filter(({ name }) => firstOfName(name) !== undefined);
  if (!names.has(stateFiles.identity) && candidates.length === 0) return undefined;
  const stateDamages: Damage[] = [];
  const state = (kind: StateFile): State | undefined => {
    const file = stateFiles[kind];
    const content = names.has(file) ? fileSystem.load(file) : undefined;
    const found = content === undefined ? undefined : decodeState(kind, content);
    if (content === undefined && kind === "identity") {
      stateDamages.push({ file, kind: "state", offset: 0, bytes: 0, what: "missing" });
    } else if (content !== undefined && found === undefined) {
      stateDamages.push({
        file,
        kind: "state",
        offset: 0,
        bytes: content.length,
        what: "not what was written",
      });
    }
    return found;
  };
  const identity = state("identity");
  const cursor = state("cursor");
  const foreign = files.map(({ name }) => name).filter((name) => !isSpoolFile(name));
  const opened = candidates.flatMap(({ name, bytes }) => {
    try {
      return [{ name, bytes, header: headerOf(fileSystem, name) }];
    } catch (error) {
      // A spool in use may have sent it on by now.
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  });
  const id = identity?.id ?? opened.find(({ header }) => header !== undefined)?.header?.id;
  const segments: ExaminedSegment[] = [];
  for (const { name, bytes, header } of opened) {
    const first = firstOfName(name) ?? 0n;
    const isOurs = header === undefined ||
      header.version === segmentVersion && header.id === id && header.first === first;
    if (!isOurs || id === undefined) foreign.push(name);
    else {
      for (
        const examined of examineSegment(
          fileSystem,
          name,
          bytes,
          { id, first },
          header !== undefined,
          checksBodies,
        )
      ) segments.push(withGap(segments.at(-1), examined, header, cursor?.id === id ? cursor.sequence : 0n));
    }
  }
  return {
    id,
    cursor: cursor !== undefined && cursor.id === id ? cursor.sequence : undefined,
    nextRun: identity?.sequence,
    segments,
    stateDamages,
    foreign,
    setAside: files.map(({ name }) => name).filter((name) =>
      isSpoolFile(name) && name.endsWith(damagedSuffix)
    ),
  };
}

/** A segment with what is missing before it as one more damage. */
function withGap(
  before: ExaminedSegment | undefined,
  segment: ExaminedSegment,
  header: SegmentHeader | undefined,
  cursor: bigint,
): ExaminedSegment {
  const last = before?.last;
  const batches = last === undefined || header === undefined ? 0 : missingBetween(last, header, cursor);
  if (batches === 0) return segment;
  const what =
    `behind batch ${last}, up to ${header?.previous} is missing: unknown number of packets in ${batches} batches`;
  const gap: Damage = { file: segment.name, kind: "gap", offset: 0, bytes: 0, what };
  return { ...segment, damages: [gap, ...segment.damages] };
}

function headerOf(fileSystem: SpoolFileSystem, name: string): SegmentHeader | undefined {
  const file = fileSystem.open(name);
  try {
    const bytes = new Uint8Array(segmentHeaderBytes);
    return readFully(file, bytes, 0) ? readSegmentHeader(bytes) : undefined;
  } finally {
    file.close();
  }
}

function examineSegment(
  fileSystem: SpoolFileSystem,
  name: string,
  fileBytes: number,
  identity: { readonly id: string; readonly first: bigint },
  hasHeader: boolean,
  checksBodies: boolean,
): ExaminedSegment[] {
  let file: SpoolFile;
  try {
    file = fileSystem.open(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  try {
    const seed = seedOf(identity);
    const { records, damaged, torn } = scanSegment(file, fileBytes, { first: identity.first, seed });
    const damages: Damage[] = [];
    if (!hasHeader) {
      const bytes = Math.min(fileBytes, segmentHeaderBytes);
      damages.push({ file: name, kind: "header", offset: 0, bytes, what: "no good header" });
    }
    for (const stretch of damaged) {
      const { offset, bytes } = stretch;
      const batches = batchesIn(stretch, 0n);
      const what = batches === 0 ? "no record" : `no record: unknown number of packets in ${batches} batches`;
      damages.push({ file: name, kind: "stretch", offset, bytes, what });
    }
    if (torn !== undefined) {
      damages.push({ file: name, kind: "tail", ...torn, what: "a write that was cut short" });
    }
    const bad = checksBodies ? unreadable(file, records, seed) : [];
    for (const place of bad) {
      const what = `the body of batch ${place.sequence} (${place.packets} packets) is not what was written`;
      damages.push({
        file: name,
        kind: "stretch",
        offset: place.offset,
        bytes: endOf(place) - place.offset,
        what,
      });
    }
    damages.sort((one, other) => one.offset - other.offset);
    const last = records.at(-1)?.sequence ?? identity.first - 1n;
    return [{ name, fileBytes, last, records: records.filter((place) => !bad.includes(place)), damages }];
  } finally {
    file.close();
  }
}

function unreadable(file: SpoolFile, places: RecordPlace[], seed: number): readonly RecordPlace[] {
  const bad: RecordPlace[] = [];
  for (let after = -1n;;) {
    const run = readRecords({ file, places }, seed, after, checkBytes, true);
    bad.push(...run.unreadable);
    if (!run.isFull) return bad;
    after = [run.batches.at(-1)?.sequence ?? after, run.unreadable.at(-1)?.sequence ?? after]
      .reduce((one, other) => one > other ? one : other);
  }
}
