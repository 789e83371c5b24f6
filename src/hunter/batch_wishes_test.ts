import assert from "node:assert/strict";
import { batchLimit, noWishes, wishLines } from "./batch_wishes.ts";

Deno.test("what the operator set stays, and what he did not is as the processor wishes", () => {
  const wishes = { ...noWishes, batchSize: 64, batchTimeoutMs: 250 };
  const cases: [number, ("batchSize" | "batchTimeoutMs")[], number, number, string[]][] = [
    [64, [], 64, 250, ["--batch-timeout is 250 ms, as the processor wishes"]],
    [64, ["batchTimeoutMs"], 64, 100, [
      "the processor wishes --batch-timeout 250 ms; 100 stays, since you set it",
    ]],
    [5, ["batchSize"], 5, 250, [
      "the processor wishes --batch-size 64 packets; 5 stays, since you set it",
      "--batch-timeout is 250 ms, as the processor wishes",
    ]],
  ];
  for (const [batchSize, ownBatchLimits, packets, milliseconds, lines] of cases) {
    const settings = { batchSize, batchTimeoutMs: 100, ownBatchLimits };
    assert.equal(batchLimit("batchSize", settings, wishes), packets);
    assert.equal(batchLimit("batchTimeoutMs", settings, wishes), milliseconds);
    assert.deepEqual(wishLines(settings, wishes), lines);
  }
});

Deno.test("a processor without wishes changes nothing", () => {
  const settings = { batchSize: 7, batchTimeoutMs: 9, ownBatchLimits: [] };
  assert.deepEqual([batchLimit("batchSize", settings, noWishes), wishLines(settings, noWishes)], [7, []]);
});
