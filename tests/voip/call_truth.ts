/**
 * What tshark sees of calls in a capture: their messages, octet by octet, and their media by the ports that they announce.
 *
 * @module
 */
import assert from "node:assert/strict";
import { command } from "../end_to_end/program.ts";

/** A SIP message, or a packet of media, as it was sent. */
export interface Sent {
  /** `udp 192.0.2.1:5060 > 192.0.2.2:5060`. */
  readonly way: string;
  /** Octets of the message or datagram, in hexadecimal digits. */
  readonly octets: string;
  /** Seconds since 1970 when it was whole. */
  readonly time: number;
  readonly callId: string;
  readonly isSip: boolean;
}

/** One call, or transaction outside of calls. */
export interface Call {
  readonly callId: string;
  readonly fromUser: string;
  readonly toUser: string;
  /** First lines of its messages, in order. */
  readonly firstLines: readonly string[];
  /** Its messages, and the media to and from the endpoints that they announce, in order. */
  readonly sent: readonly Sent[];
}

const LIMIT_MS = 120_000;
// deno-fmt-ignore
const FIELDS = [
  "frame.time_epoch", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "udp.srcport", "udp.dstport", "udp.payload",
  "tcp.srcport", "tcp.dstport", "tcp.stream", "tcp.seq_raw", "tcp.payload", "sip.Call-ID",
] as const;
type Packet = Readonly<Record<typeof FIELDS[number], string>>;

async function packetsOf(path: string): Promise<Packet[]> {
  const { stdout } = await command([
    ...[
      "tshark",
      "-n",
      "-r",
      path,
      "-o",
      "tcp.reassemble_out_of_order:TRUE",
      "-Y",
      "(udp || tcp.len > 0) && !icmp && !icmpv6",
      "-T",
      "fields",
    ],
    ...["-E", "occurrence=a", "-E", "aggregator=|", ...FIELDS.flatMap((field) => ["-e", field])],
  ], { limitMs: LIMIT_MS });
  return stdout.split("\n").filter((line) => line !== "").map((line) => {
    const values = line.split("\t");
    return Object.fromEntries(FIELDS.map((field, at) => [field, values[at] ?? ""])) as Packet;
  });
}

function wayOf(packet: Packet): { source: string; destination: string; way: string; isTcp: boolean } {
  const isTcp = packet["tcp.srcport"] !== "";
  const end = (side: "src" | "dst") => {
    const address = packet[`ip.${side}`] || packet[`ipv6.${side}`];
    return endpoint(address, Number(packet[`${isTcp ? "tcp" : "udp"}.${side}port`]));
  };
  const [source, destination] = [end("src"), end("dst")];
  return { source, destination, way: `${isTcp ? "tcp" : "udp"} ${source} > ${destination}`, isTcp };
}

function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Octets as characters of the same number. */
function charactersOf(hexadecimal: string): string {
  const octets = hexadecimal.match(/../g) ?? [];
  return octets.map((octet) => String.fromCharCode(parseInt(octet, 16))).join("");
}

/** The first value of a header field, by its names. */
function header(message: string, ...names: string[]): string {
  const head = message.slice(0, message.indexOf("\r\n\r\n"));
  const found = new RegExp(`^(?:${names.join("|")})[ \\t]*:[ \\t]*(.*)$`, "im").exec(head);
  return found?.[1]?.trim() ?? "";
}

function userOf(value: string): string {
  return /<sips?:([^@>;]+)@/i.exec(value)?.[1] ?? "";
}

/** Length of the message that a stream begins with; undefined while it is not whole. */
function lengthOf(stream: string): number | undefined {
  const end = stream.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const length = end + 4 + Number(header(stream, "Content-Length", "l"));
  return length <= stream.length ? length : undefined;
}

/** One direction of a connection. */
class Stream {
  #next: number | undefined;
  #text = "";
  readonly #early = new Map<number, string>();

  /** Messages that a segment completes. */
  take(sequence: number, payload: string): string[] {
    this.#next ??= sequence;
    this.#early.set(sequence, payload);
    for (let found = true; found;) {
      found = false;
      for (const [start, text] of this.#early) {
        // Repeated octets are left out; numbers wrap.
        const known = (this.#next - start) | 0;
        if (known < 0) continue;
        this.#early.delete(start);
        found = true;
        if (known >= text.length) continue;
        this.#text += text.slice(known);
        this.#next = (start + text.length) >>> 0;
      }
    }
    const messages: string[] = [];
    for (;;) {
      this.#text = this.#text.replace(/^(?:\r\n)+/, "");
      const length = lengthOf(this.#text);
      if (length === undefined) return messages;
      messages.push(this.#text.slice(0, length));
      this.#text = this.#text.slice(length);
    }
  }
}

/** Endpoints of a session description's media, with those of their control protocol. */
function endpointsOf(message: string): string[] {
  const body = message.slice(message.indexOf("\r\n\r\n") + 4);
  const address = /^c=IN IP[46] (\S+)/m.exec(body)?.[1];
  if (address === undefined) return [];
  const ports = [...body.matchAll(/^m=\w+ (\d+)/gm)].map(([, port]) => Number(port)).filter((port) =>
    port > 0
  );
  return ports.flatMap((port) => [endpoint(address, port), endpoint(address, port + 1)]);
}

/** All calls of a capture by Call-ID; fails where tshark counts other messages than there are. */
export async function callsIn(path: string): Promise<Map<string, Call>> {
  const packets = await packetsOf(path);
  const streams = new Map<string, Stream>();
  const calls = new Map<string, { fromUser: string; toUser: string; firstLines: string[]; sent: Sent[] }>();
  const owners = new Map<string, string>();
  const shown = new Map<string, number>();
  for (const packet of packets) {
    const { source, destination, way, isTcp } = wayOf(packet);
    const time = Number(packet["frame.time_epoch"]);
    for (const callId of packet["sip.Call-ID"].split("|").filter((id) => id !== "")) {
      shown.set(callId, (shown.get(callId) ?? 0) + 1);
    }
    const payload = charactersOf(packet[isTcp ? "tcp.payload" : "udp.payload"]);
    let messages: string[] = [];
    if (isTcp) {
      // Connections follow each other between the same ports.
      const direction = `${packet["tcp.stream"]} ${way}`;
      const stream = streams.get(direction) ?? new Stream();
      streams.set(direction, stream);
      messages = stream.take(Number(packet["tcp.seq_raw"]), payload);
    } else if (packet["sip.Call-ID"] !== "") messages = [payload];
    for (const message of messages) {
      const callId = header(message, "Call-ID", "i");
      const call = calls.get(callId) ?? {
        fromUser: userOf(header(message, "From", "f")),
        toUser: userOf(header(message, "To", "t")),
        firstLines: [],
        sent: [],
      };
      calls.set(callId, call);
      call.firstLines.push(message.slice(0, message.indexOf("\r\n")));
      call.sent.push({ way, octets: hexadecimalOf(message), time, callId, isSip: true });
      for (const announced of endpointsOf(message)) owners.set(announced, callId);
    }
    const owner = isTcp || messages.length > 0 ? undefined : owners.get(destination) ?? owners.get(source);
    if (owner !== undefined) {
      calls.get(owner)?.sent.push({ way, octets: packet["udp.payload"], time, callId: owner, isSip: false });
    }
  }
  const counted = new Map(
    Array.from(calls, ([callId, { firstLines }]) => [callId, firstLines.length] as const),
  );
  assert.deepEqual(new Map([...counted].sort()), new Map([...shown].sort()), "tshark counts other messages");
  return new Map(Array.from(calls, ([callId, call]) => [callId, { callId, ...call }]));
}

function hexadecimalOf(characters: string): string {
  return Array.from(characters, (character) => character.charCodeAt(0).toString(16).padStart(2, "0")).join(
    "",
  );
}

/** All that is sent in a capture over UDP, and in TCP segments that carry something, in the order of the file. */
export async function sentIn(path: string): Promise<Omit<Sent, "callId" | "isSip">[]> {
  return (await packetsOf(path)).map((packet) => {
    const { way, isTcp } = wayOf(packet);
    const octets = packet[isTcp ? "tcp.payload" : "udp.payload"];
    return { way, octets, time: Number(packet["frame.time_epoch"]) };
  });
}

/** How often each of them was sent. */
export function countsOf(sent: readonly Pick<Sent, "way" | "octets">[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { way, octets } of sent) {
    const key = `${way} ${octets}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
