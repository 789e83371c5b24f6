/**
 * Captures to measure on: any file, or one that is made from the fixtures.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { OperatorError } from "../src/runtime/operator_error.ts";

/** Bytes of the capture that is made when none is given. */
const MADE_BYTES = 256 << 20;
const RECORD_HEADER = 16;
const FILE_HEADER = 24;

/** A capture file and what is known of it without the engine. */
export interface CaptureUnderTest {
  readonly path: string;
  readonly bytes: number;
  /** Records counted by walking the file's headers; undefined when the file is not plain pcap. */
  readonly packets: number | undefined;
  /** Removes the file when it was made. */
  remove(): void;
}

/** The capture at `path`. */
export function givenCapture(path: string): CaptureUnderTest {
  if (!existsSync(path)) throw new OperatorError(`no such capture: ${path}`, 2);
  return { path, bytes: Deno.statSync(path).size, packets: countRecords(path), remove: () => {} };
}

/** Makes a capture from a fixture: its records over and over, each round a second later. */
export function madeCapture(fixture: URL): CaptureUnderTest {
  const source = Deno.readFileSync(fixture);
  const view = new DataView(source.buffer);
  const path = Deno.makeTempFileSync({ prefix: "caracal-bench-", suffix: ".pcap" });
  const file = Deno.openSync(path, { write: true });
  file.writeSync(source.subarray(0, FILE_HEADER));
  const rounds = Math.ceil(MADE_BYTES / (source.length - FILE_HEADER));
  for (let round = 0; round < rounds; round++) {
    writeAll(file, source.subarray(FILE_HEADER));
    for (let at = FILE_HEADER; at < source.length; at += RECORD_HEADER + view.getUint32(at + 8, true)) {
      view.setUint32(at, view.getUint32(at, true) + 1, true);
    }
  }
  file.close();
  return { ...givenCapture(path), remove: () => Deno.removeSync(path) };
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
}

/** Walks the record headers of a pcap file. */
function countRecords(path: string): number | undefined {
  const file = Deno.openSync(path);
  const header = new Uint8Array(FILE_HEADER);
  const read = file.readSync(header) ?? 0;
  const magic = read < 4 ? 0 : new DataView(header.buffer).getUint32(0, true);
  const littleEndian = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  if (!littleEndian && magic !== 0xd4c3b2a1 && magic !== 0x4d3cb2a1) {
    file.close();
    return undefined;
  }
  const buffer = new Uint8Array(4 << 20);
  const view = new DataView(buffer.buffer);
  let packets = 0;
  let filled = 0;
  let position = 0;
  for (;;) {
    if (filled - position >= RECORD_HEADER) {
      position += RECORD_HEADER + view.getUint32(position + 8, littleEndian);
      packets++;
      continue;
    }
    // A record may reach beyond what is in the buffer: skip to its end in the file.
    if (position > filled) {
      file.seekSync(position - filled, Deno.SeekMode.Current);
      position = filled = 0;
    } else {
      buffer.copyWithin(0, position, filled);
      filled -= position;
      position = 0;
    }
    const more = file.readSync(buffer.subarray(filled));
    if (more === null) break;
    filled += more;
  }
  file.close();
  return packets;
}
