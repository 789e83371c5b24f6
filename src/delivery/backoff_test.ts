import assert from "node:assert/strict";
import { Backoff } from "./backoff.ts";

const limits = { firstMs: 1_000, longestMs: 60_000, stableMs: 10_000 };

Deno.test("waits double up to the longest, with full jitter", () => {
  for (const [random, part] of [[0, 0.1], [0.5, 0.55], [1, 1]] as const) {
    const backoff = new Backoff(limits, () => random);
    const waits = [1, 2, 3, 4, 5, 6, 7, 8].map(() => backoff.next(0, false));
    const bounds = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
    assert.deepEqual(waits, bounds.map((bound) => Math.round(bound * part)));
  }
});

Deno.test("only a connection that held for a while begins anew", () => {
  const backoff = new Backoff(limits, () => 1);
  assert.deepEqual(
    [0, 9_999, 9_999, 10_000, 0].map((heldMs) => backoff.next(heldMs, false)),
    [1_000, 2_000, 4_000, 1_000, 2_000],
  );
});

Deno.test("where trying again hardly helps, the wait is long from the start", () => {
  assert.equal(new Backoff(limits, () => 0).next(0, true), 30_000);
  assert.equal(new Backoff(limits, () => 1).next(20_000, true), 60_000);
});

Deno.test("waits stay finite after very many failures", () => {
  const backoff = new Backoff(limits, () => 1);
  for (let failure = 0; failure < 5_000; failure++) assert.ok(backoff.next(0, false) <= 60_000);
});

Deno.test("the first wait can be changed, up to the longest", () => {
  const backoff = new Backoff(limits, () => 1);
  backoff.firstMs = 5_000;
  assert.deepEqual([0, 0, 10_000].map((heldMs) => backoff.next(heldMs, false)), [5_000, 10_000, 5_000]);
  backoff.firstMs = 600_000;
  assert.equal(backoff.next(10_000, false), 60_000);
});
