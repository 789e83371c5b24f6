/**
 * SIP requests over UDP whose users are known, and filters of which it is known which of them fit.
 *
 * @module
 */
import type { Filter } from "../src/engine/filter.ts";
import { datagram } from "./datagram.ts";

/** Filters that some of the requests fit. */
const FITTING = 8;
/** Users of the requests: one in so many is a filter's. */
const USERS = 400;
const SYLLABLES = "an be car do el fi gus ha ing jo ka lin mar no ol pe ra son ta ul ven wi yo zu er st"
  .split(" ");

/** A capture of SIP requests. */
export interface SipTraffic {
  /** pcap, Ethernet. */
  readonly capture: Uint8Array;
  /** Packets in it. */
  readonly packets: number;
  /** Bytes of packets. */
  readonly bytes: number;
  /** Packets of a user that the first filters name. */
  readonly fitting: number;
}

/** Numbers below `bound`, the same in every run. */
function numbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = state * 48271 % 0x7fffffff;
    return Math.floor(state / 0x7fffffff * bound);
  };
}

/**
 * A user: a telephone number, or a name with a number. Those of filters end with an odd digit, those of requests with an
 * even one; the number of digits is fixed, so none of them is contained in one of the others.
 */
function user(random: (bound: number) => number, last: number): string {
  const digits = (count: number) => Array.from({ length: count }, () => random(10)).join("");
  if (random(2) === 0) return `+4915${digits(8)}${last}`;
  const name = () =>
    Array.from({ length: 2 + random(2) }, () => SYLLABLES[random(SYLLABLES.length)]).join("");
  return `${name()}.${name()}${random(10)}${last}`;
}

/** `count` filters, at least 8, for SIP users; the first 8 are the same whatever the count. */
export function userFilters(count: number): Filter[] {
  const random = numbers(1);
  const patterns = new Set<string>();
  while (patterns.size < count) patterns.add(user(random, 1 + 2 * random(5)));
  const common = { type: "sip_user", targetHunters: [], enabled: true, description: "" } as const;
  return Array.from(patterns, (pattern, at) => ({ ...common, id: `user-${at}`, pattern: `*${pattern}*` }));
}

/** About `packets` requests; of every 400 users 8 are those of the first filters. */
export function sipTraffic(packets: number): SipTraffic {
  const random = numbers(2);
  const fitting = userFilters(FITTING).map((filter) => filter.pattern.slice(1, -1));
  const others = Array.from({ length: USERS - FITTING }, () => user(random, 2 * random(5)));
  const users = [...fitting, ...others];
  const records: Uint8Array[] = [fileHeader()];
  let bytes = 0;
  let hits = 0;
  for (let at = 0; at < packets; at++) {
    const [from, to] = [random(USERS), random(USERS)];
    if (from < FITTING || to < FITTING) hits++;
    const frame = sipDatagram(at, request(users[from] ?? "", users[to] ?? "", random));
    bytes += frame.length;
    records.push(recordHeader(at, frame.length), frame);
  }
  const capture = new Uint8Array(records.reduce((sum, record) => sum + record.length, 0));
  let end = 0;
  for (const record of records) {
    capture.set(record, end);
    end += record.length;
  }
  return { capture, packets, bytes, fitting: hits };
}

function request(from: string, to: string, random: (bound: number) => number): Uint8Array {
  const host = `10.${random(256)}.${random(256)}.${random(256)}`;
  const token = random(0x7fffffff).toString(16).padStart(8, "0");
  const body = `v=0\r\no=- ${random(1e9)} 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\n` +
    `m=audio ${
      10_000 + 2 * random(10_000)
    } RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n`;
  const head = [
    `INVITE sip:${to}@example.com SIP/2.0`,
    `Via: SIP/2.0/UDP ${host}:5060;branch=z9hG4bK${token};rport`,
    "Max-Forwards: 70",
    `From: <sip:${from}@example.net>;tag=${token}`,
    `To: <sip:${to}@example.com>`,
    `Call-ID: ${token}-${random(1e9)}@${host}`,
    `CSeq: ${1 + random(9999)} INVITE`,
    `Contact: <sip:${from}@${host}:5060;transport=udp>`,
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, PRACK, UPDATE",
    "User-Agent: Bench/1.0",
    "Content-Type: application/sdp",
    `Content-Length: ${body.length}`,
  ];
  return new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** Little endian, microseconds, Ethernet. */
function fileHeader(): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, 0x40000, true);
  view.setUint32(20, 1, true);
  return new Uint8Array(view.buffer);
}

function recordHeader(at: number, length: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint32(0, 1_700_000_000 + Math.floor(at / 10_000), true);
  view.setUint32(4, at % 10_000 * 100, true);
  view.setUint32(8, length, true);
  view.setUint32(12, length, true);
  return new Uint8Array(view.buffer);
}

/** From port 5060 to port 5060. */
function sipDatagram(at: number, payload: Uint8Array): Uint8Array {
  const frame = datagram(payload);
  const view = new DataView(frame.buffer);
  view.setUint32(26, 0x0a000000 + at % 1000);
  view.setUint32(30, 0x0a010001);
  view.setUint16(34, 5060);
  view.setUint16(36, 5060);
  return frame;
}
