import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { defaultStreamOptions } from "../engine/stream_options.ts";
import { OperatorError } from "../runtime/operator_error.ts";
import type { CaptureFilters } from "./capture_filters.ts";
import type { CapturePlan } from "./capture_plan.ts";
import { Pipeline } from "./pipeline.ts";
import type { FromWorker, ToWorker } from "./worker_protocol.ts";

/** A thread that does only what a test makes it do. */
class SlowThread {
  static last: SlowThread | undefined;
  /** Versions of the filters that it was told. */
  readonly told: number[] = [];
  onmessage: (event: { data: FromWorker }) => void = () => {};
  constructor() {
    SlowThread.last = this;
  }
  postMessage(message: ToWorker): void {
    if (message.kind === "filters") this.told.push(message.filters.version);
  }
  terminate(): void {}
}

function filters(version: number): CaptureFilters {
  return {
    ...{ version, filters: [], noFilterPolicy: "allow", localDomains: [] },
    kernel: { mode: "", base: "", exclusion: "", fragments: false },
  };
}

const plan: CapturePlan = {
  inputs: [],
  engine: {
    ...defaultStreamOptions,
    ...{ outputs: ["json"], protocol: "all", dnsPorts: [53], udpOnly: false, detectTunneling: false },
    ...{ batchPackets: 64, batchBytes: 1 << 20, limit: 0 },
  },
  filters: filters(0),
  standIns: [],
  reportMs: 50,
  reportsTraffic: false,
};

Deno.test("one set of filters is under way to the capture thread, and the last one waits", () => {
  const reports: number[] = [];
  const pipeline = new Pipeline(
    plan,
    [],
    {
      ...{ opened() {}, notice() {}, failed() {}, progress() {} },
      filtersSet: ({ version }) => reports.push(version),
    },
    false,
    20,
  );
  const original = globalThis.Worker;
  globalThis.Worker = SlowThread as unknown as typeof Worker;
  try {
    void pipeline.run();
  } finally {
    globalThis.Worker = original;
  }
  const thread = SlowThread.last;
  assert.ok(thread !== undefined);
  const report = (version: number) =>
    thread.onmessage({ data: { kind: "filters-set", report: { version, active: 0, refused: [] } } });
  for (const version of [1, 2, 3]) pipeline.setFilters(filters(version));
  assert.deepEqual(thread.told, [1]);
  report(0);
  assert.deepEqual(thread.told, [1], "that was about what the thread began with");
  report(1);
  assert.deepEqual(thread.told, [1, 3]);
  pipeline.setFilters(filters(4));
  report(3);
  report(4);
  assert.deepEqual(thread.told, [1, 3, 4]);
  pipeline.setFilters(filters(5));
  assert.deepEqual(thread.told, [1, 3, 4, 5], "nothing waits any more");
  assert.deepEqual(reports, [0, 1, 3, 4]);
});

for (
  const [what, failure, areLost] of [
    ["fails", new OperatorError("writing failed"), true],
    ["was closed by its reader", new Error("closed"), false],
  ] as const
) {
  Deno.test(`the packets that a sink did not write are counted when it ${what}: ${areLost}`, async () => {
    let written = 0;
    const pipeline = new Pipeline(
      {
        ...plan,
        inputs: [{ kind: "file", path: new URL("../../fixtures/dns.pcap", import.meta.url).pathname }],
      },
      [{
        name: "a full disk",
        needs: ["json"],
        write({ packets }) {
          written += packets;
          throw failure;
        },
        close: () => Promise.resolve(),
      }],
      { opened() {}, notice() {}, failed() {}, progress() {}, filtersSet() {} },
      true,
      1_000,
    );
    await assert.rejects(pipeline.run(), failure);
    assert.ok(written > 0);
    assert.equal(pipeline.end?.progress.droppedBySinks, areLost ? pipeline.end?.progress.engine.kept : 0);
    assert.equal(pipeline.progress?.droppedBySinks, pipeline.end?.progress.droppedBySinks);
  });
}
