/**
 * A live capture on `vb` whose filters, 100,000 of them, are replaced by others again and again. Says `ready` once packets
 * may come, and prints, as JSON, what became of them after so many. It is a program of its own because a process cannot
 * change its network namespace.
 *
 * Usage: ip netns exec NAMESPACE deno run --allow-ffi --allow-read tests/live/swap_scenario.ts PACKETS
 */
import type { Filter, FilterTypeName } from "../../src/engine/filter.ts";
import { defaultStreamOptions } from "../../src/engine/stream_options.ts";
import type { CaptureFilters } from "../../src/pipeline/capture_filters.ts";
import { Pipeline } from "../../src/pipeline/pipeline.ts";

const packets = Number(Deno.args[0]);
const COUNT = 100_000;
const kinds: readonly ((round: number, at: number) => readonly [FilterTypeName, string])[] = [
  (round, at) => ["sip_user", `user${at}of${round}`],
  (round, at) => ["ip_address", `10.${at >> 16}.${at >> 8 & 255}.${at & 255}/${round % 8 + 25}`],
  (round, at) => ["dns_domain", `*.host${at}.round${round}.example`],
  (_, at) => ["phone_number", `+1555${1_000_000 + at}`],
];

/** All of them, and the one that wants the packets. */
function set(version: number): CaptureFilters {
  const filters = Array.from({ length: COUNT }, (_, at): Filter => {
    const [type, pattern] = at === COUNT - 1
      ? ["ip_address", "192.0.2.0/24"] as const
      : kinds[at % kinds.length]?.(version, at) ?? ["ip_address", "::1"] as const;
    return { id: `filter-${at}`, type, pattern, targetHunters: [], enabled: true, description: "" };
  });
  return {
    ...{ version, filters, noFilterPolicy: "deny", localDomains: [] },
    kernel: { mode: "", base: "udp", exclusion: "", fragments: false },
  };
}

let reported = Promise.withResolvers<void>();
let finished = false;
const refused: string[] = [];
const notices: string[] = [];
const pipeline = new Pipeline(
  {
    inputs: [
      {
        ...{ kind: "interface", name: "vb", promiscuous: true, snapLength: 65535 },
        ...{ bufferSize: 16 << 20, timeoutMs: 20 },
      },
    ],
    engine: {
      ...defaultStreamOptions,
      ...{ outputs: ["wire"], protocol: "all", dnsPorts: [53], udpOnly: false, detectTunneling: false },
      ...{ batchPackets: 64, batchBytes: 1 << 20, limit: 0 },
    },
    filters: set(0),
    standIns: [],
    reportMs: 50,
    reportsTraffic: false,
  },
  [{ name: "the scenario", needs: ["wire"], write: () => undefined, close: () => Promise.resolve() }],
  {
    opened: () => console.log("ready"),
    notice: (line) => notices.push(line),
    failed: (line) => notices.push(line),
    filtersSet(report) {
      refused.push(...report.refused.map(({ filter, reason }) => `${filter.id}: ${reason}`));
      reported.resolve();
    },
    progress({ engine }) {
      finished ||= (engine.packets ?? 0) >= packets;
    },
  },
  false,
  10_000,
);

const ended = pipeline.run();
await reported.promise;
let swaps = 0;
while (!finished) {
  const next = set(swaps + 1);
  reported = Promise.withResolvers();
  pipeline.setFilters(next);
  await reported.promise;
  swaps++;
}
pipeline.stop();
const { progress } = await ended;
const { kernel, engine, droppedBySinks } = progress;
const counts = { packets: engine.packets, kept: engine.kept, dropped: kernel?.dropped, droppedBySinks };
console.log(JSON.stringify({ ...counts, refused, notices, swaps }));
