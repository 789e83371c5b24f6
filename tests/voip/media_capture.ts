/**
 * RTP with RTCP as a capture, for SIPp to play: it takes the payloads, and counts ports from the lowest one.
 *
 * @module
 */
import { captureOf, type CaptureRecord } from "../end_to_end/capture_file.ts";
import { ends, u16, udpFrame } from "../frames.ts";

/** Time between packets, ms. */
const INTERVAL = 20;
/** PCMU samples in each of them (RFC 3551). */
const SAMPLES = 160;
const RTP_PORT = 6000;

/** A stream. */
export interface MediaCapture {
  readonly ssrc: number;
  readonly packets: number;
  /** Bytes of a packet's payload; else what its time makes of PCMU. */
  readonly payloadLength?: number;
}

/** PCMU, a telephone event (RFC 4733) at its end, and a sender report behind the first packet and behind the last one. */
export function mediaCapture({ ssrc, packets, payloadLength = SAMPLES }: MediaCapture): Uint8Array {
  const records: CaptureRecord[] = [];
  const add = (milliseconds: number, payload: number[], port: number) => {
    const there = ends({
      source: "192.0.2.1",
      sourcePort: port,
      destination: "192.0.2.2",
      destinationPort: port,
    });
    const frame = udpFrame(Uint8Array.from(payload), there);
    records.push({ timeNs: BigInt(Math.round(milliseconds * 1e6)), originalLength: frame.length, frame });
  };
  const words = (...values: number[]) =>
    values.flatMap((value) => [...u16(value >>> 16), ...u16(value & 0xffff)]);
  for (let at = 0; at < packets; at++) {
    const isEvent = packets > 4 && at >= packets - 3;
    const header = [0x80, (at === 0 ? 0x80 : 0) | (isEvent ? 101 : 0), ...u16(65_530 + at & 0xffff)];
    const timestamp = SAMPLES * (isEvent ? packets - 3 : at);
    const payload = isEvent
      ? [5, (at === packets - 1 ? 0x80 : 0) | 10, ...u16(SAMPLES * (at - packets + 4))]
      : Array.from({ length: payloadLength }, (_, byte) => 0xff - (byte * (at + 1) & 0x0f));
    add(INTERVAL * at, [...header, ...words(timestamp, ssrc), ...payload], RTP_PORT);
    if (at !== 0 && at !== packets - 1) continue;
    // SR and SDES with a CNAME (RFC 3550 section 6).
    const report = [
      0x80,
      200,
      ...u16(6),
      ...words(ssrc, 0xe5000000, 0, timestamp, at + 1, SAMPLES * (at + 1)),
    ];
    const name = [0x81, 202, ...u16(3), ...words(ssrc), 1, 4, 0x61, 0x40, 0x62, 0x63, 0, 0];
    add(INTERVAL * at + 5, [...report, ...name], RTP_PORT + 1);
  }
  return captureOf({ linkType: 1, records });
}
