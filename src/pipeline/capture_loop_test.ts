import assert from "node:assert/strict";
import { Engine, type EngineOptions } from "../engine/engine.ts";
import type { Filter, FilterTypeName } from "../engine/filter.ts";
import { engineModule } from "../engine/module.js";
import { defaultStreamOptions } from "../engine/stream_options.ts";
import { type CaptureHost, CaptureLoop } from "./capture_loop.ts";

const filter = (type: FilterTypeName, pattern: string, enabled = true): Filter => ({
  ...{ id: `${type} ${pattern}`, type, pattern, targetHunters: [], enabled, description: "" },
});

/** A capture of DNS where the policy is to keep all. */
function loopWith(
  filters: readonly Filter[],
  host: Partial<CaptureHost>,
  engine: Partial<EngineOptions> = {},
): CaptureLoop {
  return new CaptureLoop(
    {
      inputs: [{ kind: "file", path: "fixtures/dns.pcap" }],
      engine: {
        ...defaultStreamOptions,
        ...{ outputs: [], protocol: "all", dnsPorts: [53], udpOnly: false, detectTunneling: false },
        ...{ batchPackets: 64, batchBytes: 1 << 20, limit: 0 },
        ...engine,
      },
      filters: {
        ...{ version: 1, filters, noFilterPolicy: "allow", localDomains: [] },
        kernel: { mode: "", base: "", exclusion: "", fragments: false },
      },
      ...{ standIns: [], reportMs: 1_000, reportsTraffic: false },
    },
    {
      ...{ opened() {}, notice() {}, filtersSet() {}, signalling() {}, failed() {}, report() {}, take() {} },
      ready: () => true,
      whenReady: () => Promise.resolve(),
      ...host,
    },
  );
}

/** Packets kept, and what was told. */
async function keptWith(filters: readonly Filter[]): Promise<[kept: number, notices: readonly string[]]> {
  const notices: string[] = [];
  const { progress } = await loopWith(filters, { notice: (line) => notices.push(line) }).run();
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

Deno.test("signalling is told before the packets that it comes from, and only where it is asked for", async () => {
  Engine.load(engineModule);
  const original = Engine.prototype.takeSignalling;
  Engine.prototype.takeSignalling = () => Uint8Array.of(7);
  try {
    for (const sharesCalls of [true, false]) {
      const told: string[] = [];
      const host: Partial<CaptureHost> = {
        signalling: (bytes) => told.push(`signalling ${bytes}`),
        take: () => told.push("chunk"),
      };
      await loopWith([], host, { outputs: ["json"], sharesCalls }).run();
      assert.ok(told.includes("chunk"));
      assert.equal(told[0], sharesCalls ? "signalling 7" : "chunk");
      assert.equal(told.includes("signalling 7"), sharesCalls);
    }
  } finally {
    Engine.prototype.takeSignalling = original;
  }
});
