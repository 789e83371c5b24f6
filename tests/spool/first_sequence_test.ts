/** The numbers that runs begin with: never any that were used, whatever happens to the folder or the clock. */
import assert from "node:assert/strict";
import { DiskSpool, type DiskSpoolOptions } from "../../src/delivery/spool/disk_spool.ts";
import { sequencesPerRun } from "../../src/delivery/spool/recovery.ts";
import { numbered } from "./batches.ts";
import { FaultDisk } from "./fault_disk.ts";
import { ManualClock } from "./manual_clock.ts";

const disk = new FaultDisk();

/** A run at `wallMs` on `files`, which takes some batches: its first and last number, and what it leaves. */
async function run(
  files: ReadonlyMap<string, Uint8Array>,
  wallMs: number,
): Promise<{ id: string; first: bigint; last: bigint; files: Map<string, Uint8Array> }> {
  const clock = new ManualClock();
  clock.wallStart = wallMs;
  const options: DiskSpoolOptions = {
    maxBytes: 1 << 20,
    whenFull: "drop-newest",
    sync: "never",
    syncIntervalMs: 1_000,
    onFault: () => {},
    clock,
  };
  disk.files = files;
  const spool = DiskSpool.on(disk.mount(), options);
  const { id, firstSequence: first } = spool;
  for (let step = 0n; step < 5n; step += 1n) assert.ok(spool.append(numbered(first + step)));
  spool.acknowledge(first + 2n);
  await spool.close();
  return { id, first, last: first + 4n, files: disk.files };
}

const now = 1_790_000_000_000;

Deno.test("first sequence: a folder that was set back gives out no number again", async () => {
  const before = await run(new Map(), now);
  let [used, files] = [before.last, before.files];
  for (let second = 1; second < 100; second++) {
    const later = await run(files, now + second * 1_024);
    assert.ok(later.first > used);
    [used, files] = [later.last, later.files];
  }
  for (const old of [before.files, new Map([["spool", before.files.get("spool") ?? new Uint8Array()]])]) {
    const again = await run(old, now + 100 * 1_024);
    assert.equal(again.id, before.id);
    assert.ok(again.first > used, `${again.first} ${used}`);
  }
});

Deno.test("first sequence: where the clock goes back, numbers go on", async () => {
  let { last: used, files } = await run(new Map(), now);
  for (const wallMs of [now - 1, now - 86_400_000, 0, -5, 8.64e15, 0, now]) {
    const next = await run(files, wallMs);
    assert.ok(next.first >= used - 4n + sequencesPerRun, `${wallMs}: ${next.first} ${used}`);
    assert.ok(next.last < 1n << 63n);
    [used, files] = [next.last, next.files];
  }
});

Deno.test("first sequence: the clock of the year 2248 is too far for numbers", async () => {
  assert.equal((await run(new Map(), 2 ** 43)).first, 1n);
  assert.equal((await run(new Map(), 0)).first, 1n);
  assert.ok((await run(new Map(), 2 ** 43 - 1)).last < 1n << 63n);
});
