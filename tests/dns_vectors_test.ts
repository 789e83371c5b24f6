/** DNS messages, octet by octet, as whole packets through the compiled engine. */
import assert from "node:assert/strict";
import { concat, type JsonPacket, packetsOf, run, type RunOptions } from "./engine_run.ts";
import {
  back,
  type CaptureRecord,
  type Ends,
  ends,
  hex,
  pcapFile,
  query,
  record,
  tcpFrame,
  u16,
  udpFrame,
} from "./frames.ts";

type Dns = Record<string, unknown>;

const START = 1_700_000_000_000_000_000n;

/** A query goes to the server, a response comes from there. */
function frameOf(message: Uint8Array, there: Ends = ends()): Uint8Array {
  return udpFrame(message, ((message[2] ?? 0) & 0x80) === 0 ? there : back(there));
}

function packets(records: readonly CaptureRecord[], options: RunOptions = {}): JsonPacket[] {
  return packetsOf(run(pcapFile(records, { nanoseconds: true }), options).json);
}

/** The DNS metadata of the packets that have any. */
function dnsOf(shown: readonly JsonPacket[]): Dns[] {
  return shown.flatMap((packet) => packet.dns === undefined ? [] : [packet.dns as Dns]);
}

/** A 16-bit type for a query. */
const type = { A: 1, NS: 2, NULL: 10, TXT: 16 } as const;

/** Each message alone: what must be in the packet (`info`) and in its `dns`. */
const messages: readonly (readonly [what: string, message: string, expected: Dns, info?: string])[] = [
  [
    "a query",
    "1234 0100 0001000000000000 076578616d706c6503636f6d00 0001 0001",
    {
      transaction_id: 0x1234,
      is_response: false,
      opcode: "QUERY",
      response_code: "NOERROR",
      recursion_desired: true,
      recursion_available: false,
      query_name: "example.com",
      query_type: "A",
      query_class: "IN",
      question_count: 1,
      answer_count: 0,
      authority_count: 0,
      additional_count: 0,
      answers: [],
    },
    "A example.com?",
  ],
  [
    "a response",
    "1234 8180 0001000100000000 076578616d706c6503636f6d00 0001 0001 c00c 0001 0001 0000012c 0004 5db8d822",
    {
      is_response: true,
      response_code: "NOERROR",
      recursion_desired: true,
      recursion_available: true,
      answers: [{ name: "example.com", type: "A", class: "IN", ttl: 300, data: "93.184.216.34" }],
    },
    "A example.com -> 93.184.216.34",
  ],
  [
    "CNAME not at the end",
    "beef81800001000200000000 03777777076578616d706c6503636f6d0000010001 " +
    "c00c000500010000003c00060363646ec010 c02d000100010000003c0004c0000201",
    {
      answers: [
        { name: "www.example.com", type: "CNAME", class: "IN", ttl: 60, data: "cdn.example.com" },
        { name: "cdn.example.com", type: "A", class: "IN", ttl: 60, data: "192.0.2.1" },
      ],
    },
  ],
  [
    "AAAA",
    "000181800001000100000000 027636076578616d706c6503636f6d00001c0001 " +
    "c00c001c000100000e10001020010db8000000000000000000000001",
    { answers: [{ name: "v6.example.com", type: "AAAA", class: "IN", ttl: 3600, data: "2001:db8::1" }] },
  ],
  [
    "MX",
    "000285800001000100000000 076578616d706c6503636f6d00000f0001 c00c000f000100000e100009000a046d61696cc00c",
    {
      authoritative: true,
      answers: [{ name: "example.com", type: "MX", class: "IN", ttl: 3600, data: "10 mail.example.com" }],
    },
  ],
  [
    "TXT of two strings",
    "000381800001000100000000 076578616d706c6503636f6d0000100001 c00c001000010000003c000c 06763d73706631 042d616c6c",
    { answers: [{ name: "example.com", type: "TXT", class: "IN", ttl: 60, data: "v=spf1 -all" }] },
  ],
  [
    "NXDOMAIN with AD and CD",
    "000481b30001000000000000 046e6f7065076578616d706c6503636f6d0000010001",
    { response_code: "NXDOMAIN", authenticated_data: true, checking_disabled: true, answers: [] },
    "A nope.example.com NXDOMAIN",
  ],
  ["a pointer to itself", "000501000001000000000000 c00c 00010001", {
    transaction_id: 5,
    question_count: 1,
    query_name: "",
  }],
  [
    "a pointer forward",
    "000601000001000000000000 c00e 0161 0000010001",
    { transaction_id: 6, question_count: 1, query_name: "" },
  ],
  [
    "EDNS",
    "000701200001000000000001 076578616d706c6503636f6d0000010001 00002904d0000080000000",
    { authenticated_data: true, additional_count: 1, answers: [], query_name: "example.com" },
  ],
  [
    "an extended RCODE",
    "000881000001000000000001 076578616d706c6503636f6d0000010001 00002904d0010000000000",
    { response_code: "BADVERS" },
  ],
  [
    "SRV",
    "000981800001000100000000 045f736970045f746370076578616d706c6503636f6d0000210001 " +
    "c00c002100010000012c0017 000a003c13c4 03736970076578616d706c6503636f6d00",
    {
      answers: [{
        name: "_sip._tcp.example.com",
        type: "SRV",
        class: "IN",
        ttl: 300,
        data: "10 60 5060 sip.example.com",
      }],
    },
  ],
  [
    "NS",
    "000a81800001000100000000 076578616d706c6503636f6d0000020001 c00c000200010000012c0006036e7331c00c",
    { answers: [{ name: "example.com", type: "NS", class: "IN", ttl: 300, data: "ns1.example.com" }] },
  ],
  [
    "PTR",
    "000b81800001000100000000 0131013201300331393207696e2d61646472046172706100000c0001 " +
    "c00c000c00010000012c0012 04686f7374076578616d706c6503636f6d00",
    {
      query_name: "1.2.0.192.in-addr.arpa",
      answers: [{
        name: "1.2.0.192.in-addr.arpa",
        type: "PTR",
        class: "IN",
        ttl: 300,
        data: "host.example.com",
      }],
    },
  ],
  [
    "a negative answer with SOA",
    "000c81830001000000010000 026e78076578616d706c6503636f6d0000010001 " +
    "c00f000600010000012c0020 026e73c00f 04726f6f74c00f 0000000100000002000000030000000400000005",
    { response_code: "NXDOMAIN", authority_count: 1, answers: [] },
  ],
  [
    "the root",
    "000d01000001000000000000 00 00020001",
    { query_name: "", query_type: "NS", entropy_score: 0, tunneling_score: 0 },
  ],
  ["a dot within a label", "000e01000001000000000000 03612e6203636f6d0000010001", {
    query_name: "a\\.b.com",
  }],
  ["HTTPS", "000f01000001000000000000 076578616d706c6503636f6d0000410001", { query_type: "HTTPS" }],
  ["NULL", "001001000001000000000000 0174076578616d706c6503636f6d00000a0001", { query_type: "NULL" }],
  ["counts that lie", "000000000000ffff0000000000", { answer_count: 65535, answers: [] }],
  ["UPDATE", "001128000000000000000000", { opcode: "UPDATE" }],
  ["an opcode without a name", "001178000000000000000000", { opcode: "OPCODE15" }],
];

for (const [what, message, expected, info] of messages) {
  Deno.test(`DNS message: ${what}`, () => {
    const bytes = hex(message);
    for (
      const frame of [
        frameOf(bytes),
        frameOf(bytes, ends({ source: "2001:db8:0:0:0:0:0:2", destination: "0:0:0:0:0:0:0:1" })),
      ]
    ) {
      const [packet] = packets([record(frame)]);
      assert.equal(packet?.protocol, "DNS");
      const dns = packet?.dns as Dns;
      for (const [field, value] of Object.entries(expected)) assert.deepEqual(dns[field], value, field);
      if (info !== undefined) assert.equal(packet?.info, info);
    }
  });
}

const first = hex(messages[0]?.[1] ?? "");
const nullQuery = hex(messages.find(([what]) => what === "NULL")?.[1] ?? "");
const withLength = (message: Uint8Array) => concat([u16(message.length), message]);

Deno.test("several messages in one TCP segment are all read", () => {
  const segment = tcpFrame(concat([withLength(first), withLength(nullQuery)]));
  const { json, counters } = run(pcapFile([record(segment)]));
  const [packet] = packetsOf(json);
  assert.equal(counters.dns_messages, 2);
  assert.equal((packet?.dns as Dns).transaction_id, 0x1234);
  assert.equal(packet?.info, "A example.com?; NULL t.example.com?");
  assert.equal((packet?.details as Record<string, string>)["dns.messages"], "2");
});

Deno.test("fewer octets than a header are no DNS message", () => {
  for (const payload of [first.subarray(0, 11), new Uint8Array()]) {
    const [packet] = packets([record(udpFrame(payload))]);
    assert.equal(packet?.dns, undefined);
    assert.equal(packet?.protocol, "UDP");
  }
  const [packet] = packets([record(tcpFrame(withLength(first).subarray(0, 13)))]);
  assert.equal(packet?.dns, undefined);
});

/** Scores and entropies are compared to six decimals. */
const rounded = (value: unknown) => Math.round(Number(value) * 1e6) / 1e6;

Deno.test("entropy of names", () => {
  for (
    const [name, expected] of [
      ["aa", 0],
      ["ab", 1],
      ["AbAb", 1],
      ["example.com", 2.921928],
      ["www.example.com", 3.026987],
      ["0123456789abcdef.com", 4.142664],
      ["aGVsbG93b3JsZHRoaXNpc2F0ZXN0.suspicious.example.com", 4.431128],
    ] as const
  ) {
    const [dns] = dnsOf(packets([record(udpFrame(query(1, name, type.A)))]));
    assert.equal(rounded(dns?.entropy_score), expected, name);
  }
});

/** Scores of queries, one second apart. */
function scores(
  queries: readonly (readonly [name: string, type: number])[],
  options: RunOptions = {},
): number[] {
  const records = queries.map(([name, type], at) =>
    record(udpFrame(query(at & 0xffff, name, type)), START + BigInt(at) * 1_000_000_000n)
  );
  return dnsOf(packets(records, options)).map((dns) => rounded(dns.tunneling_score));
}

Deno.test("tunneling score of one query", () => {
  const random = "aGVsbG93b3JsZHRoaXNpc2F0ZXN0.suspicious.example.com";
  for (
    const [name, asked, expected] of [
      [random, type.TXT, 0.630338],
      [random, type.A, 0.480338],
      ["abcdefghijklmnopqrst.example.com", type.A, 0.426969],
      ["abcdefghijklmnopqrs.example.com", type.A, 0.205569],
      [`${"a".repeat(60)}.${"a".repeat(40)}.com`, type.A, 0.055],
      ["example.com", type.NULL, 0.15],
    ] as const
  ) {
    assert.deepEqual(scores([[name, asked]]), [expected], name);
    assert.deepEqual(scores([[name, asked]], { detectTunneling: false }), [0], name);
  }
  assert.deepEqual(scores([["example.com", type.A], ["example.com", type.TXT]]), [0, 0.075]);
});

Deno.test("tunneling score: distinct names below one domain", () => {
  const values = scores(Array.from({ length: 120 }, (_, at) => [`h${at}.example.com`, type.A]));
  assert.equal(values[9], 0, "ten are not more than ten");
  assert.equal(values[10], 0.0275);
  assert.equal(values[119], 0.25, "a hundred are all that count");
});

Deno.test("base domains: names below a public suffix are apart, names below one registration are not", () => {
  const below = (suffix: string) =>
    scores(Array.from({ length: 11 }, (_, at) => [`h.x${at}.${suffix}`, type.A])).at(-1);
  assert.equal(below("example.com"), 0.0275);
  assert.equal(below("com"), 0);
  assert.equal(below("co.uk"), 0);
  assert.equal(below("bbc.co.uk"), 0.0275);
});

Deno.test("names of the reverse mapping are not scored", () => {
  const names = Array.from({ length: 20 }, (_, at) => [`${at}.2.0.192.in-addr.arpa`, 12] as const);
  assert.ok(scores(names).every((score) => score === 0));
});

Deno.test("5001 base domains are one more than are held, and the oldest goes", () => {
  const txt = (domain: number) => [`d${domain}.com`, type.TXT] as const;
  const records = [
    ...Array.from({ length: 5001 }, (_, at) => txt(at)),
    [`d1.com`, type.A] as const,
    [`d0.com`, type.A] as const,
  ].map(([name, asked], at) => record(udpFrame(query(at, name, asked)), START + BigInt(at) * 1_000_000n));
  const { json, counters } = run(pcapFile(records, { nanoseconds: true }));
  const values = dnsOf(packetsOf(json)).map((dns) => rounded(dns.tunneling_score));
  assert.equal(counters.dns_domain_evictions, 2, "d0 for d5000, and d2 when d0 came back");
  assert.equal(values.at(-2), 0.075, "d1 was held: one of its two queries was for TXT");
  assert.equal(values.at(-1), 0, "d0 was forgotten");
});

/** A query, and then a response to it `afterNs` later that `change` has had its way with. */
function exchange(
  afterNs: bigint,
  there: Ends,
  answers: Ends,
  change: (response: Uint8Array) => void = () => {},
): Dns {
  const response = query(0x77, "www.example.com", type.A);
  response[2] = 0x81;
  change(response);
  const records = [
    record(udpFrame(query(0x77, "www.example.com", type.A), there), START),
    record(udpFrame(response, answers), START + afterNs),
  ];
  return dnsOf(packets(records))[1] ?? {};
}

Deno.test("a response meets the query of its connection, id, name and type", () => {
  const there = ends();
  const seen = (dns: Dns) => [dns.correlated_query, dns.query_response_time_ms];
  assert.deepEqual(seen(exchange(41_900_000n, there, back(there))), [true, 41]);
  assert.deepEqual(seen(exchange(-5_000_000n, there, back(there))), [true, 0], "never negative");
  assert.deepEqual(seen(exchange(30_000_000_000n, there, back(there))), [true, 30_000]);
  assert.deepEqual(seen(exchange(30_000_000_001n, there, back(there))), [false, 0], "too late");
  assert.deepEqual(
    seen(exchange(1n, there, back(there), (response) => response[14] = 0x57)),
    [true, 0],
    "in any case",
  );
  for (
    const [what, answers, change] of [
      ["another server", back(ends({ destination: "192.0.2.9" })), undefined],
      ["another client", back(ends({ source: "192.0.2.9" })), undefined],
      ["another port", back(ends({ sourcePort: 40001 })), undefined],
      ["another id", back(there), (response: Uint8Array) => response[1] = 0x78],
      ["another name", back(there), (response: Uint8Array) => response[14] = 0x58],
      ["another type", back(there), (response: Uint8Array) => response[response.length - 3] = 28],
    ] as const
  ) {
    assert.deepEqual(seen(exchange(1_000_000n, there, answers, change)), [false, 0], what);
  }
});

Deno.test("a query that is sent again keeps its first time; an answered one is forgotten", () => {
  const [asked, answer] = [query(1, "example.com", type.A), query(1, "example.com", type.A)];
  answer[2] = 0x81;
  const frames = [
    udpFrame(asked),
    udpFrame(asked),
    udpFrame(answer, back(ends())),
    udpFrame(answer, back(ends())),
  ];
  const shown = dnsOf(packets(frames.map((frame, at) => record(frame, START + BigInt(at) * 100_000_000n))));
  assert.deepEqual(
    shown.map((dns) => [dns.correlated_query, dns.query_response_time_ms]),
    [[false, 0], [false, 0], [true, 200], [false, 0]],
  );
});

Deno.test("domain patterns", () => {
  for (
    const [pattern, name, matches] of [
      ["*.Example.com", "a.example.COM", true],
      ["*.example.com", "example.com", false],
      ["*example.com", "badexample.com", true],
      ["ads*.net", "ads1.example.net", true],
      ["ads*.net", "ads.net", true],
      ["*.x*.com", "a.x.com.com", true],
      ["a*b", "ab", true],
      ["a*ab", "ab", false],
      ["example.com.", "example.com", true],
      ["*", "example.com", true],
    ] as const
  ) {
    const filter = {
      id: "f",
      type: "dns_domain",
      pattern,
      enabled: true,
      targetHunters: [],
      description: "",
    } as const;
    const kept = packets([record(udpFrame(query(1, name, type.A)))], { filters: { filters: [filter] } });
    assert.equal(kept.length === 1, matches, `${pattern} and ${name}`);
  }
});
