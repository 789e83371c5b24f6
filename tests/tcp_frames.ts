/**
 * TCP segments of one connection, as frames of a capture.
 *
 * @module
 */
import { back, type CaptureRecord, type Ends, ends, record, u16 } from "./frames.ts";
import { concat } from "./engine_run.ts";
import { ethernetFrame, ipPacket } from "./fragment_frames.ts";

/** Flags (RFC 9293 section 3.1). */
export const tcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/** A segment; numbers are relative to the first one of its direction, which is that of a SYN. */
export interface Segment {
  /** From the server; else from the client. */
  readonly fromServer?: boolean;
  /** Else 1, the number of the first byte of data. */
  readonly sequence?: number;
  readonly acknowledgment?: number;
  /** Else ACK and PSH. */
  readonly flags?: number;
  readonly payload?: Uint8Array;
  /** Seconds after the segment before; else a millisecond. */
  readonly after?: number;
}

/** Which connection. */
export interface Connection {
  readonly client?: Ends;
  /** Sequence number of the SYN, of both directions. */
  readonly initial?: number;
}

const START_MS = 1_700_000_000_000;

function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

/** An Ethernet frame. */
export function segmentFrame(
  segment: Segment,
  { client = ends(), initial = 1000 }: Connection = {},
): Uint8Array {
  const { fromServer = false, sequence = 1, acknowledgment = 1, payload = new Uint8Array() } = segment;
  const there = fromServer ? back(client) : client;
  const flags = segment.flags ?? tcpFlag.ack | tcpFlag.psh;
  const header = [
    ...u16(there.sourcePort),
    ...u16(there.destinationPort),
    ...u32(initial + sequence >>> 0),
    ...u32(flags & tcpFlag.ack ? initial + acknowledgment >>> 0 : 0),
    ...[0x50, flags, 0x20, 0, 0, 0, 0, 0],
  ];
  return ethernetFrame(ipPacket(6, concat([header, payload]), there));
}

/** The records of a capture. */
export function segmentRecords(segments: readonly Segment[], connection: Connection = {}): CaptureRecord[] {
  let now = START_MS;
  return segments.map((segment) => {
    now += Math.round(1000 * (segment.after ?? 0.001));
    return record(segmentFrame(segment, connection), BigInt(now) * 1_000_000n);
  });
}

/** SYN, SYN and ACK, ACK. */
export const handshake: readonly Segment[] = [
  { flags: tcpFlag.syn, sequence: 0 },
  { flags: tcpFlag.syn | tcpFlag.ack, sequence: 0, fromServer: true },
  { flags: tcpFlag.ack },
];

/** Bytes in segments that end at these places, and at the end; `start` is where they begin in the stream. */
export function cut(bytes: Uint8Array, at: readonly number[], start = 0, fromServer = false): Segment[] {
  return [...at, bytes.length].map((end, index) => {
    const begin = at[index - 1] ?? 0;
    return { fromServer, sequence: 1 + start + begin, payload: bytes.subarray(begin, end) };
  });
}
