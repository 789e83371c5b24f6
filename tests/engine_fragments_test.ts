/** IP fragments through the engine: what becomes of them on the wire, in JSON lines and in capture files. */
import assert from "node:assert/strict";
import type { Filter, FilterTypeName } from "../src/engine/filter.ts";
import {
  concat,
  engine,
  fixture,
  type JsonPacket,
  packetsOf,
  run,
  runOn,
  type RunOptions,
} from "./engine_run.ts";
import {
  checksumOf,
  ethernetFrame,
  fragment,
  fragments,
  ipPacket,
  type Link,
  links,
  udpPacket,
  vlanFrame,
} from "./fragment_frames.ts";
import {
  back,
  type CaptureRecord,
  type Ends,
  ends,
  linkType,
  pcapFile,
  pcapng,
  readCapture,
  readRecords,
  record,
  tcpFrame,
  u16,
  wireName,
} from "./frames.ts";
import { observe, type Observed } from "./layers_run.ts";
import { decodeWire } from "./wire_messages.ts";

const START = 1_700_000_000_000_000_000n;
const SECOND = 1_000_000_000n;

const server4 = back(ends());
const server6 = back(ends({ source: "2001:db8:0:0:0:0:0:2", destination: "2001:db8:0:0:0:0:0:1" }));
const versions: readonly (readonly [name: string, there: Ends])[] = [["IPv4", server4], ["IPv6", server6]];

/** A DNS response to a TXT question, with so many texts of 100 octets. */
function answer(id: number, name: string, texts: number): Uint8Array {
  const question = [...wireName(name), 0, 16, 0, 1];
  const text = (number: number) => new TextEncoder().encode(String(number).padEnd(100, "x"));
  const one = (number: number) => [0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 101, 100, ...text(number)];
  const records = Array.from({ length: texts }, (_, number) => one(number)).flat();
  return Uint8Array.from([...u16(id), 0x84, 0, 0, 1, ...u16(texts), 0, 0, 0, 0, ...question, ...records]);
}

/** Frames a millisecond apart. */
function capture(frames: readonly Uint8Array[], link = linkType.ethernet as number): Uint8Array {
  const records = frames.map((frame, at) => record(frame, START + BigInt(at) * 1_000_000n));
  return pcapFile(records, { linkType: link, nanoseconds: true });
}

/** Each packet's time, in milliseconds after the first frame. */
function timesOf({ shown }: Observed): number[] {
  return shown.map((packet) => Number((BigInt(packet.timestamp_ns as number) - START) / 1_000_000n));
}

function dataOf({ sent }: Observed): Uint8Array[] {
  return sent.map((packet) => packet.data as Uint8Array);
}

function answersIn(packet: JsonPacket | undefined): number {
  return (packet?.dns as { answers: unknown[] } | undefined)?.answers.length ?? 0;
}

function filter(id: string, type: FilterTypeName, pattern: string): Filter {
  return { id, type, pattern, enabled: true, targetHunters: [], description: "" };
}

function filtered(...filters: Filter[]): RunOptions {
  return { filters: { filters } };
}

const orders: readonly (readonly [name: string, order: (pieces: Uint8Array[]) => Uint8Array[]])[] = [
  ["in order", (pieces) => pieces],
  ["in reverse", (pieces) => pieces.toReversed()],
  ["the last one first", (pieces) => [...pieces.slice(-1), ...pieces.slice(0, -1)]],
  ["the first one last", (pieces) => [...pieces.slice(1), ...pieces.slice(0, 1)]],
];

function checkRebuilt(link: Link, there: Ends, order: (pieces: Uint8Array[]) => Uint8Array[]): void {
  const packet = udpPacket(answer(7, "big.example.com", 20), there);
  const frames = order(fragments(packet, 512)).map(link.frame);
  const before = link.frame(udpPacket(answer(6, "small.example.com", 1), there));
  const seen = observe(capture([before, ...frames, before], link.linkType));
  const expected = link.frame(packet);
  assert.deepEqual(dataOf(seen), [before, expected, before]);
  assert.deepEqual(timesOf(seen), [0, frames.length, frames.length + 1]);
  assert.deepEqual(seen.written.map((one) => [one.data, one.originalLength]), [
    [before, before.length],
    [expected, expected.length],
    [before, before.length],
  ]);
  const [, whole] = seen.shown;
  assert.deepEqual(
    [whole?.capture_length, whole?.original_length, whole?.link_type, whole?.src_port, whole?.protocol],
    [expected.length, expected.length, link.linkType, 53, "DNS"],
  );
  assert.equal(answersIn(whole), 20);
  const { fragments_merged, datagrams_rebuilt, fragments_given_up, dns_partial, bad_lengths } = seen.counters;
  assert.deepEqual(
    [fragments_merged, datagrams_rebuilt, fragments_given_up, dns_partial, bad_lengths],
    [frames.length, 1, 0, 0, 0],
  );
}

for (const [version, there] of versions) {
  for (const link of links) {
    for (const [name, order] of orders) {
      Deno.test(`${version} fragments on ${link.name}, ${name}: the datagram goes out, when it is whole`, () => {
        checkRebuilt(link, there, order);
      });
    }
  }

  Deno.test(`${version} fragments of several datagrams at once are kept apart`, () => {
    const packets = [1, 2, 3].map((id) => udpPacket(answer(id, `n${id}.example.com`, 9), there, id));
    const pieces = packets.map((packet, id) => fragments(packet, 256, { identification: id }));
    const mixed = (pieces[0] ?? []).flatMap((_, at) =>
      pieces.map((some) => ethernetFrame(some[at] ?? packets[0]!))
    );
    const seen = observe(capture(mixed));
    assert.deepEqual(dataOf(seen), packets.map(ethernetFrame));
    assert.equal(seen.counters.datagrams_rebuilt, 3);
  });

  Deno.test(`${version} fragments that come twice count once`, () => {
    const packet = udpPacket(answer(7, "big.example.com", 9), there);
    const frames = fragments(packet, 256).map(ethernetFrame);
    const seen = observe(
      capture(frames.flatMap((frame, at) => at + 1 < frames.length ? [frame, frame] : [frame])),
    );
    assert.deepEqual(dataOf(seen), [ethernetFrame(packet)]);
    assert.deepEqual([seen.counters.fragment_duplicates, seen.counters.fragments_merged], [
      frames.length - 1,
      frames.length,
    ]);
  });

  Deno.test(`${version} fragments that come again behind their datagram are left out, and counted`, () => {
    const packet = udpPacket(answer(7, "big.example.com", 9), there);
    const frames = fragments(packet, 256).map(ethernetFrame);
    for (const again of [frames.slice(-1), frames.slice(0, 2)]) {
      const seen = observe(capture([...frames, ...again]));
      assert.deepEqual(dataOf(seen), [ethernetFrame(packet)]);
      assert.equal(seen.counters.fragment_duplicates, again.length);
    }
  });

  Deno.test(`${version} fragments of a datagram that stays incomplete are shown as they are, at the end`, () => {
    const packet = udpPacket(answer(7, "big.example.com", 9), there);
    const frames = fragments(packet, 256).map(ethernetFrame);
    const other = ethernetFrame(udpPacket(answer(8, "other.example.com", 1), there));
    for (const missing of frames.keys()) {
      const left = frames.filter((_, at) => at !== missing);
      const seen = observe(capture([...left.toReversed(), other]));
      // The first fragment leads, since it says what the others belong to.
      const [first, rest] = missing === 0 ? [[], left] : [left.slice(0, 1), left.slice(1)];
      const expected = [other, ...first, ...rest.toReversed()];
      assert.deepEqual(dataOf(seen), expected);
      assert.deepEqual(seen.written.map((one) => one.data), expected);
      const place = (frame: Uint8Array) => [...left.toReversed(), other].indexOf(frame);
      assert.deepEqual(timesOf(seen), expected.map(place));
      assert.deepEqual([seen.counters.fragments_given_up, seen.counters.fragments_merged], [left.length, 0]);
    }
  });

  Deno.test(`${version} fragments wait 30 s of packet time for the rest`, () => {
    const packet = udpPacket(answer(7, "big.example.com", 9), there);
    const [first = packet, ...rest] = fragments(packet, 1000).map(ethernetFrame);
    const timed = (seconds: bigint) => {
      const records = [record(first, START), ...rest.map((frame) => record(frame, START + seconds * SECOND))];
      return observe(pcapFile(records, { nanoseconds: true }));
    };
    assert.deepEqual(dataOf(timed(29n)), [ethernetFrame(packet)]);
    const late = timed(31n);
    assert.deepEqual(dataOf(late), [first, ...rest]);
    assert.equal(late.counters.fragments_given_up, 1 + rest.length);
  });

  Deno.test(`${version} fragments: filters and modes decide on the whole datagram`, () => {
    const frames = [
      ...fragments(udpPacket(answer(7, "www.example.com", 9), there, 1), 256, { identification: 1 }),
      ...fragments(udpPacket(answer(8, "example.org", 9), there, 2), 256, { identification: 2 }),
      ...fragments(udpPacket(new Uint8Array(900), { ...there, sourcePort: 9 }, 3), 256, {
        identification: 3,
      }),
    ].map(ethernetFrame);
    const packets = capture(frames);
    const [www, org, discard] = dataOf(observe(packets));
    const cases: readonly [options: RunOptions, expected: (Uint8Array | undefined)[]][] = [
      [filtered(filter("www", "dns_domain", "*.example.com")), [www]],
      [filtered(filter("org", "dns_domain", "example.org")), [org]],
      [filtered(filter("none", "dns_domain", "example.net")), []],
      [filtered(filter("source", "ip_address", there.source)), [www, org, discard]],
      [filtered(filter("other", "ip_address", "198.51.100.9")), []],
      [{ filters: { localDomains: ["example.org"] } }, [org]],
      [{ protocol: "dns", dnsPorts: [53] }, [www, org]],
      [{ protocol: "dns", dnsPorts: [53], ...filtered(filter("www", "dns_domain", "www.*")) }, [www]],
      [{ protocol: "dns", dnsPorts: [5300] }, []],
    ];
    for (const [options, expected] of cases) {
      const seen = observe(packets, options);
      assert.deepEqual(dataOf(seen), expected, JSON.stringify(options));
      assert.equal(seen.counters.datagrams_rebuilt, 3);
      assert.equal(
        (seen.counters.rejected_by_mode ?? 0) + (seen.counters.rejected_by_filters ?? 0),
        3 - expected.length,
      );
    }
  });

  Deno.test(`${version} fragments without the rest of their datagram share the fate of the first one`, () => {
    const packet = udpPacket(answer(7, "www.example.com", 9), there);
    const frames = fragments(packet, 256).map(ethernetFrame).slice(0, -1);
    const passed = [{}, filtered(filter("www", "dns_domain", "www.*")), { protocol: "dns" }] as const;
    for (const options of passed) assert.deepEqual(dataOf(observe(capture(frames), options)), frames);
    const rejected = [filtered(filter("org", "dns_domain", "*.org")), {
      protocol: "dns",
      dnsPorts: [1],
    }] as const;
    for (const options of rejected) assert.deepEqual(dataOf(observe(capture(frames), options)), []);
    // Without the first one nobody knows.
    const behind = frames.slice(1);
    assert.deepEqual(dataOf(observe(capture(behind))), behind);
    const { counters } = observe(capture(behind), { protocol: "dns" });
    assert.deepEqual([counters.kept, counters.rejected_fragments], [0, behind.length]);
  });

  Deno.test(`${version} fragments of one datagram do not come from two VLANs`, () => {
    const packet = udpPacket(answer(7, "www.example.com", 9), there);
    const pieces = fragments(packet, 256);
    const twice = pieces.flatMap((piece) => [vlanFrame(piece, 1), vlanFrame(piece, 2)]);
    assert.deepEqual(dataOf(observe(capture(twice))), [vlanFrame(packet, 1), vlanFrame(packet, 2)]);
    const halves = pieces.map((piece, at) => vlanFrame(piece, at === 0 ? 1 : 2));
    assert.deepEqual(dataOf(observe(capture(halves))).length, pieces.length);
  });

  Deno.test(`${version} fragments that are padded, or cut by the snap length`, () => {
    const packet = udpPacket(new Uint8Array(20).fill(7), there);
    const pieces = fragments(packet, 16).map(ethernetFrame);
    const padded = pieces.map((frame) =>
      concat([frame, new Uint8Array(Math.max(0, 80 - frame.length)).fill(0xee)])
    );
    assert.deepEqual(dataOf(observe(capture(padded))), [ethernetFrame(packet)]);
    const records = pieces.map((frame, at): CaptureRecord => {
      const whole = record(frame, START + BigInt(at));
      return at === 1 ? { ...whole, data: frame.subarray(0, frame.length - 3) } : whole;
    });
    const seen = observe(pcapFile(records, { nanoseconds: true }));
    assert.deepEqual(
      seen.written.map(({ data, originalLength }) => [data, originalLength]),
      records.map(({ data, originalLength }) => [data, originalLength]),
    );
    assert.equal(seen.counters.fragments_given_up, 2);
  });

  Deno.test(`${version} fragments: the limit counts datagrams, and holds for what is given up at the end`, () => {
    const packets = [1, 2, 3].map((id) => udpPacket(answer(id, "a.example.com", 9), there, id));
    const whole = packets.flatMap((packet, id) =>
      fragments(packet, 512, { identification: id }).map(ethernetFrame)
    );
    for (const limit of [1, 2, 3]) {
      const seen = runOn(engine({ limit }), capture(whole));
      assert.deepEqual([seen.packets, seen.counters.datagrams_rebuilt], [limit, limit]);
    }
    const open = packets.flatMap((packet, id) =>
      fragments(packet, 512, { identification: id }).slice(1).map(ethernetFrame)
    );
    const last = ethernetFrame(udpPacket(answer(9, "b.example.com", 1), there));
    assert.equal(runOn(engine({ limit: 1 }), capture([...open, last])).packets, 1);
  });

  Deno.test(`${version} fragments keep the interface that they came from`, () => {
    const packet = udpPacket(answer(7, "www.example.com", 9), there);
    const pieces = fragments(packet, 512).map(ethernetFrame);
    const late = record(ethernetFrame(udpPacket(answer(8, "b.example.com", 1), there)), START + 60n * SECOND);
    const sources = (seen: Observed) =>
      seen.shown.map((one) => [one.interface_index ?? 0, one.interface_name ?? ""]);
    for (const frames of [pieces, pieces.slice(1)]) {
      const records = [...frames.map((frame) => record(frame, START)), late];
      const seen = observe(pcapFile(records, { nanoseconds: true }), { interfaceName: "eth7" });
      assert.deepEqual(sources(seen), seen.shown.map(() => [0, "eth7"]));
      const file = concat([
        pcapng.section(),
        ...["lo", "eth8"].map((name) => pcapng.interface(linkType.ethernet, new TextEncoder().encode(name))),
        ...records.map((one) => pcapng.packet(1, one)),
      ]);
      const read = observe(file);
      assert.deepEqual(sources(read), read.shown.map(() => [1, "eth8"]));
    }
  });
}

/** 48 octets behind the header of a UDP datagram of 48, in three fragments; the second one comes in several ways. */
function overlapping(
  there: Ends,
  copies: (packet: Uint8Array) => Uint8Array[],
): [packet: Uint8Array, Observed] {
  const packet = udpPacket(Uint8Array.from({ length: 40 }, (_, at) => at), { ...there, sourcePort: 9 });
  const frames = [fragment(packet, 0, 16), ...copies(packet), fragment(packet, 32, 48)];
  return [packet, observe(capture(frames.map(ethernetFrame)))];
}

Deno.test("IPv4 fragments that overlap: what came last counts", () => {
  const content = (byte: number, length: number) => new Uint8Array(length).fill(byte);
  const cases: readonly [copies: (packet: Uint8Array) => Uint8Array[], bytes: [at: number, Uint8Array][]][] =
    [
      [(packet) => [fragment(packet, 8, 32, { content: content(1, 24) })], [[8, content(1, 24)]]],
      [
        (packet) => [
          fragment(packet, 16, 24),
          fragment(packet, 16, 24, { content: content(1, 8) }),
          fragment(packet, 24, 32, { content: content(2, 8) }),
        ],
        [[16, content(1, 8)], [24, content(2, 8)]],
      ],
      [
        (packet) => [
          fragment(packet, 24, 40, { content: content(1, 16), more: true }),
          fragment(packet, 16, 32, { content: content(2, 16) }),
        ],
        [[16, content(2, 16)]],
      ],
    ];
  for (const [copies, changes] of cases) {
    const [packet, seen] = overlapping(server4, copies);
    const expected = ethernetFrame(packet);
    for (const [at, bytes] of changes) expected.set(bytes, 14 + 20 + at);
    assert.deepEqual(dataOf(seen), [expected]);
    assert.ok((seen.counters.fragment_overlaps ?? 0) > 0);
    assert.equal(checksumOf(expected.subarray(14, 34)), 0);
  }
});

Deno.test("IPv6 fragments that overlap: the datagram is given up, and nothing of it lost", () => {
  const [packet, seen] = overlapping(server6, (packet) => [fragment(packet, 8, 32)]);
  const frames = [fragment(packet, 0, 16), fragment(packet, 8, 32), fragment(packet, 32, 48)].map(
    ethernetFrame,
  );
  assert.deepEqual(dataOf(seen), frames);
  assert.deepEqual([seen.counters.datagrams_rebuilt, seen.counters.fragments_given_up], [0, 3]);
  assert.ok((seen.counters.fragment_overlaps ?? 0) > 0);
});

Deno.test("IPv4 protocols have identifications of their own", () => {
  const [udp, other] = [udpPacket(new Uint8Array(52), server4), ipPacket(253, new Uint8Array(60), server4)];
  const pieces = [udp, other].map((packet) => fragments(packet, 32));
  const frames = (pieces[0] ?? []).flatMap((_, at) => pieces.map((some) => ethernetFrame(some[at] ?? udp)));
  assert.deepEqual(dataOf(observe(capture(frames))), [udp, other].map(ethernetFrame));
});

Deno.test("a fragmented TCP segment is one segment", () => {
  const message = answer(7, "www.example.com", 9);
  const packet = tcpFrame(concat([u16(message.length), message]), server4).subarray(14);
  const seen = observe(capture(fragments(packet, 256).map(ethernetFrame)));
  assert.deepEqual([seen.shown.length, answersIn(seen.shown[0])], [1, 9]);
});

Deno.test("fragments in PKTAP come out without it on the wire, and with it in a file", () => {
  const packet = udpPacket(answer(7, "www.example.com", 9), server4);
  const [PKTAP, header] = [258, new Uint8Array(108)];
  header.set([108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, ...new TextEncoder().encode("en0")]);
  const frames = fragments(packet, 256).map((piece) => concat([header, ethernetFrame(piece)]));
  const { json, wire, pcap, counters } = run(capture(frames, PKTAP), { outputs: ["json", "wire", "pcap"] });
  const whole = ethernetFrame(packet);
  assert.deepEqual(readRecords(pcap, PKTAP).map((one) => one.data), [concat([header, whole])]);
  const sent = decodeWire(wire).map((one) => [one.data, one.link_type, one.capture_length]);
  assert.deepEqual(sent, [[whole, linkType.ethernet, whole.length]]);
  assert.equal(answersIn(packetsOf(json)[0]), 9);
  assert.equal(counters.unsendable_link_types, 0);
});

Deno.test("fragments behind tags of switches come out without them, and whole", () => {
  const packet = udpPacket(answer(7, "www.example.com", 9), server4);
  const whole = ethernetFrame(packet);
  const session = (ip: Uint8Array) => [0x88, 0x64, 0x11, 0, 0, 1, ...u16(ip.length + 2), 0, 0x21, ...ip];
  const addresses = whole.subarray(0, 12);
  const behind: Record<string, (ip: Uint8Array) => (readonly number[] | Uint8Array)[]> = {
    MACsec: (ip) => [[0x88, 0xe5, 0, 0, 0, 0, 0, 1, 8, 0], ip, new Uint8Array(16)],
    "802.1ah": (ip) => [[0x88, 0xe7, 0, 0, 0, 1], addresses, session(ip)],
    "802.1BR": (ip) => [[0x89, 0x3f, 0, 0, 0, 1, 0, 0], session(ip)],
    NSH: (ip) => [[0x89, 0x4f, 0x0f, 0xc2, 2, 1, 0, 0, 1, 0xff], ip],
  };
  for (const [name, tagged] of Object.entries(behind)) {
    const frames = fragments(packet, 256).map((piece) => concat([addresses, ...tagged(piece)]));
    const { json, wire, counters } = run(capture(frames), { outputs: ["json", "wire"] });
    assert.deepEqual(decodeWire(wire).map((one) => one.data), [whole], name);
    assert.deepEqual([answersIn(packetsOf(json)[0]), counters.bad_lengths ?? 0], [9, 0], name);
  }
});

Deno.test("fragments on cooked version 2 come out as version 1 on the wire", () => {
  const packet = udpPacket(answer(7, "www.example.com", 9), server4);
  const header = (
    protocol = 0x0800,
  ) => [...u16(protocol), 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
  const frames = fragments(packet, 256).map((piece) => concat([header(), piece]));
  const { json, wire, pcap } = run(capture(frames, linkType.sll2), { outputs: ["json", "wire", "pcap"] });
  const written = readRecords(pcap, linkType.sll2);
  assert.deepEqual(written.map((one) => one.data), [concat([header(), packet])]);
  const version1 = concat([[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0], packet]);
  assert.deepEqual(decodeWire(wire).map((one) => [one.data, one.link_type]), [[version1, linkType.sll]]);
  assert.equal(answersIn(packetsOf(json)[0]), 9);
});

Deno.test("fragments in a capture of real programs: the datagrams that they make", () => {
  const seen = observe(fixture("dns-vlan.pcap"));
  const records = readCapture(fixture("dns-vlan.pcap"));
  assert.deepEqual([seen.counters.fragments_merged, seen.counters.datagrams_rebuilt], [6, 2]);
  assert.equal(seen.shown.length, records.length - 4);
  assert.equal(seen.counters.dns_partial, 0);
});
