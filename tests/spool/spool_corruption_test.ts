import assert from "node:assert/strict";
import type { SequencedBatch } from "../../src/delivery/spool.ts";
import { DiskSpool, type DiskSpoolOptions } from "../../src/delivery/spool/disk_spool.ts";
import { recordBytes } from "../../src/delivery/spool/record.ts";
import { examine } from "../../src/delivery/spool/examination.ts";
import { repair } from "../../src/delivery/spool/repair.ts";
import { sequencesPerRun } from "../../src/delivery/spool/recovery.ts";
import { segmentName } from "../../src/delivery/spool/file_names.ts";
import { encodeSegmentHeader, segmentHeaderBytes } from "../../src/delivery/spool/segment_header.ts";
import { comparable, numbered } from "./batches.ts";
import { FaultDisk } from "./fault_disk.ts";
import { ManualClock } from "./manual_clock.ts";

const options: DiskSpoolOptions = {
  maxBytes: 1 << 20,
  segmentBytes: 360,
  whenFull: "drop-newest",
  sync: "never",
  syncIntervalMs: 1_000,
  onFault: () => {},
};
const everything = 1 << 30;

/** A spool of some segments, as it was left by a run. */
async function written(): Promise<{ files: Map<string, Uint8Array>; batches: SequencedBatch[]; id: string }> {
  const disk = new FaultDisk();
  const spool = DiskSpool.on(disk.mount(), options);
  const batches = [30, 0, 100, 40, 8, 60, 20, 90].map((bytes, at) =>
    numbered(spool.firstSequence + BigInt(at), bytes)
  );
  for (const one of batches) assert.ok(spool.append(one));
  await spool.close();
  return { files: disk.files, batches, id: spool.id };
}

/** The numbers of the batches whose record is at `offset` of the file, or behind it. */
function placesIn(
  batches: readonly SequencedBatch[],
  names: readonly string[],
): Map<string, { sequence: bigint; start: number; end: number }[]> {
  const places = new Map(
    names.map((name) => [name, [] as { sequence: bigint; start: number; end: number }[]]),
  );
  for (const { sequence, batch } of batches) {
    const name = names.findLast((candidate) => candidate <= segmentName(sequence)) ?? "";
    const list = places.get(name) ?? [];
    const start = list.at(-1)?.end ?? segmentHeaderBytes;
    list.push({ sequence, start, end: start + recordBytes(batch) });
  }
  return places;
}

/** Opens damaged files, reads all, and checks that nothing is there that was not written. */
function numbersIn(files: ReadonlyMap<string, Uint8Array>, batches: readonly SequencedBatch[]): {
  numbers: bigint[];
  spool: DiskSpool;
  disk: FaultDisk;
} {
  const disk = new FaultDisk();
  disk.files = files;
  const spool = DiskSpool.on(disk.mount(), options);
  const read = spool.read(0n, everything);
  const known = new Map(batches.map((one) => [one.sequence, comparable(one)]));
  for (const one of read) assert.deepEqual(comparable(one), known.get(one.sequence));
  assert.equal(spool.held.batches, read.length);
  return { numbers: read.map(({ sequence }) => sequence), spool, disk };
}

Deno.test("disk spool: a byte that is flipped costs the record that it is in, and no other", async () => {
  const { files, batches } = await written();
  const names = [...files.keys()].filter((name) => name.endsWith(".segment"));
  assert.ok(names.length > 2);
  for (const [name, places] of placesIn(batches, names)) {
    const content = files.get(name) ?? new Uint8Array();
    assert.equal(places.at(-1)?.end, content.length);
    for (let at = 0; at < content.length; at++) {
      const damaged = content.slice();
      damaged[at] = (damaged[at] ?? 0) ^ (1 << at % 8);
      const { numbers, spool } = numbersIn(new Map([...files, [name, damaged]]), batches);
      const hit = places.find(({ start, end }) => at >= start && at < end);
      const expected = batches.map(({ sequence }) => sequence).filter((sequence) =>
        sequence !== hit?.sequence
      );
      assert.deepEqual(numbers, expected, `${name}, byte ${at}`);
      const lost = spool.lost.get("corrupt")?.batches ?? 0;
      const told = lost === 1 || spool.finding.truncatedBytes > 0;
      assert.equal(told, hit !== undefined, `${name}, byte ${at}: told`);
    }
  }
});

Deno.test("disk spool: of a segment that is cut anywhere, all whole records are there", async () => {
  const { files, batches } = await written();
  const names = [...files.keys()].filter((name) => name.endsWith(".segment"));
  for (const [name, places] of placesIn(batches, names)) {
    const content = files.get(name) ?? new Uint8Array();
    for (let length = 0; length < content.length; length++) {
      const { numbers, disk } = numbersIn(new Map([...files, [name, content.slice(0, length)]]), batches);
      const gone = new Set(places.filter(({ end }) => end > length).map(({ sequence }) => sequence));
      const expected = batches.map(({ sequence }) => sequence).filter((sequence) => !gone.has(sequence));
      assert.deepEqual(numbers, expected, `${name}, cut at ${length}`);
      const whole = places.findLast(({ end }) => end <= length)?.end;
      assert.equal(
        disk.files.get(name)?.length,
        whole,
        `${name}, cut at ${length}: the torn tail is cut off`,
      );
    }
  }
});

Deno.test("disk spool: zeros, noise and repeats between records are skipped", async () => {
  const { files, batches } = await written();
  const [name = ""] = [...files.keys()].filter((one) => one.endsWith(".segment"));
  const content = files.get(name) ?? new Uint8Array();
  const [first, second] = placesIn(batches, [name]).get(name) ?? [];
  assert.ok(first && second);
  const fillers = [
    new Uint8Array(200),
    crypto.getRandomValues(new Uint8Array(333)),
    content.slice(first.start, first.end),
  ];
  for (const filler of fillers) {
    const damaged = new Uint8Array([
      ...content.slice(0, second.start),
      ...filler,
      ...content.slice(second.start),
    ]);
    const { numbers, spool } = numbersIn(new Map([...files, [name, damaged]]), batches);
    assert.deepEqual(numbers, batches.map(({ sequence }) => sequence));
    assert.equal(spool.finding.badRecords, 1);
    assert.equal(spool.lost.get("corrupt"), undefined, "no number is missing");
  }
});

Deno.test("disk spool: of records in a row whose headers are damaged, each one is counted", async () => {
  const disk = new FaultDisk();
  const clock = new ManualClock();
  const spool = DiskSpool.on(disk.mount(), { ...options, segmentBytes: 1 << 16, clock });
  const first = spool.firstSequence;
  // From the sixth on, batches have gaps between them: the numbers are more than there is room for.
  const batches = [0, 1, 2, 3, 4, 200, 300].map((step) => numbered(first + BigInt(step), 40));
  for (const one of batches) assert.ok(spool.append(one));
  await spool.close();
  const { files } = disk;
  const name = segmentName(first);
  const content = files.get(name) ?? new Uint8Array();
  for (
    const [from, to, lost] of [[0, 1, 1], [0, 3, 3], [1, 4, 3], [2, 3, 1], [1, 3, 2], [4, 6, 3]] as const
  ) {
    const damaged = content.slice();
    for (let at = from; at < to; at++) damaged[segmentHeaderBytes + at * 104 + 20] = 0xff;
    const { numbers, spool: again } = numbersIn(new Map([...files, [name, damaged]]), batches);
    assert.equal(numbers.length, batches.length - (to - from));
    assert.deepEqual(again.lost.get("corrupt"), { batches: lost, packets: 0, bytes: 0 }, `${from} to ${to}`);
    assert.equal(again.finding.badRecords, 1);
  }
});

Deno.test("disk spool: a segment that is missing between others is found, counted, and repaired", async () => {
  const { files, batches } = await written();
  const names = [...files.keys()].filter((name) => name.endsWith(".segment")).sort();
  const places = placesIn(batches, names);
  assert.ok(names.length > 2);
  const gaps = (disk: FaultDisk) =>
    examine(disk.mount(), true)?.segments.flatMap(({ damages }) => damages.map(({ kind }) => kind));
  for (const name of names) {
    const rest = new Map(files);
    rest.delete(name);
    const isBetween = name !== names[0] && name !== names.at(-1);
    const missing = isBetween ? places.get(name)?.length : undefined;
    const disk = new FaultDisk();
    disk.files = rest;
    assert.deepEqual(gaps(disk), isBetween ? ["gap"] : []);
    assert.equal(numbersIn(rest, batches).spool.lost.get("corrupt")?.batches, missing);
    assert.equal(repair(disk.mount())?.length, isBetween ? 1 : 0);
    assert.deepEqual(gaps(disk), []);
    const { numbers, spool } = numbersIn(disk.files, batches);
    assert.equal(spool.lost.get("corrupt"), undefined);
    assert.equal(numbers.length, batches.length - (places.get(name)?.length ?? 0));
  }
});

Deno.test("disk spool: batches that were not given to it, refused, dropped or acknowledged are no gap", async () => {
  const disk = new FaultDisk();
  let steps = 0n;
  for (const whenFull of ["drop-newest", "drop-oldest", "drop-newest"] as const) {
    const spool = DiskSpool.on(disk.mount(), { ...options, maxBytes: 2_000, whenFull });
    assert.equal(spool.lost.get("corrupt"), undefined);
    for (let step = 0n; step < 40n; step += 1n) {
      steps += 1n + step % 5n;
      spool.append(numbered(spool.firstSequence + steps, 100));
      if (step === 20n) spool.acknowledge(spool.read(0n, 500).at(-1)?.sequence ?? 0n);
    }
    await spool.close();
    const found = examine(disk.mount(), true);
    assert.ok((found?.segments.length ?? 0) > 2);
    assert.deepEqual(found?.segments.flatMap(({ damages }) => damages), []);
  }
});

Deno.test("disk spool: a packet that holds a record of another spool is not taken for one", async () => {
  const { files, batches } = await written();
  const inner = [...files].find(([name]) => name.endsWith(".segment"))?.[1] ?? new Uint8Array();
  const disk = new FaultDisk();
  const spool = DiskSpool.on(disk.mount(), options);
  const outer = numbered(spool.firstSequence, inner.length);
  const carrier = { ...outer, batch: { ...outer.batch, pieces: [{ bytes: inner, packets: 3 }] } };
  assert.ok(spool.append(carrier));
  assert.ok(spool.append(numbered(spool.firstSequence + 1n)));
  await spool.close();
  const damaged = new Map(disk.files);
  for (const [name, content] of damaged) {
    if (name.endsWith(".segment") && content.length > inner.length) content[segmentHeaderBytes] = 0;
  }
  const again = new FaultDisk();
  again.files = damaged;
  assert.deepEqual(
    DiskSpool.on(again.mount(), options).read(0n, everything).map(({ sequence }) => sequence),
    [spool.firstSequence + 1n],
  );
  assert.ok(batches.length > 0);
});

const stateFiles = ["spool", "cursor"] as const;
for (const file of stateFiles) {
  Deno.test(`disk spool: without a good ${file} file, no batch is missing and all numbers are new`, async () => {
    const disk = new FaultDisk();
    const spool = DiskSpool.on(disk.mount(), options);
    const batches = [1, 2, 3, 4, 5, 6].map((step) => numbered(spool.firstSequence + BigInt(step), 100));
    for (const one of batches) assert.ok(spool.append(one));
    spool.acknowledge(spool.firstSequence + 2n);
    await spool.close();
    const { files } = disk;
    const content = files.get(file) ?? new Uint8Array();
    assert.ok(content.length > 50);
    const versions: (Uint8Array | undefined)[] = [undefined, new Uint8Array(content.length)];
    for (let at = 0; at < content.length; at++) {
      versions.push(content.slice(0, at), content.map((byte, place) => place === at ? byte ^ 1 : byte));
    }
    for (const version of versions) {
      const damaged = new Map(files);
      if (version === undefined) damaged.delete(file);
      else damaged.set(file, version);
      const { numbers, spool: again } = numbersIn(damaged, batches);
      const waiting = batches.slice(2).map(({ sequence }) => sequence);
      assert.deepEqual(numbers.slice(-waiting.length), waiting);
      assert.equal(again.id, spool.id);
      assert.ok(again.firstSequence >= spool.firstSequence + sequencesPerRun);
      assert.equal(again.finding.notes.length > 0, file === "spool" || version !== undefined);
    }
  });
}

Deno.test("disk spool: files of others are left alone, and told", async () => {
  const { files, batches, id } = await written();
  const other = segmentName(500n);
  const strangers = new Map<string, Uint8Array>([
    ["notes.txt", new Uint8Array(10)],
    [segmentName(400n), encodeSegmentHeader({ version: 2, id, first: 400n }, 0n)],
    [other, encodeSegmentHeader({ version: 1, id: crypto.randomUUID(), first: 500n }, 0n)],
    [segmentName(600n), encodeSegmentHeader({ version: 1, id, first: 601n }, 0n)],
    [segmentName(700n), crypto.getRandomValues(new Uint8Array(1_000))],
    [segmentName((1n << 64n) - 1n), new Uint8Array(1_000)],
    ["123.segment", new Uint8Array(1_000)],
    ["notes.tmp", new Uint8Array(10)],
    ["notes.damaged", new Uint8Array(10)],
  ]);
  const ours = new Map<string, Uint8Array>([
    ["cursor.tmp", new Uint8Array(10)],
    [segmentName(800n), new Uint8Array()],
    [segmentName(900n), encodeSegmentHeader({ version: 1, id, first: 900n }, 0n)],
  ]);
  const { numbers, spool, disk } = numbersIn(new Map([...files, ...strangers, ...ours]), batches);
  assert.deepEqual(numbers, batches.map(({ sequence }) => sequence));
  assert.deepEqual([...spool.finding.foreign].sort(), [...strangers.keys()].sort());
  for (const [name, content] of strangers) assert.deepEqual(disk.files.get(name), content, name);
  for (const name of ours.keys()) assert.ok(!disk.files.has(name), name);
});

Deno.test("disk spool: bytes that change while it is open are found when they are read", async () => {
  const { files, batches } = await written();
  const disk = new FaultDisk();
  disk.files = files;
  const spool = DiskSpool.on(disk.mount(), options);
  const damaged = disk.files;
  const [name = ""] = [...damaged.keys()].filter((one) => one.endsWith(".segment"));
  const content = damaged.get(name) ?? new Uint8Array();
  content[segmentHeaderBytes] = 0;
  content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
  disk.files = damaged;
  const there = spool.read(0n, everything).map(({ sequence }) => sequence);
  const lost = spool.lost.get("corrupt");
  assert.equal(lost?.batches, 2);
  assert.equal(lost?.packets, 6);
  assert.equal(there.length, batches.length - 2);
  assert.equal(spool.held.batches, there.length);
  spool.acknowledge(batches.at(-1)?.sequence ?? 0n);
  assert.deepEqual(spool.held, { batches: 0, packets: 0, bytes: 0 });
});

Deno.test("disk spool: a segment that somebody removes costs what was in it", async () => {
  const { files, batches } = await written();
  const disk = new FaultDisk();
  disk.files = files;
  const told: string[] = [];
  const spool = DiskSpool.on(disk.mount(), { ...options, onFault: (line) => told.push(line) });
  const [name = ""] = [...files.keys()].filter((one) => one.endsWith(".segment"));
  const rest = new Map(files);
  rest.delete(name);
  disk.files = rest;
  const there = spool.read(0n, everything);
  assert.equal(there.length + (spool.lost.get("corrupt")?.batches ?? 0), batches.length);
  assert.equal(spool.held.batches, there.length);
  assert.equal(told.length, 1);
  await spool.sync();
  assert.ok(spool.synced >= (there.at(-1)?.sequence ?? 0n));
});
