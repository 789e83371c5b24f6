/**
 * A live capture on `vb` whose thread breaks down, and is started again, while filters change. Prints, as JSON, the ports
 * of the packets that were kept before and after, and what was told. It is a program of its own because a process cannot
 * change its network namespace.
 *
 * Usage: ip netns exec NAMESPACE deno run --allow-ffi --allow-read tests/live/restart_scenario.ts
 */
import type { Filter } from "../../src/engine/filter.ts";
import { defaultStreamOptions } from "../../src/engine/stream_options.ts";
import type { CaptureFilters } from "../../src/pipeline/capture_filters.ts";
import { Pipeline } from "../../src/pipeline/pipeline.ts";
import { udpFrame } from "./frame.ts";
import { Injector } from "./inject.ts";

const threads: Worker[] = [];
globalThis.Worker = class extends Worker {
  constructor(...options: ConstructorParameters<typeof Worker>) {
    super(...options);
    threads.push(this);
  }
};

const bpf = (id: string, pattern: string): Filter => ({
  ...{ id, pattern, type: "bpf", targetHunters: [], enabled: true, description: "" },
});
const filters = (version: number, ...filters: Filter[]): CaptureFilters => ({
  ...{ version, filters, noFilterPolicy: "deny", localDomains: [] },
  kernel: { mode: "", base: "udp", exclusion: "", fragments: false },
});

const ports: number[] = [];
const notices: string[] = [];
const reports: string[] = [];
const wake = new Set<() => void>();
const told = () => {
  for (const resolve of wake) resolve();
};
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    const { promise, resolve } = Promise.withResolvers<void>();
    wake.add(resolve);
    await promise;
    wake.delete(resolve);
  }
}

const pipeline = new Pipeline(
  {
    inputs: [
      {
        kind: "interface",
        name: "vb",
        promiscuous: true,
        snapLength: 65535,
        bufferSize: 1 << 22,
        timeoutMs: 20,
      },
    ],
    engine: {
      ...defaultStreamOptions,
      ...{ outputs: ["json"], protocol: "all", dnsPorts: [53], udpOnly: false, detectTunneling: false },
      ...{ batchPackets: 64, batchBytes: 1 << 20, limit: 0 },
    },
    filters: filters(0, bpf("a", "port 53"), bpf("b", "port 54")),
    standIns: [],
    reportMs: 50,
    reportsTraffic: false,
  },
  [{
    name: "the scenario",
    needs: ["json"],
    write({ json }) {
      for (const line of new TextDecoder().decode(json).split("\n").filter((line) => line !== "")) {
        ports.push(JSON.parse(line).dst_port);
      }
      told();
    },
    close: () => Promise.resolve(),
  }],
  {
    opened: () => {},
    notice: (line) => notices.push(line),
    failed: (line) => notices.push(line),
    filtersSet({ version, active, refused }) {
      reports.push(`${version}: ${active}${refused.map(({ filter }) => ` !${filter.id}`).join("")}`);
      told();
    },
    progress: () => {},
  },
  false,
  10_000,
);

const injector = new Injector("va");
/** Sends to all ports; the last is that of a filter, too, so that it tells when all have come. */
async function send(): Promise<number[]> {
  ports.length = 0;
  for (const destinationPort of [53, 54, 55, 56]) {
    injector.send(udpFrame({ number: 0, destinationPort, payloadLength: 40 }));
  }
  await until(() => ports.includes(54));
  return [...ports];
}

const ended = pipeline.run();
await until(() => reports.length === 1);
const first = await send();
pipeline.setFilters(filters(1, bpf("a", "port 55"), bpf("b", "port 54 and (")));
await until(() => reports.length === 2);
await new Promise((resolve) => setTimeout(resolve, 300)); // The kernel's filter waits for a quiet moment.
const second = await send();
threads[0]?.dispatchEvent(new ErrorEvent("error", { message: "on purpose", cancelable: true }));
await until(() => reports.length === 3);
const third = await send();
injector.close();
pipeline.stop();
const { progress } = await ended;
console.log(JSON.stringify({ first, second, third, reports, notices, restarts: progress.restarts }));
