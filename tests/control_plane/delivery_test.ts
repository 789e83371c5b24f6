import "../../src/runtime/environment.ts";
import { status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { defaultSuspicion } from "../../src/hunter/batch_refusals.ts";
import http2 from "node:http2";
import { GrpcSink } from "../../src/sinks/grpc_sink.ts";
import type { Channel } from "../../src/hunter/channel.ts";
import { runIdKey } from "../../src/proto/packet_batch.ts";
import { HunterStatus } from "../../src/proto/management_messages.ts";
import { dataService } from "../../src/proto/services.ts";
import { emptyDisk, MemorySpool } from "../spool/memory_spool.ts";
import {
  channelTo,
  eventually,
  Link,
  numbered,
  packetBatch,
  type PacketCall,
  pieceOf,
  quick,
  startHunter,
  startProcessor,
  startScript,
  welcoming,
} from "./loopback.ts";

Deno.test("a hunter registers, its batches are acknowledged, and it says goodbye", async () => {
  const { processor, port, sink } = await startProcessor();
  const { hunter, lines, send } = startHunter(port);
  const texts = numbered("packet", 300);
  for (let at = 0; at < texts.length; at += 3) send(...texts.slice(at, at + 3));
  await eventually("all acknowledged", () => hunter.outbox.acknowledged.packets === 300);
  assert.deepEqual(sink.texts, texts);
  assert.deepEqual(processor.counters.hunters, 1);
  assert.deepEqual(await hunter.stop(), { batches: 0, packets: 0, bytes: 0 });
  assert.match(lines.join("\n"), /registered with processor-1/);
  assert.equal(processor.counters.packets, 300);
  assert.equal(processor.counters.batches, 100);
  await processor.stop();
  assert.ok(sink.closed);
});

Deno.test("what waits when the hunter is told to stop is delivered first", async () => {
  const { processor, port, sink } = await startProcessor();
  const { hunter, send } = startHunter(port);
  const texts = numbered("late", 500);
  for (const text of texts) send(text);
  assert.equal((await hunter.stop()).batches, 0);
  assert.deepEqual(sink.texts, texts);
  await processor.stop();
});

Deno.test("a hunter that never finds its processor stops in time, and says what was not delivered", async () => {
  const { server, port } = await startScript({});
  server.forceShutdown();
  const { hunter, lines, send } = startHunter(port);
  send("a", "b");
  send("c");
  await eventually("a failed attempt", () => lines.some((line) => line.includes("trying again")));
  const { batches, packets } = await hunter.stop(50);
  assert.deepEqual({ batches, packets }, { batches: 2, packets: 3 });
  assert.match(lines.join("\n"), /^processor 127\.0\.0\.1:\d+: UNAVAILABLE: .*ECONNREFUSED/m);
});

Deno.test("a processor that comes back gets everything, and nothing twice", async () => {
  const first = await startProcessor();
  const { hunter, send } = startHunter(first.port);
  const texts = numbered("packet", 400);
  const sendNext = (count: number) => texts.splice(0, count).forEach((text) => send(text));
  const all = [...texts];
  sendNext(100);
  await eventually("first hundred", () => first.sink.texts.length >= 100);
  sendNext(100);
  await first.processor.stop();
  sendNext(100);
  const second = await startProcessor({ port: first.port });
  sendNext(100);
  assert.equal((await hunter.stop()).batches, 0);
  const got = [...first.sink.texts, ...second.sink.texts];
  assert.deepEqual([...new Set(got)], all, "none is lost, and their order is kept");
  const repeated = got.length - all.length;
  assert.ok(repeated <= 100, `only what was on its way can come twice, over a restart: ${repeated}`);
  await second.processor.stop();
});

Deno.test("batches that come again over a new connection are acknowledged, and taken once", async () => {
  const { processor, port, sink } = await startProcessor();
  let proceed = () => {};
  sink.gate = new Promise((resolve) => proceed = resolve);
  const link = new Link(port);
  const { hunter, lines, send } = startHunter(link.port);
  const texts = numbered("packet", 20);
  for (const text of texts) send(text);
  await eventually("all sent", () => hunter.outbox.unacknowledged.length === 20 && sink.writes === 1);
  // The connection is lost while the sink is busy with the first batch.
  link.cut();
  await eventually(
    "registered again",
    () => lines.filter((line) => line.includes("registered")).length === 2,
  );
  proceed();
  assert.equal((await hunter.stop()).batches, 0);
  assert.deepEqual(sink.texts, texts);
  assert.ok(processor.counters.repeats >= 1);
  await link.close();
  await processor.stop();
});

Deno.test("sequences of a hunter without a run id may begin anew at every connection", async () => {
  const { processor, port, sink } = await startProcessor();
  for (const [run, text, headers] of [[1, "a", {}], [2, "b", {}], [3, "c", { [runIdKey]: "x" }]] as const) {
    const channel = channelTo(port);
    const call = channel.duplexStream(dataService.StreamPackets, headers);
    const acknowledged: bigint[] = [];
    call.on("data", (control) => acknowledged.push(control.ack_sequence));
    const ended = new Promise((resolve) => call.on("status", resolve));
    const { bytes } = pieceOf(text);
    const batch = packetBatch.decode(bytes);
    for (const packets of [batch.packets, [], batch.packets]) {
      call.write(packetBatch.encode({ ...batch, hunter_id: "go", sequence: 1n, packets }));
    }
    call.end();
    await ended;
    channel.close();
    assert.deepEqual(
      acknowledged,
      [1n, 1n, 1n],
      `run ${run}: each batch is acknowledged once, with its sequence`,
    );
  }
  assert.deepEqual(sink.texts, ["a", "a", "b", "b", "c"]);
  assert.equal(processor.counters.hunters, 0, "a stream works without registration");
  await processor.stop();
});

Deno.test("what an old stream still brings is not taken once its hunter has gone on", async () => {
  const { processor, port, sink } = await startProcessor();
  let proceed = () => {};
  sink.gate = new Promise((resolve) => proceed = resolve);
  const channels = [channelTo(port), channelTo(port)];
  const [old, next] = channels.map((channel) => {
    const call = channel.duplexStream(dataService.StreamPackets, { [runIdKey]: "spool-1" });
    call.on("error", () => {});
    call.resume();
    const codes: number[] = [];
    call.on("status", ({ code }) => codes.push(code));
    const send = (sequence: bigint, ...texts: string[]) => {
      const batch = packetBatch.decode(pieceOf(...texts).bytes);
      call.write(packetBatch.encode({ ...batch, hunter_id: "edge", sequence }));
    };
    return { call, codes, send };
  });
  assert.ok(old && next);
  old.send(1n, "a");
  old.send(3n, "b", "c");
  await eventually("the first is with the sink", () => sink.writes === 1);
  // The hunter was restarted: it does not know that two batches went as one message.
  next.send(2n, "b");
  next.send(3n, "c");
  await new Promise((resolve) => setTimeout(resolve, 100));
  proceed();
  await eventually("the rest", () => sink.texts.length >= 3);
  next.call.end();
  await eventually("the end", () => next.codes.length > 0);
  assert.deepEqual(sink.texts, ["a", "b", "c"]);
  await eventually("the end of the old stream", () => old.codes[0] === status.ABORTED);
  for (const channel of channels) channel.close();
  await processor.stop();
});

Deno.test("what an old stream brings for the first time does not displace the newer one", async () => {
  const { processor, port, sink } = await startProcessor();
  const channels = [channelTo(port), channelTo(port)];
  const open = (channel: Channel) => {
    const call = channel.duplexStream(dataService.StreamPackets, { [runIdKey]: "spool-1" });
    call.on("error", () => {});
    call.resume();
    const codes: number[] = [];
    call.on("status", ({ code }) => codes.push(code));
    const send = (sequence: bigint, ...texts: string[]) => {
      const batch = packetBatch.decode(pieceOf(...texts).bytes);
      call.write(packetBatch.encode({ ...batch, hunter_id: "edge", sequence }));
    };
    return { call, codes, send };
  };
  const [first, second] = channels;
  assert.ok(first && second);
  const old = open(first);
  // Only its opening has come through so far.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const next = open(second);
  next.send(1n, "a");
  await eventually("the first batch", () => sink.texts.length === 1);
  old.send(2n, "a", "b");
  await eventually("the end of the old stream", () => old.codes[0] === status.ABORTED);
  next.send(2n, "b");
  await eventually("the second batch", () => sink.texts.length >= 2);
  next.call.end();
  await eventually("the end", () => next.codes.length > 0);
  assert.deepEqual(sink.texts, ["a", "b"]);
  for (const channel of channels) channel.close();
  await processor.stop();
});

Deno.test("what is no batch ends the stream with a status that says so", async () => {
  const { processor, port } = await startProcessor();
  const channel = channelTo(port);
  const call = channel.duplexStream(dataService.StreamPackets);
  call.on("error", () => {});
  call.resume();
  const status = new Promise<{ code: number; details: string }>((resolve) => call.on("status", resolve));
  call.write(Uint8Array.of(0x22, 0xff));
  assert.equal((await status).code, 3);
  assert.match((await status).details, /no PacketBatch/);
  channel.close();
  assert.equal(processor.counters.malformed, 1);
  await processor.stop();
});

Deno.test("a batch that the processor always refuses does not hold up the others", async () => {
  const taken: string[] = [];
  const { server, port } = await startScript({
    management: welcoming,
    data: {
      StreamPackets: (call: PacketCall) => {
        call.on("data", (bytes: Uint8Array) => {
          if (call.writableEnded) return;
          const batch = packetBatch.decode(bytes);
          const text = new TextDecoder().decode(batch.packets[0]?.data);
          if (text === "poison") {
            call.emit("error", { code: 13, details: "grpc: error unmarshalling request" });
            return;
          }
          taken.push(text);
          call.write({ ack_sequence: batch.sequence, flow_control: 0, error: "" });
        });
        call.on("end", () => call.end());
      },
    },
  });
  const { hunter, send } = startHunter(port);
  for (const text of ["a", "poison", "b"]) send(text);
  await eventually("the others arrive", () => hunter.outbox.acknowledged.batches === 2);
  assert.equal(hunter.outbox.dropped.refused_by_processor.batches, 1);
  assert.equal(hunter.batchStats().dropped, 3n);
  assert.deepEqual([...new Set(taken)], ["a", "b"]);
  await hunter.stop();
  server.forceShutdown();
});

Deno.test("a processor that has a fault for a while loses no batch", async () => {
  let connections = 0;
  const { server, port } = await startScript({
    management: welcoming,
    data: {
      StreamPackets: (call: PacketCall) => {
        connections += 1;
        const faulty = connections <= 6;
        const code = connections % 2 === 0 ? status.INTERNAL : status.RESOURCE_EXHAUSTED;
        call.on("data", (bytes: Uint8Array) => {
          if (call.writableEnded) return;
          if (faulty) return void call.emit("error", { code, details: "overloaded" });
          call.write({ ack_sequence: packetBatch.decode(bytes).sequence, flow_control: 0, error: "" });
        });
        call.on("end", () => call.end());
      },
    },
  });
  const { hunter, send } = startHunter(port, { timings: { ...quick, suspicion: defaultSuspicion } });
  for (const text of ["a", "b"]) send(text);
  await eventually("all arrive", () => hunter.outbox.acknowledged.batches === 2);
  assert.equal(hunter.outbox.dropped.refused_by_processor.batches, 0);
  await hunter.stop();
  server.forceShutdown();
});

Deno.test("a stream that the network resets is no refusal: nothing is given up over it", async () => {
  const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = http2.constants;
  for (const code of [NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM]) {
    let streams = 0;
    const { server, port } = await startScript({
      management: welcoming,
      data: {
        StreamPackets: (call: PacketCall) => {
          streams += 1;
          call.on("error", () => {});
          call.on("data", (bytes: Uint8Array) => {
            const { sequence } = packetBatch.decode(bytes);
            if (streams > 5) return void call.write({ ack_sequence: sequence, flow_control: 0, error: "" });
            // What is in the middle ends the stream, in grpc-js's own way to it.
            const { call: inner } = call as unknown as { call: { stream: http2.ServerHttp2Stream } };
            inner.stream.close(code);
          });
          call.on("end", () => call.end());
        },
      },
    });
    const { hunter, send } = startHunter(port);
    send("a");
    await eventually("the end of the resets", () => hunter.outbox.undelivered.batches === 0);
    assert.equal(hunter.outbox.acknowledged.batches, 1, `code ${code}`);
    assert.equal(hunter.outbox.dropped.refused_by_processor.batches, 0);
    await hunter.stop();
    server.forceShutdown();
  }
});

Deno.test("a slow processor makes a file wait, and a live capture drop and count", async () => {
  for (const live of [false, true]) {
    const { processor, port, sink } = await startProcessor();
    let proceed = () => {};
    sink.gate = new Promise((resolve) => proceed = resolve);
    const { hunter } = startHunter(port, {
      limits: {
        queue: { batches: 4, packets: 1_000, bytes: 1_000_000 },
        window: { batches: 3, bytes: 1_000_000 },
      },
    });
    const grpcSink = new GrpcSink(hunter, { packets: 2, bytes: 1_000, milliseconds: 60_000 }, live, 10_000);
    const texts = numbered("packet", 60);
    let written = 0;
    const writing = (async () => {
      for (const text of texts) {
        await grpcSink.write({ packets: 1, bytes: text.length, wire: [pieceOf(text)] });
        written += 1;
      }
    })();
    if (live) await writing;
    else {
      await eventually("the window and the queue are full", () => hunter.outbox.undelivered.batches === 7);
      assert.ok(written < 60);
    }
    proceed();
    await writing;
    await grpcSink.close();
    assert.deepEqual(grpcSink.undelivered, { batches: 0, packets: 0, bytes: 0 });
    const dropped = hunter.outbox.dropped.queue_full_batches.packets;
    assert.equal(sink.texts.length + dropped, 60);
    if (live) assert.ok(dropped > 0);
    else assert.deepEqual(sink.texts, texts);
    await processor.stop();
  }
});

Deno.test("an interrupted file waits no longer for a lost processor", async () => {
  const { server, port } = await startScript({});
  server.forceShutdown();
  const { hunter } = startHunter(port, {
    limits: {
      queue: { batches: 1, packets: 1_000, bytes: 1_000_000 },
      window: { batches: 1, bytes: 1_000_000 },
    },
  });
  const grpcSink = new GrpcSink(hunter, { packets: 1, bytes: 1_000, milliseconds: 60_000 }, false, 10_000);
  const writing = grpcSink.write({ packets: 1, bytes: 1, wire: [pieceOf("a")] });
  grpcSink.interrupt();
  await writing;
  assert.equal((await hunter.stop(1)).packets, 1);
});

Deno.test("a server that never answers is given up at the deadline", async () => {
  let asked = 0;
  const { server, port } = await startScript({ management: { RegisterHunter: () => asked += 1 } });
  const { hunter, lines } = startHunter(port, { timings: { ...quick, deadlineMs: 50 } });
  await eventually("a second attempt", () => asked >= 2);
  assert.match(lines.join("\n"), /DEADLINE_EXCEEDED/);
  await hunter.stop();
  server.forceShutdown();
});

Deno.test("a stop does not wait for an attempt to connect", async () => {
  let asked = 0;
  const { server, port } = await startScript({ management: { RegisterHunter: () => asked += 1 } });
  const { hunter } = startHunter(port, { timings: { ...quick, deadlineMs: 600_000 } });
  await eventually("an attempt", () => asked === 1);
  await hunter.stop();
  server.forceShutdown();
});

Deno.test("a connection that is half open is given up, and nothing is taken twice", async () => {
  const { processor, port, sink } = await startProcessor();
  const link = new Link(port);
  const { hunter, lines, send } = startHunter(link.port, { timings: { ...quick, ackTimeoutMs: 200 } });
  send("a");
  await eventually("the first", () => hunter.outbox.acknowledged.batches === 1);
  link.stall();
  for (const text of numbered("packet", 5)) send(text);
  await eventually("the loss is noticed", () => lines.some((line) => /none of \d+ batches/.test(line)));
  // What connects now hangs, too, until the network is well again.
  link.cut();
  await eventually("the rest", () => hunter.outbox.acknowledged.batches === 6);
  assert.equal((await hunter.stop()).batches, 0);
  assert.deepEqual(sink.texts, ["a", ...numbered("packet", 5)]);
  await link.close();
  await processor.stop();
});

Deno.test("a silent processor does not hold up the end; it hears that the hunter stops", async () => {
  const heard: string[] = [];
  const { server, port } = await startScript({
    management: {
      ...welcoming,
      Heartbeat: (call: PacketCall) => {
        call.on("data", ({ status }: { status: HunterStatus }) => heard.push(`status ${status}`));
        call.on("end", () => {
          heard.push("end");
          call.end();
        });
      },
    },
    data: { StreamPackets: (call: PacketCall) => void call.resume() },
  });
  const { hunter, send } = startHunter(port);
  for (const text of numbered("packet", 7)) send(text);
  await eventually("all sent", () => hunter.outbox.inFlight.batches === 7);
  assert.equal((await hunter.stop(600)).packets, 7);
  assert.equal(hunter.outbox.dropped.undelivered.packets, 7);
  assert.deepEqual(heard.slice(-2), [`status ${HunterStatus.STATUS_STOPPING}`, "end"]);
  server.forceShutdown();
});

for (const mode of ["overflow", "write-ahead"] as const) {
  Deno.test(`${mode}: what a run could not deliver is sent by the next one, once and in order`, async () => {
    const disk = emptyDisk();
    const storage =
      () => ({ spool: new MemorySpool(disk), mode, sync: "interval", limitBytes: 1e9 } as const);
    const { processor, port, sink } = await startProcessor();
    let proceed = () => {};
    sink.gate = new Promise((resolve) => proceed = resolve);
    const first = storage();
    const link = new Link(port);
    const { hunter, send } = startHunter(link.port, { storage: first });
    const texts = numbered("packet", 30);
    texts.slice(0, 20).forEach((text) => send(text));
    // Some are taken, and their acknowledgements never come.
    await eventually("all sent", () => hunter.outbox.inFlight.batches === 20 && sink.writes === 1);
    link.stall();
    proceed();
    await eventually("all taken", () => sink.texts.length === 20);
    await link.close();
    texts.slice(20).forEach((text) => send(text));
    assert.equal((await hunter.stop()).batches, 0, "all is on disk");
    assert.ok(first.spool.closed);
    assert.equal(disk.batches.length, 30);

    const { hunter: again, send: sendMore } = startHunter(port, { storage: storage() });
    sendMore("last");
    assert.equal((await again.stop()).batches, 0);
    assert.deepEqual(sink.texts, [...texts, "last"]);
    assert.equal(processor.counters.repeats, 20);
    assert.equal(disk.batches.length, 0);
    await processor.stop();
  });
}

Deno.test("a file need not wait for its processor while the disk has room", async () => {
  const { server, port } = await startScript({});
  server.forceShutdown();
  const disk = emptyDisk();
  const { hunter } = startHunter(port, {
    storage: { spool: new MemorySpool(disk), mode: "overflow", sync: "interval", limitBytes: 1e9 },
    limits: {
      queue: { batches: 4, packets: 1_000, bytes: 1_000_000 },
      window: { batches: 3, bytes: 1_000_000 },
    },
  });
  const sink = new GrpcSink(hunter, { packets: 2, bytes: 1_000, milliseconds: 60_000 }, false, 10_000);
  for (const text of numbered("packet", 100)) {
    await sink.write({ packets: 1, bytes: text.length, wire: [pieceOf(text)] });
  }
  await sink.close();
  assert.equal(sink.undelivered?.batches, 0);
  assert.equal(hunter.outbox.figures.spool?.held.packets, 100);
});
