/** Numbered frames: made, sent, and found again in any bytes. */
import { Buffer } from "node:buffer";
import { udpFrame } from "../live/frame.ts";

/** Bytes before the number in a frame: Ethernet, IPv4, UDP. */
const numberOffset = 42;
/** Payload, bytes. */
const payloadLength = 200;
/** Ethernet addresses, EtherType, and IPv4's first bytes: no other bytes of a test begin so. */
const beginning = udpFrame({ number: 0, destinationPort: 9_999, payloadLength }).slice(0, 16);

/** The frame with a number. */
export function numberedFrame(number: number): Uint8Array<ArrayBuffer> {
  return udpFrame({ number, destinationPort: 9_999, payloadLength });
}

/** The numbers of all whole frames in `bytes`, whatever else is in there. */
export function* numbersIn(bytes: Uint8Array): Iterable<number> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = numberOffset + payloadLength;
  for (let at = buffer.indexOf(beginning); at >= 0; at = buffer.indexOf(beginning, at + length)) {
    if (at + length > buffer.length) return;
    yield buffer.readUInt32BE(at + numberOffset);
  }
}
