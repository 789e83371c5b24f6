/**
 * The engine's account of what it read: by protocol, by address, and by what became of each packet.
 *
 * @module
 */
import assert from "node:assert/strict";
import { noProgress } from "../src/pipeline/progress.ts";
import { summarize } from "../src/cli/summary.ts";
import { assertAccounted } from "./layers_run.ts";
import { fixture, fixtureNames, type Run, run, sharedCaptureNames, sharedFile } from "./engine_run.ts";

const captures: readonly [name: string, read: () => Uint8Array | undefined][] = [
  ...fixtureNames.map((name): [string, () => Uint8Array] => [name, () => fixture(name)]),
  ...sharedCaptureNames().map((
    name,
  ): [string, () => Uint8Array | undefined] => [name, () => sharedFile(name)]),
];

/** Without a BPF program for a link type, a packet is lost. */
const rejections = ["rejected_by_bpf", "rejected_by_mode", "rejected_by_filters", "rejected_fragments"];

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function checkAccount({ counters, traffic }: Run): void {
  // Fragments count as the datagram that they make.
  const { packets: read = 0, fragments_merged = 0, datagrams_rebuilt = 0, fragment_duplicates = 0 } =
    counters;
  const packets = read - fragments_merged + datagrams_rebuilt - fragment_duplicates;
  const bytes = sumOf(traffic.protocols.map((one) => one.bytes));
  assert.equal(sumOf(traffic.protocols.map((one) => one.packets)), packets);
  if (counters.kept === packets) assert.equal(bytes, counters.kept_bytes);
  assert.equal(sumOf(traffic.protocols.map((one) => one.flows)), traffic.flows.total);
  const { flows } = traffic;
  assert.equal(flows.active + flows.expired + flows.evicted, flows.total);
  const bySize = traffic.protocols.toSorted((one, other) =>
    other.bytes - one.bytes || (one.protocol < other.protocol ? -1 : 1)
  );
  assert.deepEqual(traffic.protocols, bySize);
  assert.equal(new Set(traffic.protocols.map((one) => one.protocol)).size, traffic.protocols.length);
  for (const { packets: some, bytes: size } of traffic.top_talkers) {
    assert.ok(some <= packets && size <= bytes);
  }
  assertAccounted(counters);
  const { kept, rejected } = summarize({ ...noProgress, engine: counters }, traffic, 1);
  assert.deepEqual(
    [kept, sumOf(Object.values(rejected))],
    [counters.kept, sumOf(rejections.map((name) => counters[name] ?? 0))],
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

Deno.test("traffic: packets outside the mode are in the account, too", () => {
  for (const name of fixtureNames) {
    const [all, dns] = [
      run(fixture(name)),
      run(fixture(name), { protocol: "dns", dnsPorts: [53], outputs: [] }),
    ];
    checkAccount(dns);
    assert.deepEqual(dns.traffic, all.traffic);
  }
});
