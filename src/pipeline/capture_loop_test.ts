import assert from "node:assert/strict";
import { Engine } from "../engine/engine.ts";
import type { Filter, FilterTypeName } from "../engine/filter.ts";
import { engineModule } from "../engine/module.js";
import { defaultStreamOptions } from "../engine/stream_options.ts";
import { CaptureLoop } from "./capture_loop.ts";

const filter = (type: FilterTypeName, pattern: string, enabled = true): Filter => ({
  ...{ id: `${type} ${pattern}`, type, pattern, targetHunters: [], enabled, description: "" },
});

/** Packets kept of a capture of DNS where the policy is to keep all, and what was told. */
async function keptWith(filters: readonly Filter[]): Promise<[kept: number, notices: readonly string[]]> {
  const notices: string[] = [];
  const loop = new CaptureLoop(
    {
      inputs: [{ kind: "file", path: "fixtures/dns.pcap" }],
      engine: {
        ...defaultStreamOptions,
        ...{ outputs: [], protocol: "all", dnsPorts: [53], udpOnly: false, detectTunneling: false },
        ...{ batchPackets: 64, batchBytes: 1 << 20, limit: 0 },
      },
      filters: {
        ...{ version: 1, filters, noFilterPolicy: "allow", localDomains: [] },
        kernel: { mode: "", base: "", exclusion: "", fragments: false },
      },
      ...{ standIns: [], reportMs: 1_000, reportsTraffic: false },
    },
    {
      ...{ opened() {}, filtersSet() {}, signalling() {}, failed() {}, report() {}, take() {} },
      notice: (line) => notices.push(line),
      ready: () => true,
      whenReady: () => Promise.resolve(),
    },
  );
  const { progress } = await loop.run();
  return [progress.engine.kept ?? 0, notices];
}

Deno.test("where all filters that were asked for are refused, nothing passes", async () => {
  Engine.load(engineModule);
  const [all, silence] = await keptWith([]);
  assert.ok(all > 0);
  assert.deepEqual(silence, []);
  const bad = [filter("bpf", "udp prot 5"), filter("ip_address", "1.2.3"), filter("imsi", "x")] as const;
  for (const one of bad) {
    assert.deepEqual(await keptWith([one]), [
      0,
      ["the only filter was refused: nothing passes until one can be used"],
    ]);
  }
  assert.deepEqual(await keptWith([...bad, filter("bpf", "udp", false)]), [
    0,
    ["all 3 filters were refused: nothing passes until one can be used"],
  ]);
  assert.deepEqual(
    await keptWith([filter("bpf", "udp prot 5", false)]),
    [all, []],
    "disabled ones do not count",
  );
  const [kept, notices] = await keptWith([...bad, filter("dns_domain", "*")]);
  assert.ok(kept > 0);
  assert.deepEqual(notices, []);
});
