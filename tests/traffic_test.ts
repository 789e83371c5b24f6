/**
 * The engine's account of what it read: by protocol, by address, and by what became of each packet.
 *
 * @module
 */
import assert from "node:assert/strict";
import { noProgress } from "../src/pipeline/progress.ts";
import { summarize } from "../src/cli/summary.ts";
import { summaryCounters } from "../src/cli/summary_counters.ts";
import { noTraffic } from "../src/engine/traffic.ts";
import { assertAccounted } from "./layers_run.ts";
import {
  engine,
  fixture,
  fixtureNames,
  type Run,
  run,
  runOn,
  sharedCaptureNames,
  sharedFile,
} from "./engine_run.ts";

const captures: readonly [name: string, read: () => Uint8Array | undefined][] = [
  ...fixtureNames.map((name): [string, () => Uint8Array] => [name, () => fixture(name)]),
  ...sharedCaptureNames().map((
    name,
  ): [string, () => Uint8Array | undefined] => [name, () => sharedFile(name)]),
];

/** What does not get as far as the flow table. */
const before = ["rejected_by_bpf", "rejected_without_bpf_program", "rejected_by_mode", "rejected_fragments"];

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function checkAccount({ counters, traffic }: Run): void {
  const count = (name: string) => counters[name] ?? assert.fail(`no counter ${name}`);
  const rejected = sumOf(before.map(count));
  const duplicates = count("fragment_duplicates");
  // Fragments count as the datagram that they make.
  const packets = count("packets") - rejected - duplicates - count("fragments_merged") +
    count("datagrams_rebuilt");
  const bytes = sumOf(traffic.protocols.map((one) => one.bytes));
  assert.equal(sumOf(traffic.protocols.map((one) => one.packets)), packets);
  if (rejected + duplicates + count("fragments_merged") === 0) assert.equal(bytes, count("bytes"));
  assert.equal(sumOf(traffic.protocols.map((one) => one.flows)), traffic.flows.total);
  const { flows } = traffic;
  assert.equal(flows.active + flows.expired + flows.restarted + flows.evicted, flows.total);
  const bySize = traffic.protocols.toSorted((one, other) =>
    other.bytes - one.bytes || (one.protocol < other.protocol ? -1 : 1)
  );
  assert.deepEqual(traffic.protocols, bySize);
  assert.equal(new Set(traffic.protocols.map((one) => one.protocol)).size, traffic.protocols.length);
  for (const { packets: some, bytes: size } of traffic.top_talkers) {
    assert.ok(some <= packets && size <= bytes);
  }
  assertAccounted(counters);
  const summary = summarize({ ...noProgress, engine: counters }, traffic, 1);
  const { fragments_merged = NaN, datagrams_rebuilt = NaN } = summary.reassembly;
  assert.equal(
    summary.packets,
    summary.kept + sumOf(Object.values(summary.rejected)) + fragments_merged - datagrams_rebuilt +
      (summary.drops.no_bpf_program ?? NaN),
  );
}

for (const [name, read] of captures) {
  Deno.test(`traffic: all of ${name} is accounted for, at any block size and with any filter`, () => {
    const capture = read();
    assert.ok(capture);
    const whole = run(capture);
    checkAccount(whole);
    const cut = run(capture, { blockSize: () => 1000 });
    assert.deepEqual([cut.traffic, cut.counters], [whole.traffic, whole.counters]);
    // What is kept does not change what was read.
    const denied = run(capture, { filters: { noFilterPolicy: "deny" } });
    checkAccount(denied);
    assert.equal(denied.counters.kept, 0);
    assert.deepEqual(denied.traffic, whole.traffic);
    assert.deepEqual(run(capture, { outputs: [] }).traffic, whole.traffic);
  });
}

Deno.test("traffic: in DNS mode, only what the mode looks at is in the account", () => {
  for (const [name, read] of captures) {
    const capture = read();
    assert.ok(capture);
    const dns = run(capture, { protocol: "dns", dnsPorts: [53], outputs: [] });
    checkAccount(dns);
    const all = run(capture);
    const packets = ({ traffic }: Run) => sumOf(traffic.protocols.map((one) => one.packets));
    assert.ok(packets(dns) <= packets(all), name);
    // Names cannot be asked for in later fragments: those of what is not wanted are left out, too.
    checkAccount(run(capture, { protocol: "dns", filters: { localDomains: ["*.example.test"] } }));
  }
});

Deno.test("traffic: what a BPF expression rejects, or has no program for, is not in the account", () => {
  const rejectAll = Uint8Array.of(0x06, 0, 0, 0, 0, 0, 0, 0); // ret #0
  for (
    const [linkType, counter] of [[1, "rejected_by_bpf"], [999, "rejected_without_bpf_program"]] as const
  ) {
    const made = engine();
    made.setPrograms(new Map([[linkType, rejectAll]]));
    const rejected = runOn(made, fixture("dns.pcap"));
    checkAccount(rejected);
    assert.equal(rejected.counters[counter], rejected.counters.packets);
    assert.deepEqual(rejected.traffic, noTraffic);
  }
});

Deno.test("traffic: the summary has every counter of what was rejected and displaced", () => {
  const names = Object.keys(engine().counters());
  assert.deepEqual(summaryCounters.filter((name) => !names.includes(name)), []);
  const read = new Set<string>(summaryCounters);
  const grouped = names.filter((name) => name.startsWith("rejected_") || name.endsWith("_evictions"));
  assert.ok(grouped.length > 0);
  assert.deepEqual(grouped.filter((name) => !read.has(name)), []);
});
