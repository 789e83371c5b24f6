/**
 * A segment: a file named after its first sequence, of a header and records back to back. Header, little-endian:
 *
 * | at | bytes | what                                        |
 * | -- | ----- | ------------------------------------------- |
 * | 0  | 8     | `CARASPOL`                                  |
 * | 8  | 4     | CRC-32 of bytes 12 to 63                    |
 * | 12 | 4     | version of what follows the header          |
 * | 16 | 16    | the spool's UUID                            |
 * | 32 | 8     | first sequence                              |
 * | 40 | 8     | time of creation, ns since 1970             |
 * | 48 | 8     | last sequence in the segment before; 0: none |
 * | 56 | 8     | first sequence of the run that wrote it     |
 *
 * All of it but the time can be had elsewhere, too: a segment whose header is damaged is read by what its name and the
 * spool's identity file say.
 *
 * @module
 */
import { crc32 } from "node:zlib";

/** Length of a segment's header, bytes. */
export const segmentHeaderBytes = 64;
/** Version that is written, and the only one that is read. */
export const segmentVersion = 1;

const magic = new TextEncoder().encode("CARASPOL");
/** What a segment says about itself. */
export interface SegmentHeader {
  /** {@link segmentVersion}, or what another release wrote. */
  readonly version: number;
  /** The UUID of its spool. */
  readonly id: string;
  /** The lowest sequence in it. */
  readonly first: bigint;
  /** The last sequence in the segment before it; 0 when there was none, or the release that wrote it did not say. */
  readonly previous?: bigint;
  /** The first sequence of the run that wrote it; 0 when it does not say. */
  readonly run?: bigint;
}

/** What the sums of a segment's records begin with. */
export function seedOf({ id, first }: Pick<SegmentHeader, "id" | "first">): number {
  const bytes = new Uint8Array(24);
  bytes.set(uuidBytes(id));
  new DataView(bytes.buffer).setBigUint64(16, first, true);
  return crc32(bytes);
}

/** A header as bytes. */
export function encodeSegmentHeader(
  { version, id, first, previous = 0n, run = 0n }: SegmentHeader,
  createdNs: bigint,
): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint32(12, version, true);
  bytes.set(uuidBytes(id), 16);
  view.setBigUint64(32, first, true);
  view.setBigInt64(40, createdNs, true);
  view.setBigUint64(48, previous, true);
  view.setBigUint64(56, run, true);
  view.setUint32(8, crc32(bytes.subarray(12)), true);
  return bytes;
}

/** Reads a header; undefined when there is none, or a damaged one. */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < segmentHeaderBytes || magic.some((byte, at) => bytes[at] !== byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, segmentHeaderBytes);
  if (view.getUint32(8, true) !== crc32(bytes.subarray(12, segmentHeaderBytes))) return undefined;
  return {
    version: view.getUint32(12, true),
    id: uuidText(bytes.subarray(16, 32)),
    first: view.getBigUint64(32, true),
    previous: view.getBigUint64(48, true),
    run: view.getBigUint64(56, true),
  };
}

/**
 * How many batches behind `cursor` are missing between a segment that ends with `last` and the next one, whose header
 * is given; at most, since batches that were not given to the spool have numbers, too. Of earlier runs between them,
 * whose numbers say nothing, all count as one batch. 0 when nothing is, or the header does not say.
 */
export function missingBetween(
  last: bigint,
  { previous = 0n, run = 0n }: Pick<SegmentHeader, "previous" | "run">,
  cursor: bigint,
): number {
  const from = last > cursor ? last : cursor;
  if (previous <= from) return 0;
  if (run <= from) return Number(previous - from);
  return previous < run ? 1 : 1 + Number(previous - run);
}

function uuidBytes(id: string): Uint8Array {
  return Uint8Array.fromHex(id.replaceAll("-", ""));
}

function uuidText(bytes: Uint8Array): string {
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
