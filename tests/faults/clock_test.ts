/** The clock of the machine is set while a hunter delivers. */
import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import { HunterStatus } from "../../src/proto/management_messages.ts";
import { managementService } from "../../src/proto/services.ts";
import {
  channelTo,
  eventually,
  numbered,
  packetBatch,
  type PacketCall,
  startHunter,
  startProcessor,
  startScript,
  welcoming,
} from "../control_plane/loopback.ts";

const dayMs = 86_400_000;

/** The time of day with a shift that the test sets, for libraries, too; as it was at the end of its scope. */
class ShiftedClock implements Disposable {
  readonly #date = Date;
  shiftMs = 0;

  constructor() {
    const real = Date;
    const now = () => real.now() + this.shiftMs;
    globalThis.Date = new Proxy(real, {
      construct: (target, args, own) => Reflect.construct(target, args.length === 0 ? [now()] : args, own),
      get: (target, name) => name === "now" ? now : Reflect.get(target, name),
    });
  }

  [Symbol.dispose](): void {
    globalThis.Date = this.#date;
  }
}

for (const [direction, jumpMs] of [["ahead", dayMs], ["back", -dayMs]] as const) {
  Deno.test(`clock set ${direction}: delivery goes on, and the hunter stays registered and healthy`, async () => {
    using clock = new ShiftedClock();
    const { processor, port, sink } = await startProcessor();
    const { hunter, lines, send } = startHunter(port);
    const texts = numbered("packet", 60);
    for (const [at, text] of texts.entries()) {
      if (at % 20 === 10) clock.shiftMs += jumpMs;
      send(text);
      await eventually(`packet ${at}`, () => sink.texts.length === at + 1);
    }
    const channel = channelTo(port);
    const status = await channel.unary(managementService.GetHunterStatus, { hunter_id: "" }, 5_000);
    channel.close();
    assert.deepEqual(status.hunters.map((one) => [one.hunter_id, one.status]), [
      ["hunter-1", HunterStatus.STATUS_HEALTHY],
    ]);
    assert.equal(lines.filter((line) => line.includes("registered")).length, 1, lines.join("\n"));
    assert.equal((await hunter.stop()).batches, 0);
    assert.deepEqual(sink.texts, texts);
    await processor.stop();
  });

  Deno.test(`clock set ${direction}: what waited carries the time at which it is sent`, async () => {
    using clock = new ShiftedClock();
    const { server, port } = await startScript({});
    server.forceShutdown();
    const { hunter, send } = startHunter(port);
    for (const text of numbered("packet", 5)) send(text);
    clock.shiftMs = jumpMs;
    const awayMs: number[] = [];
    const { server: later } = await startScript({
      port,
      management: welcoming,
      data: {
        StreamPackets: (call: PacketCall) => {
          call.on("data", (bytes: Uint8Array) => {
            const { sequence, timestamp_ns } = packetBatch.decode(bytes);
            awayMs.push(Math.abs(Number(timestamp_ns / 1_000_000n) - Date.now()));
            call.write({ ack_sequence: sequence, flow_control: 0, error: "" });
          });
          call.on("end", () => call.end());
        },
      },
    });
    await eventually("delivery", () => hunter.outbox.acknowledged.packets === 5);
    assert.deepEqual(awayMs.filter((ms) => ms > 10_000), []);
    await hunter.stop();
    later.forceShutdown();
  });

  Deno.test(`clock set ${direction}: an end takes no longer than it may`, async () => {
    using clock = new ShiftedClock();
    const { server, port } = await startScript({});
    server.forceShutdown();
    const { hunter, send } = startHunter(port);
    send("never");
    const start = performance.now();
    const stopping = hunter.stop(500);
    clock.shiftMs = jumpMs;
    assert.equal((await stopping).packets, 1);
    const tookMs = performance.now() - start;
    assert.ok(tookMs < 10_000, `${tookMs} ms`);
  });
}
