import assert from "node:assert/strict";
import { Wake } from "./wake.ts";

Deno.test("a wake-up ends a wait, and one that came before is not lost", async () => {
  const wake = new Wake();
  wake.wake();
  wake.wake();
  await wake.wait();
  let woken = false;
  const waiting = wake.wait().then(() => woken = true);
  await Promise.resolve();
  assert.equal(woken, false, "two wake-ups before a wait are one");
  wake.wake();
  await waiting;
});

Deno.test("a wait with a limit ends by itself, and leaves no timer behind when it is woken", async () => {
  const wake = new Wake();
  await wake.wait(1);
  const waiting = wake.wait(60_000);
  wake.wake();
  await waiting;
});
