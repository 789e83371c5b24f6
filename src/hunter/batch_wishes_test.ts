import assert from "node:assert/strict";
import { heedBatchWishes } from "./batch_wishes.ts";

const none = { reconnectIntervalMs: undefined, maxReconnectAttempts: undefined };

Deno.test("what the operator set stays, and what he did not is as the processor wishes", () => {
  const wishes = { ...none, batchSize: 64, batchTimeoutMs: 250 };
  const settings = { batchSize: 64, batchTimeoutMs: 100, ownBatchLimits: [] };
  const cases: [Partial<typeof settings> & object, number, number, string[]][] = [
    [{}, 64, 250, ["--batch-timeout is 250 ms, as the processor wishes"]],
    [{ ownBatchLimits: ["batchTimeoutMs"] as never[] }, 64, 100, [
      "the processor wishes --batch-timeout 250 ms; 100 stays, since you set it",
    ]],
    [{ batchSize: 5, ownBatchLimits: ["batchSize"] as never[] }, 5, 250, [
      "the processor wishes --batch-size 64 packets; 5 stays, since you set it",
      "--batch-timeout is 250 ms, as the processor wishes",
    ]],
  ];
  for (const [more, packets, milliseconds, lines] of cases) {
    assert.deepEqual(heedBatchWishes({ ...settings, ...more }, wishes), {
      limits: { packets, milliseconds },
      lines,
    });
  }
});

Deno.test("a processor without wishes changes nothing", () => {
  const settings = { batchSize: 7, batchTimeoutMs: 9, ownBatchLimits: [] };
  assert.deepEqual(heedBatchWishes(settings, { ...none, batchSize: undefined, batchTimeoutMs: undefined }), {
    limits: { packets: 7, milliseconds: 9 },
    lines: [],
  });
});
