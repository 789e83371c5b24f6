/** DNS over TCP through the engine, however its messages are cut into segments (RFC 7766 section 8). */
import assert from "node:assert/strict";
import { concat, type RunOptions } from "./engine_run.ts";
import { ends, pcapFile, query, u16, wireName } from "./frames.ts";
import { observe, type Observed } from "./layers_run.ts";
import { type Connection, cut, handshake, type Segment, segmentRecords, tcpFlag } from "./tcp_frames.ts";

/** With its length in front. */
function framed(message: Uint8Array): Uint8Array {
  return concat([u16(message.length), message]);
}

function asked(id: number, name = `n${id}.example.com`): Uint8Array {
  return framed(query(id, name, 1));
}

/** A response with so many A records, 16 octets each. */
function answered(id: number, answers = 1, name = `n${id}.example.com`): Uint8Array {
  const records = Array.from({ length: answers }, (_, at) => [
    ...[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2 + (at >> 8), at & 255],
  ]);
  return framed(Uint8Array.from([
    ...[...u16(id), 0x84, 0, 0, 1, ...u16(answers), 0, 0, 0, 0],
    ...[...wireName(name), 0, 1, 0, 1],
    ...records.flat(),
  ]));
}

function seen(segments: readonly Segment[], options: RunOptions = {}, connection: Connection = {}): Observed {
  return observe(pcapFile(segmentRecords(segments, connection)), options);
}

/** What each packet says of DNS: the questions that it completes. */
function namesIn({ shown }: Observed): string[] {
  return shown.map((packet) =>
    packet.dns === undefined
      ? ""
      : String(packet.info).split("; ").map((one) => /n\d+/.exec(one)?.[0] ?? one).join(" ")
  );
}

const names = (segments: readonly Segment[], options?: RunOptions) => namesIn(seen(segments, options));
/** The same, behind a handshake. */
const opened = (segments: readonly Segment[], options?: RunOptions) =>
  names([...handshake, ...segments], options).slice(handshake.length);

/** Places in a framed query: behind its length, in its header, behind that, in its name. */
const LENGTH = 2;
const HEADER = 14;

Deno.test("DNS over TCP: a message belongs to the segment that completes it, wherever it is cut", () => {
  const message = asked(1);
  for (let at = 1; at < message.length; at++) {
    assert.deepEqual(opened(cut(message, [at])), ["", "n1"], `at ${at}`);
    // Mid-stream, a header has to be there that is plausible.
    if (at >= HEADER) assert.deepEqual(names(cut(message, [at])), ["", "n1"], `at ${at}`);
  }
  assert.deepEqual(opened(cut(message, [LENGTH, HEADER, HEADER + 6])), ["", "", "", "n1"]);
});

Deno.test("DNS over TCP: messages in segments of one byte", () => {
  const messages = concat([asked(1), asked(2)]);
  const places = Array.from({ length: messages.length - 1 }, (_, at) => at + 1);
  const ends = [asked(1).length - 1, messages.length - 1];
  const expected = Array.from(messages, (_, at) => at === ends[0] ? "n1" : at === ends[1] ? "n2" : "");
  assert.deepEqual(opened(cut(messages, places)), expected);
});

Deno.test("DNS over TCP: several messages in a segment", () => {
  const messages = concat([asked(1), asked(2), asked(3)]);
  const one = asked(1).length;
  for (const read of [names, opened]) {
    assert.deepEqual(read(cut(messages, [])), ["n1 n2 n3"]);
    assert.deepEqual(read(cut(messages, [one])), ["n1", "n2 n3"]);
    assert.deepEqual(read(cut(messages, [one + 1, 2 * one + 9])), ["n1", "n2", "n3"]);
    assert.deepEqual(read(cut(messages, [one - 1, one + 20])), ["", "n1", "n2 n3"]);
  }
  const { shown, counters } = seen([...handshake, ...cut(messages, [])]);
  assert.equal((shown[3]?.details as Record<string, string>)["dns.messages"], "3");
  assert.equal((shown[3]?.dns as Record<string, unknown>).transaction_id, 1);
  assert.equal(counters.dns_messages, 3);
});

Deno.test("DNS over TCP: segments out of order wait for those before them", () => {
  const messages = concat([asked(1), asked(2), asked(3)]);
  const one = asked(1).length;
  const [a, b, c, d] = cut(messages, [one - 5, one + 5, 2 * one]) as [Segment, Segment, Segment, Segment];
  assert.deepEqual(opened([a, c, b, d]), ["", "", "n1 n2", "n3"]);
  assert.deepEqual(opened([a, d, c, b]), ["", "", "", "n1 n2 n3"]);
  assert.deepEqual(opened([b, a, c, d]), ["", "n1", "n2", "n3"]);
  assert.deepEqual(opened([d, c, b, a]), ["", "", "", "n1 n2 n3"]);
  assert.deepEqual(names([a, c, b, d]), ["", "", "n1 n2", "n3"]);
});

Deno.test("DNS over TCP: what comes again counts once", () => {
  const messages = concat([asked(1), asked(2)]);
  const one = asked(1).length;
  const [a, b, c] = cut(messages, [one - 5, one + 5]) as [Segment, Segment, Segment];
  const [, whole] = cut(messages, [0]) as [Segment, Segment];
  const cases: readonly (readonly [Segment[], string[]])[] = [
    [[a, a, b, b, c, c], ["", "", "n1", "", "n2", ""]],
    [[a, b, a, c, b], ["", "n1", "", "n2", ""]],
    [[a, whole, c], ["", "n1 n2", ""]],
    [[a, c, c, b], ["", "", "", "n1 n2"]],
    [[a, { sequence: 5, payload: messages.subarray(4, one + 3) }, b, c], ["", "n1", "", "n2"]],
  ];
  for (const [segments, expected] of cases) {
    assert.deepEqual(opened(segments), expected);
    assert.equal(seen([...handshake, ...segments]).counters.dns_messages, 2);
  }
});

Deno.test("DNS over TCP: behind bytes that were never captured, messages are found again", () => {
  const one = asked(1).length;
  const messages = concat([asked(1), asked(2), asked(3), asked(4)]);
  const [a, lost, ...rest] = cut(messages, [one, 2 * one, 3 * one]) as [Segment, Segment, Segment, Segment];
  const later = (after: number) => cut(asked(5), [], 4 * one).map((segment) => ({ ...segment, after }));
  const [nothing, part] = [[], [{ ...lost, payload: lost.payload?.subarray(0, 20) }]];
  // Nobody sends again what the receiver has acknowledged.
  const acknowledgment = { fromServer: true, acknowledgment: 1 + 4 * one };
  const waits: readonly (readonly [string, Segment[]])[] = [
    ["5 s", later(6)],
    ["an answer", [{ ...acknowledgment, payload: answered(1) }, ...later(1)]],
    ["an acknowledgment", [{ ...acknowledgment, flags: tcpFlag.ack }, ...later(1)]],
  ];
  for (const [until, end] of waits) {
    for (const captured of [nothing, part]) {
      const segments = [...handshake, a, ...captured, ...rest, ...end];
      const found = names(segments).join(" ").split(/ +/).filter((name) =>
        // Of the second message there is at most a header.
        !["", "n2", "QUERY"].includes(name)
      );
      assert.deepEqual(found, ["n1", ...(until === "an answer" ? ["n1"] : []), "n3", "n4", "n5"], until);
      const { reassembly_gaps, reassembly_skipped_bytes } = seen(segments).counters;
      assert.deepEqual([reassembly_gaps, reassembly_skipped_bytes], [1, one - (captured === part ? 20 : 0)]);
    }
  }
});

Deno.test("DNS over TCP: a capture that begins within a message finds the next one", () => {
  const answer = answered(1, 100);
  for (const at of [700, 1000, 1600]) {
    const middle: Segment = { fromServer: true, sequence: 1 + at, payload: answer.subarray(at) };
    const next = cut(concat([answered(2), answered(3)]), [answered(2).length], answer.length, true);
    assert.deepEqual(names([middle, ...cut(asked(2), []), ...next]), ["", "n2", "n2", "n3"], `at ${at}`);
  }
});

Deno.test("DNS over TCP: long messages, both directions, and the time that an answer took", () => {
  const answer = answered(1, 4000);
  assert.ok(answer.length > 64_000);
  const places = Array.from({ length: Math.ceil(answer.length / 1400) - 1 }, (_, at) => 1400 * (at + 1));
  const parts = cut(answer, places, 0, true);
  const { shown, counters } = seen([
    ...handshake,
    ...cut(asked(1), []),
    ...parts.map((part) => ({ ...part, after: 0.001 })),
  ]);
  const dns = shown.at(-1)?.dns as Record<string, unknown>;
  assert.deepEqual(
    [dns.answer_count, dns.correlated_query, dns.query_response_time_ms],
    [4000, true, parts.length],
  );
  assert.deepEqual(shown.map((packet) => packet.dns !== undefined).filter(Boolean).length, 2);
  assert.deepEqual([counters.dns_messages, counters.dns_partial, counters.dns_correlated], [2, 0, 1]);
});

Deno.test("DNS over TCP: sequence numbers that wrap, data in a SYN, and ports that are used again", () => {
  const [message, initial] = [concat([asked(1), asked(2)]), 0xffffffff - 20];
  const wrapped = seen([...handshake, ...cut(message, [30])], {}, { initial });
  assert.deepEqual(
    namesIn(wrapped).slice(3),
    ["", "n1 n2"].map((name, at) => at === 0 ? namesIn(wrapped)[3] : name),
  );
  assert.equal(wrapped.counters.dns_messages, 2);

  const early = { flags: tcpFlag.syn, sequence: 0, payload: asked(1) };
  assert.deepEqual(names([early, ...cut(asked(2), [], asked(1).length)]), ["n1", "n2"]);

  const first = segmentRecords([...handshake, ...cut(asked(1), [])]);
  const again = segmentRecords([...handshake, ...cut(asked(2), [10])], { initial: 0x70000000 });
  const minute = again.map((one) => ({ ...one, timestampNs: one.timestampNs + 60_000_000_000n }));
  const both = observe(pcapFile([...first, ...minute]));
  assert.deepEqual(namesIn(both).filter((name) => name !== ""), ["n1", "n2"]);
});

Deno.test("DNS over TCP: a connection that ends within a message loses nothing that was captured", () => {
  for (const flags of [tcpFlag.fin | tcpFlag.ack, tcpFlag.rst]) {
    for (const before of [cut(asked(1), []), []]) {
      const [start] = cut(answered(1, 3), [60], 0, true) as [Segment, Segment];
      const last: Segment = { fromServer: true, sequence: 61, flags };
      const { shown, counters } = seen([...handshake, ...before, start, last]);
      const messages = shown.slice(handshake.length + before.length).flatMap((packet) => packet.dns ?? []);
      const dns = messages as Record<string, unknown>[];
      assert.deepEqual(dns.map((one) => [one.query_name, one.answer_count]), [["n1.example.com", 3]]);
      assert.deepEqual([counters.dns_messages, counters.dns_partial], [before.length + 1, 1]);
    }
  }
});

const named = { length: HEADER + wireName("n1.example.com").length, message: answered(1, 40) };

/** Bytes of payload in each response that a filter on domains keeps. */
function kept(segments: readonly Segment[], pattern: string): number[] {
  const filter = {
    id: "f",
    type: "dns_domain",
    pattern,
    enabled: true,
    targetHunters: [],
    description: "",
  } as const;
  const frames = seen(segments, { filters: { filters: [filter] } }).sent.map((one) => one.data as Uint8Array);
  return frames.filter((frame) => frame[35] === 53).map((frame) => frame.length - 54);
}

function lengthsOf(segments: readonly Segment[]): (number | undefined)[] {
  return segments.map((segment) => segment.payload?.length);
}

for (const [which, before] of [["first", []], ["further", cut(asked(1), [])]] as const) {
  const read = (segments: Segment[], pattern: string) =>
    kept([...handshake, ...before, ...segments], pattern);

  Deno.test(`DNS over TCP: domain filters keep the segments of a ${which} message from where its name can be read`, () => {
    const segments = cut(named.message, [LENGTH, named.length - 1, 200, 300, 600], 0, true);
    assert.deepEqual(read(segments, "*.example.com"), lengthsOf(segments.slice(2)));
    assert.deepEqual(read(segments, "*.example.org"), []);
    // Out of order: what waits shows nothing yet, and what releases it shows all.
    const [first, second, third] = cut(named.message, [200, 400], 0, true) as [Segment, Segment, Segment];
    assert.deepEqual(read([second, first, third], "*.example.com"), lengthsOf([first, third]));
  });

  Deno.test(`DNS over TCP: domain filters tell messages of one connection apart, the ${which} one and others`, () => {
    const [end, messages] = [
      named.message.length,
      concat([named.message, answered(2, 40, "n2.example.org")]),
    ];
    const apart = cut(messages, [200, end, end + 200], 0, true);
    assert.deepEqual(read(apart, "*.example.com"), lengthsOf(apart.slice(0, 2)));
    assert.deepEqual(read(apart, "*.example.org"), lengthsOf(apart.slice(2)));
    // A segment that ends one message and begins another belongs to both.
    const shared = cut(messages, [200, end + 100], 0, true);
    assert.deepEqual(read(shared, "*.example.com"), lengthsOf(shared.slice(0, 2)));
    assert.deepEqual(read(shared, "*.example.org"), lengthsOf(shared.slice(1)));
  });
}

Deno.test("DNS over TCP: the mode keeps all of a connection on its ports", () => {
  const client = ends({ destinationPort: 5300 });
  const segments = [...handshake, ...cut(asked(1), [20])];
  const options = { protocol: "dns", dnsPorts: [5300] } as const;
  assert.deepEqual(namesIn(seen(segments, options, { client })), ["", "", "", "", "n1"]);
  assert.deepEqual(namesIn(seen(segments, { ...options, udpOnly: true }, { client })), []);
  assert.deepEqual(namesIn(seen(segments, { ...options, dnsPorts: [53] }, { client })), []);
  // On any port where all is looked at.
  assert.deepEqual(namesIn(seen(segments, {}, { client })).at(-1), "n1");
});

Deno.test("DNS over TCP: a server of another protocol greets as itself", () => {
  const banner = new TextEncoder().encode("SSH-2.0-OpenSSH_9.2p1\r\n");
  for (const destinationPort of [22, 53]) {
    const segments = [
      ...handshake,
      ...cut(asked(1), []),
      ...cut(banner, [], 0, true),
      { payload: Uint8Array.from([1, 2, 3]), sequence: 1 + asked(1).length },
    ];
    const { shown } = seen(segments, {}, { client: ends({ destinationPort }) });
    assert.deepEqual(shown.slice(3).map((packet) => packet.protocol), ["DNS", "SSH", "SSH"]);
  }
});
