/**
 * A live capture by three threads that share an interface, `vb` or `any`, while filters change, one of them breaks down,
 * and the interface is made anew. Prints, as JSON, what came of the packets of each step, and what was told. It is a
 * program of its own because a process cannot change its network namespace.
 *
 * Usage: ip netns exec NAMESPACE deno run --allow-ffi --allow-read --allow-run=ip tests/live/workers_scenario.ts INTERFACE
 */
import type { Filter } from "../../src/engine/filter.ts";
import { defaultStreamOptions } from "../../src/engine/stream_options.ts";
import type { CaptureFilters } from "../../src/pipeline/capture_filters.ts";
import { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { FromWorker } from "../../src/pipeline/worker_protocol.ts";
import { udpFrame } from "./frame.ts";
import { Injector } from "./inject.ts";

const [interfaceName = "vb"] = Deno.args;
const FLOWS = 60;
const ROUNDS = 10;
/** Times that a packet is seen: on all interfaces, as it leaves `va`, and as it arrives at `vb`. */
const copies = interfaceName === "any" ? 2 : 1;

/** Packets by flow, of each thread, since the last step. */
const seen: Map<number, number>[] = [];
const threads: Worker[] = [];
let arrived = 0;
globalThis.Worker = class extends Worker {
  constructor(...options: ConstructorParameters<typeof Worker>) {
    super(...options);
    threads.push(this);
    const flows = new Map<number, number>();
    seen.push(flows);
    this.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind !== "chunk") return;
      for (
        const line of new TextDecoder().decode(data.chunk.json).split("\n").filter((line) => line !== "")
      ) {
        const { src_port, dst_port } = JSON.parse(line);
        const port = Math.min(src_port, dst_port);
        flows.set(port, (flows.get(port) ?? 0) + 1);
      }
    });
  }
};

const filters = (version: number, ...patterns: string[]): CaptureFilters => ({
  ...{ version, noFilterPolicy: "deny", localDomains: [] },
  filters: patterns.map((pattern, at): Filter => ({
    ...{ id: `${at}`, pattern, type: "bpf", targetHunters: [], enabled: true, description: "" },
  })),
  kernel: { mode: "", base: "udp", exclusion: "", fragments: false },
});

const notices: string[] = [];
const reports: string[] = [];
let opened = 0;
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never: ${what}; ${notices.join("; ")}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const pipeline = new Pipeline(
  {
    inputs: [
      {
        ...{ kind: "interface", name: interfaceName, promiscuous: false, snapLength: 65535 },
        ...{ bufferSize: 1 << 22, timeoutMs: 20 },
      },
    ],
    engine: {
      ...defaultStreamOptions,
      ...{ outputs: ["json"], protocol: "all", dnsPorts: [53], udpOnly: false, detectTunneling: false },
      ...{ batchPackets: 64, batchBytes: 1 << 20, limit: 0 },
    },
    filters: filters(0, "udp"),
    standIns: [],
    reportMs: 50,
    reportsTraffic: true,
  },
  [{
    ...{ name: "the scenario", needs: ["json"], close: () => Promise.resolve() },
    write: ({ packets }) => void (arrived += packets),
  }],
  {
    opened: () => opened++,
    notice: (line) => notices.push(line.split("\n")[0] ?? ""),
    failed: (line) => notices.push(`failed: ${line}`),
    filtersSet({ version, active, refused }) {
      reports.push(`${version}: ${active}${refused.map(({ filter }) => ` !${filter.id}`).join("")}`);
    },
    progress: () => {},
  },
  false,
  10_000,
  3,
);

/** Packets of both directions of each flow; what came of those that are to arrive. */
async function step(wantedFlows = FLOWS): Promise<unknown> {
  arrived = 0;
  for (const flows of seen) flows.clear();
  const injector = new Injector("va");
  for (let round = 0; round < ROUNDS; round++) {
    for (let flow = 0; flow < FLOWS; flow++) {
      const frame = udpFrame({ number: round, destinationPort: 1000 + flow, payloadLength: 40 });
      injector.send(frame);
      injector.send(answerTo(frame));
    }
  }
  injector.close();
  const expected = wantedFlows * ROUNDS * 2 * copies;
  await until(`${expected} packets`, () => arrived >= expected);
  // Those that come twice may be late.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const perFlow = [...new Set(seen.flatMap((flows) => [...flows.values()]))];
  return {
    packets: arrived / copies,
    flows: seen.reduce((sum, flows) => sum + flows.size, 0),
    /** A flow that two threads see has fewer packets in each. */
    packetsPerFlow: perFlow.map((packets) => packets / copies),
    idle: seen.flatMap(({ size }, at) => size === 0 ? [at] : []),
  };
}

/** The frame with the addresses and the ports of both ends swapped. */
function answerTo(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const answer = new Uint8Array(frame);
  for (const [at, length] of [[0, 6], [26, 4], [34, 2]] as const) {
    answer.set(frame.subarray(at + length, at + 2 * length), at);
    answer.set(frame.subarray(at, at + length), at + length);
  }
  return answer;
}

const ended = pipeline.run();
await until("the first report", () => reports.length === 1);
const all = await step();
pipeline.setFilters(filters(1, "udp and portrange 1000-1019", "udp and ("));
await until("the second report", () => reports.length === 2);
await new Promise((resolve) => setTimeout(resolve, 300)); // The kernel's filter waits for a quiet moment.
const narrowed = await step(20);
threads[1]?.postMessage({ kind: "signalling" });
await until("a breakdown", () => notices.length === 1);
const withoutOne = await step(20);
await until("the third report", () => reports.length === 3);
const restarted = await step(20);
let anew: unknown;
if (interfaceName !== "any") {
  const ip = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command("ip", { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  await ip("link", "del", "vb");
  await until("it is missed", () => notices.length === 2);
  await ip("link", "add", "va", "type", "veth", "peer", "name", "vb");
  await ip("link", "set", "va", "up");
  await ip("link", "set", "vb", "up");
  await until("it is back", () => notices.length === 3);
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // The others look for it once a second, too.
  anew = await step(20);
}
pipeline.stop();
const { progress, traffic, failures } = await ended;
console.log(JSON.stringify({
  ...{ all, narrowed, withoutOne, restarted, anew },
  ...{ notices, reports, opened, restarts: progress.restarts, failures },
  dropped: progress.kernel?.dropped,
  activeFlows: traffic.flows.active,
}));
