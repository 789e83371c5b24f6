import { Buffer } from "node:buffer";
import { type Damage, examine, type ExaminedSegment } from "./examination.ts";
import { systemClock } from "./clock.ts";
import { recover } from "./recovery.ts";
import { damagedSuffix, firstOfName, stateFiles } from "./file_names.ts";
import {
  encodeSegmentHeader,
  readSegmentHeader,
  segmentHeaderBytes,
  segmentVersion,
} from "./segment_header.ts";
import { endOf } from "./segment_scan.ts";
import type { SpoolFileSystem } from "./spool_file_system.ts";
import { encodeState } from "./state_file.ts";

/**
 * Makes a spool whole: good records stay as they are, in their order; what lies between them goes to a file beside the
 * segment, writes that were cut short are cut off, identity and cursor are written again. A line for everything that
 * was done; undefined when the folder holds no spool. Throws what the system says; a second repair then goes on.
 */
export function repair(fileSystem: SpoolFileSystem): string[] | undefined {
  const found = examine(fileSystem, true);
  if (found === undefined) return undefined;
  const { id, segments, stateDamages } = found;
  const done: string[] = [];
  for (const segment of segments) {
    if (segment.damages.length === 0 || id === undefined) continue;
    done.push(...repairSegment(fileSystem, segment, id));
  }
  done.push(...joinSegments(fileSystem));
  if (stateDamages.length === 0) return done;
  for (const { file } of stateDamages) {
    if (file !== stateFiles.cursor) continue;
    fileSystem.remove(file);
    done.push(`${file}: removed; all batches that are still there are sent again`);
  }
  if (stateDamages.some(({ file }) => file === stateFiles.identity)) {
    const recovered = recover(fileSystem, systemClock.wallNow());
    const identity = encodeState("identity", { id: recovered.id, sequence: recovered.firstSequence });
    fileSystem.replace(stateFiles.identity, identity, true);
    done.push(
      `${stateFiles.identity}: written again; the next run begins with batch ${recovered.firstSequence}`,
    );
  }
  return done;
}

function repairSegment(fileSystem: SpoolFileSystem, segment: ExaminedSegment, id: string): string[] {
  const { name, records, damages } = segment;
  const content = fileSystem.load(name);
  const tail = damages.find(({ kind }) => kind === "tail");
  const stretches = damages.filter(({ kind }) => kind === "stretch");
  if (records.length === 0) {
    setAside(fileSystem, name, [content]);
    fileSystem.remove(name);
    return [`${name}: nothing in it can be read; moved to ${name}${damagedSuffix}`];
  }
  const done: string[] = [];
  if (stretches.length > 0) {
    setAside(fileSystem, name, stretches.map((stretch) => part(content, stretch)));
    for (const { offset, bytes } of stretches) {
      done.push(`${name}: ${bytes} bytes at byte ${offset} moved to ${name}${damagedSuffix}`);
    }
  }
  if (damages.some(({ kind }) => kind === "header")) done.push(`${name}: header written again`);
  if (tail !== undefined) done.push(`${name}: ${tail.bytes} bytes cut off at byte ${tail.offset}`);
  if (done.length === 1 && tail !== undefined) {
    fileSystem.truncate(name, tail.offset);
    return done;
  }
  const first = firstOfName(name) ?? 0n;
  const header = damages.some(({ kind }) => kind === "header")
    ? encodeSegmentHeader({ version: segmentVersion, id, first }, records[0]?.closedNs ?? 0n)
    : content.subarray(0, segmentHeaderBytes);
  const good = records.map((place) => content.subarray(place.offset, endOf(place)));
  fileSystem.replace(name, Buffer.concat([header, ...good]), true);
  return done;
}

/** Segments whose predecessor is gone, or shorter now, say so from now on: what was lost is told once. */
function joinSegments(fileSystem: SpoolFileSystem): string[] {
  const done: string[] = [];
  let last = 0n;
  for (const segment of examine(fileSystem, false)?.segments ?? []) {
    if (segment.damages.some(({ kind }) => kind === "gap")) {
      const content = fileSystem.load(segment.name);
      const header = readSegmentHeader(content);
      if (header !== undefined) {
        const joined = encodeSegmentHeader({ ...header, previous: last }, segment.records[0]?.closedNs ?? 0n);
        fileSystem.replace(segment.name, Buffer.concat([joined, content.subarray(joined.length)]), true);
        done.push(`${segment.name}: the batches before it are gone; header written again`);
      }
    }
    last = segment.last;
  }
  return done;
}

/** Puts parts of a segment behind what earlier repairs took out of it. */
function setAside(fileSystem: SpoolFileSystem, name: string, parts: readonly Uint8Array[]): void {
  const beside = name + damagedSuffix;
  const before = fileSystem.has(beside) ? [fileSystem.load(beside)] : [];
  fileSystem.replace(beside, Buffer.concat([...before, ...parts]), true);
}

function part(content: Uint8Array, { offset, bytes }: Damage): Uint8Array {
  return content.subarray(offset, offset + bytes);
}
