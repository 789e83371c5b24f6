import "../runtime/environment.ts";
import assert from "node:assert/strict";
import type { Chunk } from "../engine/chunk.ts";
import { defaultStreamOptions } from "../engine/stream_options.ts";
import { OperatorError } from "../runtime/operator_error.ts";
import type { CaptureFilters } from "./capture_filters.ts";
import type { CapturePlan } from "./capture_plan.ts";
import { Pipeline } from "./pipeline.ts";
import type { Sink } from "./sink.ts";
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

/** A sink that reads what it was given bit by bit. */
class SlowSink {
  readonly name = "a slow sink";
  readonly needs = ["json"] as const;
  readonly #decoder = new TextDecoder();
  #reading: Promise<void> = Promise.resolve();
  text = "";
  write({ json }: Chunk): void | Promise<void> {
    return this.#reading = this.#read(json);
  }
  async #read(json: Uint8Array | undefined): Promise<void> {
    for (let start = 0; json !== undefined && start < json.length; start += 100_000) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.text += this.#decoder.decode(json.subarray(start, start + 100_000), { stream: true });
    }
  }
  close(): Promise<void> {
    return this.#reading;
  }
}

/** A sink that fails with the fourth chunk. */
class BrokenSink {
  readonly name = "a broken sink";
  readonly needs = ["json"] as const;
  readonly failure = new OperatorError("writing failed");
  #left = 3;
  write(): Promise<void> {
    return --this.#left < 0 ? Promise.reject(this.failure) : Promise.resolve();
  }
  close = () => Promise.resolve();
}

for (const singleThread of [false, true]) {
  const where = singleThread ? "in one thread" : "from a capture thread";
  const listener = { opened() {}, notice() {}, failed() {}, progress() {}, filtersSet() {} };
  const run = async (sinks: Sink[]) => {
    const path = longCapture();
    try {
      const inputs = [{ kind: "file", path }] as const;
      return await new Pipeline({ ...plan, inputs }, sinks, listener, singleThread, 1_000).run();
    } finally {
      Deno.removeSync(path);
    }
  };

  Deno.test(`a chunk stays as it is until every sink took it, ${where}`, async () => {
    const slow = new SlowSink();
    const chunks: string[] = [];
    const buffers = new Set<ArrayBufferLike>();
    const quick: Sink = {
      ...{ name: "a quick sink", needs: ["json"], close: () => Promise.resolve() },
      write({ json }) {
        assert.ok(json !== undefined);
        chunks.push(new TextDecoder().decode(json));
        buffers.add(json.buffer);
      },
    };
    const end = await run([quick, slow]);
    assert.ok(chunks.length > 10, `${chunks.length} chunks`);
    // Not what they are: that is long.
    assert.ok(slow.text === chunks.join(""));
    assert.equal(slow.text.split("\n").length - 1, end.progress.engine.kept);
    // Buffers from another thread are others each time.
    if (singleThread) assert.ok(buffers.size < 4, `${buffers.size} buffers for ${chunks.length} chunks`);

    // What the others still read when a sink fails is not written over, be they beside it or within it.
    const broken = new BrokenSink();
    const beside = new SlowSink();
    await assert.rejects(run([broken, beside]), broken.failure);
    assert.ok(beside.text === chunks.slice(0, 4).join(""));
    const within = new SlowSink();
    const outer: Sink = {
      ...{ name: "a sink of sinks", needs: ["json"], close: () => within.close() },
      write: (chunk) => Promise.all([within.write(chunk), inner.write()]).then(() => {}),
    };
    const inner = new BrokenSink();
    await assert.rejects(run([outer]), inner.failure);
    assert.ok(within.text === chunks.slice(0, 4).join(""));
  });

  Deno.test(`of sinks that fail with one chunk, now and later, the first failure is told, ${where}`, async () => {
    const later = new BrokenSink();
    const atOnce = new OperatorError("writing failed at once");
    let written = 0;
    let left = 3;
    const throwing: Sink = {
      ...{ name: "a throwing sink", needs: ["json"], close: () => Promise.resolve() },
      write() {
        if (--left < 0) throw atOnce;
      },
    };
    const counting: Sink = { ...throwing, write: () => void written++ };
    later.write = async () => {
      if (left > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 1));
      throw later.failure;
    };
    await assert.rejects(run([later, throwing, counting]), atOnce);
    assert.equal(written, 4, "the others got the chunk");
    // That of the other one is nobody's any more.
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

  Deno.test(`a sink that fails ends the run, though another one never takes its chunk, ${where}`, async () => {
    const broken = new BrokenSink();
    let written = 0;
    const stuck: Sink = {
      ...{ name: "a stuck sink", needs: ["json"], close: () => Promise.resolve() },
      write: () => ++written < 4 ? undefined : new Promise(() => {}),
    };
    await assert.rejects(run([stuck, broken]), broken.failure);
  });
}
