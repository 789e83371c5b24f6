/** `caracal buffer`: looking after the folder of a disk buffer. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/delivery/spool/clock.ts";
import { DiskSpool } from "../../src/delivery/spool/disk_spool.ts";
import { numbered } from "../spool/batches.ts";
import { Folder, type Outcome, run, textOf } from "./program.ts";

/** A buffer with 12 batches in four segments, 3 of them acknowledged. */
async function buffer(folder: Folder): Promise<{ path: string; segments: string[] }> {
  const path = `${folder.path}/buffer`;
  const spool = openSpool(path);
  for (let step = 0n; step < 12n; step += 1n) {
    assert.ok(spool.append(numbered(spool.firstSequence + step, 100)));
  }
  spool.acknowledge(1n);
  await spool.close();
  const segments = [...Deno.readDirSync(path)].map(({ name }) => name).filter((name) =>
    name.endsWith(".segment")
  );
  return { path, segments: segments.sort() };
}

function openSpool(path: string): DiskSpool {
  return DiskSpool.open(path, {
    maxBytes: 1 << 20,
    segmentBytes: 600,
    whenFull: "drop-newest",
    sync: "interval",
    syncIntervalMs: 1_000,
    // Numbers then begin with 1.
    clock: { ...systemClock, wallNow: () => 0 },
    onFault: (line) => {
      throw new Error(line);
    },
  });
}

function flip(path: string, offset: number): void {
  const content = Deno.readFileSync(path);
  content[offset] = (content[offset] ?? 0) ^ 1;
  Deno.writeFileSync(path, content);
}

function bufferCommand(name: string, path: string, ...flags: string[]): Promise<Outcome> {
  const permissions = [`--allow-read=${path}`, ...name === "repair" ? [`--allow-write=${path}`] : []];
  return run(["buffer", name, path, ...flags], { permissions });
}

Deno.test("buffer inspect: as text and as JSON, while it is in use", async () => {
  using folder = new Folder();
  const { path, segments } = await buffer(folder);
  const spool = openSpool(path);
  try {
    const { code, stdout, stderr } = await bufferCommand("inspect", path);
    assert.equal(code, 0, stderr);
    const text = textOf(stdout);
    assert.match(text, new RegExp(`id: +${spool.id}\n`));
    assert.match(text, new RegExp(`in use by: +process ${Deno.pid}\n`));
    assert.match(text, /batches: +12 with 36 packets\n/);
    assert.match(text, /waiting: +11 with 33 packets\n/);
    for (const name of segments) assert.ok(text.includes(name), name);
    const document = JSON.parse(textOf((await bufferCommand("inspect", path, "--json")).stdout));
    assert.equal(document.cursor, "1");
    assert.deepEqual(document.waiting, { batches: 11, packets: 33, bytes: 1_100 });
    assert.deepEqual(document.segments.map(({ name }: { name: string }) => name), segments);
    const [first] = document.segments;
    assert.deepEqual([first.batches, first.first, first.last, first.damages], [3, "1", "3", []]);
    assert.match(first.from, /^2023-11-14T22:13:20\./);
  } finally {
    await spool.close();
  }
});

Deno.test("buffer verify and repair: damage is found, set aside, and gone", async () => {
  using folder = new Folder();
  const { path, segments: [first = "", second = "", third = "", fourth = ""] } = await buffer(folder);
  const clean = await bufferCommand("verify", path);
  assert.equal(textOf(clean.stdout), "12 good batches with 36 packets in 4 segments, no damage\n");
  assert.equal(clean.code, 0);
  flip(`${path}/${first}`, 64 + 164 + 100);
  flip(`${path}/${second}`, 64 + 10);
  flip(`${path}/${third}`, 20);
  Deno.truncateSync(`${path}/${fourth}`, Deno.statSync(`${path}/${fourth}`).size - 1);
  flip(`${path}/cursor`, 20);

  const damaged = await bufferCommand("verify", path);
  assert.equal(damaged.code, 1);
  assert.deepEqual(
    textOf(damaged.stdout).split("\n"),
    [
      "cursor: byte 0: 68 bytes, not what was written",
      `${first}: byte 228: 164 bytes, the body of batch 2 (3 packets) is not what was written`,
      `${second}: byte 64: 164 bytes, no record: unknown number of packets in 1 batches`,
      `${third}: byte 0: 64 bytes, no good header`,
      `${fourth}: byte 392: 163 bytes, a write that was cut short`,
      "9 good batches with 27 packets in 4 segments, 5 damaged places",
      "",
    ].map((line) => line.replace("68 bytes", `${Deno.statSync(`${path}/cursor`).size} bytes`)),
  );

  const repaired = await bufferCommand("repair", path);
  assert.equal(repaired.code, 0, repaired.stderr);
  assert.deepEqual(textOf(repaired.stdout).split("\n"), [
    `${first}: 164 bytes at byte 228 moved to ${first}.damaged`,
    `${second}: 164 bytes at byte 64 moved to ${second}.damaged`,
    `${third}: header written again`,
    `${fourth}: 163 bytes cut off at byte 392`,
    "cursor: removed; all batches that are still there are sent again",
    "",
  ]);
  const after = await bufferCommand("verify", path);
  assert.equal(textOf(after.stdout), "9 good batches with 27 packets in 4 segments, no damage\n");
  assert.equal(after.code, 0);
  assert.equal(Deno.statSync(`${path}/${first}.damaged`).size, 164);
  assert.equal(textOf((await bufferCommand("repair", path)).stdout), "nothing to repair\n");
  const spool = openSpool(path);
  assert.deepEqual(
    spool.read(0n, 1 << 20).map(({ sequence }) => Number(sequence)),
    [1, 3, 5, 6, 7, 8, 9, 10, 11],
  );
  await spool.close();
});

Deno.test("buffer repair: a lost identity is made again, from what segments say", async () => {
  using folder = new Folder();
  const { path } = await buffer(folder);
  const before = openSpool(path);
  await before.close();
  Deno.removeSync(`${path}/spool`);
  assert.equal((await bufferCommand("verify", path)).code, 1);
  const { stdout } = await bufferCommand("repair", path);
  assert.match(textOf(stdout), /^spool: written again; the next run begins with batch \d+\n$/);
  const spool = openSpool(path);
  assert.equal(spool.id, before.id);
  assert.ok(spool.firstSequence > before.firstSequence);
  await spool.close();
});

Deno.test("buffer repair: not while the buffer is in use", async () => {
  using folder = new Folder();
  const { path } = await buffer(folder);
  const spool = openSpool(path);
  const { code, stderr } = await bufferCommand("repair", path);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`in use by process ${Deno.pid}`));
  await spool.close();
});

Deno.test("buffer: what is no buffer, or may not be read, is named", async () => {
  using folder = new Folder();
  const { path } = folder;
  folder.file("notes.txt", "not a buffer");
  for (const name of ["inspect", "verify", "repair"]) {
    const empty = await bufferCommand(name, path);
    assert.equal(empty.code, 1);
    assert.equal(
      empty.stderr,
      `caracal: ${path} is no disk buffer: it holds neither segments nor the file that names one\n`,
    );
    const missing = await bufferCommand(name, `${path}/missing`);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^caracal: the disk buffer .*missing cannot be read: No such file/);
    const refused = await run(["buffer", name, path], { permissions: [] });
    assert.equal(refused.code, 1);
    assert.equal(
      refused.stderr,
      `caracal: the disk buffer ${path} needs permission: add --allow-read=${path} to the deno command\n`,
    );
  }
  assert.deepEqual([...Deno.readDirSync(path)].map(({ name }) => name), ["notes.txt"]);
});
