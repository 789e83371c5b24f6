import assert from "node:assert/strict";
import { type CallPcapEntry, callPcapOutput } from "../../tests/call_pcap_output.ts";
import { parseCapture, recordOf } from "../../tests/end_to_end/capture_file.ts";
import { concatenated, Folder } from "../../tests/end_to_end/program.ts";
import { type CallPcapOptions, CallPcapSink } from "./call_pcap_sink.ts";

const second = 1_000_000_000n;
const start = 1_769_904_000n * second; // 2026-02-01T00:00:00Z

/** Records of frames that hold their numbers. */
function records(...numbers: readonly number[]): Uint8Array {
  return concatenated(
    numbers.map((number) => recordOf({ timeNs: start, frame: Uint8Array.of(number), originalLength: 1 })),
  );
}

const begins = (callId: string, linkType = 1) => ({ callId, timeNs: start, linkType });
const chunk = (...entries: readonly CallPcapEntry[]) => ({
  packets: 1,
  bytes: 1,
  callPcap: callPcapOutput(...entries),
});

function open(folder: string, options: Partial<CallPcapOptions> = {}): CallPcapSink {
  return CallPcapSink.open({ folder, pattern: "{timestamp}_{callid}.pcap", graceMs: 5_000, ...options });
}

/** Frames of each file of the folder, by its name. */
function content(folder: string): Record<string, number[]> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();
  return Object.fromEntries(names.map((name) => {
    const { records } = parseCapture(Deno.readFileSync(`${folder}/${name}`));
    return [name, records.map(({ frame }) => frame[0] ?? -1)];
  }));
}

Deno.test("files of calls: each call has its own, with its link type", async () => {
  using folder = new Folder();
  const sink = open(folder.file("made/here"));
  sink.write(chunk(
    { call: 1, beginning: begins("one"), records: records(1, 2) },
    { call: 2, beginning: begins("two", 113), records: records(3) },
  ));
  sink.write({ packets: 1, bytes: 1 });
  sink.write(chunk({ call: 1, records: records(4), isLast: true }, { call: 2, records: records(5) }));
  await sink.close();
  assert.deepEqual(content(folder.file("made/here")), {
    "20260201_000000_one.pcap": [1, 2, 4],
    "20260201_000000_two.pcap": [3, 5],
  });
  const { linkType } = parseCapture(Deno.readFileSync(folder.file("made/here/20260201_000000_two.pcap")));
  assert.equal(linkType, 113);
});

Deno.test("files of calls: only their owner reads them", async () => {
  using folder = new Folder();
  const sink = open(folder.file("calls"));
  sink.write(chunk({ call: 1, beginning: begins("one") }));
  await sink.close();
  const modes = [folder.file("calls"), folder.file("calls/20260201_000000_one.pcap")].map((path) =>
    (Deno.statSync(path).mode ?? 0) & 0o777
  );
  assert.deepEqual(modes, [0o750, 0o600]);
});

Deno.test("files of calls: few are open at once, and none misses a packet", async () => {
  using folder = new Folder();
  const sink = open(folder.path, { mostOpen: 2, pattern: "{callid}.pcap" });
  const calls = [1, 2, 3, 4, 5];
  sink.write(
    chunk(...calls.map((call) => ({ call, beginning: begins(`c${call}`), records: records(call) }))),
  );
  for (let round = 1; round <= 3; round++) {
    sink.write(chunk(...calls.map((call) => ({ call, records: records(10 * round + call) }))));
    assert.ok(openFiles(folder.path) <= 2, `${openFiles(folder.path)} are open`);
  }
  await sink.close();
  assert.equal(openFiles(folder.path), 0);
  assert.deepEqual(
    content(folder.path),
    Object.fromEntries(calls.map((call) => [`c${call}.pcap`, [call, 10 + call, 20 + call, 30 + call]])),
  );
});

Deno.test("files of calls: one is closed when the grace period is over, not before, and what comes late is in it", async () => {
  using folder = new Folder();
  let now = 0;
  const sink = open(folder.path, { graceMs: 100, now: () => now, pattern: "{callid}.pcap" });
  sink.write(chunk({ call: 1, beginning: begins("one"), records: records(1), isLast: true }));
  now = 99;
  sink.write(chunk({ call: 1, records: records(2) }));
  now = 198;
  sink.write({ packets: 0, bytes: 0 });
  assert.equal(openFiles(folder.path), 1);
  now = 199;
  sink.write({ packets: 0, bytes: 0 });
  assert.equal(openFiles(folder.path), 0);
  // Nobody knows the call any more.
  sink.write(chunk({ call: 1, records: records(3) }));
  await sink.close();
  assert.deepEqual(content(folder.path), { "one.pcap": [1, 2] });
});

Deno.test("files of calls: a name that is taken gets a number, whatever has it", async () => {
  using folder = new Folder();
  folder.file("same.pcap", "not ours");
  folder.file("elsewhere", "not ours either");
  Deno.symlinkSync(folder.file("elsewhere"), folder.file("same_2.pcap"));
  const sink = open(folder.path, { pattern: "{callid}.pcap" });
  sink.write(chunk(
    { call: 1, beginning: begins("same"), records: records(1) },
    { call: 2, beginning: begins("same"), records: records(2) },
    { call: 3, beginning: begins("sa/me"), records: records(3) },
  ));
  await sink.close();
  assert.equal(Deno.readTextFileSync(folder.file("same.pcap")), "not ours");
  assert.equal(Deno.readTextFileSync(folder.file("elsewhere")), "not ours either");
  for (const name of ["same.pcap", "same_2.pcap", "elsewhere"]) Deno.removeSync(folder.file(name));
  assert.deepEqual(content(folder.path), { "sa_me.pcap": [3], "same_3.pcap": [1], "same_4.pcap": [2] });
});

for (const trick of ["removed", "a link to another file"] as const) {
  Deno.test(`files of calls: one that is ${trick} when it is opened again goes on in a new one`, async () => {
    using folder = new Folder();
    const victim = folder.file("victim", "untouched");
    const calls = folder.file("calls");
    const sink = open(calls, { mostOpen: 1, pattern: "{callid}.pcap" });
    sink.write(chunk(
      { call: 1, beginning: begins("one"), records: records(1) },
      { call: 2, beginning: begins("two"), records: records(2) },
    ));
    Deno.removeSync(`${calls}/one.pcap`);
    if (trick !== "removed") Deno.symlinkSync(victim, `${calls}/one.pcap`);
    sink.write(chunk({ call: 1, records: records(3) }));
    await sink.close();
    assert.equal(Deno.readTextFileSync(victim), "untouched");
    if (trick !== "removed") Deno.removeSync(`${calls}/one.pcap`);
    assert.deepEqual(content(calls), { "one_2.pcap": [3], "two.pcap": [2] });
  });
}

Deno.test("files of calls: an engine that was started anew numbers its calls anew", async () => {
  using folder = new Folder();
  const sink = open(folder.path, { pattern: "{callid}.pcap" });
  sink.write(chunk({ call: 1, beginning: begins("before"), records: records(1) }));
  sink.write(chunk({ call: 1, beginning: begins("after"), records: records(2) }));
  sink.write(chunk({ call: 1, records: records(3) }));
  await sink.close();
  assert.deepEqual(content(folder.path), { "after.pcap": [2, 3], "before.pcap": [1] });
});

Deno.test("files of calls: a link as folder is refused, with and without a slash", () => {
  using folder = new Folder();
  const target = folder.file("target");
  Deno.mkdirSync(target);
  Deno.symlinkSync(target, folder.file("link"));
  for (const name of ["link", "link/", "link//"]) {
    assert.throws(() => open(folder.file(name)), {
      name: "OperatorError",
      message: `${folder.file("link")} is a symbolic link: name the folder that it leads to, or another one`,
      exitCode: 2,
    });
  }
});

Deno.test("files of calls: a file as folder is refused", () => {
  using folder = new Folder();
  const path = folder.file("file", "");
  assert.throws(() => open(path), {
    name: "OperatorError",
    message: new RegExp(`^${path} cannot be used for capture files of calls: `),
  });
});

Deno.test("files of calls: a disk that is full is told by name, and nothing goes behind what was torn", async () => {
  using folder = new Folder();
  const sink = open(folder.path, { pattern: "{callid}.pcap" });
  sink.write(chunk({ call: 1, beginning: begins("one"), records: records(1) }));
  const { writeSync } = Deno.FsFile.prototype;
  const full = () => {
    throw new Error("No space left on device (os error 28)");
  };
  Deno.FsFile.prototype.writeSync = full;
  const failure = {
    name: "OperatorError",
    message: `writing to ${folder.file("one.pcap")} failed: No space left on device (os error 28)`,
  };
  try {
    assert.throws(() => sink.write(chunk({ call: 1, records: records(2) })), failure);
  } finally {
    Deno.FsFile.prototype.writeSync = writeSync;
  }
  assert.throws(() => sink.write(chunk({ call: 1, records: records(3) })), failure);
  await sink.close();
  assert.deepEqual(content(folder.path), { "one.pcap": [1] });
});

Deno.test({
  name: "files of calls: without permission, the flag to add is named",
  permissions: { read: true, write: false },
  fn: () => {
    assert.throws(() => open("calls/"), {
      message:
        "one capture file per call in calls needs permission: add --allow-write=calls to the deno command",
    });
  },
});

/** Files of the folder that this process has open. */
function openFiles(folder: string): number {
  const names = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      return "";
    }
  });
  return names.filter((name) => name.startsWith(`${folder}/`)).length;
}
