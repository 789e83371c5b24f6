/** Real programs on disks that are full, or refuse to be written. */
import assert from "node:assert/strict";
import { summaryIn, sumOf } from "../end_to_end/output.ts";
import { pause } from "../end_to_end/program.ts";
import { NumberedScene } from "./numbered_scene.ts";
import { mountObstacle, SmallDisk } from "./small_disk.ts";

const obstacle = await mountObstacle();
if (obstacle !== undefined) console.log(`tests of full and read-only disks are skipped: ${obstacle}`);

/** More than a disk of 4 MiB takes, and more than memory may hold beside it. */
const packets = 120_000;

function diskTest(
  name: string,
  mebibytes: number,
  fn: (disk: SmallDisk, scene: NumberedScene) => Promise<void>,
): void {
  Deno.test({
    name: `disk: ${name}`,
    ignore: obstacle !== undefined,
    fn: async () => {
      await using disk = await SmallDisk.mount(mebibytes);
      using scene = new NumberedScene();
      await fn(disk, scene);
    },
  });
}

for (const mode of ["write-ahead", "overflow"]) {
  diskTest(
    `a hunter whose disk is full delivers everything all the same, ${mode}`,
    4,
    async (disk, scene) => {
      const buffer = ["--disk-buffer", "--disk-buffer-mode", mode, "--disk-buffer-dir", disk.file("buffer")];
      await using hunter = scene.hunter(...buffer);
      const feeding = scene.feed(hunter, packets).then(() => hunter.closeInput());
      await hunter.said(/No space left|full/i);
      await using processor = await scene.processor(scene.folder.file("out.pcap"));
      await feeding;
      const { code, stderr } = await hunter.ended();
      assert.equal(code, 0, stderr);
      assert.equal(sumOf(summaryIn(stderr).drops), 0);
      assert.equal((await processor.interrupt()).code, 0);
      assert.equal(scene.assertAllArrived(), 0);
    },
  );
}

diskTest("a disk buffer on a read-only disk is refused at the start", 4, async (disk, scene) => {
  await disk.makeReadOnly();
  await using hunter = scene.hunter("--disk-buffer", "--disk-buffer-dir", disk.file("buffer"));
  const { code, stderr } = await hunter.ended();
  assert.equal(code, 1, stderr);
  assert.match(stderr, /buffer/);
  assert.match(stderr, /read-only/i);
});

diskTest("a disk that turns read-only, and back, costs no packet", 256, async (disk, scene) => {
  const buffer = [
    "--disk-buffer",
    "--disk-buffer-mode",
    "write-ahead",
    "--disk-buffer-dir",
    disk.file("buffer"),
  ];
  await using hunter = scene.hunter(...buffer);
  const feeding = scene.feed(hunter, packets);
  await hunter.said(/not reached/);
  await pause(500);
  await disk.makeReadOnly();
  await using processor = await scene.processor(scene.folder.file("out.pcap"));
  await feeding;
  await disk.makeWritable();
  // Without a processor all of it would stay in the buffer.
  await hunter.said(/registered/);
  await scene.feed(hunter, 1_000);
  await hunter.closeInput();
  const { code, stderr } = await hunter.ended();
  assert.equal(code, 0, stderr);
  assert.equal(sumOf(summaryIn(stderr).drops), 0);
  assert.equal((await processor.interrupt()).code, 0);
  assert.equal(scene.assertAllArrived(), 0);
});

diskTest(
  "a processor whose disk is full says so, and has acknowledged nothing that is not in its file",
  4,
  async (disk, scene) => {
    await using first = await scene.processor(disk.file("out.pcap"));
    await using hunter = scene.hunter();
    const feeding = scene.feed(hunter, packets).then(() => hunter.closeInput());
    const failed = await first.ended();
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stderr, /writing to .*out\.pcap failed: .*[Nn]o space left/);
    await using second = await scene.processor(scene.folder.file("rest.pcap"));
    await feeding;
    const { code, stderr } = await hunter.ended();
    assert.equal(code, 0, stderr);
    assert.equal((await second.interrupt()).code, 0);
    scene.assertAllArrived();
  },
);
