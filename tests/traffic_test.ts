/**
 * The engine's account of what it read: by protocol, by address, and by what became of each packet.
 *
 * @module
 */
import assert from "node:assert/strict";
import { noProgress } from "../src/pipeline/progress.ts";
import { summarize } from "../src/cli/summary.ts";
import { fixture, fixtureNames, type Run, run, sharedCaptureNames, sharedFile } from "./engine_run.ts";

const captures: readonly [name: string, read: () => Uint8Array | undefined][] = [
  ...fixtureNames.map((name): [string, () => Uint8Array] => [name, () => fixture(name)]),
  ...sharedCaptureNames().map((
    name,
  ): [string, () => Uint8Array | undefined] => [name, () => sharedFile(name)]),
];

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function checkAccount({ counters, traffic }: Run): void {
  const { packets = 0, bytes = 0, fragments_merged = 0, datagrams_rebuilt = 0 } = counters;
  assert.equal(sumOf(traffic.protocols.map((one) => one.packets)), packets);
  assert.equal(sumOf(traffic.protocols.map((one) => one.bytes)), bytes);
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
  const { kept, rejected } = summarize({ ...noProgress, engine: counters }, traffic, 1);
  assert.equal(packets, kept + sumOf(Object.values(rejected)) + fragments_merged - datagrams_rebuilt);
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
    checkAccount(run(capture, { protocol: "dns", outputs: [] }));
  });
}
