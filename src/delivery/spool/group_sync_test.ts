import assert from "node:assert/strict";
import { GroupSync } from "./group_sync.ts";

Deno.test("group sync: those who come while one runs share the next, and no two run at a time", async () => {
  const ends: (() => void)[] = [];
  let running = 0;
  const group = new GroupSync(async () => {
    running += 1;
    assert.equal(running, 1);
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
  });
  const done: string[] = [];
  const ask = (name: string) => group.run().then(() => void done.push(name));
  const asked = [ask("first"), ask("second"), ask("third")];
  assert.equal(ends.length, 1);
  ends[0]?.();
  await asked[0];
  // One that comes at the very moment is for the one after.
  asked.push(ask("fourth"));
  assert.deepEqual(done, ["first"]);
  assert.equal(ends.length, 2);
  ends[1]?.();
  await Promise.all(asked.slice(1, 3));
  assert.deepEqual(done, ["first", "second", "third"]);
  ends[2]?.();
  await Promise.all(asked);
  assert.equal(ends.length, 3);
  assert.equal(group.isRunning, false);
});
