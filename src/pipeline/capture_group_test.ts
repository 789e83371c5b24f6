import assert from "node:assert/strict";
import type { Chunk } from "../engine/chunk.ts";
import type { Filter } from "../engine/filter.ts";
import { defaultStreamOptions } from "../engine/stream_options.ts";
import { noTraffic } from "../engine/traffic.ts";
import type { CaptureFilters } from "./capture_filters.ts";
import { CaptureGroup } from "./capture_group.ts";
import type { CapturePlan, InterfacePlan } from "./capture_plan.ts";
import type { CaptureListener, Deliver, SharingCaptureThread } from "./capture_thread.ts";
import { type CaptureEnd, noProgress, type Progress } from "./progress.ts";

const filters = (version: number): CaptureFilters => ({
  ...{ version, filters: [], noFilterPolicy: "allow", localDomains: [] },
  kernel: { mode: "", base: "", exclusion: "", fragments: false },
});

const onInterface = (name: string, timeoutMs: number): InterfacePlan => ({
  ...{ kind: "interface", name, promiscuous: false, snapLength: 65535, bufferSize: 1 << 20, timeoutMs },
});

const plan: CapturePlan = {
  inputs: [onInterface("east", 200), onInterface("west", 10)],
  engine: {
    ...defaultStreamOptions,
    ...{ outputs: ["wire"], protocol: "voip", dnsPorts: [53], udpOnly: false, detectTunneling: false },
    ...{ batchPackets: 64, batchBytes: 1 << 20, limit: 0 },
  },
  filters: filters(0),
  standIns: [],
  reportMs: 50,
  reportsTraffic: false,
};

/** A capture that does only what a test makes it do. */
class Member implements SharingCaptureThread {
  readonly fanoutGroups = [71, 72];
  readonly told: string[] = [];
  readonly result = Promise.withResolvers<CaptureEnd>();
  constructor(
    readonly plan: CapturePlan,
    readonly deliver: Deliver,
    readonly says: CaptureListener,
    readonly number: number,
  ) {}
  run(): Promise<CaptureEnd> {
    return this.result.promise;
  }
  stop(): void {
    this.told.push("stop");
  }
  cannotReopen(reason: string): void {
    this.told.push(`cannot reopen ${reason}`);
  }
  setFilters({ version }: CaptureFilters): void {
    this.told.push(`filters ${version}`);
  }
  hear(signalling: Uint8Array): void {
    this.told.push(`signalling ${signalling}`);
  }
  end(progress: Progress = noProgress, failures = 0): void {
    this.result.resolve({ progress, traffic: noTraffic, failures });
  }
}

function group(size: number, deliver: Deliver = () => Promise.resolve([])) {
  const members: Member[] = [];
  const heard: unknown[] = [];
  const capture = new CaptureGroup(size, plan, deliver, {
    opened: () => heard.push("opened"),
    notice: (line) => heard.push(line),
    failed: (line) => heard.push(`failed: ${line}`),
    filtersSet: ({ version, active, refused }) =>
      heard.push(`filters ${version}: ${active}${refused.map(({ filter }) => ` !${filter.id}`).join("")}`),
    progress: ({ engine }) => heard.push(`${engine.packets} packets`),
  }, (...args) => {
    const member = new Member(...args);
    members.push(member);
    return member;
  });
  const end = capture.run();
  const member = (number: number): Member => {
    const found = members[number - 1];
    assert.ok(found !== undefined, `there is no member ${number}`);
    return found;
  };
  return { capture, end, members, member, heard };
}

/** A group all of whose members are open. */
function opened(...args: Parameters<typeof group>) {
  const one = group(...args);
  for (let number = 1; number <= args[0]; number++) one.member(number).says.opened();
  one.heard.length = 0;
  return one;
}

const groupsOf = ({ plan }: Member) =>
  plan.inputs.map((input) => input.kind === "interface" ? input.fanoutGroup : undefined);

/** Lets what was settled be seen. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve));

const counting = (packets: number): Progress => ({ ...noProgress, engine: { packets } });

Deno.test("a group: the first capture makes the fan-out groups, the others join them once it is open", () => {
  const { members, member, heard, capture } = group(3);
  assert.equal(members.length, 1);
  assert.deepEqual(groupsOf(member(1)), ["new", "new"]);
  assert.ok(member(1).plan.engine.sharesCalls);
  assert.deepEqual(
    member(1).plan.inputs.map((input) => input.kind === "interface" && input.timeoutMs),
    [20, 10],
  );
  capture.setFilters(filters(4));
  member(1).says.opened();
  assert.deepEqual(members.map(({ number }) => number), [1, 2, 3]);
  for (const number of [2, 3]) {
    assert.deepEqual(groupsOf(member(number)), [71, 72]);
    assert.equal(member(number).plan.filters.version, 4);
  }
  assert.deepEqual(heard, []);
  member(3).says.opened();
  member(1).says.opened();
  assert.deepEqual(heard, [], "the second is not open");
  member(2).says.opened();
  assert.deepEqual(heard, ["opened"]);
  member(2).says.opened();
  assert.deepEqual([heard, members.length], [["opened", "opened"], 3], "one was started anew");
});

Deno.test("a group: nothing more is started after the stop, or when the first cannot be opened", async () => {
  const stopped = group(2);
  stopped.capture.stop();
  stopped.member(1).says.opened();
  stopped.member(1).end(counting(5));
  assert.equal((await stopped.end).progress.engine.packets, 5);
  const failed = group(2);
  failed.member(1).says.failed("no such interface");
  failed.member(1).end(noProgress, 1);
  assert.equal((await failed.end).failures, 1);
  assert.deepEqual([stopped.members.length, failed.members.length], [1, 1]);
  assert.deepEqual(failed.heard, ["failed: no such interface"]);
});

Deno.test("a group: filters are told to all, and reported once they are in force everywhere", () => {
  const { capture, member, heard } = opened(3);
  const refusal = (id: string) => ({
    ...{ filter: { id } as Filter, reason: "bad", standIn: undefined },
  });
  const report = (number: number, version: number, active: number, ...refused: string[]) =>
    member(number).says.filtersSet({ version, active, refused: refused.map(refusal) });
  capture.setFilters(filters(1));
  assert.ok([1, 2, 3].every((number) => member(number).told.join() === "filters 1"));
  report(1, 0, 9);
  report(2, 1, 9, "a");
  assert.deepEqual(heard, []);
  report(3, 0, 9);
  assert.deepEqual(heard.splice(0), ["filters 0: 9 !a"]);
  report(1, 1, 8, "a", "b");
  assert.deepEqual(heard, [], "the third has the old ones");
  report(3, 1, 9, "c");
  assert.deepEqual(heard.splice(0), ["filters 1: 8 !a !b !c"]);
  report(2, 1, 9, "a");
  assert.deepEqual(heard.splice(0), ["filters 1: 8 !a !b !c"], "one was started anew");
  report(1, 3, 5);
  report(2, 2, 4);
  report(3, 3, 5);
  assert.deepEqual(heard.splice(0), ["filters 2: 4"]);
  report(2, 3, 5);
  assert.deepEqual(heard, ["filters 3: 5"]);
});

Deno.test("a group: figures are those of all together, and none while one is silent", async () => {
  const { member, heard, capture, end } = opened(2);
  member(1).says.progress(counting(10));
  member(1).says.progress(counting(11));
  assert.deepEqual(heard, []);
  member(2).says.progress(counting(5));
  assert.deepEqual(heard.splice(0), ["16 packets"]);
  member(2).says.progress(counting(6));
  assert.deepEqual(heard, []);
  capture.stop();
  member(1).end(counting(20));
  await settled();
  member(2).says.progress(counting(7));
  assert.deepEqual(heard, ["18 packets"], "who has ended is not waited for");
  member(2).end(counting(8));
  assert.equal((await end).progress.engine.packets, 28);
});

Deno.test("a group: signalling goes to all others, and never back", () => {
  const { member } = opened(3);
  member(2).says.signalling?.(Uint8Array.of(1, 2));
  member(3).says.signalling?.(Uint8Array.of(3));
  assert.deepEqual([1, 2, 3].map((number) => member(number).told), [
    ["signalling 1,2", "signalling 3"],
    ["signalling 3"],
    ["signalling 1,2"],
  ]);
});

Deno.test("a group: what all say alike is told once", () => {
  const { member, heard } = opened(3);
  for (const number of [2, 1, 3]) member(number).says.notice("east went down");
  for (const number of [1, 2, 3]) member(number).says.failed("west came back as another kind");
  member(1).says.notice("east is up again");
  assert.deepEqual(heard, [
    "east went down",
    "failed: west came back as another kind",
    "east is up again",
  ]);
});

Deno.test("a group: chunks are delivered one at a time, in the order in which they come", async () => {
  const taken: [number, (buffers: ArrayBuffer[]) => void][] = [];
  const { member } = opened(2, ({ packets }) => new Promise((resolve) => taken.push([packets, resolve])));
  const given: number[] = [];
  for (const [number, packets] of [[1, 1], [2, 2], [1, 3]] as const) {
    void member(number).deliver({ packets } as Chunk).then(([buffer]) => given.push(buffer?.byteLength ?? 0));
  }
  for (const packets of [1, 2, 3]) {
    await settled();
    assert.deepEqual(taken.map(([packets]) => packets), [packets]);
    taken.pop()?.[1]([new ArrayBuffer(packets)]);
    await settled();
    assert.equal(given.at(-1), packets, "the buffers of one chunk are for the capture that it came from");
  }
});

Deno.test("a group: when one ends, all end, with the packets of all", async () => {
  const { member, end } = opened(3);
  member(2).end(counting(1), 1);
  await settled();
  assert.deepEqual([1, 3].map((number) => member(number).told), [["stop"], ["stop"]]);
  member(1).end(counting(2), 1);
  member(3).end(counting(3));
  const { progress, failures } = await end;
  assert.deepEqual([progress.engine.packets, failures], [6, 1]);
});

Deno.test("a group: when one fails, the others are stopped, and the run fails with that once they have ended", async () => {
  const { member, end } = opened(2);
  let ended = false;
  const outcome = assert.rejects(end, /broke down/).then(() => ended = true);
  member(1).result.reject(new Error("capture thread 1 broke down"));
  await settled();
  assert.deepEqual(member(2).told, ["stop"]);
  assert.ok(!ended);
  member(2).end();
  await outcome;
});

Deno.test("a group: that inputs cannot be opened again is told to all", () => {
  const { capture, member } = opened(2);
  capture.cannotReopen("as nobody");
  assert.deepEqual([1, 2].map((number) => member(number).told), [
    ["cannot reopen as nobody"],
    ["cannot reopen as nobody"],
  ]);
});
