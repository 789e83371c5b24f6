import assert from "node:assert/strict";
import type { Chunk } from "../engine/chunk.ts";
import { engineModule } from "../engine/module.js";
import { defaultStreamOptions } from "../engine/stream_options.ts";
import { noTraffic } from "../engine/traffic.ts";
import type { CapturePlan } from "./capture_plan.ts";
import { CaptureWorker } from "./capture_worker.ts";
import { noProgress } from "./progress.ts";
import type { FromWorker, ToWorker } from "./worker_protocol.ts";

/** A thread that does only what a test makes it do. */
class StuckThread {
  static last: StuckThread | undefined;
  readonly told: ToWorker["kind"][] = [];
  terminated = false;
  onmessage: (event: { data: FromWorker }) => void = () => {};
  constructor() {
    StuckThread.last = this;
  }
  postMessage({ kind }: ToWorker): void {
    this.told.push(kind);
  }
  terminate(): void {
    this.terminated = true;
  }
}

const plan: CapturePlan = {
  inputs: [],
  engine: {
    ...defaultStreamOptions,
    ...{ outputs: ["json"], protocol: "all", dnsPorts: [53], udpOnly: false, detectTunneling: false },
    ...{ batchPackets: 64, batchBytes: 1 << 20, limit: 0 },
  },
  filters: {
    ...{ version: 0, filters: [], noFilterPolicy: "allow", localDomains: [] },
    kernel: { mode: "", base: "", exclusion: "", fragments: false },
  },
  standIns: [],
  reportMs: 50,
  reportsTraffic: false,
};

const progress = { ...noProgress, engine: { packets: 100, kept: 50 }, droppedBySinks: 8 };

function started(deliver: (chunk: Chunk) => Promise<void>) {
  const failures: string[] = [];
  const capture = new CaptureWorker(engineModule, plan, deliver, {
    opened() {},
    notice() {},
    failed: (line) => failures.push(line),
    filtersSet() {},
    progress() {},
  }, 20);
  const original = globalThis.Worker;
  globalThis.Worker = StuckThread as unknown as typeof Worker;
  try {
    const end = capture.run();
    const thread = StuckThread.last;
    assert.ok(thread !== undefined);
    const send = (data: FromWorker) => thread.onmessage({ data });
    return { capture, end, thread, send, failures };
  } finally {
    globalThis.Worker = original;
  }
}

Deno.test("a capture thread that does not end in time is terminated, and it is told what is lost", async () => {
  const { capture, end, thread, send, failures } = started(() => Promise.resolve());
  send({ kind: "chunk", chunk: { packets: 30 } as Chunk });
  send({ kind: "progress", progress });
  capture.stop();
  capture.stop();
  const { failures: count, progress: last } = await end;
  assert.equal(count, 1);
  assert.deepEqual(last, progress);
  assert.ok(thread.terminated);
  assert.deepEqual(failures, [
    "the capture thread has not ended 20 ms after it was told to stop, and is terminated: what it held is lost, " +
    "of the 100 packets read by its last report 12 that were kept, and what came after that report",
  ]);
});

Deno.test("a capture thread that waits for a sink is not stuck", async () => {
  const taken = Promise.withResolvers<void>();
  const { capture, end, thread, send, failures } = started(() => taken.promise);
  send({ kind: "chunk", chunk: { packets: 30 } as Chunk });
  capture.stop();
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.ok(!thread.terminated);
  send({ kind: "end", end: { progress, traffic: noTraffic, failures: 0 } });
  taken.resolve();
  assert.equal((await end).failures, 0);
  assert.ok(!thread.terminated);
  assert.deepEqual(failures, []);
});
