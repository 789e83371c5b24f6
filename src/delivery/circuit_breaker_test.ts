import assert from "node:assert/strict";
import { Backoff } from "./backoff.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";

/** A breaker of 5 failures and 30 s, and its clock. */
function breakerAt(start = 1_000) {
  const clock = { now: start };
  return { clock, breaker: new CircuitBreaker({ failures: 5, openMs: 30_000 }, () => clock.now) };
}

function attempt(breaker: CircuitBreaker, success: boolean): string {
  breaker.begin();
  const during = breaker.state;
  if (success) breaker.succeeded();
  else breaker.failed();
  return during;
}

Deno.test("five failures in a row open it, and a success begins anew", () => {
  const { breaker } = breakerAt();
  for (const success of [false, false, false, false, true, false, false, false, false]) {
    assert.equal(attempt(breaker, success), "closed");
    assert.deepEqual([breaker.state, breaker.remainingMs], ["closed", 0]);
  }
  assert.equal(attempt(breaker, false), "closed");
  assert.deepEqual([breaker.state, breaker.remainingMs, breaker.openings], ["open", 30_000, 1]);
});

Deno.test("after its time one attempt decides: open again, or closed", () => {
  const { breaker, clock } = breakerAt();
  for (let failure = 0; failure < 5; failure++) attempt(breaker, false);
  clock.now += 29_999;
  assert.equal(breaker.remainingMs, 1);
  clock.now += 1;
  assert.deepEqual([breaker.state, breaker.remainingMs], ["open", 0]);
  assert.equal(attempt(breaker, false), "half-open");
  assert.deepEqual([breaker.state, breaker.remainingMs, breaker.openings], ["open", 30_000, 2]);
  clock.now += 40_000;
  assert.equal(attempt(breaker, true), "half-open");
  assert.deepEqual([breaker.state, breaker.remainingMs, breaker.openings], ["closed", 0, 2]);
  for (let failure = 0; failure < 4; failure++) attempt(breaker, false);
  assert.equal(breaker.state, "closed");
});

Deno.test("with the backoff: at once, then ever slower, and never slower than the longest wait", () => {
  for (
    const [random, expected] of [
      [1, [0, 1, 3, 7, 15, 45, 77, 137, 197]],
      [0, [0, 0.1, 0.3, 0.7, 1.5, 31.5, 61.5, 91.5, 121.5]],
    ] as const
  ) {
    const { breaker, clock } = breakerAt(0);
    const backoff = new Backoff({ firstMs: 1_000, longestMs: 60_000, stableMs: 10_000 }, () => random);
    const attempts: number[] = [];
    for (const _ of expected) {
      assert.equal(breaker.remainingMs, 0);
      attempts.push(clock.now / 1_000);
      attempt(breaker, false);
      clock.now += Math.max(backoff.next(0, false), breaker.remainingMs);
    }
    assert.deepEqual(attempts, expected);
  }
});
