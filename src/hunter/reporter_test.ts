import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { noAmount } from "../delivery/batch.ts";
import { Outbox } from "../delivery/outbox.ts";
import type { SpoolFigures } from "../delivery/outbox_figures.ts";
import { HunterStatus } from "../proto/management_messages.ts";
import { Reporter } from "./reporter.ts";

const stats = { total_captured: 0n, filtered_matched: 0n, dropped: 0n, buffer_usage: 0 };
const batch = (packets: number) => ({ pieces: [], packets, bytes: packets, closedNs: 0n, stats });

Deno.test("the status follows the queue's fill, recent losses, refused filters, and the capture", () => {
  const figures = {
    ...{ captured: 0, matched: 0, dropped: 0, failed: false },
    filters: { active: 0, refused: 0 },
  };
  let refusedFilters = 0;
  const outbox = new Outbox({
    queue: { batches: 10, packets: 1_000, bytes: 1_000 },
    window: { batches: 1, bytes: 1 },
  });
  const reporter = new Reporter(() => figures, outbox, () => refusedFilters, 60_000);
  const { STATUS_HEALTHY, STATUS_WARNING, STATUS_ERROR } = HunterStatus;
  const statusAfter = (change: () => void) => {
    change();
    return reporter.report().status;
  };
  assert.equal(statusAfter(() => {}), STATUS_HEALTHY);
  assert.equal(statusAfter(() => Object.assign(figures, { captured: 1_000, dropped: 100 })), STATUS_HEALTHY);
  assert.equal(statusAfter(() => Object.assign(figures, { captured: 2_000, dropped: 201 })), STATUS_WARNING);
  assert.equal(statusAfter(() => figures.captured = 3_000), STATUS_HEALTHY, "an old loss is no warning");
  assert.equal(statusAfter(() => figures.filters.refused = 1), STATUS_WARNING);
  assert.equal(statusAfter(() => Object.assign(figures.filters, { active: 1, refused: 0 })), STATUS_HEALTHY);
  assert.equal(statusAfter(() => refusedFilters = 1), STATUS_WARNING);
  assert.equal(statusAfter(() => refusedFilters = 0), STATUS_HEALTHY);
  assert.equal(
    statusAfter(() => [..."12345678"].forEach(() => outbox.offer(batch(1)))),
    STATUS_HEALTHY,
  );
  assert.equal(statusAfter(() => outbox.offer(batch(1))), STATUS_WARNING);
  assert.equal(statusAfter(() => figures.failed = true), STATUS_ERROR);
});

Deno.test("the status follows the disk buffer and the processor's pause", () => {
  const { STATUS_HEALTHY, STATUS_WARNING } = HunterStatus;
  const statusWith = (change: Partial<SpoolFigures>, paused = false) => {
    const outbox = new Outbox({
      queue: { batches: 10, packets: 1_000, bytes: 1_000 },
      window: { batches: 1, bytes: 1 },
    });
    const spool: SpoolFigures = {
      held: noAmount,
      unread: noAmount,
      diskBytes: 90,
      limitBytes: 100,
      faulty: false,
      full: false,
      notKept: noAmount,
      ...change,
    };
    const figures = { ...outbox.figures, spool };
    Object.defineProperty(outbox, "figures", {
      value: { ...figures, flow: paused ? { state: "paused", forMs: 60_001 } : figures.flow },
    });
    return new Reporter(
      () => ({ captured: 0, matched: 0, dropped: 0, failed: false }),
      outbox,
      () => 0,
      60_000,
    )
      .report().status;
  };
  assert.equal(statusWith({}), STATUS_HEALTHY);
  assert.equal(statusWith({ faulty: true }), STATUS_WARNING);
  assert.equal(statusWith({ diskBytes: 91 }), STATUS_WARNING);
  assert.equal(statusWith({}, true), STATUS_WARNING);
});

Deno.test("losses of the capture and of the queue are counted together", () => {
  const outbox = new Outbox({
    queue: { batches: 1, packets: 10, bytes: 10 },
    window: { batches: 1, bytes: 1 },
  });
  const reporter = new Reporter(
    () => ({ captured: 100, matched: 50, dropped: 7, failed: false, filters: { active: 3, refused: 1 } }),
    outbox,
    () => 0,
    60_000,
  );
  outbox.offer(batch(5));
  outbox.offer(batch(4));
  assert.deepEqual(reporter.batchStats(), {
    total_captured: 100n,
    filtered_matched: 50n,
    dropped: 11n,
    buffer_usage: 100,
  });
  const { stats } = reporter.report();
  assert.deepEqual([stats.packets_dropped, stats.buffer_bytes, stats.active_filters], [11n, 5n, 3]);
  assert.equal(stats.cpu_percent, -1, "unknown before there was time to measure");
});
