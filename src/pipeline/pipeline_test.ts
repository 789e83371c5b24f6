import "../runtime/environment.ts";
import assert from "node:assert/strict";
import type { Chunk } from "../engine/chunk.ts";
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

/** A capture of many blocks: records of a fixture over and over. */
function longCapture(): string {
  const fixture = Deno.readFileSync(new URL("../../fixtures/dns.pcap", import.meta.url));
  const path = Deno.makeTempFileSync({ suffix: ".pcap" });
  const file = Deno.openSync(path, { write: true });
  file.writeSync(fixture);
  for (let bytes = fixture.length; bytes < 3 << 20; bytes += fixture.length) {
    file.writeSync(fixture.subarray(24));
  }
  file.close();
  return path;
}

/** A sink that reads what it was given bit by bit, and knows how often it was asked. */
class SlowSink {
  readonly name = "a slow sink";
  readonly needs = ["json"] as const;
  readonly #decoder = new TextDecoder();
  text = "";
  async write({ json }: Chunk): Promise<void> {
    for (let start = 0; json !== undefined && start < json.length; start += 100_000) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.text += this.#decoder.decode(json.subarray(start, start + 100_000), { stream: true });
    }
  }
  close = () => Promise.resolve();
}

for (const singleThread of [false, true]) {
  const where = singleThread ? "in one thread" : "from a capture thread";
  const listener = { opened() {}, notice() {}, failed() {}, progress() {}, filtersSet() {} };

  Deno.test(`a chunk stays as it is until every sink took it, ${where}`, async () => {
    const path = longCapture();
    const inputs = [{ kind: "file", path }] as const;
    const [slow, quick] = [new SlowSink(), new SlowSink()];
    const chunks: string[] = [];
    quick.write = ({ json }) => {
      chunks.push(new TextDecoder().decode(json));
      return Promise.resolve();
    };
    const end = await new Pipeline({ ...plan, inputs }, [quick, slow], listener, singleThread, 1_000).run();
    assert.ok(chunks.length > 10, `${chunks.length} chunks`);
    assert.equal(slow.text === chunks.join(""), true);
    assert.equal(slow.text.split("\n").length - 1, end.progress.engine.kept);

    // A sink that fails ends the run; what the other one still reads is not written over.
    const broken = new SlowSink();
    const failure = new OperatorError("writing failed");
    let left = 3;
    broken.write = () => --left < 0 ? Promise.reject(failure) : Promise.resolve();
    const other = new SlowSink();
    const pipeline = new Pipeline({ ...plan, inputs }, [broken, other], listener, singleThread, 1_000);
    await assert.rejects(pipeline.run(), failure);
    assert.equal(other.text, chunks.slice(0, 4).join(""));
    Deno.removeSync(path);
  });
}
