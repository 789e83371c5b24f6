import assert from "node:assert/strict";
import fc from "fast-check";
import type { Batch } from "./batch.ts";
import { BatchQueue } from "./batch_queue.ts";
import { Outbox } from "./outbox.ts";

const stats = { total_captured: 0n, filtered_matched: 0n, dropped: 0n, buffer_usage: 0 };
const batch = (packets: number, bytes = packets): Batch => ({
  pieces: [],
  packets,
  bytes,
  closedNs: 0n,
  stats,
});

/** What was dropped, without the reasons that nothing was dropped by. */
const droppedBy = (outbox: Outbox) =>
  Object.fromEntries(Object.entries(outbox.dropped).filter(([, { batches }]) => batches > 0));

const window = { batches: 1, bytes: 1 };

Deno.test("a full queue drops what is offered, by the bound that was met", () => {
  const outbox = new Outbox({ queue: { batches: 3, packets: 10, bytes: 100 }, window });
  const offers: [Batch, boolean][] = [
    [batch(4), true],
    [batch(7), false],
    [batch(1, 97), false],
    [batch(1, 96), true],
    [batch(1, 0), true],
    [batch(1, 0), false],
  ];
  for (const [offered, taken] of offers) assert.equal(outbox.offer(offered), taken);
  assert.deepEqual(droppedBy(outbox), {
    queue_full_packets: { batches: 1, packets: 7, bytes: 7 },
    queue_full_bytes: { batches: 1, packets: 1, bytes: 97 },
    queue_full_batches: { batches: 1, packets: 1, bytes: 0 },
  });
  assert.deepEqual(outbox.figures.waiting, { batches: 3, packets: 6, bytes: 100 });
  assert.equal(outbox.fillPercent, 100);
});

Deno.test("a batch larger than the whole queue passes through an empty one", () => {
  const outbox = new Outbox({ queue: { batches: 3, packets: 10, bytes: 100 }, window });
  assert.ok(outbox.offer(batch(50)));
  assert.equal(outbox.offer(batch(1)), false);
  assert.equal(outbox.next()?.batch.packets, 50);
  assert.ok(outbox.offer(batch(1)));
});

Deno.test("a writer of files waits for room, and no longer once the run is to end", async () => {
  const outbox = new Outbox({
    queue: { batches: 1, packets: 10, bytes: 100 },
    window: { batches: 9, bytes: 100 },
  });
  assert.equal(outbox.room(), undefined);
  outbox.add(batch(1));
  outbox.add(batch(2));
  let waited = true;
  const room = outbox.room()?.then(() => waited = false);
  assert.equal(outbox.next()?.sequence, 1n);
  await Promise.resolve();
  assert.ok(waited, "there is no room yet");
  assert.equal(outbox.next()?.sequence, 2n);
  await room;
  assert.equal(waited, false);
  outbox.add(batch(3));
  const pending = outbox.room();
  outbox.release();
  await pending;
  assert.equal(outbox.room(), undefined);
});

Deno.test("the queue is first in, first out, however it is used", () => {
  fc.assert(fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (adds) => {
    const queue = new BatchQueue({ batches: 1_000, packets: 100_000, bytes: 100_000 });
    const model: number[] = [];
    adds.forEach((add, at) => {
      if (add) {
        queue.add({ sequence: BigInt(at), batch: batch(at + 1) });
        model.push(at + 1);
      } else assert.equal(queue.shift()?.batch.packets, model.shift());
      assert.deepEqual([...queue].map((entry) => entry.batch.packets), model);
      assert.deepEqual(queue.held.packets, model.reduce((sum, each) => sum + each, 0));
    });
  }));
});

const limits = { queue: { batches: 100, packets: 1_000, bytes: 1_000 }, window: { batches: 2, bytes: 100 } };

Deno.test("the window holds what was sent until it is acknowledged, and makes sending wait", () => {
  const outbox = new Outbox(limits);
  for (const packets of [1, 2, 3, 4]) outbox.add(batch(packets));
  assert.deepEqual([outbox.next()?.sequence, outbox.next()?.sequence, outbox.next()], [1n, 2n, undefined]);
  assert.deepEqual(outbox.unacknowledged.map((sent) => sent.sequence), [1n, 2n]);
  assert.ok(outbox.acknowledge(1n));
  assert.equal(outbox.next()?.sequence, 3n);
  assert.ok(outbox.acknowledge(3n), "a later acknowledgement covers earlier batches");
  assert.deepEqual(outbox.acknowledged, { batches: 3, packets: 6, bytes: 6 });
  assert.deepEqual(outbox.undelivered, { batches: 1, packets: 4, bytes: 4 });
  assert.equal(outbox.acknowledge(4n), false, "a batch that was never sent cannot be acknowledged");
  assert.ok(outbox.acknowledge(2n), "an old acknowledgement changes nothing");
  assert.equal(outbox.acknowledged.batches, 3);
});

Deno.test("what is asked for counts, whatever batch is acknowledged with it", () => {
  const outbox = new Outbox(limits);
  outbox.add(batch(1));
  outbox.next();
  assert.equal(outbox.acknowledge(9n, "paused"), false);
  assert.equal(outbox.flowState, "paused");
  assert.equal(outbox.inFlight.batches, 1);
  assert.equal(outbox.acknowledge(9n, "continue"), false);
  assert.equal(outbox.flowState, "continue");
});

Deno.test("one batch always fits into the window", () => {
  const outbox = new Outbox(limits);
  outbox.add(batch(1, 5_000));
  outbox.add(batch(1, 1));
  assert.equal(outbox.next()?.sequence, 1n);
  assert.equal(outbox.next(), undefined);
});

Deno.test("a refused batch is counted, and the others go on", () => {
  const outbox = new Outbox(limits);
  outbox.add(batch(7));
  outbox.add(batch(1));
  const [first] = [outbox.next(), outbox.next()];
  assert.ok(first);
  assert.equal(outbox.refuse(first).packets, 7);
  assert.deepEqual(droppedBy(outbox).refused_by_processor, { batches: 1, packets: 7, bytes: 7 });
  assert.deepEqual(outbox.unacknowledged.map((sent) => sent.sequence), [2n]);
});

Deno.test("every batch is acknowledged, refused, dropped or still there", () => {
  const action = fc.constantFrom("offer", "next", "acknowledge", "refuse");
  fc.assert(fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
    const outbox = new Outbox({
      queue: { batches: 4, packets: 100, bytes: 100 },
      window: { batches: 3, bytes: 50 },
    });
    let offered = 0;
    for (const act of actions) {
      if (act === "offer") outbox.offer(batch(offered += 1));
      else if (act === "next") outbox.next();
      else if (act === "acknowledge") outbox.acknowledge(outbox.unacknowledged[0]?.sequence ?? 0n);
      else if (outbox.unacknowledged[0] !== undefined) outbox.refuse(outbox.unacknowledged[0]);
      const dropped = Object.values(outbox.dropped).reduce((sum, each) => sum + each.batches, 0);
      const sum = outbox.acknowledged.batches + outbox.undelivered.batches + dropped;
      assert.equal(sum, offered);
    }
  }));
});

Deno.test("batches that wait go out as one message, up to its bytes and in order", () => {
  const piece = (packets: number) => ({ bytes: new Uint8Array(packets), packets });
  const outbox = new Outbox({
    queue: { batches: 100, packets: 1_000, bytes: 1_000 },
    window: { batches: 10, bytes: 1_000 },
    messageBytes: 10,
  });
  for (const size of [4, 5, 2, 11, 1]) outbox.add({ ...batch(size), pieces: [piece(size)] });
  const sent = [outbox.next(), outbox.next(), outbox.next(), outbox.next(), outbox.next()];
  assert.deepEqual(
    sent.map((one) =>
      one && [one.sequence, one.batch.pieces.map(({ packets }) => packets), one.batch.packets]
    ),
    [[2n, [4, 5], 9], [3n, [2], 2], [4n, [11], 11], [5n, [1], 1], undefined],
  );
  assert.ok(outbox.acknowledge(5n));
  assert.deepEqual(outbox.acknowledged, { batches: 5, packets: 23, bytes: 23 });
});
