import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import { FlowControl } from "../../src/proto/data_messages.ts";
import { type HunterHeartbeat, HunterStatus } from "../../src/proto/management_messages.ts";
import {
  eventually,
  numbered,
  packetBatch,
  type PacketCall,
  pieceOf,
  quick,
  startHunter,
  startScript,
  welcoming,
} from "./loopback.ts";

Deno.test("a pause stops packets, probes go on, and any other answer ends it", async () => {
  for (const release of [FlowControl.FLOW_RESUME, FlowControl.FLOW_CONTINUE, FlowControl.FLOW_SLOW]) {
    let answer: FlowControl = FlowControl.FLOW_PAUSE;
    const taken: string[] = [];
    let probes = 0;
    const { server, port } = await startScript({
      management: welcoming,
      data: {
        StreamPackets: (call: PacketCall) => {
          call.on("data", (bytes: Uint8Array) => {
            const batch = packetBatch.decode(bytes);
            if (batch.packets.length === 0) probes += 1;
            taken.push(...batch.packets.map(({ data }) => new TextDecoder().decode(data)));
            call.write({ ack_sequence: batch.sequence, flow_control: answer, error: "" });
          });
          call.on("end", () => call.end());
        },
      },
    });
    const { hunter, send } = startHunter(port);
    send("first");
    await eventually("the pause", () => hunter.outbox.acknowledged.batches === 1);
    const texts = numbered("held", 50);
    for (const text of texts) send(text);
    await eventually("several probes", () => probes >= 3);
    assert.deepEqual(taken, ["first"]);
    answer = release;
    await eventually("the rest", () => hunter.outbox.acknowledged.batches === 51);
    assert.deepEqual(taken, ["first", ...texts]);
    const before = probes;
    await hunter.stop();
    assert.equal(probes, before);
    server.forceShutdown();
  }
});

Deno.test("a pause is forgotten when the connection is", async () => {
  let connections = 0;
  const { server, port } = await startScript({
    management: welcoming,
    data: {
      StreamPackets: (call: PacketCall) => {
        connections += 1;
        const flow_control = connections === 1 ? FlowControl.FLOW_PAUSE : FlowControl.FLOW_CONTINUE;
        call.on("data", (bytes: Uint8Array) => {
          if (call.writableEnded) return;
          const batch = packetBatch.decode(bytes);
          call.write({ ack_sequence: batch.sequence, flow_control, error: "" });
          if (batch.packets.length === 0) call.emit("error", { code: 14, details: "restarting" });
        });
        call.on("end", () => call.end());
      },
    },
  });
  const { hunter, send } = startHunter(port);
  send("a");
  await eventually("the pause", () => hunter.outbox.acknowledged.batches === 1);
  send("b");
  await eventually("delivery over the second connection", () => hunter.outbox.acknowledged.batches === 2);
  assert.equal(connections, 2);
  await hunter.stop();
  server.forceShutdown();
});

Deno.test("a processor that reads nothing holds up the hunter, whose memory stays bounded", async () => {
  let reading: PacketCall | undefined;
  let packets = 0;
  const { server, port } = await startScript({
    management: welcoming,
    data: {
      StreamPackets: (call: PacketCall) => {
        reading = call;
      },
    },
  });
  const { hunter } = startHunter(port, {
    limits: {
      queue: { batches: 10, packets: 1_000, bytes: 1e9 },
      window: { batches: 1_000, bytes: 16_000_000 },
    },
  });
  const piece = pieceOf("x".repeat(1_000_000));
  const stats = hunter.batchStats();
  const batch = { pieces: [piece], packets: 1, bytes: piece.bytes.length, closedNs: 0n, stats };
  await eventually("the queue is full", () => !hunter.outbox.offer(batch) && reading !== undefined);
  const { bytes } = hunter.outbox.undelivered;
  assert.ok(bytes <= 16_000_000 + 11 * piece.bytes.length, `${bytes} bytes are held`);
  const expected = hunter.outbox.undelivered.batches;
  reading?.on("data", (received: Uint8Array) => {
    packets += 1;
    reading?.write({ ack_sequence: packetBatch.decode(received).sequence, flow_control: 0, error: "" });
  });
  reading?.on("end", () => reading?.end());
  assert.equal((await hunter.stop()).batches, 0);
  assert.equal(packets, expected);
  server.forceShutdown();
});

/** A processor that acknowledges everything with what `answer` says. */
function answering(answer: () => number, taken: string[] = []): Parameters<typeof startScript>[0] {
  return {
    management: welcoming,
    data: {
      StreamPackets: (call: PacketCall) => {
        call.on("data", (bytes: Uint8Array) => {
          const batch = packetBatch.decode(bytes);
          taken.push(...batch.packets.map(({ data }) => new TextDecoder().decode(data)));
          call.write({ ack_sequence: batch.sequence, flow_control: answer() as FlowControl, error: "" });
        });
        call.on("end", () => call.end());
      },
    },
  };
}

Deno.test("a value that the contract does not have changes nothing", async () => {
  let answer: number = 77;
  let answers = 0;
  const taken: string[] = [];
  const counting = () => {
    answers += 1;
    return answer;
  };
  const { server, port } = await startScript(answering(counting, taken));
  const { hunter, send } = startHunter(port);
  for (const text of numbered("a", 20)) send(text);
  await eventually("all taken", () => hunter.outbox.acknowledged.batches === 20);
  assert.equal(hunter.outbox.figures.flow.state, "continue");
  answer = FlowControl.FLOW_PAUSE;
  send("b");
  await eventually("the pause", () => hunter.outbox.figures.flow.state === "paused");
  answer = 77;
  send("c");
  const before = answers;
  await eventually("answers to several probes", () => answers >= before + 4);
  assert.equal(hunter.outbox.figures.flow.state, "paused");
  assert.deepEqual(taken.at(-1), "b");
  answer = FlowControl.FLOW_RESUME;
  await eventually("the rest", () => hunter.outbox.acknowledged.batches === 22);
  assert.deepEqual(taken, [...numbered("a", 20), "b", "c"]);
  await hunter.stop();
  server.forceShutdown();
});

Deno.test("SLOW shrinks the window, and it grows back", async () => {
  let answer: number = FlowControl.FLOW_SLOW;
  const { server, port } = await startScript(answering(() => answer));
  const { hunter, send } = startHunter(port);
  const { window } = hunter.outbox.figures;
  let sent = 0;
  const sendOne = () => {
    send(`packet-${sent}`);
    return sent += 1;
  };
  await eventually("a small window", () => {
    sendOne();
    return hunter.outbox.figures.window.batches <= window.batches / 16;
  });
  assert.equal(hunter.outbox.figures.flow.state, "slow");
  answer = FlowControl.FLOW_RESUME;
  await eventually("the window that it was", () => {
    for (let some = 0; some < 50; some += 1) sendOne();
    return hunter.outbox.figures.window.batches === window.batches;
  });
  assert.equal((await hunter.stop()).batches, 0);
  assert.equal(hunter.outbox.acknowledged.batches, sent);
  server.forceShutdown();
});

Deno.test("a pause that does not end is reported, and batches go on being accepted", async () => {
  let answer: number = FlowControl.FLOW_PAUSE;
  const statuses: HunterStatus[] = [];
  const script = answering(() => answer);
  const { server, port } = await startScript({
    ...script,
    management: {
      ...welcoming,
      Heartbeat: (
        call: { on(event: string, listener: (report: HunterHeartbeat) => void): void; end(): void },
      ) => {
        call.on("data", ({ status }) => statuses.push(status));
        call.on("end", () => call.end());
      },
    },
  });
  const { hunter, send } = startHunter(port, {
    timings: { ...quick, longPauseMs: 100 },
    figures: () => ({ captured: 10, matched: 7, dropped: 0, failed: false }),
  });
  send("a");
  await eventually("a warning", () => statuses.includes(HunterStatus.STATUS_WARNING));
  assert.ok(hunter.outbox.figures.flow.forMs >= 100);
  for (const text of numbered("held", 10)) send(text);
  assert.equal(hunter.outbox.figures.waiting.batches, 10);
  answer = FlowControl.FLOW_CONTINUE;
  await eventually("the rest", () => hunter.outbox.acknowledged.batches === 11);
  await hunter.stop();
  assert.equal(statuses.at(-1), HunterStatus.STATUS_STOPPING);
  server.forceShutdown();
});

Deno.test("a stream whose acknowledgements are lost is given up, and all is sent again", async () => {
  let connections = 0;
  const { server, port } = await startScript({
    management: welcoming,
    data: {
      StreamPackets: (call: PacketCall) => {
        connections += 1;
        const silent = connections === 1;
        call.on("data", (bytes: Uint8Array) => {
          const { sequence } = packetBatch.decode(bytes);
          if (!silent) call.write({ ack_sequence: sequence, flow_control: 0, error: "" });
        });
        call.on("error", () => {});
        call.on("end", () => call.end());
      },
    },
  });
  const { hunter, lines, send } = startHunter(port, { timings: { ...quick, ackTimeoutMs: 100 } });
  for (const text of numbered("packet", 5)) send(text);
  await eventually("acknowledgements", () => hunter.outbox.acknowledged.batches === 5);
  assert.ok(hunter.outbox.figures.resent.batches >= 1);
  assert.ok(connections >= 2);
  assert.match(lines.join("\n"), /DEADLINE_EXCEEDED|none of \d+ batches was acknowledged/);
  await hunter.stop();
  server.forceShutdown();
});
