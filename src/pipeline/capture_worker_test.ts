import assert from "node:assert/strict";
import type { Chunk } from "../engine/chunk.ts";
import { engineModule } from "../engine/module.js";
import { defaultStreamOptions } from "../engine/stream_options.ts";
import { noTraffic } from "../engine/traffic.ts";
import type { CapturePlan } from "./capture_plan.ts";
import type { CaptureListener, Deliver } from "./capture_thread.ts";
import { CaptureWorker } from "./capture_worker.ts";
import { noProgress, type Progress } from "./progress.ts";
import { type FromWorker, SIGNALLING_BYTES, type ToWorker } from "./worker_protocol.ts";

/** A thread that does only what a test makes it do. */
class StuckThread {
  static last: StuckThread | undefined;
  readonly told: ToWorker["kind"][] = [];
  /** Sizes of the buffers that came back, and whether they were handed over. */
  readonly givenBack: (readonly [number, boolean])[] = [];
  plan: CapturePlan | undefined;
  terminated = false;
  onmessage: (event: { data: FromWorker }) => void = () => {};
  constructor() {
    StuckThread.last = this;
  }
  postMessage(message: ToWorker, transfer: Transferable[]): void {
    this.told.push(message.kind);
    if (message.kind === "start") this.plan = message.plan;
    if (message.kind !== "credit") return;
    for (const buffer of message.buffers) {
      this.givenBack.push([buffer.byteLength, transfer.includes(buffer)]);
    }
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

function started(
  deliver: Deliver,
  inputs: CapturePlan["inputs"] = [],
  number?: number,
) {
  const failures: string[] = [];
  const notices: string[] = [];
  const told: Progress[] = [];
  const listener: CaptureListener = {
    opened() {},
    notice: (line) => notices.push(line),
    failed: (line) => failures.push(line),
    filtersSet() {},
    progress: (progress) => told.push(progress),
  };
  const capture = new CaptureWorker(engineModule, { ...plan, inputs }, deliver, listener, 20, number);
  const original = globalThis.Worker;
  globalThis.Worker = StuckThread as unknown as typeof Worker;
  try {
    const end = capture.run();
    const thread = StuckThread.last;
    assert.ok(thread !== undefined);
    const send = (data: FromWorker) => thread.onmessage({ data });
    return { capture, end, thread, send, failures, notices, told };
  } finally {
    globalThis.Worker = original;
  }
}

Deno.test("a capture thread that does not end in time is terminated, and it is told what is lost", async () => {
  const { capture, end, thread, send, failures } = started(() => Promise.resolve([]));
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
  const taken = Promise.withResolvers<ArrayBuffer[]>();
  const { capture, end, thread, send, failures } = started(() => taken.promise);
  send({ kind: "chunk", chunk: { packets: 30 } as Chunk });
  capture.stop();
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.ok(!thread.terminated);
  send({ kind: "end", end: { progress, traffic: noTraffic, failures: 0 } });
  taken.resolve([]);
  assert.equal((await end).failures, 0);
  assert.ok(!thread.terminated);
  assert.deepEqual(failures, []);
});

Deno.test("buffers that nobody reads any more go back to the capture thread, with the credit", async () => {
  const buffers = [new ArrayBuffer(3), new ArrayBuffer(4)];
  const { thread, send } = started(({ packets }) => Promise.resolve(packets === 1 ? buffers : []));
  send({ kind: "chunk", chunk: { packets: 1 } as Chunk });
  send({ kind: "chunk", chunk: { packets: 2 } as Chunk });
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(thread.givenBack, [[3, true], [4, true]]);
  assert.deepEqual(thread.told, ["start", "credit", "credit"]);
});

Deno.test("a capture thread that does not keep up with signalling misses some, which is counted and said once", () => {
  const { capture, thread, send, notices, told } = started(() => Promise.resolve([]), [], 2);
  const quarter = new Uint8Array(SIGNALLING_BYTES / 4);
  const heardBy = () => thread.told.filter((kind) => kind === "signalling").length;
  for (let times = 0; times < 6; times++) capture.hear(quarter);
  assert.equal(heardBy(), 4);
  send({ kind: "heard", bytes: quarter.length });
  capture.hear(quarter);
  assert.equal(heardBy(), 5, "there is room again");
  capture.hear(quarter);
  assert.equal(heardBy(), 5);
  send({ kind: "progress", progress });
  assert.deepEqual(told, [{ ...progress, signallingDropped: 3 * quarter.length }]);
  assert.deepEqual(notices, [
    "capture thread 2 does not keep up with the signalling that the others see: media of calls may be missed",
  ]);
});

Deno.test("signalling to a capture thread that has ended is not dropped for want of room", async () => {
  const { capture, end, thread, send } = started(() => Promise.resolve([]));
  send({ kind: "end", end: { progress, traffic: noTraffic, failures: 0 } });
  capture.hear(new Uint8Array(SIGNALLING_BYTES + 1));
  assert.equal((await end).progress.signallingDropped, 0);
  assert.ok(!thread.told.includes("signalling"));
});

Deno.test("the thread that takes the place of one that broke down is in the same fan-out groups", () => {
  const original = globalThis.Worker;
  const named = {
    kind: "interface",
    promiscuous: false,
    snapLength: 0,
    bufferSize: 0,
    timeoutMs: 1,
  } as const;
  const { capture, thread, send, notices } = started(() => Promise.resolve([]), [
    { ...named, name: "east", fanoutGroup: "new" },
    { ...named, name: "west", fanoutGroup: "new" },
  ], 1);
  send({ kind: "opened", fanoutGroups: [0, 70] });
  assert.deepEqual(capture.fanoutGroups, [0, 70]);
  globalThis.Worker = StuckThread as unknown as typeof Worker;
  try {
    send({ kind: "failed", message: "on purpose", exitCode: undefined });
  } finally {
    globalThis.Worker = original;
  }
  assert.notEqual(StuckThread.last, thread);
  assert.deepEqual(StuckThread.last?.plan?.inputs, [
    { ...named, name: "east", fanoutGroup: 0 },
    { ...named, name: "west", fanoutGroup: 70 },
  ]);
  assert.deepEqual(notices, [
    "capture thread 1 broke down and is started again; what it held is lost: on purpose",
  ]);
});
