/**
 * The vectors of protocol detection (`wasm/src/detect/vectors.json`), as frames through the compiled engine. The
 * engine's own tests read the same file.
 *
 * @module
 */
import assert from "node:assert/strict";
import vectors from "../wasm/src/detect/vectors.json" with { type: "json" };
import { concat, type JsonPacket, packetsOf, run } from "./engine_run.ts";
import { back, type Ends, hex, ipFrame, pcapFile, record, tcpFrame, u16, udpFrame } from "./frames.ts";

type Vector = typeof vectors[number];

/** A packet that is still to be framed. */
interface Packet {
  readonly transport: string;
  readonly ends: Ends;
  readonly payload: Uint8Array;
}

const utf8 = new TextEncoder();

/** From 10.0.0.1 to 10.0.0.2. */
function between(sourcePort: number, destinationPort: number): Ends {
  return { source: "10.0.0.1", sourcePort, destination: "10.0.0.2", destinationPort };
}

function endsOf({ source_port, destination_port, reverse }: Vector): Ends {
  return reverse ? back(between(destination_port, source_port)) : between(source_port, destination_port);
}

/** An offer of audio at an address and port. */
function offer(address: string, port: number): Uint8Array {
  const body = `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\n` +
    `m=audio ${port} RTP/AVP 0 111 96\r\n`;
  const head = `INVITE sip:bob@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP ${address}:5060;branch=z9hG4bKs\r\n` +
    `From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: setup\r\nCSeq: 1 INVITE\r\n` +
    `Content-Type: application/sdp\r\nContent-Length: ${body.length}\r\n\r\n`;
  return utf8.encode(head + body);
}

/** The RTP packet `steps` before this one: of the same source, 160 samples each. */
function earlier(packet: Uint8Array, steps: number): Uint8Array {
  const copy = packet.slice();
  const view = new DataView(copy.buffer);
  view.setUint16(2, view.getUint16(2) - steps);
  view.setUint32(4, view.getUint32(4) - 160 * steps);
  return copy;
}

/** STUN: a TURN allocation (RFC 8656) asked for and granted. */
const allocate = {
  request: hex("0003 0008 2112a442 000102030405060708090a0b 0019 0004 11000000"),
  success: hex(
    "0103 0018 2112a442 000102030405060708090a0b 0016 0008 0001e112e112a643 000d 0004 00000258 0000 0000",
  ),
};

/** The packets that bring about the state in which a vector is judged. */
function setup(vector: Vector): Packet[] {
  const ends = endsOf(vector);
  const payload = hex(vector.payload);
  const udp = (payload: Uint8Array, there = ends) => ({ transport: "UDP", ends: there, payload });
  switch (vector.setup) {
    case null:
      return [];
    case "sdp-endpoint":
      return [udp(offer(ends.destination, ends.destinationPort), back(between(5060, 5060)))];
    case "confirmed":
      return [udp(earlier(payload, 2)), udp(earlier(payload, 1))];
    case "turn-allocation":
      return [udp(allocate.request), udp(allocate.success, back(ends))];
    default:
      throw new Error(`no packets bring ${vector.setup} about`);
  }
}

/** Ethernet frames; TCP streams go on where they were. */
class Framer {
  readonly #sequence = new Map<string, number>();

  frame({ transport, ends, payload }: Packet): Uint8Array {
    switch (transport) {
      case "UDP":
        return udpFrame(payload, ends);
      case "TCP": {
        const flow = JSON.stringify(ends);
        const sequence = this.#sequence.get(flow) ?? 1000;
        this.#sequence.set(flow, sequence + payload.length);
        return tcpFrame(payload, ends, sequence);
      }
      case "SCTP": {
        const header = [...u16(ends.sourcePort), ...u16(ends.destinationPort), 0, 0, 0, 1, 0, 0, 0, 0];
        return ipFrame(132, concat([header, payload]), ends);
      }
      case "ICMP":
        return ipFrame(1, payload, ends);
      case "ARP":
        return concat([hex("ffffffffffff 020000000001 0806"), payload]);
      default:
        throw new Error(`no frame for ${transport}`);
    }
  }
}

/** What the packets come out as, in order; 20 ms lie between two. */
function packetsThrough(packets: readonly Packet[], blockSize?: () => number): JsonPacket[] {
  const framer = new Framer();
  const records = packets.map((packet, at) =>
    record(framer.frame(packet), 1_700_000_000_000_000_000n + BigInt(at) * 20_000_000n)
  );
  const shown = packetsOf(run(pcapFile(records, { nanoseconds: true }), { blockSize }).json);
  assert.equal(shown.length, packets.length);
  return shown;
}

/** What a packet is called that was not recognised: its transport, or the layer that names it. */
const plain: Readonly<Record<string, readonly string[]>> = {
  TCP: ["TCP"],
  UDP: ["UDP"],
  SCTP: ["SCTP"],
  ICMP: ["ICMP", "IPv4"],
  ARP: ["ARP"],
};

function check(vector: Vector, packet: JsonPacket | undefined): void {
  const allowed = vector.expected === null ? plain[vector.transport] : [vector.expected];
  const what = `${vector.id} (${vector.protocol}${vector.remark === null ? "" : `, ${vector.remark}`})`;
  assert.ok(
    allowed?.includes(String(packet?.protocol)),
    `${what} is called ${packet?.protocol}, not ${allowed}`,
  );
}

/** Vectors one after another: those of a group are packets of one run. */
const runs: readonly Vector[][] = vectors.reduce<Vector[][]>((groups, vector) => {
  const last = groups.at(-1);
  if (vector.group !== null && last?.[0]?.group === vector.group) last.push(vector);
  else groups.push([vector]);
  return groups;
}, []);

function packetOf(vector: Vector): Packet {
  return { transport: vector.transport, ends: endsOf(vector), payload: hex(vector.payload) };
}

for (const group of runs) {
  const [first] = group;
  assert.ok(first);
  const wanted = group.map(({ expected }) => expected ?? "nothing").join(", ");
  Deno.test(`detection: ${first.group ?? first.id} is ${wanted}`, () => {
    const before = setup(first);
    const shown = packetsThrough([...before, ...group.map(packetOf)]);
    group.forEach((vector, at) => check(vector, shown[before.length + at]));
  });
}

/** Vectors whose packets hold what must not leave the node, or must not be believed. */
const kept: readonly [id: string, text: string][] = [
  ["S9", "forged"],
  ["S9", "victim"],
  ["F2", "secret"],
  ["F5", "hunter2"],
  ["F8", "YWxpY2U="],
];

for (const [id, text] of kept) {
  Deno.test(`detection: ${id} does not tell ${text}`, () => {
    const vector = vectors.find((one) => one.id === id);
    assert.ok(vector);
    assert.ok(new TextDecoder().decode(hex(vector.payload)).includes(text));
    const [packet] = packetsThrough([packetOf(vector)]);
    const shown = JSON.stringify(
      packet,
      (_key, value: unknown) => typeof value === "bigint" ? `${value}` : value,
    );
    assert.ok(!shown.includes(text), shown);
  });
}

Deno.test("detection: all vectors in one capture, in blocks of any size", () => {
  const packets = vectors.flatMap((vector) => [...setup(vector), packetOf(vector)]);
  const whole = packetsThrough(packets);
  for (const size of [1, 100, 4096]) {
    assert.deepEqual(packetsThrough(packets, () => size), whole, `${size} bytes`);
  }
});
