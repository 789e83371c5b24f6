/** Capture files in pcap format, read and made without the program's own code. */
import assert from "node:assert/strict";
import { concatenated, exists, root } from "./program.ts";

/** One record of a capture file. */
export interface CaptureRecord {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly originalLength: number;
  /** The frame, as captured. */
  readonly frame: Uint8Array;
}

/** A capture file. */
export interface CaptureFile {
  readonly linkType: number;
  readonly records: readonly CaptureRecord[];
}

const nanoseconds = 0xa1b23c4d;
const microseconds = 0xa1b2c3d4;
const headerLength = 24;
const recordHeaderLength = 16;

/** The path of a capture in the repository. */
export function fixture(name: string): string {
  return `${root}fixtures/${name}`;
}

/** Why the fixtures cannot be used here, or undefined. */
export function fixtureObstacle(...names: string[]): string | undefined {
  const absent = names.find((name) => !exists(fixture(name)));
  return absent === undefined ? undefined : `fixtures/${absent} is absent: scripts/make_fixtures.sh makes it`;
}

/** Reads a little-endian pcap file. A last record that is cut short is left out where `cut` allows one. */
export function readCapture(path: string, cut = false): CaptureFile {
  return parseCapture(Deno.readFileSync(path), cut);
}

/** As {@link readCapture}. */
export function parseCapture(bytes: Uint8Array, cut = false): CaptureFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getUint32(0, true);
  assert.ok(magic === nanoseconds || magic === microseconds, "no pcap file");
  const unit = magic === nanoseconds ? 1n : 1000n;
  const records: CaptureRecord[] = [];
  for (let at = headerLength; at < bytes.length;) {
    const length = at + recordHeaderLength <= bytes.length ? view.getUint32(at + 8, true) : Infinity;
    if (at + recordHeaderLength + length > bytes.length) {
      assert.ok(cut, `the record at byte ${at} is cut short`);
      break;
    }
    records.push({
      timeNs: BigInt(view.getUint32(at, true)) * 1_000_000_000n + BigInt(view.getUint32(at + 4, true)) * unit,
      originalLength: view.getUint32(at + 12, true),
      frame: bytes.subarray(at + recordHeaderLength, at + recordHeaderLength + length),
    });
    at += recordHeaderLength + length;
  }
  return { linkType: view.getUint32(20, true), records };
}

/** A pcap file in nanoseconds. */
export function captureOf({ linkType, records }: CaptureFile): Uint8Array {
  return concatenated([fileHeader(linkType), ...records.map(recordOf)]);
}

/** The header of a pcap file in nanoseconds. */
export function fileHeader(linkType: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(headerLength));
  header.setUint32(0, nanoseconds, true);
  header.setUint16(4, 2, true);
  header.setUint16(6, 4, true);
  header.setUint32(16, 262_144, true);
  header.setUint32(20, linkType, true);
  return new Uint8Array(header.buffer);
}

/** One record of such a file. */
export function recordOf({ timeNs, originalLength, frame }: CaptureRecord): Uint8Array {
  const header = new DataView(new ArrayBuffer(recordHeaderLength));
  header.setUint32(0, Number(timeNs / 1_000_000_000n), true);
  header.setUint32(4, Number(timeNs % 1_000_000_000n), true);
  header.setUint32(8, frame.length, true);
  header.setUint32(12, originalLength, true);
  return concatenated([new Uint8Array(header.buffer), frame]);
}

/** The records `times` times, one nanosecond apart, so that no two have the same time. */
export function repeated({ linkType, records }: CaptureFile, times: number): CaptureFile {
  const startNs = records[0]?.timeNs ?? 0n;
  const all = Array.from({ length: times }, () => records).flat();
  return { linkType, records: all.map((record, at) => ({ ...record, timeNs: startNs + BigInt(at) })) };
}

/** RFC 3339 with nanoseconds, as the program writes times. */
export function timestampOf(timeNs: bigint): string {
  const seconds = new Date(Number(timeNs / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(timeNs % 1_000_000_000n).padStart(9, "0")}Z`;
}

/** Ports of a TCP segment or UDP datagram in Ethernet, without VLAN tags and IPv6 extension headers. */
export function portsOf(frame: Uint8Array): readonly number[] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const isIPv4 = view.getUint16(12) === 0x0800;
  const protocol = isIPv4 ? view.getUint8(14 + 9) : view.getUint8(14 + 6);
  if (protocol !== 6 && protocol !== 17) return [];
  const transport = 14 + (isIPv4 ? 4 * (view.getUint8(14) & 0xf) : 40);
  return [view.getUint16(transport), view.getUint16(transport + 2)];
}

/** What a run for DNS keeps of dns.pcap. */
export function dnsRecords(): CaptureRecord[] {
  return readCapture(fixture("dns.pcap")).records.filter(({ frame }) => portsOf(frame).includes(53));
}
