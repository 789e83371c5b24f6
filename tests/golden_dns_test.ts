/** The engine's view of DNS against tshark's, message by message, and what its tunneling score makes of tunnels. */
import assert from "node:assert/strict";
import {
  fixture,
  fixtureNames,
  type JsonPacket,
  packetsOf,
  run,
  sharedCaptureNames,
  sharedFile,
  withoutShared,
} from "./engine_run.ts";
import {
  asCharacterString,
  asQuestion,
  asRecordName,
  asRecordText,
  oneReplacement,
  unescaped,
} from "./tshark_text.ts";

/** `DNSMetadata` as JSON lines show it. */
interface Dns {
  readonly transaction_id: number;
  readonly is_response: boolean;
  readonly opcode: string;
  readonly response_code: string;
  readonly question_count: number;
  readonly answer_count: number;
  readonly authority_count: number;
  readonly additional_count: number;
  readonly query_name: string;
  readonly query_type: string;
  readonly query_class: string;
  readonly answers: readonly Answer[];
  readonly query_response_time_ms: number;
  readonly correlated_query: boolean;
  readonly tunneling_score: number;
  readonly [flag: string]: unknown;
}

interface Answer {
  readonly name: string;
  readonly type: string;
  readonly class: string;
  readonly ttl: number;
  readonly data: string;
}

const names = {
  opcode: { 0: "QUERY", 1: "IQUERY", 2: "STATUS", 3: "OPCODE3", 4: "NOTIFY", 5: "UPDATE" },
  rcode: {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    16: "BADVERS",
  },
  class: { 1: "IN", 3: "CH", 254: "NONE", 255: "ANY", 999: "CLASS999" },
  // deno-fmt-ignore
  type: {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB",
    28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 39: "DNAME", 43: "DS", 44: "SSHFP", 46: "RRSIG", 47: "NSEC",
    48: "DNSKEY", 50: "NSEC3", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 108: "EUI48", 252: "AXFR", 255: "ANY", 256: "URI",
    257: "CAA", 65280: "TYPE65280",
  },
} as const;

function nameOf(kind: keyof typeof names, value: number): string {
  const name = (names[kind] as Record<number, string>)[value];
  assert.ok(name !== undefined, `${kind} ${value} has no name in this test`);
  return name;
}

function detailsOf(packet: JsonPacket | undefined): Readonly<Record<string, string>> {
  return packet?.details as Record<string, string> | undefined ?? {};
}

function dnsOf(packet: JsonPacket | undefined): Dns | undefined {
  return packet?.dns as Dns | undefined;
}

/** A message of `fixtures/truth.json`; what is zero, false or empty is left out. */
interface Message {
  readonly file: string;
  readonly frame: number;
  /** Its place among those of its frame. */
  readonly message?: number;
  readonly layer: "dns" | "mdns" | "llmnr";
  readonly id?: number;
  readonly response?: boolean;
  readonly opcode?: number;
  readonly rcode?: number;
  readonly flags?: readonly string[];
  readonly counts?: readonly number[];
  readonly question?: readonly [name: string, type: number, class_: number];
  /** The name is null when it is the question's. */
  readonly answers?: readonly (readonly [
    name: string | null,
    type: number,
    class_: number,
    ttl: number,
    length: number,
    data?: string,
  ])[];
  readonly malformed?: boolean;
}

const flagNames = {
  authoritative: "authoritative",
  truncated: "truncated",
  recdesired: "recursion_desired",
  recavail: "recursion_available",
  authenticated: "authenticated_data",
  checkdisable: "checking_disabled",
} as const;

function compareHeader(dns: Dns, message: Message, where: string): void {
  const counts = [dns.question_count, dns.answer_count, dns.authority_count, dns.additional_count];
  assert.deepEqual(
    {
      id: dns.transaction_id,
      response: dns.is_response,
      opcode: dns.opcode,
      rcode: dns.response_code,
      counts,
    },
    {
      id: message.id ?? 0,
      response: message.response ?? false,
      opcode: nameOf("opcode", message.opcode ?? 0),
      rcode: nameOf("rcode", message.rcode ?? 0),
      counts: message.counts ?? [0, 0, 0, 0],
    },
    where,
  );
  for (const [theirs, ours] of Object.entries(flagNames)) {
    // In mDNS and LLMNR most of these bits mean something else, or nothing (RFC 6762, 18; RFC 4795, 2.1.1).
    if (message.layer !== "dns" && theirs !== "truncated") continue;
    // tshark does not show AA and RA of queries. NOTIFY has AA (RFC 1996, 3.6).
    if (!dns.is_response && ["authoritative", "recavail"].includes(theirs)) {
      assert.equal(dns[ours], theirs === "authoritative" && dns.opcode === "NOTIFY", `${where}: ${ours}`);
      continue;
    }
    assert.equal(dns[ours], message.flags?.includes(theirs) ?? false, `${where}: ${ours}`);
  }
}

function compareQuestion(dns: Dns, message: Message, where: string): void {
  const ours = [asQuestion(dns.query_name), dns.query_type, dns.query_class];
  const [name, type, class_] = message.question ?? [];
  const theirs = name === undefined
    ? ["<Root>", "", ""]
    : [unescaped(name), nameOf("type", type ?? 0), nameOf("class", class_ ?? 0)];
  assert.deepEqual(ours, theirs, where);
}

/** The answers; those tshark knows the text of with their data. */
function compareAnswers(dns: Dns, message: Message, where: string): void {
  const expected = (message.answers ?? []).filter((answer) => answer[1] !== 41);
  assert.equal(dns.answers.length, expected.length, where);
  expected.forEach(([name, type, class_, ttl, length, data], at) => {
    const answer = dns.answers[at];
    assert.ok(answer !== undefined);
    assert.deepEqual(
      [asRecordName(answer.name, name ?? ""), answer.type, answer.class, answer.ttl],
      [
        name === null ? asRecordName(dns.query_name) : oneReplacement(name),
        nameOf("type", type),
        nameOf("class", class_),
        ttl,
      ],
      `${where}: answer ${at}`,
    );
    // Zeroes in front of names that end with the root are the only ones that tshark does not show.
    if (data !== undefined) {
      const ours = type === 16 ? asCharacterString(answer.data) : asRecordText(answer.data);
      // The root among other fields.
      const shown = type === 33 ? ours?.replace(/ \.$/, " <Root>") : ours;
      assert.equal(shown, unescaped(data), `${where}: data of answer ${at}`);
    } else if (answer.data.startsWith("<data ")) {
      assert.equal(answer.data, `<data ${length} bytes>`, where);
    }
  });
}

interface FixtureTruth {
  readonly packets: Readonly<Record<string, number>>;
  readonly messages: readonly Message[];
}

const fixtureTruth = JSON.parse(new TextDecoder().decode(fixture("truth.json"))) as FixtureTruth;

/**
 * Fragments that wait for others, by frame number: of these datagrams only the frame that completes them is shown, as it is
 * with tshark.
 */
const held: Readonly<Record<string, readonly number[]>> = {
  "dns-vlan.pcap": [14, 15, 92, 93],
  "ipv6-fragments.pcap": [...numbers(1, 6), ...numbers(8, 19), ...numbers(21, 28), ...numbers(30, 35)],
};

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

/** Packets by the number of their frame; frames begin at 1. */
function byFrame(file: string, packets: readonly JsonPacket[]): (JsonPacket | undefined)[] {
  const waiting = [...packets];
  const frames = numbers(1, packets.length + (held[file]?.length ?? 0));
  return [undefined, ...frames.map((frame) => held[file]?.includes(frame) ? undefined : waiting.shift())];
}

for (const file of fixtureNames) {
  Deno.test(`${file}: the engine sees what tshark sees`, () => {
    const { json, counters, notices } = run(fixture(file));
    const packets = packetsOf(json);
    const frames = byFrame(file, packets);
    const messages = fixtureTruth.messages.filter((message) => message.file === file);
    assert.ok(messages.length > 0);
    assert.equal(frames.length - 1, fixtureTruth.packets[file]);
    const carriers = new Set(messages.map((message) => message.frame));
    for (const [frame, packet] of frames.entries()) {
      assert.equal(dnsOf(packet) !== undefined, carriers.has(frame), `frame ${frame}`);
    }
    for (const message of messages) {
      const where = `${file} frame ${message.frame}`;
      const packet = frames[message.frame];
      const inFrame = messages.filter((other) => other.frame === message.frame).length;
      assert.equal(detailsOf(packet)["dns.messages"] ?? "1", String(inFrame), where);
      // Of several messages in one segment, all are in `info`, and the first is in `dns`.
      const info = String(packet?.info).split("; ");
      const asked = message.question?.[0];
      if (asked !== undefined && inFrame > 1) {
        assert.ok(info[message.message ?? 0]?.endsWith(` ${asked}?`), where);
      }
      if (message.message !== undefined) continue;
      const dns = dnsOf(packet);
      assert.ok(dns !== undefined, where);
      assert.equal(packet?.protocol, { dns: "DNS", mdns: "mDNS", llmnr: "LLMNR" }[message.layer], where);
      compareHeader(dns, message, where);
      compareQuestion(dns, message, where);
      compareAnswers(dns, message, where);
    }
    assert.equal(counters.dns_messages, messages.length);
    assert.equal(counters.dns_partial, messages.filter((message) => message.malformed).length);
    assert.equal(counters.kept, packets.length);
    assert.deepEqual(notices, []);
  });

  Deno.test(`${file}: responses meet their queries`, () => correlate(packetsOf(run(fixture(file)).json)));
}

/**
 * A second opinion on `correlated_query` and the time: the query is the first one not answered yet. A response that does not
 * repeat the question may be matched by its id.
 */
function correlate(packets: readonly JsonPacket[]): void {
  const waiting = new Map<string, bigint>();
  // Connections on which several messages came in one segment: only the first of these is in `dns`.
  const pipelined = new Set<string>();
  let correlated = 0;
  for (const packet of packets) {
    const dns = dnsOf(packet);
    if (dns === undefined || packet.protocol !== "DNS") continue;
    const here = `${packet.src_ip} ${packet.src_port}`;
    const there = `${packet.dst_ip} ${packet.dst_port}`;
    const connection = [packet.transport, ...dns.is_response ? [there, here] : [here, there]].join(" ");
    if ("dns.messages" in detailsOf(packet)) pipelined.add(connection);
    if (pipelined.has(connection)) continue;
    const byId = `${connection} ${dns.transaction_id} `;
    const hasQuestion = dns.query_type !== "" || !dns.is_response || !dns.correlated_query;
    const key = hasQuestion
      ? `${byId}${dns.query_name.toLowerCase()} ${dns.query_type}`
      : [...waiting.keys()].findLast((other) => other.startsWith(byId)) ?? "";
    const now = BigInt(packet.timestamp_ns as bigint);
    const sent = waiting.get(key);
    if (!dns.is_response) {
      assert.equal(dns.correlated_query, false);
      if (sent === undefined) waiting.set(key, now);
      continue;
    }
    if (dns.query_type !== "" || dns.correlated_query) {
      assert.equal(dns.correlated_query, sent !== undefined, `${packet.timestamp} ${key}`);
    }
    const expected = sent === undefined || !dns.correlated_query ? 0 : Number((now - sent) / 1_000_000n);
    assert.equal(dns.query_response_time_ms, expected, `${packet.timestamp} ${key}`);
    waiting.delete(key);
    correlated += Number(sent !== undefined);
  }
  assert.ok(correlated > 0);
}

/** A message of `../shared/captures/truth/dns.json`; records are those of all sections. */
interface SharedMessage {
  readonly file: string;
  readonly frame: number;
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
  readonly transport: string;
  readonly layer: "dns" | "mdns" | "llmnr";
  readonly id: string;
  readonly response: boolean;
  readonly opcode: number;
  readonly rcode?: number;
  readonly questions: number;
  readonly answers: number;
  readonly qname?: readonly string[];
  readonly qtype?: readonly number[];
  readonly rr_names?: readonly string[];
  readonly rr_types?: readonly number[];
  readonly [data: string]: unknown;
}

let sharedMessages: readonly SharedMessage[] | undefined;

function sharedTruth(): readonly SharedMessage[] {
  const read = () =>
    JSON.parse(new TextDecoder().decode(sharedFile("truth/dns.json"))) as { entries: SharedMessage[] };
  return sharedMessages ??= read().entries;
}

function compareShared(dns: Dns, message: SharedMessage, where: string): void {
  assert.deepEqual(
    [dns.transaction_id, dns.is_response, dns.opcode, dns.question_count, dns.answer_count],
    [
      Number(message.id),
      message.response,
      nameOf("opcode", message.opcode),
      message.questions,
      message.answers,
    ],
    where,
  );
  if (message.rcode !== undefined) assert.equal(dns.response_code, nameOf("rcode", message.rcode), where);
  if (message.questions > 0) {
    const [name = "", type = 0] = [message.qname?.[0], message.qtype?.[0]];
    assert.deepEqual(
      [asQuestion(dns.query_name), dns.query_type],
      [unescaped(name), nameOf("type", type)],
      where,
    );
  }
  const types = message.rr_types?.slice(0, message.answers).map((type) => nameOf("type", type)) ?? [];
  assert.deepEqual(dns.answers.map((answer) => answer.type), types, where);
  // tshark has other fields for the owners of SRV records.
  const owners = dns.answers.filter((answer) => answer.type !== "SRV").map((answer) =>
    asRecordName(answer.name)
  );
  assert.deepEqual(owners, message.rr_names?.slice(0, owners.length).map(oneReplacement) ?? [], where);
  // Data of one type over all sections, the answers first; of MX the host only.
  for (const type of ["A", "AAAA", "CNAME", "NS", "MX", "TXT"]) {
    const data = dns.answers.filter((answer) => answer.type === type).map((answer) => answer.data);
    const ours = data.map(asRecordText);
    const theirs = ((message[type.toLowerCase()] ?? []) as readonly string[]).map(oneReplacement);
    if (type === "TXT") {
      assert.equal(data.map(asCharacterString).join(" "), theirs.join(" "), where);
    } else {
      assert.deepEqual(
        type === "MX" ? ours.map((data) => data.replace(/^\d+ /, "")) : ours,
        theirs.slice(0, ours.length),
        `${where}: ${type}`,
      );
    }
  }
}

const sharedNames = new Set(withoutShared ? [] : sharedTruth().map((message) => message.file));

for (const file of sharedNames) {
  Deno.test(`shared ${file}: the engine sees what tshark sees`, () => {
    const messages = sharedTruth().filter((message) => message.file === file);
    const capture = sharedFile(file);
    assert.ok(capture !== undefined);
    const frames = byFrame(file, packetsOf(run(capture).json));
    const carriers = frames.flatMap((packet, frame) => dnsOf(packet) === undefined ? [] : [frame]);
    assert.deepEqual(carriers, messages.map((message) => message.frame));
    for (const message of messages) {
      const where = `${file} frame ${message.frame}`;
      const packet = frames[message.frame];
      const dns = dnsOf(packet);
      assert.ok(packet !== undefined && dns !== undefined, where);
      assert.deepEqual(
        [packet.src_ip, packet.src_port, packet.dst_ip, packet.dst_port, packet.transport, packet.protocol],
        [
          message.src,
          message.sport,
          message.dst,
          message.dport,
          message.transport.toUpperCase(),
          { dns: "DNS", mdns: "mDNS", llmnr: "LLMNR" }[message.layer],
        ],
        where,
      );
      compareShared(dns, message, where);
    }
  });
}

Deno.test({
  name: "shared captures without DNS: the engine sees none, and scores nothing",
  ignore: withoutShared,
  fn() {
    const others = sharedCaptureNames().filter((file) => !sharedNames.has(file));
    assert.ok(others.length > 0);
    for (const file of others) {
      const { json, counters } = run(sharedFile(file) ?? new Uint8Array());
      assert.deepEqual(packetsOf(json).filter((packet) => packet.dns !== undefined), [], file);
      assert.equal(counters.dns_messages, 0, file);
    }
  },
});

/** Scores of the queries that are wanted, in order. */
function scores(packets: readonly JsonPacket[], isWanted = (_dns: Dns) => true): number[] {
  return packets.flatMap((packet) => {
    const dns = dnsOf(packet);
    return dns !== undefined && packet.protocol === "DNS" && !dns.is_response && isWanted(dns)
      ? [dns.tunneling_score]
      : [];
  });
}

/** Median of the second half: the detector has to see something first. */
function lateMedian(values: readonly number[]): number {
  const late = values.slice(values.length >> 1).sort((a, b) => a - b);
  return late[late.length >> 1] ?? 0;
}

const TUNNEL_MEDIAN = 0.4;
const ORDINARY_MOST = 0.25;

Deno.test("tunnels score high, ordinary names do not", () => {
  const tunnel = packetsOf(run(fixture("dns-tunnel.pcap")).json);
  for (
    const [domain, type] of [["t.example.com", "NULL"], ["u.example.net", "TXT"], ["v.example.org", "CNAME"]]
  ) {
    const values = scores(tunnel, (dns) => dns.query_name.endsWith(`.${domain}`) && dns.query_type === type);
    assert.ok(values.length > 30, `${values.length} queries in ${domain}`);
    assert.ok(lateMedian(values) > TUNNEL_MEDIAN, `${domain}: ${lateMedian(values)}`);
  }
  for (const file of fixtureNames.filter((name) => name !== "dns-tunnel.pcap")) {
    const values = scores(packetsOf(run(fixture(file)).json));
    assert.ok(Math.max(...values) < ORDINARY_MOST, `${file}: ${Math.max(...values)}`);
  }
});

for (const file of sharedNames) {
  Deno.test(`shared ${file}: the tunneling score`, () => {
    const packets = packetsOf(run(sharedFile(file) ?? new Uint8Array()).json);
    const values = scores(packets);
    if (file.startsWith("dns-tunnel-")) {
      assert.ok(lateMedian(values) > TUNNEL_MEDIAN, String(lateMedian(values)));
    } else assert.ok(Math.max(0, ...values) < ORDINARY_MOST, String(Math.max(...values)));
    if (packets.some((packet) => dnsOf(packet)?.correlated_query)) correlate(packets);
  });
}
