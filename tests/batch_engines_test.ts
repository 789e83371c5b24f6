/** The processor's two engines: batches of hunters that say what packets are, and of those that do not. */
import "../src/runtime/environment.ts";
import assert from "node:assert/strict";
import { Engine } from "../src/engine/engine.ts";
import { engineModule } from "../src/engine/module.js";
import { defaultStreamOptions } from "../src/engine/stream_options.ts";
import { BatchEngines } from "../src/processor/batch_engines.ts";
import { query, udpFrame } from "./frames.ts";
import { batchType, decode } from "./wire_messages.ts";

Engine.load(engineModule);

function engines(): BatchEngines {
  return new BatchEngines({
    ...defaultStreamOptions,
    outputs: ["json"],
    protocol: "all",
    dnsPorts: [53],
    udpOnly: false,
    detectTunneling: false,
    batchPackets: 64,
    batchBytes: 1 << 20,
    limit: 0,
  });
}

/** A batch with one DNS query, and nothing said of it. */
function bareBatch(): Uint8Array {
  const data = udpFrame(query(1, "www.example.com", 1));
  const packet = { data, capture_length: data.length, original_length: data.length, link_type: 1 };
  return batchType.encode(batchType.fromObject({ hunter_id: "go", sequence: 7, packets: [packet] })).finish();
}

Deno.test("packets that nobody described are described for subscribers and sinks", () => {
  const decoder = engines();
  const { hunterId, sequence, packets } = decoder.processBatch(bareBatch(), false);
  assert.deepEqual({ hunterId, sequence, packets }, { hunterId: "go", sequence: 7n, packets: 1 });
  const { wire = [], json } = decoder.take();
  const batch = decode(batchType, wire[0]?.bytes ?? assert.fail("nothing for subscribers"));
  const [{ metadata }] = batch.packets as [{ metadata: { protocol: string } }];
  assert.equal(metadata.protocol, "DNS");
  assert.match(new TextDecoder().decode(json), /www\.example\.com/);
});

Deno.test("a batch of a sender that describes its packets is rendered for the sinks alone", () => {
  const decoder = engines();
  assert.equal(decoder.processBatch(bareBatch(), true).packets, 1);
  const chunk = decoder.take();
  assert.equal(chunk.wire, undefined);
  assert.ok(chunk.json);
});

Deno.test("what both engines count is one sum", () => {
  const decoder = engines();
  for (const described of [true, false, true]) {
    decoder.processBatch(bareBatch(), described);
    assert.equal(decoder.take().packets, 1);
  }
  assert.equal(decoder.counters().packets, 3);
  assert.throws(() => decoder.processBatch(Uint8Array.of(0xff, 0xff), false));
});
