import assert from "node:assert/strict";
import type { Traffic } from "../engine/traffic.ts";
import { noProgress, type Progress, sideBySide, sumOf } from "./progress.ts";

const traffic = (active: number, dns: number, talkers: readonly (readonly [string, number])[]): Traffic => ({
  flows: { total: active + 3, active, expired: 2, restarted: 1, evicted: 0 },
  protocols: [
    { protocol: "TLS", packets: 1, bytes: 100, flows: 1 },
    { protocol: "DNS", packets: 2, bytes: dns, flows: 1 },
  ],
  top_talkers: talkers.map(([address, bytes]) => ({ address, packets: 1, bytes })),
});

const one: Progress = {
  ...noProgress,
  engine: { packets: 10, kept: 4 },
  kernel: { received: 12, dropped: 1, interfaceDropped: 7 },
  ...{ droppedBySinks: 2, restarts: 1, signallingDropped: 5 },
  traffic: traffic(5, 300, [["192.0.2.1", 50], ["192.0.2.2", 40]]),
};
const other: Progress = {
  ...noProgress,
  engine: { packets: 20, kept: 8 },
  kernel: { received: 21, dropped: 2, interfaceDropped: 6 },
  ...{ droppedBySinks: 1, restarts: 0, signallingDropped: 0 },
  traffic: traffic(6, 50, [["192.0.2.3", 45], ["192.0.2.2", 30]]),
};

const counts = {
  engine: { packets: 30, kept: 12 },
  inputBytes: 0,
  ...{ droppedBySinks: 3, restarts: 1, signallingDropped: 5 },
};

Deno.test("captures beside each other: the flows of all are active, the interface drops for all at once", () => {
  assert.deepEqual(sideBySide([one, other]), {
    ...counts,
    kernel: { received: 33, dropped: 3, interfaceDropped: 7 },
    traffic: {
      flows: { total: 17, active: 11, expired: 4, restarted: 2, evicted: 0 },
      protocols: [
        { protocol: "DNS", packets: 4, bytes: 350, flows: 2 },
        { protocol: "TLS", packets: 2, bytes: 200, flows: 2 },
      ],
      top_talkers: [
        { address: "192.0.2.2", packets: 2, bytes: 70 },
        { address: "192.0.2.1", packets: 1, bytes: 50 },
      ],
    },
  });
});

Deno.test("a capture after another: the flows of the first have ended", () => {
  const sum = sumOf(one, other);
  assert.deepEqual({ ...sum, traffic: undefined }, {
    ...counts,
    kernel: { received: 33, dropped: 3, interfaceDropped: 13 },
    traffic: undefined,
  });
  assert.deepEqual(sum.traffic?.flows, { total: 17, active: 6, expired: 9, restarted: 2, evicted: 0 });
});

Deno.test("captures beside each other: order does not matter, and one alone is as it was", () => {
  assert.deepEqual(sideBySide([other, one]), sideBySide([one, other]));
  const { traffic: _, ...uncounted } = one;
  assert.deepEqual(sideBySide([uncounted]), uncounted);
  assert.deepEqual(sideBySide([uncounted, noProgress]), uncounted);
  assert.deepEqual(sideBySide([]), noProgress);
  assert.deepEqual(sideBySide([uncounted, other]).traffic?.flows, other.traffic?.flows);
});
