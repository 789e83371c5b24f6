import assert from "node:assert/strict";
import { matchesNothing } from "../capture/bpf.ts";
import { compileForFiles } from "../capture/bpf_program.ts";
import { drained, type RefusedFilter } from "../engine/engine.ts";
import type { Filter } from "../engine/filter.ts";
import { libpcapObstacle } from "../../tests/live/libpcap_library.ts";
import { FilterJudge } from "./capture_filters.ts";

const obstacle = libpcapObstacle();
if (obstacle !== undefined) console.log(`tests of the filters of a capture are skipped: ${obstacle}`);

function test(name: string, fn: () => void): void {
  Deno.test({ name: `filters of a capture: ${name}`, ignore: obstacle !== undefined, fn });
}

const ethernet = 1, raw = 12, cooked = 113;
const kernel = { mode: "", base: "", exclusion: "", fragments: false };

function filter(id: string, pattern: string, type: Filter["type"] = "bpf", enabled = true): Filter {
  return { id, type, pattern, targetHunters: [], enabled, description: "" };
}

/** Stands in for the engine: refuses addresses that say so, as long as they are enabled. */
function refuseBad(filters: readonly Filter[]): RefusedFilter[] {
  return filters.filter(({ type, pattern, enabled }) =>
    type !== "bpf" && enabled && pattern.startsWith("bad")
  )
    .map((filter) => ({ filter, reason: "is bad" }));
}

/** An engine that takes its time, and then refuses as {@link refuseBad} does. */
function* applying(filters: readonly Filter[]): Generator<void, readonly RefusedFilter[]> {
  yield;
  return refuseBad(filters);
}

/** What a judge settles on for one set after the other: `id=pattern` of those in force, `!id` of those refused. */
function settled(sets: readonly (readonly Filter[])[], linkTypes: readonly number[] = [ethernet]): string[] {
  const judge = new FilterJudge([]);
  return sets.map((set) => {
    let applied: readonly Filter[] = [];
    const { filters, report } = drained(judge.settle(set, linkTypes, function* (filters) {
      applied = filters;
      yield;
      return refuseBad(filters);
    }));
    assert.deepEqual(filters, applied, "what is settled on is what was applied last");
    assert.equal(report.active, filters.filter(({ enabled }) => enabled).length);
    assert.ok(report.refused.every(({ reason }) => reason !== ""));
    return [
      ...filters.map(({ id, pattern, enabled }) => `${id}=${pattern}${enabled ? "" : " (off)"}`),
      ...report.refused.map(({ filter }) => `!${filter.id}`),
    ].join(", ");
  });
}

const cases: readonly [what: string, sets: readonly (readonly Filter[])[], inForce: readonly string[]][] = [
  ["one that does not compile leaves the others in force", [
    [filter("a", "udp"), filter("b", "udp and and"), filter("c", "192.0.2.1", "ip_address")],
  ], ["a=udp, c=192.0.2.1, !b"]],
  ["a change to one that does not compile keeps the version before, until it is mended or removed", [
    [filter("a", "udp"), filter("b", "tcp")],
    [filter("a", "udp"), filter("b", "tcp and and")],
    [filter("a", "icmp"), filter("b", "tcp and and")],
    [filter("a", "icmp"), filter("b", "tcp or")],
    [filter("a", "icmp"), filter("b", "tcp port 80")],
    [filter("a", "icmp"), filter("b", "")],
    [filter("a", "icmp")],
    [filter("a", "icmp"), filter("b", "")],
  ], [
    "a=udp, b=tcp",
    "a=udp, b=tcp, !b",
    "a=icmp, b=tcp, !b",
    "a=icmp, b=tcp, !b",
    "a=icmp, b=tcp port 80",
    "a=icmp, b=tcp port 80, !b",
    "a=icmp",
    "a=icmp, !b",
  ]],
  ["the same for what the engine refuses, also across types", [
    [filter("a", "192.0.2.1", "ip_address"), filter("b", "udp")],
    [filter("a", "bad", "ip_address"), filter("b", "bad", "ip_address")],
    [filter("a", "udp and and"), filter("b", "tcp")],
  ], ["a=192.0.2.1, b=udp", "a=192.0.2.1, b=udp, !a, !b", "a=192.0.2.1, b=tcp, !a"]],
  ["a disabled one is not judged, and takes effect", [
    [filter("a", "udp")],
    [filter("a", "udp and and", "bpf", false)],
    [filter("a", "udp and and")],
  ], ["a=udp", "a=udp and and (off)", "!a"]],
];

for (const [what, sets, inForce] of cases) test(what, () => assert.deepEqual(settled(sets), inForce));

test("a version that was in force in an earlier thread stands in", () => {
  const [good, broken] = [filter("a", "udp"), filter("a", "udp and and")];
  const { filters, report } = drained(
    new FilterJudge([good]).settle([broken], [ethernet], function* (filters) {
      yield;
      return refuseBad(filters);
    }),
  );
  assert.deepEqual(filters, [good]);
  assert.deepEqual(report.refused.map(({ filter, standIn }) => [filter, standIn]), [[broken, good]]);
});

test("an expression need fit one kind of interface only, and matches nothing on the others", () => {
  const byAddress = filter("mac", "ether src 02:00:00:00:00:01");
  assert.deepEqual(settled([[byAddress]], [raw]), ["!mac"]);
  assert.deepEqual(settled([[byAddress]], [ethernet, raw]), ["mac=ether src 02:00:00:00:00:01"]);
  const judge = new FilterJudge([]);
  const text = (linkType: number, ...filters: Filter[]) =>
    judge.expressionFor(linkType, { ...kernel, base: "ip" }, filters).text;
  assert.equal(text(ethernet, byAddress), "((ether src 02:00:00:00:00:01)) and (ip)");
  assert.equal(text(raw, byAddress), matchesNothing.text);
  assert.equal(text(raw, byAddress, filter("u", "udp")), "((udp)) and (ip)");
  assert.equal(text(raw), "ip");
  const programs = judge.programsFor(kernel, [byAddress]);
  const nothing = compileForFiles(matchesNothing.text, 262_144);
  assert.deepEqual(programs.get(raw), nothing.get(raw));
  assert.notDeepEqual(programs.get(ethernet), nothing.get(ethernet));
});

test("what no packet can match is no mistake where several parties want it together", () => {
  const judge = new FilterJudge([]);
  const web = filter("web", "tcp port 80");
  const programs = judge.programsFor({ ...kernel, base: "udp port 53" }, [web]);
  const nothing = compileForFiles(matchesNothing.text, 262_144);
  // libpcap does not see it for IEEE 802.11, behind a header of variable length.
  for (const linkType of [ethernet, cooked, raw]) {
    assert.deepEqual(programs.get(linkType), nothing.get(linkType));
  }
  assert.deepEqual([...programs.keys()], [...nothing.keys()]);
  assert.deepEqual(settled([[filter("never", "udp and tcp")]]), ["!never"]);
});

test("nothing is asked of libpcap where there is no expression", () => {
  const judge = new FilterJudge([]);
  assert.equal(
    judge.programsFor(kernel, [filter("a", "192.0.2.1", "ip_address"), filter("b", "udp", "bpf", false)])
      .size,
    0,
  );
});

test("no more BPF filters than the bound, and their versions before them stand in", () => {
  const many = Array.from({ length: 6_000 }, (_, number) => filter(`f${number}`, `port ${number}`));
  const judge = new FilterJudge([]);
  const address = filter("f5999", "192.0.2.1", "ip_address");
  drained(judge.settle([address], [ethernet], applying));
  const { filters, report } = drained(judge.settle(many, [ethernet], applying));
  assert.deepEqual(filters, [...many.slice(0, 64), address]);
  assert.equal(report.active, 65);
  assert.deepEqual(
    report.refused.map(({ filter, reason, standIn }) => [filter.id, reason, standIn]),
    many.slice(64).map(({ id }) => [id, "more than 64 BPF filters", id === "f5999" ? address : undefined]),
  );
  const { text } = judge.expressionFor(ethernet, kernel, filters);
  assert.match(text, /port 63/);
  assert.doesNotMatch(text, /port 256/);
});

test("no longer BPF filters than the bound; shorter ones behind a long one hold", () => {
  const long = (bytes: number) => "udp".padEnd(bytes);
  const sets = [
    filter("a", long(8_000)),
    filter("b", long(8_373)),
    filter("c", long(8_372)),
    filter("off", long(9_000), "bpf", false),
    filter("d", "tcp"),
  ];
  const { filters, report } = drained(new FilterJudge([]).settle(sets, [ethernet], applying));
  assert.deepEqual(filters.map(({ id }) => id), ["a", "c", "off"]);
  const reason = "the BPF filters are longer than 16384 bytes together";
  assert.deepEqual(report.refused.map(({ filter, reason }) => [filter.id, reason]), [["b", reason], [
    "d",
    reason,
  ]]);
});
