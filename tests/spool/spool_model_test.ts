import assert from "node:assert/strict";
import fc from "fast-check";
import { type Amount, noAmount, plus } from "../../src/delivery/batch.ts";
import type { SequencedBatch, SpoolLoss } from "../../src/delivery/spool.ts";
import { DiskSpool, type DiskSpoolOptions } from "../../src/delivery/spool/disk_spool.ts";
import { comparable, numbered } from "./batches.ts";
import { type DiskCall, FaultDisk } from "./fault_disk.ts";
import { ManualClock } from "./manual_clock.ts";

/** What can happen to a spool. */
type Event =
  | { readonly kind: "append"; readonly bytes: number; readonly gap: number }
  | { readonly kind: "acknowledge"; readonly part: number }
  | { readonly kind: "read"; readonly part: number; readonly bytes: number }
  | { readonly kind: "sync" }
  /** Batches come while a sync is under way. */
  | { readonly kind: "append during sync"; readonly bytes: number }
  | { readonly kind: "pass"; readonly milliseconds: number }
  | { readonly kind: "kill" }
  | { readonly kind: "lose power" }
  | { readonly kind: "restart" }
  | { readonly kind: "fail"; readonly calls: readonly DiskCall[] }
  | { readonly kind: "space"; readonly bytes: number }
  | { readonly kind: "short writes"; readonly bytes: number }
  | { readonly kind: "heal" };

const writeCalls: readonly DiskCall[] = [
  "create",
  "sync",
  "truncate",
  "remove",
  "replace",
  "syncFolder",
  "write",
];

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant("append" as const), bytes: fc.nat(150), gap: fc.nat(3) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("acknowledge" as const), part: fc.nat(100) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("read" as const), part: fc.nat(100), bytes: fc.nat(400) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "sync" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("append during sync" as const), bytes: fc.nat(150) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), milliseconds: fc.nat(20_000) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "kill" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "lose power" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("fail" as const),
      calls: fc.subarray([...writeCalls], { minLength: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("space" as const), bytes: fc.nat(600) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("short writes" as const),
      bytes: fc.integer({ min: 1, max: 90 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "heal" as const }) },
);

const maxBytes = 2_000;

/** A spool beside what is known of it by what was done. */
class Model {
  readonly #disk = new FaultDisk();
  readonly #clock = new ManualClock();
  readonly #options: DiskSpoolOptions;
  readonly #choose: (below: number) => number;
  #spool: DiskSpool;
  /** All batches that the spool ever took. */
  readonly #taken = new Map<bigint, SequencedBatch>();
  /** What the spool holds. */
  #expected: SequencedBatch[] = [];
  #next: bigint;
  /** Everything up to here was acknowledged, in this run or an earlier one. */
  #acknowledged = 0n;
  /** Of these the spool said that they would survive, and they did not go since. */
  #safe = new Set<bigint>();
  /** Of this run: what came in, went out, and was lost. */
  #came: Amount = noAmount;
  #went: Amount = noAmount;
  readonly #id: string;
  #wasPowerLost = false;
  /** Bytes on disk, at most. */
  #limit = maxBytes;

  constructor(options: Pick<DiskSpoolOptions, "whenFull" | "sync">, seed: readonly number[]) {
    let at = 0;
    this.#choose = (below) => (seed[at++ % seed.length] ?? 0) % below;
    this.#options = {
      ...options,
      maxBytes,
      segmentBytes: 500,
      syncIntervalMs: 1_000,
      clock: this.#clock,
      onFault: () => {},
    };
    this.#spool = DiskSpool.on(this.#disk.mount(), this.#options);
    this.#next = this.#spool.firstSequence;
    this.#id = this.#spool.id;
  }

  async happen(event: Event): Promise<void> {
    switch (event.kind) {
      case "append":
        this.#next += BigInt(event.gap);
        this.#append(event.bytes);
        break;
      case "acknowledge":
        this.#acknowledge(this.#pick(event.part));
        break;
      case "read":
        this.#checkRead(this.#pick(event.part), event.bytes);
        break;
      case "sync":
        await this.#spool.sync();
        break;
      case "append during sync": {
        const synced = this.#spool.sync();
        this.#append(event.bytes);
        await synced;
        break;
      }
      case "pass":
        this.#clock.pass(event.milliseconds);
        await settled();
        break;
      case "kill":
        this.#disk.kill();
        this.#reopen(false);
        break;
      case "lose power":
        this.#disk.losePower(this.#choose);
        this.#wasPowerLost = true;
        this.#reopen(true);
        break;
      case "restart":
        this.#heal();
        await this.#spool.close();
        this.#disk.kill();
        this.#reopen(false);
        break;
      case "fail":
        for (const call of event.calls) this.#disk.failing.add(call);
        break;
      case "space":
        this.#disk.space = event.bytes;
        break;
      case "short writes":
        this.#disk.writeBytes = event.bytes;
        break;
      case "heal":
        this.#heal();
        break;
    }
    this.#check();
  }

  async end(): Promise<void> {
    this.#heal();
    await this.#spool.sync();
    this.#check();
    assert.ok(
      this.#spool.synced >= (this.#expected.at(-1)?.sequence ?? 0n),
      "a disk that works again syncs all",
    );
    await this.#spool.close();
    this.#reopen(false);
    this.#check();
    await this.#spool.close();
  }

  #heal(): void {
    this.#disk.failing.clear();
    this.#disk.space = this.#disk.writeBytes = Infinity;
  }

  #append(bytes: number): void {
    const one = numbered(this.#next++, bytes);
    this.#came = plus(this.#came, one.batch);
    if (!this.#spool.append(one)) return;
    this.#taken.set(one.sequence, one);
    this.#expected.push(one);
  }

  #acknowledge(sequence: bigint): void {
    this.#dropOldest();
    this.#spool.acknowledge(sequence);
    if (sequence > this.#acknowledged) this.#acknowledged = sequence;
    for (const { sequence: held, batch } of this.#expected) {
      if (held <= sequence) this.#went = plus(this.#went, batch);
    }
    this.#expected = this.#expected.filter((one) => one.sequence > sequence);
  }

  /** The sequence at this percentage of what is there. */
  #pick(part: number): bigint {
    const at = Math.floor(part * this.#expected.length / 100);
    return this.#expected[at]?.sequence ?? this.#next - 1n;
  }

  /** What was dropped from the front is no longer expected; that the count is right is checked apart. */
  #dropOldest(): SequencedBatch[] {
    const there = this.#spool.read(0n, 1 << 30);
    const dropped = this.#expected.length - there.length;
    assert.ok(dropped === 0 || this.#options.whenFull === "drop-oldest", "nothing is dropped");
    this.#expected = this.#expected.slice(dropped);
    return there;
  }

  #check(): void {
    const there = this.#dropOldest();
    assert.deepEqual(there.map(comparable), this.#expected.map(comparable));
    const held = there.reduce((sum, { batch }) => plus(sum, batch), noAmount);
    assert.deepEqual(this.#spool.held, held);
    const accounted = [...this.#spool.lost.values()].reduce(plus, plus(held, this.#went));
    assert.deepEqual(accounted, this.#came, "all that came is held, acknowledged, or lost by reason");
    const { foreign } = this.#spool.finding;
    const onDisk = [...this.#disk.files].filter(([name]) =>
      name.endsWith(".segment") && !foreign.includes(name)
    );
    const bytes = onDisk.reduce((sum, [, content]) => sum + content.length, 0);
    assert.ok(
      this.#spool.diskBytes >= bytes && this.#spool.diskBytes <= this.#limit,
      `${this.#spool.diskBytes} ${bytes}`,
    );
    for (const { sequence } of there) if (sequence <= this.#spool.synced) this.#safe.add(sequence);
    const kept = new Set(there.map(({ sequence }) => sequence));
    this.#safe = this.#safe.intersection(kept);
  }

  #checkRead(after: bigint, bytes: number): void {
    this.#dropOldest();
    const behind = this.#expected.filter(({ sequence }) => sequence > after);
    const taken: SequencedBatch[] = [];
    let left = bytes;
    for (const one of behind) {
      if (one.batch.bytes > left && taken.length > 0) break;
      taken.push(one);
      left -= one.batch.bytes;
    }
    assert.deepEqual(this.#spool.read(after, bytes).map(comparable), taken.map(comparable));
  }

  #reopen(powerWasLost: boolean): void {
    this.#heal();
    this.#clock.clear();
    const before = this.#expected.filter(({ sequence }) => sequence > this.#acknowledged);
    this.#spool = DiskSpool.on(this.#disk.mount(), this.#options);
    const bad = this.#spool.finding.badRecords;
    const there = this.#spool.read(0n, 1 << 30);
    const numbers = there.map(({ sequence }) => sequence);
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((one, other) => one < other ? -1 : 1),
      "order, nothing twice",
    );
    for (const one of there) {
      const taken = this.#taken.get(one.sequence);
      assert.ok(taken, `${one.sequence} was never kept`);
      assert.deepEqual(comparable(one), comparable(taken));
    }
    const kept = new Set(numbers);
    for (const one of this.#safe) assert.ok(one <= this.#acknowledged || kept.has(one), `${one} was safe`);
    if (!powerWasLost) {
      // What a coalesced cursor forgot comes again.
      const behind = there.filter(({ sequence }) => sequence > this.#acknowledged);
      assert.deepEqual(behind.map(comparable), before.map(comparable));
      assert.ok(bad === 0 || this.#wasPowerLost, "only a loss of power does damage");
    }
    assert.equal(this.#spool.id, this.#id);
    assert.ok(this.#spool.firstSequence >= this.#next, "numbers are new");
    this.#next = this.#spool.firstSequence;
    this.#expected = there;
    // A loss of power may bring files back whose removal was not on disk.
    this.#limit = Math.max(maxBytes, this.#spool.diskBytes);
    const unread = (this.#spool.lost as ReadonlyMap<SpoolLoss, Amount>).get("corrupt") ?? noAmount;
    this.#came = there.reduce((sum, { batch }) => plus(sum, batch), unread);
    this.#went = noAmount;
  }
}

/** Lets what was begun in the background come to an end. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

for (const whenFull of ["drop-newest", "drop-oldest"] as const) {
  for (const sync of ["always", "interval", "never"] as const) {
    Deno.test(`disk spool, model: ${whenFull}, sync ${sync}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(event, { maxLength: 60, size: "max" }),
          fc.array(fc.nat(1_000_000), { minLength: 50, maxLength: 50 }),
          async (events, seed) => {
            const model = new Model({ whenFull, sync }, seed);
            for (const one of events) await model.happen(one);
            await model.end();
          },
        ),
        { numRuns: 150 },
      );
    });
  }
}
