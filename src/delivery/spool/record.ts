/**
 * A record: a header of 64 bytes and the batch's encoded packets. All numbers are little-endian.
 *
 * | at | bytes | what                                                             |
 * | -- | ----- | ---------------------------------------------------------------- |
 * | 0  | 4     | marker                                                           |
 * | 4  | 4     | CRC-32 of the header's bytes 8 to 63, begun with the segment's seed |
 * | 8  | 4     | CRC-32 of the body, begun likewise                               |
 * | 12 | 4     | bytes in the body                                                |
 * | 16 | 8     | sequence                                                         |
 * | 24 | 8     | time at which the batch was closed, ns since 1970                |
 * | 32 | 4     | packets                                                          |
 * | 36 | 4     | `buffer_usage` of the counters                                   |
 * | 40 | 24    | `total_captured`, `filtered_matched`, `dropped` of the counters  |
 *
 * The two sums are apart so that a record whose body is damaged still says what it was. The seed differs from segment
 * to segment, and nobody outside knows it: a packet that holds a record is not taken for one.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import type { Batch } from "../batch.ts";
import type { SequencedBatch } from "../spool.ts";

/** Length of a record's header, bytes. */
export const recordHeaderBytes = 64;
/** More is never in one record, bytes. */
export const maxBodyBytes = 64 * 1_048_576;
/** What each record begins with. */
export const recordMarker: Uint8Array<ArrayBuffer> = Uint8Array.of(0xca, 0x5c, 0xba, 0x7c);

const markerWord = new DataView(recordMarker.buffer).getUint32(0, true);

/** A record's header. */
export interface RecordHeader extends Pick<Batch, "packets" | "closedNs" | "stats"> {
  /** Number of the batch. */
  readonly sequence: bigint;
  /** Bytes behind the header. */
  readonly bodyBytes: number;
  /** Sum of these bytes. */
  readonly bodyCrc: number;
}

/** Bytes that a batch takes as a record. */
export function recordBytes(batch: Batch): number {
  return recordHeaderBytes + batch.bytes;
}

/** Writes a record into the first {@link recordBytes} bytes of `into`. */
export function writeRecord(into: Uint8Array, { sequence, batch }: SequencedBatch, seed: number): void {
  let end = recordHeaderBytes;
  for (const { bytes } of batch.pieces) {
    into.set(bytes, end);
    end += bytes.length;
  }
  const { total_captured, filtered_matched, dropped, buffer_usage } = batch.stats;
  const view = new DataView(into.buffer, into.byteOffset, recordHeaderBytes);
  view.setUint32(0, markerWord, true);
  view.setUint32(8, crc32(into.subarray(recordHeaderBytes, end), seed), true);
  view.setUint32(12, batch.bytes, true);
  view.setBigUint64(16, sequence, true);
  view.setBigInt64(24, batch.closedNs, true);
  view.setUint32(32, batch.packets, true);
  view.setUint32(36, buffer_usage, true);
  view.setBigUint64(40, total_captured, true);
  view.setBigUint64(48, filtered_matched, true);
  view.setBigUint64(56, dropped, true);
  view.setUint32(4, crc32(into.subarray(8, recordHeaderBytes), seed), true);
}

/** Reads the header at the beginning of `bytes`; undefined when there is none, or a damaged one. */
export function readRecordHeader(bytes: Uint8Array, seed: number): RecordHeader | undefined {
  if (bytes.length < recordHeaderBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, recordHeaderBytes);
  if (view.getUint32(0, true) !== markerWord) return undefined;
  if (view.getUint32(4, true) !== crc32(bytes.subarray(8, recordHeaderBytes), seed)) return undefined;
  const bodyBytes = view.getUint32(12, true);
  if (bodyBytes > maxBodyBytes) return undefined;
  return {
    bodyCrc: view.getUint32(8, true),
    bodyBytes,
    sequence: view.getBigUint64(16, true),
    closedNs: view.getBigInt64(24, true),
    packets: view.getUint32(32, true),
    stats: {
      buffer_usage: view.getUint32(36, true),
      total_captured: view.getBigUint64(40, true),
      filtered_matched: view.getBigUint64(48, true),
      dropped: view.getBigUint64(56, true),
    },
  };
}

/** The batch at the beginning of `bytes`, in one piece that is a part of `bytes`; undefined when it is damaged. */
export function readRecord(bytes: Uint8Array, seed: number): SequencedBatch | undefined {
  const header = readRecordHeader(bytes, seed);
  if (header === undefined) return undefined;
  const { sequence, packets, bodyBytes, closedNs, stats } = header;
  const body = bytes.subarray(recordHeaderBytes, recordHeaderBytes + bodyBytes);
  if (body.length < bodyBytes || crc32(body, seed) !== header.bodyCrc) return undefined;
  return {
    sequence,
    batch: { pieces: [{ bytes: body, packets }], packets, bytes: bodyBytes, closedNs, stats },
  };
}
