/** A spool on a real disk, beside other processes, and with what Deno and the system do not allow. */
import assert from "node:assert/strict";
import { DiskSpool, type DiskSpoolOptions } from "../../src/delivery/spool/disk_spool.ts";
import { OperatorError } from "../../src/runtime/operator_error.ts";
import { Child, root } from "../end_to_end/program.ts";
import { comparable, numbered } from "./batches.ts";

const options: DiskSpoolOptions = {
  maxBytes: 1 << 22,
  segmentBytes: 1 << 16,
  whenFull: "drop-newest",
  sync: "interval",
  syncIntervalMs: 1_000,
  onFault: (line) => {
    throw new Error(line);
  },
};
const everything = 1 << 30;

function holder(folder: string, ...permissions: string[]): Child {
  return new Child([
    "deno",
    "run",
    "--no-prompt",
    ...permissions,
    `${root}tests/spool/hold_spool.ts`,
    folder,
  ]);
}

/** Runs `check` with an own folder. */
async function inFolder(check: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await check(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("disk spool: a folder is used by one process, until that is killed", () =>
  inFolder(async (folder) => {
    await using child = holder(folder, `--allow-read=${folder}`, `--allow-write=${folder}`);
    await child.said(/open/);
    const pid = (await Deno.readTextFile(`${folder}/lock`)).trim();
    assert.throws(
      () => DiskSpool.open(folder, options),
      new OperatorError(
        `the disk buffer ${folder} is in use by process ${pid}: end that one, or name another folder with ` +
          "--disk-buffer-dir",
      ),
    );
    child.signal("SIGKILL");
    await child.ended();
    const spool = DiskSpool.open(folder, options);
    assert.deepEqual(spool.read(0n, everything).map(comparable), [comparable(numbered(1n))]);
    assert.throws(() => DiskSpool.open(folder, options), /is in use by process/);
    await spool.close();
  }));

const missing: readonly [given: (folder: string) => string[], message: (folder: string) => string][] = [
  [
    () => [],
    (folder) => `the disk buffer ${folder} needs permission: add --allow-read=${folder} to the deno command`,
  ],
  [
    (folder) => [`--allow-read=${folder}`],
    (folder) => `the disk buffer ${folder} needs permission: add --allow-write=${folder} to the deno command`,
  ],
];

for (const [given, message] of missing) {
  Deno.test(`disk spool: with ${given("FOLDER").join(" ") || "no permission"} it says what to add`, () =>
    inFolder(async (folder) => {
      await using child = holder(folder, ...given(folder));
      const { code, stderr } = await child.ended();
      assert.equal(code, 1);
      assert.ok(stderr.includes(message(folder)), stderr);
    }));
}

Deno.test("disk spool: nobody else may read what it writes", () =>
  inFolder(async (parent) => {
    const folder = `${parent}/new`;
    const spool = DiskSpool.open(folder, options);
    assert.ok(spool.append(numbered(spool.firstSequence)));
    spool.acknowledge(0n);
    await spool.sync();
    assert.equal(((await Deno.stat(folder)).mode ?? 0) & 0o777, 0o700);
    for await (const { name } of Deno.readDir(folder)) {
      assert.equal(((await Deno.stat(`${folder}/${name}`)).mode ?? 0) & 0o777, 0o600, name);
    }
    await spool.close();
  }));

Deno.test("disk spool: a lock that is a link is not followed", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/precious`, "as it was");
    await Deno.symlink(`${folder}/precious`, `${folder}/lock`);
    assert.throws(() => DiskSpool.open(folder, options), /lock is no plain file/);
    assert.equal(await Deno.readTextFile(`${folder}/precious`), "as it was");
  }));

Deno.test("disk spool: a place that is no folder is named", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    assert.throws(
      () => DiskSpool.open(`${folder}/file`, options),
      /^OperatorError: the disk buffer .*file cannot be used/,
    );
  }));

Deno.test("disk spool: after its folder was removed it goes on in a new one, and counts what is gone", () =>
  inFolder(async (parent) => {
    const folder = `${parent}/buffer`;
    const told: string[] = [];
    const spool = DiskSpool.open(folder, { ...options, onFault: (line) => told.push(line) });
    assert.ok(spool.append(numbered(1n)));
    await spool.sync();
    await Deno.remove(folder, { recursive: true });
    assert.ok(spool.append(numbered(2n)));
    await spool.sync();
    assert.deepEqual(spool.lost.get("write_failed"), { batches: 2, packets: 6, bytes: 40 });
    assert.equal(told.length, 1);
    assert.ok(spool.append(numbered(3n)));
    assert.throws(() => DiskSpool.open(folder, options), /is in use/);
    await spool.close();
    const again = DiskSpool.open(folder, options);
    assert.equal(again.id, spool.id);
    assert.ok(again.firstSequence > 3n);
    assert.deepEqual(again.read(0n, everything).map(({ sequence }) => sequence), [3n]);
    await again.close();
  }));

/** A file system of its own with `size` bytes; undefined where this process may not mount one. */
async function smallDisk(folder: string, size: number): Promise<boolean> {
  const args = ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder];
  const { success } = await new Deno.Command("mount", { args, stderr: "null" }).output().catch(() => ({
    success: false,
  }));
  if (!success) console.log("skipped: mounting a small disk needs root");
  return success;
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(command, { args }).output();
  assert.ok(success, `${command} ${args.join(" ")}`);
}

Deno.test("disk spool: a disk that is full is counted and told once, and tried again", () =>
  inFolder(async (folder) => {
    if (!await smallDisk(folder, 1 << 19)) return;
    try {
      const told: string[] = [];
      const spool = DiskSpool.open(`${folder}/buffer`, { ...options, onFault: (line) => told.push(line) });
      const kept: bigint[] = [];
      let lost = 0;
      let sequence = spool.firstSequence;
      const append = () => {
        const isKept = spool.append(numbered(sequence, 5_000));
        if (isKept) kept.push(sequence);
        sequence += 1n;
        return isKept;
      };
      while (lost < 3) if (!append()) lost += 1;
      await spool.sync();
      assert.deepEqual(spool.lost.get("write_failed"), { batches: 3, packets: 9, bytes: 15_000 });
      assert.equal(told.length, 1);
      assert.match(
        told[0] ?? "",
        /a batch could not be written \(No space left on device|a file could not be made/,
      );
      spool.acknowledge(kept[40] ?? 0n);
      assert.ok(append());
      const waiting = kept.slice(41);
      assert.deepEqual(spool.read(0n, everything).map((one) => one.sequence), waiting);
      await spool.close();
      const again = DiskSpool.open(`${folder}/buffer`, options);
      assert.deepEqual(again.read(0n, everything).map((one) => one.sequence), waiting);
      assert.equal(again.finding.truncatedBytes, 0);
      await again.close();
    } finally {
      await run("umount", folder);
    }
  }));

Deno.test("disk spool: a disk that is read-only is named at the start", () =>
  inFolder(async (folder) => {
    if (!await smallDisk(folder, 1 << 19)) return;
    try {
      await Deno.mkdir(`${folder}/buffer`);
      await run("mount", "-o", "remount,ro", folder);
      const message = /^OperatorError: the disk buffer .*buffer cannot be used: Read-only file system/;
      assert.throws(() => DiskSpool.open(`${folder}/buffer`, options), message);
    } finally {
      await run("umount", folder);
    }
  }));

Deno.test("a folder that is put back from a backup gives no numbers that were given since", async () => {
  const [folder, backup] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  const options = {
    maxBytes: 1_000_000,
    whenFull: "drop-newest",
    sync: "never",
    syncIntervalMs: 10,
    onFault: () => {},
  } as const;
  const now = Date.now;
  const firstOf = async (path: string, minute: number) => {
    Date.now = () => Date.UTC(2026, 5, 1) + minute * 60_000;
    try {
      const spool = DiskSpool.open(path, options);
      await spool.close();
      return spool.firstSequence;
    } finally {
      Date.now = now;
    }
  };
  await firstOf(folder, 0);
  for (const { name } of Deno.readDirSync(folder)) {
    Deno.copyFileSync(`${folder}/${name}`, `${backup}/${name}`);
  }
  const since = [await firstOf(folder, 60), await firstOf(folder, 60), await firstOf(folder, -1_000)];
  const restored = await firstOf(backup, 65);
  assert.ok(since.every((first, at) => first > (since[at - 1] ?? 0n)), "also when the clock is set back");
  assert.ok(since.every((first) => first < restored));
  const far = await firstOf(backup, 1e9);
  assert.ok(far > restored && far < 1n << 64n);
  await Deno.remove(folder, { recursive: true });
  await Deno.remove(backup, { recursive: true });
});
