/** What holds of the engine's outputs for every capture: among each other, with the wire contract, and however the input is cut. */
import assert from "node:assert/strict";
import type { Filter, FilterTypeName } from "../src/engine/filter.ts";
import {
  concat,
  engine,
  fixture,
  fixtureNames,
  packetsOf,
  randomNumbers,
  run,
  runOn,
  type RunOptions,
  sharedCaptureNames,
  sharedFile,
} from "./engine_run.ts";
import {
  back,
  type CaptureRecord,
  ends,
  hex,
  linkType,
  pcapFile,
  pcapng,
  query,
  readCapture,
  readRecords,
  record,
  tcpFrame,
  u16,
  udpFrame,
} from "./frames.ts";
import { assertAccounted } from "./layers_run.ts";
import { reassembled } from "./reassembled.ts";
import { cut, handshake, type Segment, segmentRecords, tcpFlag } from "./tcp_frames.ts";
import {
  assertShown,
  assertShownAll,
  batchType,
  type Decoded,
  decodeWire,
  flattened,
  stringsOf,
} from "./wire_messages.ts";

const captures: readonly (readonly [name: string, bytes: () => Uint8Array])[] = [
  ...fixtureNames.map((name) => [name, () => fixture(name)] as const),
  ...sharedCaptureNames().map((name) =>
    [`shared ${name}`, () => sharedFile(name) ?? new Uint8Array()] as const
  ),
];
const everything = ["wire", "json", "text", "pcap"] as const;

for (const [name, bytes] of captures) {
  Deno.test(`${name}: the answer does not depend on where the input is cut`, () => {
    const capture = bytes();
    const options: RunOptions = { outputs: everything, batchPackets: 7, filters: {} };
    const whole = run(capture, options);
    assertAccounted(whole.counters);
    const below = capture.length < 20_000 ? [1, 100, 5000, 70_000] : [100, 5000, 70_000];
    for (const most of below) {
      const random = randomNumbers(most);
      const cut = run(capture, { ...options, blockSize: () => random(most) + 1 });
      assert.equal(cut.json, whole.json);
      assert.equal(cut.text, whole.text);
      assert.deepEqual(cut.wire, whole.wire);
      assert.deepEqual(cut.pcap, whole.pcap);
      assert.deepEqual(cut.counters, whole.counters);
      assert.deepEqual(cut.traffic, whole.traffic);
      // Faults of records are told at the end of a block.
      assert.deepEqual([...cut.notices].sort(), [...whole.notices].sort());
      assert.deepEqual([cut.packets, cut.bytes], [whole.packets, whole.bytes]);
    }
  });

  Deno.test(`${name}: wire, JSON and capture file agree`, () => {
    const capture = bytes();
    const { wire, pieces, json, pcap, pcapLinkType, counters, packets } = run(capture, {
      outputs: everything,
      batchPackets: 7,
    });
    const written = readRecords(pcap, pcapLinkType);
    // Fragments that wait in vain come late.
    const inOrder = (frames: CaptureRecord[]) =>
      counters.fragments_given_up ? frames.toSorted(byTime) : frames;
    const records = inOrder(reassembled(readCapture(capture)));
    assert.equal(written.length, records.length);
    inOrder(written).forEach((packet, at) => {
      const { data, ...rest } = packet;
      const { data: expected, ...restExpected } = records[at] ?? packet;
      assert.deepEqual(rest, restExpected);
      assert.ok(sameBytes(data, expected), `packet ${at + 1}`);
    });

    const shown = packetsOf(json);
    const decoded = decodeWire(wire);
    assert.equal(packets, written.length);
    assert.equal(counters.kept, written.length);
    assert.ok(pieces.every((count) => count > 0 && count <= 7));
    assert.equal(pieces.reduce((sum, count) => sum + count, 0), decoded.length);

    assert.equal(shown.length, written.length);
    shown.forEach((packet, at) => {
      const { timestampNs, data, originalLength, linkType } = written[at] ?? record(new Uint8Array());
      assert.deepEqual(
        [
          BigInt(packet.timestamp_ns as number),
          packet.capture_length,
          packet.original_length,
          packet.link_type,
        ],
        [timestampNs, data.length, originalLength, linkType],
      );
      const seconds = new Date(Number(timestampNs / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
      assert.equal(packet.timestamp, `${seconds}.${String(timestampNs % 1_000_000_000n).padStart(9, "0")}Z`);
    });
    if (written.every((packet) => packet.linkType !== linkType.sll2)) {
      assertShownAll(shown, decoded);
      decoded.forEach((packet, at) => {
        assert.ok(
          sameBytes(packet.data as Uint8Array ?? new Uint8Array(), written[at]?.data ?? new Uint8Array()),
        );
      });
    }
  });

  Deno.test(`${name}: a receiver shows what the sender shows`, () => {
    const { wire, json } = run(bytes(), { outputs: ["wire", "json"] });
    if (packetsOf(json).some((packet) => packet.link_type === linkType.sll2)) return;
    const header = batchType.encode({ hunter_id: "edge-1", sequence: 7, stats: { total_captured: 9 } })
      .finish();
    const receiver = engine();
    const info = receiver.processBatch(concat([header, wire]));
    const lines = json.split("\n").filter((line) => line !== "");
    assert.equal(info.packets, lines.length);
    assert.deepEqual([info.hunterId, info.sequence, info.captured], ["edge-1", 7n, 9n]);
    const received = new TextDecoder().decode(receiver.take().json).split("\n").filter((line) => line !== "");
    assert.deepEqual(received, lines.map((line) => line.replace(/",/, '","hunter_id":"edge-1",')));
  });
}

function byTime(one: CaptureRecord, other: CaptureRecord): number {
  return Number(one.timestampNs - other.timestampNs) || one.data.length - other.data.length;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

Deno.test("wire strings are valid UTF-8, whatever the input says", () => {
  const label = (octets: number[]) => [octets.length, ...octets];
  const names = [
    label([0xff, 0xfe, 0x41]),
    label([0xc3]), // The beginning of a character, cut off by the end of the label.
    [...label([0xe3, 0x81]), ...label([0x82])], // A character over two labels.
    label([0xed, 0xa0, 0x80]), // A surrogate.
    label([0xc0, 0x80]), // An overlong form.
    label([0, 7, 27, 0x7f, 0xc2, 0x9b]),
    label(Array.from({ length: 63 }, (_, at) => 0x80 + at)),
  ];
  const messages = names.map((name, id) => {
    const header = [...u16(id), 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
    const text = [3, 0xff, 0xc3, 0x28];
    return Uint8Array.from([
      ...header,
      ...[...name, 0, 0, 16, 0, 1],
      ...[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, ...u16(text.length), ...text],
    ]);
  });
  const interfaceName = Uint8Array.from([0x65, 0xff, 0x68, 0x80]);
  const capture = concat([
    pcapng.section(),
    pcapng.interface(linkType.ethernet, interfaceName),
    ...messages.map((message) => pcapng.packet(0, record(udpFrame(message, back(ends()))))),
  ]);
  const { wire, json } = run(capture, { outputs: ["wire", "json", "text"] });
  const decoded = decodeWire(wire);
  assert.equal(decoded.length, names.length);
  assertShownAll(packetsOf(json), decoded);
  assert.equal(decoded[0]?.interface_name, "e\ufffdh\ufffd");
  const texts = [...stringsOf(batchType, wire)];
  assert.ok(texts.length > 8 * names.length);
  for (const text of texts) new TextDecoder("utf-8", { fatal: true }).decode(text);
  const nameOf = (packet: Decoded | undefined) => ((packet?.metadata as Decoded)?.dns as Decoded)?.query_name;
  assert.equal(nameOf(decoded[0]), "\\255\\254A");
  assert.equal(nameOf(decoded[2]), "\\227\\129.\\130");
  assert.equal(nameOf(decoded[5]), "\\000\\007\\027\\127\\194\\155");
});

Deno.test("cooked version 2 becomes version 1 on the wire, and nowhere else", () => {
  const capture = fixture("dns-any.pcap");
  const records = readCapture(capture);
  const { wire, json } = run(capture, { outputs: everything });
  const decoded = decodeWire(wire);
  const shown = packetsOf(json);
  assert.equal(decoded.length, records.length);
  records.forEach(({ data, originalLength }, at) => {
    assert.equal(shown[at]?.link_type, linkType.sll2);
    // Packet type, ARPHRD, address length, address, protocol; the interface index has no place.
    const header = [0, data[10] ?? 0, data[8] ?? 0, data[9] ?? 0, 0, data[11] ?? 0, ...data.subarray(12, 20)];
    const expected = concat([header, data.subarray(0, 2), data.subarray(20)]);
    const packet = decoded[at] ?? {};
    assert.ok(sameBytes(packet.data as Uint8Array, expected));
    assert.equal(packet.link_type, linkType.sll);
    assert.equal(packet.capture_length, expected.length);
    assert.equal(packet.original_length, originalLength - 4);
    assertShown({ ...shown[at], timestamp: "" }, {
      ...flattened(packet),
      link_type: linkType.sll2,
      capture_length: data.length,
      original_length: originalLength,
    }, `packet ${at + 1}`);
  });
});

Deno.test("link types that the contract cannot carry are counted, and kept where they can be", () => {
  const records = [record(hex("00112233")), record(hex("44"))];
  const { wire, json, pcap, pcapLinkType, counters } = run(pcapFile(records, { linkType: 300 }), {
    outputs: everything,
  });
  assert.deepEqual([wire.length, packetsOf(json).length, readRecords(pcap, pcapLinkType).length], [0, 2, 2]);
  assert.deepEqual([counters.unsendable_link_types, counters.unknown_link_types], [2, 2]);
});

Deno.test("the limit ends an input after so many kept packets", () => {
  const capture = fixture("dns.pcap");
  const all = run(capture).json.split("\n");
  for (const limit of [1, 2, 100]) {
    const random = randomNumbers(limit);
    for (const blockSize of [undefined, () => random(200) + 1]) {
      const made = engine({ limit, ...(blockSize && { blockSize }) });
      const first = runOn(made, capture, blockSize === undefined ? {} : { blockSize });
      assert.deepEqual(first.json.split("\n").slice(0, -1), all.slice(0, limit));
      assert.equal(first.counters.kept, limit);
      assert.equal(runOn(made, capture).packets, 0, "the limit holds for all inputs together");
    }
  }
  // Only packets that pass count.
  const { json, counters } = run(capture, {
    limit: 3,
    filters: { filters: [filter("six", "ip_address", "::1")] },
  });
  assert.equal(packetsOf(json).length, 3);
  assert.ok((counters.packets ?? 0) > 100);
});

function filter(id: string, type: FilterTypeName, pattern: string, enabled = true): Filter {
  return { id, type, pattern, enabled, targetHunters: [], description: "" };
}

/** Ids per packet, "-" where none is shown; packets that were left out do not appear. */
function idsOf(capture: Uint8Array, options: RunOptions): string[] {
  const { wire, json } = run(capture, { ...options, outputs: ["wire", "json"] });
  const shown = packetsOf(json);
  assertShownAll(shown, decodeWire(wire));
  return shown.map((packet) => (packet.matched_filter_ids as string[] ?? ["-"]).join(" "));
}

Deno.test("filters: what passes, and the ids of those that let it", () => {
  const six = ends({ source: "2001:db8:0:0:0:0:0:2", destination: "2001:db8:0:0:0:0:0:1" });
  const other = ends({ source: "198.51.100.7" });
  const capture = pcapFile([
    record(udpFrame(query(1, "www.example.com", 1))),
    record(udpFrame(query(2, "example.com", 1), other)),
    record(tcpFrame(concat([u16(33), query(3, "WWW.Example.COM", 1)]), six)),
    record(udpFrame(hex("00"), ends({ destinationPort: 9 }))),
    record(hex("02000000000102000000000208060001")),
  ]);
  const cases: readonly [filters: Filter[], expected: string[], rest?: RunOptions["filters"]][] = [
    [[], ["-", "-", "-", "-", "-"]],
    [[], [], { noFilterPolicy: "deny" }],
    [[filter("off", "ip_address", "192.0.2.2", false)], [], { noFilterPolicy: "deny" }],
    [[filter("client", "ip_address", "192.0.2.2")], ["client", "client"]],
    [[filter("net", "ip_address", "192.0.2.0/24")], ["net", "net", "net"]],
    [[filter("six", "ip_address", "2001:db8::/32")], ["six"]],
    [[filter("exact", "ip_address", "2001:DB8::0002")], ["exact"]],
    [[filter("mapped", "ip_address", "::ffff:198.51.100.7")], ["mapped"]],
    [[filter("www", "dns_domain", "*.example.com")], ["www", "www"]],
    [[filter("all", "dns_domain", "*example.com.")], ["all", "all", "all"]],
    [[filter("equal", "dns_domain", "EXAMPLE.com")], ["equal"]],
    [[filter("none", "dns_domain", "example.org")], []],
    [
      [
        filter("d", "dns_domain", "*"),
        filter("b", "ip_address", "192.0.2.1"),
        filter("a", "ip_address", "192.0.2.2"),
      ],
      ["a b d", "b d", "d", "a b"],
    ],
    [[filter("kernel", "bpf", "udp")], ["-", "-", "-", "-", "-"], { noFilterPolicy: "deny" }],
    [[], ["-", "-"], { localDomains: ["www.*"] }],
    [[filter("client", "ip_address", "192.0.2.2")], ["client"], { localDomains: ["www.*"] }],
  ];
  for (const [filters, expected, rest = {}] of cases) {
    assert.deepEqual(
      idsOf(capture, { filters: { filters, ...rest } }),
      expected,
      JSON.stringify([filters, rest]),
    );
  }
  const { counters } = run(capture, { filters: { filters: [filter("net", "ip_address", "192.0.2.2")] } });
  assert.deepEqual([counters.packets, counters.kept, counters.rejected_by_filters], [5, 2, 3]);
});

Deno.test("filters that the engine cannot match are refused, and the others hold", () => {
  const made = engine();
  const filters = [
    filter("user", "sip_user", "alice@example.com"),
    filter("bad", "ip_address", "1.2.3"),
    filter("ok", "dns_domain", "a"),
  ];
  const refused = made.setFilters({ filters, noFilterPolicy: "allow", localDomains: [] });
  assert.deepEqual(refused.map(({ filter }) => filter.id), ["user", "bad"]);
  assert.ok(refused.every(({ reason }) => reason.length > 0));
  assert.equal(
    runOn(made, pcapFile([record(udpFrame(query(1, "a", 1))), record(udpFrame(query(1, "b", 1)))])).packets,
    1,
  );
});

Deno.test("want of room in one field refuses the last filters of that field alone", () => {
  const made = engine({ patternBufferMb: 4 });
  // Windows nearly all the same: only an automaton is good for these, which is large.
  const crowded = (number: number) => {
    const bits = Math.imul(number, 0x9e3779b9);
    return Array.from({ length: 20 }, (_, at) => ((bits >>> at & 1) === 1 ? "b" : "a").repeat(20)).join("");
  };
  const filters = [
    filter("kernel", "bpf", "udp"),
    filter("bad", "imsi", "x"),
    filter("name", "dns_domain", "a"),
    ...Array.from({ length: 3_000 }, (_, number) => filter(`u${number}`, "http_url", `*${crowded(number)}*`)),
    filter("user", "sip_user", "*"),
  ];
  const refused = made.setFilters({ filters, noFilterPolicy: "deny", localDomains: [] });
  const ids = new Set(refused.map(({ filter }) => filter.id));
  assert.ok(ids.delete("bad"));
  assert.ok(ids.has("u2999") && !ids.has("u0"));
  assert.ok([...ids].every((id) => id.startsWith("u") && id !== "user"));
  for (const { filter, reason } of refused) {
    assert.equal(reason.includes("--pattern-buffer-mb"), filter.id !== "bad", reason);
  }
});

Deno.test("DNS mode keeps DNS, and what belongs to it", () => {
  const vlan = fixture("dns-vlan.pcap");
  const all = packetsOf(run(vlan).json);
  const { json, counters } = run(vlan, { protocol: "dns", dnsPorts: [53] });
  // Fragments of answers stay; what the machines say to find each other goes.
  const kept = packetsOf(json);
  assert.deepEqual(kept, all.filter((packet) => packet.protocol !== "ICMPv6" && packet.protocol !== "ARP"));
  assert.equal((counters.rejected_by_mode ?? 0) + kept.length, all.length);
  const udp = packetsOf(run(vlan, { protocol: "dns", dnsPorts: [53], udpOnly: true }).json);
  assert.ok(udp.length > 0 && udp.length < kept.length);
  assert.ok(udp.every((packet) => packet.transport !== "TCP"));
  assert.equal(run(vlan, { protocol: "dns", dnsPorts: [5300] }).packets, 0);
  const frame = udpFrame(query(1, "example.com", 1), ends({ destinationPort: 5300 }));
  const custom = packetsOf(run(pcapFile([record(frame)]), { protocol: "dns", dnsPorts: [53, 5300] }).json);
  assert.equal((custom[0]?.dns as Decoded).query_name, "example.com");
});

Deno.test("a capture that begins with a keep-alive probe of a connection still tells what follows it", () => {
  const client = ends({ destinationPort: 8080 });
  const probe = { sequence: 0, flags: tcpFlag.ack, payload: new Uint8Array(1) };
  const names = (segments: readonly Segment[]) =>
    packetsOf(run(pcapFile(segmentRecords(segments, { client }))).json).map(({ protocol }) => protocol);
  const text = (line: string) => new TextEncoder().encode(line);
  const request = { payload: text("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n") };
  assert.deepEqual(names([probe, probe, request]), ["TCP", "TCP", "HTTP"]);
  // A byte that begins a stream belongs to it.
  assert.deepEqual(names([...handshake, ...cut(request.payload, [1])]).slice(-1), ["HTTP"]);
});

Deno.test("several inputs, one after the other, share what the engine knows", () => {
  const [asked, answer] = [query(9, "example.com", 1), query(9, "example.com", 1)];
  answer[2] = 0x81;
  const made = engine();
  const at = 1_700_000_000_000_000_000n;
  runOn(made, pcapFile([record(udpFrame(asked), at)]));
  const second = runOn(
    made,
    pcapFile([record(udpFrame(answer, back(ends())), at + 41_900_000n)], { nanoseconds: true }),
  );
  const dns = packetsOf(second.json)[0]?.dns as Decoded;
  assert.deepEqual([dns.correlated_query, dns.query_response_time_ms], [true, 41]);
  assert.equal(second.counters.packets, 2);
});

Deno.test("byte order and resolution of a capture file change nothing", () => {
  const records = readCapture(fixture("dns.pcap"));
  const written = (options: object) => pcapFile(records, { nanoseconds: true, ...options });
  assert.equal(run(written({ bigEndian: true })).json, run(written({})).json);
  assert.equal(run(written({})).json, run(fixture("dns.pcap")).json);
  const micros = packetsOf(run(written({ nanoseconds: false })).json);
  micros.forEach((packet, at) => {
    const expected = (records[at]?.timestampNs ?? 0n) / 1000n * 1000n;
    assert.equal(BigInt(packet.timestamp_ns as number), expected);
  });
});
