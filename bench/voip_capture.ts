/**
 * Calls as captures: signalling and media over UDP in IPv4, of which it is known which packets a filter for users wants.
 * All messages of a kind have the same length, so that calls are made by writing numbers into copies.
 *
 * @module
 */

import { datagram, DATAGRAM_HEADERS } from "./datagram.ts";

/** What a filter of type `sip_user` asks for, to have the wanted calls and no others. */
export const WANTED = "wanted";
const OTHER = "person";

/** Records of a capture; the file header is at the first ones only. */
export interface CallRecords {
  /** pcap, Ethernet, microseconds. */
  readonly bytes: Uint8Array;
  /** Packets in them. */
  readonly packets: number;
  /** Bytes of frames in them. */
  readonly frameBytes: number;
  /** Packets of wanted calls. */
  readonly wanted: number;
}

/** Calls with media. */
export interface MediaTraffic {
  /** How the calls begin. */
  readonly signalling: CallRecords;
  /** RTP both ways, seconds later. */
  readonly media: CallRecords;
}

/** Where pcap records begin, seconds since 1970. */
const START = 1_700_000_000;
/** Bytes of the header of a pcap file. */
export const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** PCMU, 20 ms: RTP's header, and samples. */
const RTP_LENGTH = 12 + 160;
const SIP_PORT = 5060;
/** Digits of a call's number in its messages. */
const DIGITS = 8;
const NUMBER = "#".repeat(DIGITS);
/** Stands for one octet of a call's media address, of three digits. */
const OCTETS = ["@AA", "@BB"] as const;
const USER = "%USER%";

/** Which end sends: who calls, or who is called. */
type Side = 0 | 1;

/** A frame to be copied, and where in it the call's number and the octets of its address are. */
interface Template {
  readonly frame: Uint8Array;
  readonly numbers: readonly number[];
  readonly octets: readonly (readonly number[])[];
}

/** Writes a capture whose size is known before. */
class Writer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  packets = 0;
  frameBytes = 0;
  wanted = 0;

  constructor(length: number, withHeader: boolean) {
    this.bytes = new Uint8Array(length + (withHeader ? FILE_HEADER : 0));
    this.#view = new DataView(this.bytes.buffer);
    if (!withHeader) return;
    this.#view.setUint32(0, 0xa1b2c3d4, true);
    this.#view.setUint16(4, 2, true);
    this.#view.setUint16(6, 4, true);
    this.#view.setUint32(16, 0x40000, true);
    this.#view.setUint32(20, 1, true);
    this.#at = FILE_HEADER;
  }

  /** Appends a frame; where it begins. */
  add(frame: Uint8Array, microseconds: number, isWanted: boolean): number {
    const start = this.#at + RECORD_HEADER;
    this.#view.setUint32(this.#at, START + Math.floor(microseconds / 1e6), true);
    this.#view.setUint32(this.#at + 4, microseconds % 1e6, true);
    this.#view.setUint32(this.#at + 8, frame.length, true);
    this.#view.setUint32(this.#at + 12, frame.length, true);
    this.bytes.set(frame, start);
    this.#at = start + frame.length;
    this.packets++;
    this.frameBytes += frame.length;
    if (isWanted) this.wanted++;
    return start;
  }

  /** Appends a message of a call. */
  addMessage({ frame, numbers, octets }: Template, call: number, microseconds: number): void {
    const start = this.add(frame, microseconds, isWanted(call));
    const put = (at: number, value: number, digits: number) => {
      for (let digit = digits - 1, rest = value; digit >= 0; digit--, rest = Math.floor(rest / 10)) {
        this.bytes[start + at + digit] = 48 + rest % 10;
      }
    };
    for (const at of numbers) put(at, call, DIGITS);
    for (const [place, all] of octets.entries()) for (const at of all) put(at, octetOf(call, place), 3);
  }

  view(): DataView {
    return this.#view;
  }

  done(): CallRecords {
    const { bytes, packets, frameBytes, wanted } = this;
    return { bytes: bytes.subarray(0, this.#at), packets, frameBytes, wanted };
  }
}

/** Every second call. */
function isWanted(call: number): boolean {
  return call % 2 === 0;
}

/** The last two octets of a call's media address: 10,000 addresses. */
function octetOf(call: number, place: number): number {
  return 100 + Math.floor(call / (place === 0 ? 100 : 1)) % 100;
}

/** Media port of each end. */
const MEDIA_PORT = [20_000, 30_000] as const;
/** Second octet of each end's media address. */
const MEDIA_NETWORK = [1, 2] as const;

function describe(side: Side): string {
  const address = `10.${MEDIA_NETWORK[side]}.${OCTETS.join(".")}`;
  return [
    "v=0",
    `o=- ${NUMBER} 1 IN IP4 ${address}`,
    "s=-",
    `c=IN IP4 ${address}`,
    "t=0 0",
    `m=audio ${MEDIA_PORT[side]} RTP/AVP 0 8 101`,
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=sendrecv",
    "",
  ].join("\r\n");
}

/** Both variants of a message: of wanted calls, and of others. */
function templates(side: Side, start: string, cseq: string, hasTag: boolean, body = ""): readonly Template[] {
  const isRequest = !start.startsWith("SIP/2.0");
  const text = [
    start,
    `Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK${cseq.replace(" ", "")}${NUMBER};rport`,
    ...isRequest ? ["Max-Forwards: 70"] : [],
    `From: <sip:${USER}${NUMBER}@example.net>;tag=a${NUMBER}`,
    `To: <sip:callee${NUMBER}@example.com>${hasTag ? `;tag=b${NUMBER}` : ""}`,
    `Call-ID: ${NUMBER}-4f2c9d@192.0.2.1`,
    `CSeq: ${cseq}`,
    `Contact: <sip:10.0.0.${side + 1}:5060;transport=udp>`,
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, PRACK, UPDATE",
    "User-Agent: Bench/1.0",
    ...body === "" ? [] : ["Content-Type: application/sdp"],
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
  return [OTHER, WANTED].map((user) => template(side, text.replaceAll(USER, user)));
}

function template(side: Side, text: string): Template {
  const placesOf = (marker: string) =>
    [...text.matchAll(new RegExp(marker, "g"))].map(({ index }) => DATAGRAM_HEADERS + index);
  const frame = datagram(new TextEncoder().encode(text));
  const view = new DataView(frame.buffer);
  setEnds(view, 0, [10, 0, 0, 1 + side], SIP_PORT, [10, 0, 0, 2 - side], SIP_PORT);
  return { frame, numbers: placesOf(NUMBER), octets: OCTETS.map(placesOf) };
}

function setEnds(
  view: DataView,
  start: number,
  source: readonly number[],
  sourcePort: number,
  destination: readonly number[],
  destinationPort: number,
): void {
  source.forEach((octet, at) => view.setUint8(start + 26 + at, octet));
  destination.forEach((octet, at) => view.setUint8(start + 30 + at, octet));
  view.setUint16(start + 34, sourcePort);
  view.setUint16(start + 36, destinationPort);
}

const invite = "INVITE sip:callee########@example.com SIP/2.0";
const messages = {
  invite: templates(0, invite, "1 INVITE", false, describe(0)),
  trying: templates(1, "SIP/2.0 100 Trying", "1 INVITE", false),
  ringing: templates(1, "SIP/2.0 180 Ringing", "1 INVITE", true),
  answer: templates(1, "SIP/2.0 200 OK", "1 INVITE", true, describe(1)),
  ack: templates(0, "ACK sip:10.0.0.2:5060 SIP/2.0", "1 ACK", true),
  bye: templates(0, "BYE sip:10.0.0.2:5060 SIP/2.0", "2 BYE", true),
  byeAnswer: templates(1, "SIP/2.0 200 OK", "2 BYE", true),
} as const;
type MessageKind = keyof typeof messages;

function lengthOf(kinds: readonly MessageKind[]): number {
  return kinds.reduce((sum, kind) => {
    const [other, wanted] = messages[kind];
    return sum + RECORD_HEADER + Math.max(other?.frame.length ?? 0, wanted?.frame.length ?? 0);
  }, 0);
}

/** Messages of a whole call. */
export const MESSAGES_PER_CALL: number = Object.keys(messages).length;
/** Time between two calls, µs. */
const CALL_INTERVAL = 5_000;
/** Calls that are open at once. */
export const OPEN_CALLS = 1_000;

/**
 * Whole calls without media from the one of number `first`, 200 per second, with {@link OPEN_CALLS} open ones at any
 * time; `first` 0 begins a file, and all other records are appended to those before. The last {@link OPEN_CALLS} calls
 * end in the records that follow.
 */
export function signallingOf(first: number, calls: number): CallRecords {
  const writer = new Writer(calls * lengthOf(Object.keys(messages) as MessageKind[]), first === 0);
  for (let step = first; step < first + calls; step++) {
    let microseconds = step * CALL_INTERVAL;
    const add = (call: number, ...kinds: MessageKind[]) => {
      if (call < 0) return;
      for (const kind of kinds) {
        const [other, wanted] = messages[kind];
        const chosen = isWanted(call) ? wanted : other;
        if (chosen !== undefined) writer.addMessage(chosen, call, microseconds);
        microseconds += 100;
      }
    };
    add(step, "invite", "trying", "ringing");
    add(step - (OPEN_CALLS >> 1), "answer", "ack");
    add(step - OPEN_CALLS, "bye", "byeAnswer");
  }
  return writer.done();
}

/** How long after the last message the media begin, s: calls that nothing wants are given up until then. */
const MEDIA_DELAY = 40;
/** Time between two packets of a stream, µs. */
const PACKET_INTERVAL = 20_000;
const SAMPLES = 160;

/** So many calls at once, every second one wanted, and `rounds` packets of each direction of all of them. */
export function mediaTraffic(calls: number, rounds: number): MediaTraffic {
  const begin = ["invite", "answer", "ack"] as const;
  const signalling = new Writer(calls * lengthOf(begin), true);
  for (let call = 0; call < calls; call++) {
    for (const [at, kind] of begin.entries()) {
      const chosen = messages[kind][isWanted(call) ? 1 : 0];
      if (chosen !== undefined) signalling.addMessage(chosen, call, call * 100 + at * 10);
    }
  }
  const frame = datagram(new Uint8Array(RTP_LENGTH).fill(0xff));
  const media = new Writer(2 * calls * rounds * (RECORD_HEADER + frame.length), false);
  const view = media.view();
  const startMicroseconds = calls * 100 + MEDIA_DELAY * 1e6;
  for (let round = 0; round < rounds; round++) {
    for (let call = 0; call < calls; call++) {
      const microseconds = startMicroseconds + round * PACKET_INTERVAL +
        Math.floor(call * PACKET_INTERVAL / calls);
      const octets = OCTETS.map((_, place) => octetOf(call, place));
      for (const side of [0, 1] as const) {
        const start = media.add(frame, microseconds, isWanted(call));
        const end = (which: Side) => [10, MEDIA_NETWORK[which], ...octets];
        const other = side === 0 ? 1 : 0;
        setEnds(view, start, end(side), MEDIA_PORT[side], end(other), MEDIA_PORT[other]);
        view.setUint16(start + DATAGRAM_HEADERS, 0x8000);
        view.setUint16(start + DATAGRAM_HEADERS + 2, round);
        view.setUint32(start + DATAGRAM_HEADERS + 4, round * SAMPLES);
        view.setUint32(start + DATAGRAM_HEADERS + 8, 2 * call + side);
      }
    }
  }
  return { signalling: signalling.done(), media: media.done() };
}

/** Bytes in front of the type of an Ethernet frame. */
const ADDRESSES = 12;
/** IEEE 802.1Q: VLAN 100, priority 1. */
const TAG = [0x81, 0x00, 0x20, 0x64] as const;

/** The same traffic as a trunk carries it: every frame with a VLAN tag. */
export function inVlan({ signalling, media }: MediaTraffic): MediaTraffic {
  return { signalling: tagged(signalling, true), media: tagged(media, false) };
}

function tagged(records: CallRecords, hasFileHeader: boolean): CallRecords {
  const { bytes, packets, frameBytes } = records;
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out = new Uint8Array(bytes.length + packets * TAG.length);
  const to = new DataView(out.buffer);
  let at = hasFileHeader ? FILE_HEADER : 0;
  out.set(bytes.subarray(0, at));
  for (let start = at; start < bytes.length;) {
    const length = from.getUint32(start + 8, true);
    const type = start + RECORD_HEADER + ADDRESSES;
    const end = start + RECORD_HEADER + length;
    out.set(bytes.subarray(start, type), at);
    to.setUint32(at + 8, length + TAG.length, true);
    to.setUint32(at + 12, length + TAG.length, true);
    at += type - start;
    out.set(TAG, at);
    out.set(bytes.subarray(type, end), at + TAG.length);
    at += TAG.length + end - type;
    start = end;
  }
  return { ...records, bytes: out, frameBytes: frameBytes + packets * TAG.length };
}
