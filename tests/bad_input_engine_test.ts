/** Input that lies or is damaged: read as far as it is true, counted, told once, and the run goes on. */
import assert from "node:assert/strict";
import {
  concat,
  fixture,
  fixtureNames,
  packetsOf,
  randomNumbers,
  type Run,
  run,
  type RunOptions,
} from "./engine_run.ts";
import {
  back,
  block,
  ends,
  hex,
  ipFrame,
  linkType,
  pcapFile,
  pcapng,
  query,
  readCapture,
  record,
  tcpFrame,
  u16,
  udpFrame,
  wireName,
} from "./frames.ts";
import { assertAccounted } from "./layers_run.ts";
import { reassembled } from "./reassembled.ts";

const NO_INPUT = new Uint8Array();
const frames = [1, 2, 3].map((id) => record(udpFrame(query(id, "example.com", 1))));
const good = pcapFile(frames);
const FRAME = frames[0]?.data.length ?? 0;
const HEADER = 24;
const RECORD = 16 + FRAME;

/** What is counted of good packets. */
const ordinary: ReadonlySet<string> = new Set([
  ...["packets", "bytes", "kept", "kept_bytes", "dns_messages", "dns_correlated"],
  ...["detected_flows", "fragments_merged", "datagrams_rebuilt"],
]);

/** Counters other than zero, those of good packets left out. */
function faults({ counters }: Run): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counters).filter(([name, value]) => value !== 0 && !ordinary.has(name)),
  );
}

/** Runs a damaged capture whole, in blocks of one byte, and in blocks of some; the answers must be the same. */
function runDamaged(capture: Uint8Array, options: RunOptions = {}): Run {
  const outputs = ["wire", "json", "text", "pcap"] as const;
  const whole = run(capture, { outputs, ...options });
  for (const most of capture.length < 3000 ? [1, 40] : [5000]) {
    const random = randomNumbers(most);
    const cut = run(capture, { outputs, ...options, blockSize: () => random(most) + 1 });
    assert.equal(cut.json, whole.json);
    assert.deepEqual(cut.wire, whole.wire);
    assert.deepEqual(cut.counters, whole.counters);
    assert.deepEqual([...cut.notices].sort(), [...whole.notices].sort());
  }
  const kinds = whole.notices.map((notice) => notice.replace(/\d+/g, "N"));
  assert.equal(new Set(kinds).size, kinds.length, `told twice: ${whole.notices.join("\n")}`);
  assert.equal(packetsOf(whole.json).length, whole.packets);
  assert.equal(whole.counters.kept, whole.packets);
  return whole;
}

for (
  const [what, bytes, notice] of [
    ["nothing", NO_INPUT, "capture: not a capture file: it is empty"],
    [
      "a program",
      hex("7f454c4602010100 0000000000000000 0300 3e00 01000000"),
      "it begins with 7f 45 4c 46 (ELF)",
    ],
    ["text", new TextEncoder().encode("a line of text, longer than a file header\n"), "61 20 6c 69 (text)"],
    ["short text", new TextEncoder().encode("hi\n"), "it begins with 68 69 0a (text)"],
    ["gzip", hex("1f8b0800000000000003 0300000000000000000000000000"), "it begins with 1f 8b 08 00 (gzip)"],
    ["a pcap header cut short", good.subarray(0, 23), "(pcap, but its file header is cut short)"],
    ["one byte", hex("d4"), "it begins with d4"],
    ["zeros", new Uint8Array(64), "it begins with 00 00 00 00"],
    [
      "a pcapng section without byte order",
      hex("0a0d0d0a 1c000000 00000000 01000000 ffffffffffffffff 1c000000"),
      "pcapng",
    ],
  ] as const
) {
  Deno.test(`no capture: ${what}`, () => {
    const answer = runDamaged(bytes);
    assert.deepEqual(faults(answer), { refused_inputs: 1 });
    assert.equal(answer.packets, 0);
    assert.equal(answer.notices.length, 1);
    assert.ok(
      answer.notices[0]?.startsWith("capture: not a capture file: "),
      answer.notices[0] ?? "no notice",
    );
    assert.ok(answer.notices[0]?.includes(notice), answer.notices[0] ?? "no notice");
  });
}

Deno.test("a capture without packets is a capture", () => {
  for (const bytes of [pcapFile([]), pcapng.section(), concat([pcapng.section(), pcapng.interface(1)])]) {
    const answer = runDamaged(bytes);
    assert.deepEqual([faults(answer), answer.notices, answer.packets], [{}, [], 0]);
  }
});

/** `bytes` with other ones from `at` on. */
function patched(bytes: Uint8Array, at: number, ...changed: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(changed, at);
  return copy;
}

const second = HEADER + RECORD;

/** Its lengths and the octets behind them read as a record of 2 bytes, too. */
const cutInFirst = concat([pcapFile([]), hex("304f0f6a 00000000 55000000 55000000 02000000 00aa 0200 0000")]);

for (
  const [what, bytes, packets, expected, notice] of [
    [
      "ends in a record header",
      good.subarray(0, good.length - FRAME - 3),
      2,
      { truncated_records: 1 },
      "is cut short",
    ],
    ["ends in a packet", good.subarray(0, good.length - 1), 2, { truncated_records: 1 }, "is cut short"],
    ["ends in its first packet", cutInFirst, 0, { truncated_records: 1 }, "is cut short"],
    [
      "ends behind a record header",
      good.subarray(0, good.length - FRAME),
      2,
      { truncated_records: 1 },
      "is cut short",
    ],
    [
      "has packets longer than its snap length",
      pcapFile(frames, { snapLength: 60 }),
      3,
      { over_snaplen_records: 3 },
      `record at byte offset 24 is longer than the snap length: ${FRAME} bytes captured, snap length 60`,
    ],
    [
      "has a record of 4 GiB",
      patched(good, second + 8, 255, 255, 255, 255),
      2,
      { bad_records: 1, skipped_bytes: RECORD },
      `record at byte offset ${second} is corrupt: captured length 4294967295`,
    ],
    [
      "has a record beyond its end, with good ones behind",
      patched(good, second + 8, 0, 2, 0, 0),
      2,
      { bad_records: 1, skipped_bytes: RECORD },
      "captured length 512; reading goes on at the next plausible record",
    ],
    ["ends in a record of 4 GiB", patched(good, second + RECORD + 8, 255, 255, 255, 255), 2, {
      bad_records: 1,
      skipped_bytes: RECORD,
    }, "captured length 4294967295"],
    [
      "has rubbish between records",
      concat([good.subarray(0, second), new Uint8Array(40).fill(0xee), good.subarray(second)]),
      3,
      {
        bad_records: 1,
        skipped_bytes: 40,
      },
      "is corrupt",
    ],
  ] as const
) {
  Deno.test(`a pcap file that ${what}`, () => {
    const answer = runDamaged(bytes);
    assert.deepEqual(faults(answer), expected);
    assert.equal(answer.packets, packets);
    assert.equal(answer.notices.length, 1);
    assert.ok(answer.notices[0]?.includes(notice), answer.notices[0] ?? "no notice");
  });
}

Deno.test("a packet of 0 bytes is a packet", () => {
  const empty = { ...record(NO_INPUT), originalLength: 60 };
  for (const link of [linkType.null, linkType.ethernet, linkType.raw, linkType.sll, linkType.sll2, 300]) {
    const answer = runDamaged(pcapFile([...frames, empty, ...frames, empty], { linkType: link }));
    assert.equal(answer.packets, 8);
    const shown = packetsOf(answer.json)[3];
    assert.deepEqual([shown?.capture_length, shown?.original_length, shown?.protocol], [0, 60, undefined]);
    // The contract ends at 255, and an empty frame of type 276 cannot become one of type 113.
    const unsendable = link === linkType.sll2 ? 2 : link > 255 ? 8 : 0;
    assert.equal(answer.counters.unsendable_link_types, unsendable);
    assert.equal(answer.counters.empty_packets, 2);
    const empties = answer.notices.filter((line) => line.includes("packet 4 has no bytes"));
    assert.equal(empties.length, 1, answer.notices.join("\n"));
  }
});

Deno.test("more captured than was on the line, and times out of range", () => {
  const base = pcapFile(frames, { nanoseconds: true });
  const shorter = packetsOf(runDamaged(patched(base, HEADER + 12, 1, 0, 0, 0)).json)[0];
  assert.deepEqual([shorter?.capture_length, shorter?.original_length], [FRAME, 1]);
  const late = packetsOf(runDamaged(patched(base, HEADER, ...Array(8).fill(255))).json)[0];
  assert.equal(late?.timestamp, "2106-02-07T06:28:19.294967295Z");
});

/** A section with one Ethernet interface, a good packet, `damage`, and a good packet. */
const around = (...damage: Uint8Array[]) =>
  concat([
    pcapng.section(),
    pcapng.interface(1),
    ...frames.slice(0, 1).map((frame) => pcapng.packet(0, frame)),
    ...damage,
    ...frames.slice(1, 2).map((frame) => pcapng.packet(0, frame)),
  ]);
const packetBlock = pcapng.packet(0, frames[0] ?? record(NO_INPUT));

for (
  const [what, bytes, packets, expected, notice] of [
    ["a block with two lengths", around(patched(packetBlock, packetBlock.length - 4, 1)), 2, {
      bad_blocks: 1,
      skipped_bytes: packetBlock.length,
    }, "at its end"],
    ["a block length of 0", around(patched(packetBlock, 4, 0, 0, 0, 0)), 2, {
      bad_blocks: 1,
      skipped_bytes: packetBlock.length,
    }, "is corrupt: total length 0"],
    ["a block length that is no multiple of 4", around(patched(packetBlock, 4, packetBlock.length + 2)), 2, {
      bad_blocks: 1,
      skipped_bytes: packetBlock.length,
    }, "is corrupt: total length"],
    ["a block of 4 GiB", around(patched(packetBlock, 4, 0xfc, 255, 255, 255)), 2, {
      bad_blocks: 1,
      skipped_bytes: packetBlock.length,
    }, "total length 4294967292"],
    ["a packet longer than its block", around(patched(packetBlock, 20, 255, 255, 255, 255)), 2, {
      bad_blocks: 1,
    }, "too short"],
    [
      "a block without room for its fields",
      around(block(6, new Uint8Array(8))),
      2,
      { bad_blocks: 1 },
      "too short",
    ],
    [
      "an interface description without fields",
      around(block(1, NO_INPUT)),
      2,
      { bad_blocks: 1 },
      "too short",
    ],
    ["a packet of an interface that is not there", around(patched(packetBlock, 8, 7)), 2, {
      unknown_interfaces: 1,
    }, "names interface 7"],
    ["a section without byte order", around(patched(pcapng.section(), 8, 0)), 2, {
      bad_blocks: 1,
      skipped_bytes: pcapng.section().length,
    }, "no byte-order magic"],
    ["a packet cut short", around().subarray(0, -5), 1, { truncated_records: 1 }, "is cut short"],
    [
      "a block header cut short",
      concat([around(), hex("060000")]),
      2,
      { truncated_records: 1 },
      "is cut short",
    ],
  ] as const
) {
  Deno.test(`pcapng with ${what}`, () => {
    const answer = runDamaged(bytes);
    assert.deepEqual(faults(answer), expected);
    assert.equal(answer.packets, packets);
    assert.equal(answer.notices.length, 1);
    assert.ok(answer.notices[0]?.includes(notice), answer.notices[0] ?? "no notice");
  });
}

Deno.test("pcapng blocks that are none of ours, and options that lie, do no harm", () => {
  const body = (...options: number[]) => Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0, ...options]);
  for (
    const harmless of [
      block(0x0bad, new Uint8Array(40)),
      block(4, new Uint8Array(20)),
      block(0xffff, NO_INPUT),
      block(1, body(2, 0, 255, 255, 1)),
      block(1, body(9, 0, 0, 0, 9, 0, 1, 0, 255, 0, 0, 0)),
      block(1, body(14, 0, 8, 0, 255, 255, 255, 255, 255, 255, 255, 127)),
    ]
  ) {
    const answer = runDamaged(around(harmless));
    assert.deepEqual([faults(answer), answer.notices, answer.packets], [{}, [], 2]);
  }
  // Time stamps of any resolution and offset.
  for (const resolution of [0, 6, 9, 19, 127, 128, 137, 191, 255]) {
    const description = block(
      1,
      body(9, 0, 1, 0, resolution, 0, 0, 0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 128),
    );
    const answer = runDamaged(concat([pcapng.section(), description, packetBlock]));
    assert.equal(answer.packets, 1, `resolution ${resolution}`);
  }
});

const questionHeader = (id: number) => [...u16(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const answerHeader = (answers: number) => [0, 9, 0x81, 0, 0, 1, ...u16(answers), 0, 0, 0, 0];
const A_IN = [0, 1, 0, 1];
const RECORD_A = [0xc0, 12, ...A_IN, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
const NAME = wireName("example.com");
const long = (labels: number) => Array.from({ length: labels }, () => [63, ...Array(63).fill(0x61)]).flat();

/** Messages that are malformed; how many answers can be read; and the name that can. */
const malformed: readonly (readonly [what: string, message: number[], answers: number, name: string])[] = [
  ["a pointer to itself", [...questionHeader(1), 0xc0, 12, ...A_IN], 0, ""],
  ["a pointer forward", [...questionHeader(1), 0xc0, 14, 1, 0x61, 0, ...A_IN], 0, ""],
  ["pointers in a circle", [...questionHeader(1), 1, 0x61, 0xc0, 16, 0xc0, 12, ...A_IN], 0, ""],
  ["a label of type 01", [...questionHeader(1), 0x41, ...Array(65).fill(0x61), 0, ...A_IN], 0, ""],
  ["a label of type 10", [...questionHeader(1), 0x80, 0x61, 0, ...A_IN], 0, ""],
  ["a name of 257 octets", [...questionHeader(1), ...long(4), 0, ...A_IN], 0, ""],
  ["a name without end", [...questionHeader(1), 7, 0x61], 0, ""],
  ["a question without type", [...questionHeader(1), ...NAME, 0], 0, ""],
  ["65535 questions", [0, 1, 1, 0, 255, 255, 0, 0, 0, 0, 0, 0, ...NAME, ...A_IN], 0, "example.com"],
  ["65535 answers", [...answerHeader(65535), ...NAME, ...A_IN, ...RECORD_A], 1, "example.com"],
  [
    "65535 authority records",
    [0, 9, 0x81, 0, 0, 1, 0, 1, 255, 255, 0, 0, ...NAME, ...A_IN, ...RECORD_A],
    1,
    "example.com",
  ],
  [
    "an answer that runs off the end",
    [...answerHeader(2), ...NAME, ...A_IN, ...RECORD_A, ...RECORD_A.slice(0, -1)],
    1,
    "example.com",
  ],
  [
    "an answer of a forward pointer",
    [...answerHeader(2), ...NAME, ...A_IN, ...RECORD_A, 0xc1, 0, ...A_IN],
    1,
    "example.com",
  ],
];

for (const [what, message, answers, name] of malformed) {
  Deno.test(`DNS with ${what}`, () => {
    const frame = udpFrame(Uint8Array.from(message), back(ends()));
    const answer = runDamaged(
      pcapFile([frame, frame, ...frames.map(({ data }) => data)].map((data) => record(data))),
    );
    assert.deepEqual(faults(answer), { dns_partial: 2 });
    assert.equal(answer.counters.dns_messages, 5);
    assert.equal(answer.notices.length, 1);
    assert.match(
      answer.notices[0] ?? "",
      /^capture: packet 1 holds a malformed DNS message; .*reported once/,
    );
    const [packet, ...others] = packetsOf(answer.json);
    const dns = packet?.dns as Record<string, unknown>;
    assert.equal(dns.query_name, name);
    assert.equal((dns.answers as unknown[]).length, answers);
    assert.equal(dns.answer_count, (message[6] ?? 0) * 256 + (message[7] ?? 0));
    assert.equal((others.at(-1)?.dns as Record<string, unknown>).query_name, "example.com");
  });
}

Deno.test("a name of 255 octets is a name", () => {
  const name = [...long(3), 61, ...Array(61).fill(0x62), 0];
  assert.equal(name.length, 255);
  const answer = runDamaged(
    pcapFile([record(udpFrame(Uint8Array.from([...questionHeader(1), ...name, ...A_IN])))]),
  );
  assert.deepEqual(faults(answer), {});
  assert.equal(String((packetsOf(answer.json)[0]?.dns as Record<string, unknown>).query_name).length, 253);
});

Deno.test("labels that are not UTF-8 are escaped octet by octet", () => {
  const name = [4, 0xff, 0xc3, 0x28, 0xbc, 3, 0xe3, 0x81, 0x82, 0];
  const answer = runDamaged(
    pcapFile([record(udpFrame(Uint8Array.from([...questionHeader(1), ...name, ...A_IN])))]),
  );
  assert.deepEqual(faults(answer), {});
  assert.equal((packetsOf(answer.json)[0]?.dns as Record<string, unknown>).query_name, "\\255\\195(\\188.あ");
});

Deno.test("a DNS message that the snap length cut is partly read, and no reason to worry", () => {
  const whole = udpFrame(
    Uint8Array.from([...answerHeader(2), ...NAME, ...A_IN, ...RECORD_A, ...RECORD_A]),
    back(ends()),
  );
  const cut = { ...record(whole.subarray(0, whole.length - 10)), originalLength: whole.length };
  const answer = runDamaged(pcapFile([cut]));
  assert.deepEqual([faults(answer), answer.notices], [{ dns_partial: 1 }, []]);
  assert.equal(((packetsOf(answer.json)[0]?.dns as Record<string, unknown>).answers as unknown[]).length, 1);
});

Deno.test("compression does not make a small message a huge answer", () => {
  // 255 octets of name, and as many answers as fit in 64 KiB that point to it.
  const name = [...long(3), 61, ...Array(61).fill(0x62), 0];
  const start = [...answerHeader(3900), ...name, ...A_IN];
  const cname = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12];
  const message = Uint8Array.from([...start, ...Array.from({ length: 3900 }, () => cname).flat()]);
  const answer = runDamaged(pcapFile([record(udpFrame(message, back(ends())))]));
  assert.ok(message.length < 65507);
  assert.ok(answer.json.length < 5 * message.length, `${answer.json.length} bytes of JSON`);
  assert.equal((packetsOf(answer.json)[0]?.dns as Record<string, unknown>).answer_count, 3900);
});

Deno.test("length fields of IP, UDP and TCP that lie are resolved by what was captured, and counted", () => {
  const asked = query(1, "example.com", 1);
  const [udp, tcp] = [udpFrame(asked), tcpFrame(concat([u16(asked.length), asked]))];
  const IP = 14;
  for (
    const [what, frame, shownAs] of [
      ["IP total length beyond the frame", patched(tcp, IP + 2, 255, 255), "DNS"],
      ["IP total length below the header", patched(udp, IP + 2, 0, 10), "DNS"],
      ["IP header length below 20", patched(udp, IP, 0x44), "IPv4"],
      ["IP version 9", patched(udp, IP, 0x95), "IPv4"],
      ["UDP length beyond the packet", patched(udp, IP + 24, 255, 255), "DNS"],
      ["UDP length below 8", patched(udp, IP + 24, 0, 7), "DNS"],
      [
        "TCP data offset below 20",
        patched(tcp, IP + 20 + 12, 0x10),
        "DNS",
      ],
      ["an IP packet too short for its UDP header", ipFrame(17, hex("9c400035"), ends()), "UDP"],
    ] as const
  ) {
    const answer = runDamaged(pcapFile([record(frame)]));
    assert.equal(answer.packets, 1, what);
    assert.equal(answer.counters.bad_lengths, 1, what);
    assert.equal(packetsOf(answer.json)[0]?.protocol, shownAs, what);
  }
});

Deno.test("DNS over TCP: lengths that lie", () => {
  const asked = query(1, "example.com", 1);
  for (
    const [segment, messages] of [
      [hex("0000"), 0],
      [hex("0000 0000 0000 0000 0000 0000 0000 0000"), 0],
      [concat([hex("ffff"), asked]), 0],
      [concat([hex("0001"), asked]), 0],
      [concat([u16(asked.length), asked, hex("ffff")]), 1],
      [concat([u16(asked.length), asked, hex("0003 414243")]), 1],
    ] as const
  ) {
    const answer = runDamaged(pcapFile([record(tcpFrame(segment))]));
    assert.equal(answer.packets, 1);
    assert.equal(messagesIn(answer), messages, segment.slice(0, 8).join());
  }
});

/** DNS messages in the first packet, as it is shown. */
function messagesIn(answer: Run): number {
  const [packet] = packetsOf(answer.json);
  const details = packet?.details as Record<string, string> | undefined;
  return Number(details?.["dns.messages"] ?? (packet?.dns === undefined ? 0 : 1));
}

Deno.test("messages beyond what is read of one TCP segment are counted", () => {
  const asked = query(1, "example.com", 1);
  const segment = concat(Array.from({ length: 1000 }, () => concat([u16(asked.length), asked])));
  const answer = runDamaged(pcapFile([record(tcpFrame(segment))]));
  assert.equal(answer.counters.dns_messages, 1000);
  assert.ok(messagesIn(answer) < 1000);
  assert.deepEqual(faults(answer), { dns_partial: 1000 - messagesIn(answer) });
});

for (const name of fixtureNames) {
  const capture = fixture(name);
  const records = readCapture(capture);

  Deno.test(`${name}: cut off anywhere, what was whole is read`, () => {
    const lines = run(capture).json.split("\n");
    // Ends of records, or of blocks that hold packets.
    const endsOfRecords = records.map(({ data }) => data.byteOffset - capture.byteOffset + data.length);
    const random = randomNumbers(capture.length);
    const offsets = [...Array(200).keys(), ...Array.from({ length: 150 }, () => random(capture.length))];
    for (const offset of offsets) {
      const answer = run(capture.subarray(0, offset));
      // The byte order of a pcapng section is in its first 12 bytes.
      const isPcapng = name.endsWith("pcapng");
      const header = isPcapng ? 12 : 24;
      assert.equal(answer.counters.refused_inputs, offset < header ? 1 : 0, `at ${offset}`);
      if (offset < header) continue;
      const { truncated_records = 0, bad_blocks = 0, fragments_given_up = 0, ...others } = faults(answer);
      // Fragments whose datagram was cut off come last.
      const ordinary = answer.packets - fragments_given_up;
      assert.deepEqual(answer.json.split("\n").slice(0, ordinary), lines.slice(0, ordinary), `at ${offset}`);
      const complete = endsOfRecords.filter((end) => end <= offset).length;
      const expected = reassembled(records.slice(0, complete)).length;
      // The padding and options behind a packet belong to its pcapng block.
      assert.ok(
        answer.packets === expected || (isPcapng && answer.packets === expected - 1),
        `at ${offset}`,
      );
      assert.ok(fragments_given_up <= 2, `at ${offset}`);
      delete others.dns_partial;
      assert.deepEqual(others, {}, `at ${offset}`);
      assert.equal(
        answer.notices.length,
        truncated_records + bad_blocks,
        `at ${offset}: ${answer.notices.join("\n")}`,
      );
      assert.ok(truncated_records + bad_blocks <= 1, `at ${offset}`);
    }
  });

  Deno.test(`${name}: flipped bits`, () => {
    const random = randomNumbers(capture.length + 1);
    for (let round = 0; round < 60; round++) {
      const damaged = capture.slice();
      // Few flips leave most of the structure alone; many do not.
      for (let flips = 1 << random(9); flips > 0; flips--) {
        const at = random(damaged.length);
        damaged[at] = (damaged[at] ?? 0) ^ 1 << random(8);
      }
      const answer = runDamaged(damaged);
      assertAccounted(answer.counters);
      assert.ok(answer.bytes <= damaged.length);
      assert.ok(answer.notices.length < 12);
    }
  });
}
