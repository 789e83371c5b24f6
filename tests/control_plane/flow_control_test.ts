import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import { FlowControl } from "../../src/proto/data_messages.ts";
import {
  eventually,
  numbered,
  packetBatch,
  type PacketCall,
  pieceOf,
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
