import assert from "node:assert/strict";
import { noAmount } from "./batch.ts";
import { alone, type SentBatch, Window } from "./window.ts";

const stats = { total_captured: 0n, filtered_matched: 0n, dropped: 0n, buffer_usage: 0 };
const message = (sequence: bigint, bytes = 1): SentBatch =>
  alone({ sequence, batch: { pieces: [], packets: 1, bytes, closedNs: 0n, stats } });

const limits = { batches: 64, bytes: 6_400 };

Deno.test("a window is halved once per round trip, down to its least", () => {
  const window = new Window(limits);
  window.add(message(1n));
  window.add(message(2n));
  window.shrink();
  assert.deepEqual(window.size, { batches: 32, bytes: 3_200 });
  window.acknowledge(1n);
  window.shrink();
  assert.equal(window.size.batches, 32, "what is answered here was sent before");
  window.acknowledge(2n);
  for (const batches of [16, 8, 4, 2, 1, 1]) {
    window.shrink();
    assert.equal(window.size.batches, batches);
  }
  assert.equal(window.size.bytes, 100);
  assert.equal(window.full, false);
  window.add(message(3n));
  assert.ok(window.full);
});

Deno.test("a window grows with what is acknowledged, a sixteenth per round, up to its bounds", () => {
  const window = new Window(limits);
  window.shrink();
  window.grow(noAmount);
  assert.equal(window.size.batches, 32);
  window.grow({ batches: 16, packets: 16, bytes: 0 });
  assert.equal(window.size.batches, 34);
  window.grow({ batches: 1, packets: 1, bytes: 100_000 });
  assert.equal(window.size.batches, 38);
  for (let rounds = 0; rounds < 20; rounds += 1) window.grow({ batches: 64, packets: 64, bytes: 0 });
  assert.deepEqual(window.size, limits);
});

Deno.test("a message in parts keeps its place", () => {
  const window = new Window(limits);
  const parts = [message(2n, 5), message(3n, 7)];
  window.add(message(1n));
  window.add({ sequence: 3n, batch: { ...message(3n, 12).batch, packets: 2 }, parts });
  window.add(message(4n));
  window.split(window.unacknowledged[1] as SentBatch);
  assert.deepEqual(window.unacknowledged.map(({ sequence }) => sequence), [1n, 2n, 3n, 4n]);
  assert.deepEqual(window.held, { batches: 4, packets: 4, bytes: 14 });
});
