import assert from "node:assert/strict";
import type { Batch } from "../../src/delivery/batch.ts";
import { Outbox } from "../../src/delivery/outbox.ts";
import type { SpoolMode, SyncPolicy } from "../../src/delivery/spool.ts";
import { emptyDisk, MemorySpool } from "../spool/memory_spool.ts";

const stats = { total_captured: 0n, filtered_matched: 0n, dropped: 0n, buffer_usage: 0 };
const batch = (packets: number, bytes = packets): Batch => ({
  pieces: [],
  packets,
  bytes,
  closedNs: 0n,
  stats,
});

const limits = {
  queue: { batches: 4, packets: 1_000, bytes: 1_000 },
  window: { batches: 100, bytes: 1_000 },
};

function outboxOn(
  spool: MemorySpool,
  mode: SpoolMode,
  options: { sync?: SyncPolicy; messageBytes?: number } = {},
): Outbox {
  const { sync = "interval", messageBytes = 0 } = options;
  return new Outbox({ ...limits, messageBytes }, { spool, mode, sync, limitBytes: 1e9 });
}

Deno.test("write-ahead with sync always: a batch is sent when it is on disk, and waiting ones share a sync", async () => {
  const spool = new MemorySpool(emptyDisk());
  const outbox = outboxOn(spool, "write-ahead", { sync: "always" });
  let woken = 0;
  outbox.onSendable(() => woken += 1);
  const gate = Promise.withResolvers<void>();
  spool.gate = gate.promise;
  for (const packets of [1, 2]) outbox.offer(batch(packets));
  assert.equal(outbox.next(), undefined);
  outbox.offer(batch(3));
  assert.equal(outbox.next(), undefined);
  assert.equal(spool.syncs, 1);
  const before = woken;
  gate.resolve();
  await gate.promise;
  while (woken === before) await Promise.resolve();
  assert.deepEqual([outbox.next()?.sequence, outbox.next()?.sequence, outbox.next()], [1n, 2n, undefined]);
  while (outbox.next() === undefined) await Promise.resolve();
  assert.equal(spool.syncs, 2);
});

Deno.test("a sync that fails holds up nobody", async () => {
  const spool = new MemorySpool(emptyDisk());
  const outbox = outboxOn(spool, "write-ahead", { sync: "always" });
  outbox.offer(batch(1));
  spool.failing = true;
  while (outbox.next() === undefined) await Promise.resolve();
  assert.equal(outbox.figures.spool?.faulty, true);
});

Deno.test("write-ahead on a disk that refuses: batches go on in memory, and to disk once it works", () => {
  const spool = new MemorySpool(emptyDisk());
  const outbox = outboxOn(spool, "write-ahead");
  spool.failing = true;
  for (const packets of [1, 2]) assert.ok(outbox.offer(batch(packets)));
  assert.deepEqual(outbox.figures.spool?.notKept, { batches: 2, packets: 3, bytes: 3 });
  assert.equal(outbox.figures.spool?.faulty, true);
  assert.equal(outbox.atRisk.packets, 3);
  spool.failing = false;
  assert.ok(outbox.offer(batch(3)));
  assert.deepEqual(outbox.atRisk.packets, 0);
  assert.deepEqual(spool.read(0n, 1_000).map(({ sequence }) => sequence), [1n, 2n, 3n]);
  assert.equal(outbox.figures.spool?.faulty, false);
  spool.failing = true;
  for (let packets = 4; packets < 10; packets += 1) outbox.offer(batch(packets));
  assert.equal(outbox.dropped.spool_write_failed.batches, 5, "memory had room for one more");
});

Deno.test("overflow writes nothing while memory is half empty, and keeps the order of what it writes", () => {
  const spool = new MemorySpool(emptyDisk());
  const outbox = outboxOn(spool, "overflow");
  for (const packets of [1, 2]) outbox.offer(batch(packets));
  assert.equal(spool.held.batches, 0);
  for (const packets of [3, 4, 5, 6]) outbox.offer(batch(packets));
  assert.deepEqual(outbox.figures.waiting.batches, 4);
  assert.deepEqual(outbox.figures.spool?.unread, { batches: 2, packets: 11, bytes: 11 });
  assert.equal(outbox.undelivered.packets, 21);
  const sent = Array.from({ length: 6 }, () => outbox.next()?.batch.packets);
  assert.deepEqual(sent, [1, 2, 3, 4, 5, 6]);
  assert.ok(outbox.acknowledge(6n));
  assert.ok(outbox.empty);
  assert.equal(spool.held.batches, 0);
});

Deno.test("a full disk: the newest, or the oldest that are on disk alone, are dropped and counted", () => {
  for (
    const [policy, expected] of [["drop-newest", [1, 2, 3, 4, 5, 6, 7]], ["drop-oldest", [
      1,
      2,
      3,
      4,
      8,
      9,
      10,
    ]]] as const
  ) {
    const outbox = outboxOn(new MemorySpool(emptyDisk(), 28, policy), "write-ahead");
    for (let packets = 1; packets <= 10; packets += 1) outbox.offer(batch(packets));
    const sent: number[] = [];
    for (let next = outbox.next(); next !== undefined; next = outbox.next()) sent.push(next.batch.packets);
    assert.deepEqual(sent, expected);
    const arrived = sent.reduce((sum, packets) => sum + packets, 0);
    assert.equal(outbox.dropped.spool_full.packets, 55 - arrived);
    assert.equal(outbox.figures.spool?.full, true);
    outbox.acknowledge(1n);
    assert.equal(outbox.figures.spool?.full, false, "there is room again");
  }
});

Deno.test("what cannot be read back is counted, and the rest goes on", () => {
  const spool = new MemorySpool(emptyDisk());
  const outbox = outboxOn(spool, "write-ahead");
  for (let packets = 1; packets <= 6; packets += 1) outbox.offer(batch(packets));
  spool.corrupt();
  const sent: (number | undefined)[] = [];
  for (let next = outbox.next(); next !== undefined; next = outbox.next()) sent.push(next.batch.packets);
  assert.deepEqual(sent, [1, 2, 3, 4, 5]);
  assert.deepEqual(outbox.dropped.spool_corrupt, { batches: 1, packets: 6, bytes: 6 });
  outbox.acknowledge(5n);
  assert.ok(outbox.empty);
});

Deno.test("a disk that cannot be read for a while holds up what is on it, and is faulty for as long", async () => {
  const spool = new MemorySpool(emptyDisk());
  const outbox = outboxOn(spool, "write-ahead");
  spool.unreadable = true;
  for (let packets = 1; packets <= 6; packets += 1) outbox.offer(batch(packets));
  const sent: (number | undefined)[] = [];
  for (let next = outbox.next(); next !== undefined; next = outbox.next()) sent.push(next.batch.packets);
  assert.deepEqual(sent, [1, 2, 3, 4]);
  assert.equal(outbox.figures.spool?.faulty, true);
  spool.unreadable = false;
  for (let next = outbox.next(); sent.length < 6; next = outbox.next()) {
    if (next !== undefined) sent.push(next.batch.packets);
    else await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(sent, [1, 2, 3, 4, 5, 6]);
  assert.equal(outbox.figures.spool?.faulty, false);
});

Deno.test("batches of an earlier run are never joined, those of this run are", () => {
  const disk = emptyDisk();
  const before = outboxOn(new MemorySpool(disk), "write-ahead");
  for (const packets of [1, 2, 3]) before.offer(batch(packets));
  const outbox = outboxOn(new MemorySpool(disk), "write-ahead", { messageBytes: 1_000 });
  for (const packets of [4, 5]) outbox.offer(batch(packets));
  const sent: (number | undefined)[] = [];
  for (let next = outbox.next(); next !== undefined; next = outbox.next()) sent.push(next.batch.packets);
  assert.deepEqual(sent, [1, 2, 3, 9]);
});

Deno.test("a file waits when the disk is full, too, and loses nothing", async () => {
  const outbox = outboxOn(new MemorySpool(emptyDisk(), 20), "overflow");
  const sent: (number | undefined)[] = [];
  for (let packets = 1; packets <= 12; packets += 1) {
    outbox.add(batch(packets));
    const room = outbox.room();
    while (room !== undefined && outbox.room() !== undefined) {
      const next = outbox.next();
      assert.ok(next);
      sent.push(next.batch.packets);
      outbox.acknowledge(next.sequence);
    }
    await room;
  }
  for (let next = outbox.next(); next !== undefined; next = outbox.next()) sent.push(next.batch.packets);
  assert.deepEqual(sent, Array.from({ length: 12 }, (_, at) => at + 1));
  assert.equal(Object.values(outbox.dropped).reduce((sum, { batches }) => sum + batches, 0), 0);
});

Deno.test("a batch larger than the whole disk buffer is sent all the same", () => {
  const outbox = outboxOn(new MemorySpool(emptyDisk(), 20), "write-ahead");
  outbox.add(batch(1));
  outbox.add(batch(30));
  assert.ok(outbox.room(), "the disk holds another");
  assert.equal(outbox.next()?.batch.packets, 1);
  outbox.acknowledge(1n);
  assert.equal(outbox.room(), undefined);
  assert.equal(outbox.next()?.batch.packets, 30);
  assert.equal(outbox.figures.spool?.notKept.packets, 30);
});
