import assert from "node:assert/strict";
import { DiskSpool } from "../../src/delivery/spool/disk_spool.ts";
import { concatenated, Folder } from "../end_to_end/program.ts";
import { numberedFrame, numbersIn } from "./numbered_frames.ts";
import { numbersInSpool } from "./spool_content.ts";

const stats = { total_captured: 0n, filtered_matched: 0n, dropped: 0n, buffer_usage: 0 };

Deno.test("the crash test finds what stands in a disk buffer, and does not count what is torn", async () => {
  using folder = new Folder();
  const spool = DiskSpool.open(folder.path, {
    maxBytes: 1 << 20,
    whenFull: "drop-newest",
    sync: "never",
    syncIntervalMs: 1_000,
    onFault: (line) => assert.fail(line),
  });
  for (let batch = 0; batch < 4; batch++) {
    const frames = [0, 1, 2].map((at) => numberedFrame(batch * 3 + at));
    const bytes = concatenated([Uint8Array.of(0x22), ...frames, Uint8Array.of(0)]);
    const pieces = [{ bytes, packets: 3 }];
    const sequence = spool.firstSequence + BigInt(batch);
    assert.ok(spool.append({
      sequence,
      batch: { pieces, packets: 3, bytes: bytes.length, closedNs: 0n, stats },
    }));
  }
  await spool.close();
  const numbers = Array.from({ length: 12 }, (_, number) => number);
  assert.deepEqual([...numbersInSpool(folder.path)].sort((one, other) => one - other), numbers);
  const [segment] = [...Deno.readDirSync(folder.path)].filter(({ name }) => name.endsWith(".segment"));
  const path = folder.file(segment?.name ?? assert.fail("no segment"));
  await Deno.truncate(path, (await Deno.stat(path)).size - 1);
  assert.deepEqual([...numbersInSpool(folder.path)].sort((one, other) => one - other), numbers.slice(0, 9));
});

Deno.test("numbered frames are found in any bytes, if they are whole", () => {
  const bytes = concatenated([
    Uint8Array.of(1, 2),
    numberedFrame(7),
    Uint8Array.of(3),
    numberedFrame(0xffff_ffff),
  ]);
  assert.deepEqual([...numbersIn(bytes)], [7, 0xffff_ffff]);
  assert.deepEqual([...numbersIn(bytes.subarray(0, bytes.length - 1))], [7]);
});
