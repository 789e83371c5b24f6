/** Processors that misbehave, and real hunters that have to live with them. */
import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import type { Chunk } from "../../src/engine/chunk.ts";
import { FlowControl } from "../../src/proto/data_messages.ts";
import {
  eventually,
  Link,
  numbered,
  packetBatch,
  type PacketCall,
  RecordingSink,
  startHunter,
  startProcessor,
  startScript,
  welcoming,
} from "../control_plane/loopback.ts";
import { summaryIn, sumOf } from "../end_to_end/output.ts";
import { Child, command, missingCommand, pause } from "../end_to_end/program.ts";
import { NumberedScene } from "./numbered_scene.ts";

/** What a processor does with each batch, by a name for it. */
const misbehaviours: Readonly<Record<string, (call: PacketCall, sequence: bigint) => void>> = {
  "pauses for ever": (call, sequence) => {
    // Probes are answered, too: it is alive.
    call.write({ ack_sequence: sequence, flow_control: FlowControl.FLOW_PAUSE, error: "" });
  },
  "never acknowledges": () => {},
  "acknowledges nothing but the number 0": (call) => {
    call.write({ ack_sequence: 0n, flow_control: FlowControl.FLOW_CONTINUE, error: "" });
  },
  "breaks off at each batch": (call) => {
    call.emit("error", { code: 14, details: "not today" });
  },
};

for (const [what, misbehave] of Object.entries(misbehaviours)) {
  Deno.test(`a processor that ${what}: the hunter ends in time, and the next run delivers the rest`, async () => {
    using scene = new NumberedScene();
    let acknowledged = 0;
    const { server } = await startScript({
      port: Number(scene.address.split(":")[1]),
      management: welcoming,
      data: {
        StreamPackets: (call: PacketCall) => {
          call.on("error", () => {});
          call.on("data", (bytes: Uint8Array) => {
            if (call.writableEnded || call.cancelled) return;
            const { sequence, packets } = packetBatch.decode(bytes);
            // What it takes before it pauses is its own.
            if (what === "pauses for ever") acknowledged += packets.length;
            misbehave(call, sequence);
          });
          call.on("end", () => call.end());
        },
      },
    });
    const buffer = ["--disk-buffer", "--disk-buffer-mode", "write-ahead"];
    const folder = ["--disk-buffer-dir", scene.folder.file("buffer")];
    await using first = scene.hunter(...buffer, ...folder, "--shutdown-timeout", "2s");
    await scene.feed(first, 5_000);
    await first.said(/registered/);
    await pause(1_000);
    const start = performance.now();
    const { code, stderr } = await first.interrupt();
    const tookMs = performance.now() - start;
    assert.ok(tookMs < 15_000, `${tookMs} ms:\n${stderr}`);
    assert.equal(code, 0, stderr);
    const { kept, delivery, drops } = summaryIn(stderr);
    assert.equal(sumOf(drops), 0, stderr);
    assert.deepEqual([kept, delivery?.acknowledged, delivery?.on_disk], [
      5_000,
      acknowledged,
      5_000 - acknowledged,
    ]);
    server.forceShutdown();

    await using processor = await scene.processor(scene.folder.file("out.pcap"));
    await using second = scene.hunter(...buffer, ...folder);
    await second.closeInput();
    const ended = await second.ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryIn(ended.stderr).delivery?.acknowledged, 5_000 - acknowledged);
    assert.equal((await processor.interrupt()).code, 0);
    scene.assertAllArrived(acknowledged);
  });
}

Deno.test("a processor that dies between storing and acknowledging: only what was on its way comes twice", async () => {
  const stored = new RecordingSink();
  const first = await startProcessor({ sinks: [stored] });
  const link = new Link(first.port);
  const { hunter, send } = startHunter(link.port);
  const texts = numbered("packet", 40);
  const dying: Promise<void>[] = [];
  const write = stored.write.bind(stored);
  stored.write = async (chunk: Chunk) => {
    await write(chunk);
    if (stored.texts.length < 21 || dying.length > 0) return;
    // The batch is stored; nobody will hear of it.
    link.cut(true);
    dying.push(first.processor.stop());
  };
  for (const text of texts.slice(0, 20)) send(text);
  await eventually("the first half", () => hunter.outbox.acknowledged.packets === 20);
  for (const text of texts.slice(20)) send(text);
  await eventually("its death", () => dying.length > 0);
  await dying[0];
  const second = await startProcessor({ port: first.port });
  link.mend();
  assert.equal((await hunter.stop()).batches, 0);
  const arrived = [...stored.texts, ...second.sink.texts];
  assert.deepEqual([...new Set(arrived)], texts, "none is lost, and their order is kept");
  const repeated = second.sink.texts.filter((text) => stored.texts.includes(text));
  assert.ok(repeated.length >= 1, "what was stored and not acknowledged comes again");
  assert.deepEqual(repeated, stored.texts.slice(20), "and nothing else does");
  await link.close();
  await second.processor.stop();
});

const missing = missingCommand("mkfifo", "sh");
Deno.test({
  name:
    "a consumer that reads nothing for a while, then slowly: the hunter waits, and everything comes through",
  ignore: missing !== undefined,
  fn: async () => {
    using scene = new NumberedScene();
    const pipe = scene.folder.file("pipe");
    const file = scene.folder.file("out.pcap");
    await command(["mkfifo", pipe]);
    await using consumer = new Child(["sh", "-c", 'sleep 2; exec cat "$0" >"$1"', pipe, file], {
      limitMs: 60_000,
    });
    // Whoever opens a pipe waits for its other side.
    await using processor = await scene.processor(file, [], pipe);
    await using hunter = scene.hunter();
    await scene.feed(hunter, 50_000);
    await hunter.closeInput();
    const { code, stderr } = await hunter.ended();
    assert.equal(code, 0, stderr);
    assert.equal(sumOf(summaryIn(stderr).drops), 0);
    assert.equal((await processor.interrupt()).code, 0);
    assert.equal((await consumer.ended()).code, 0);
    assert.equal(scene.assertAllArrived(), 0);
  },
});
if (missing !== undefined) console.log(`a test of slow consumers is skipped: ${missing} is not installed`);
