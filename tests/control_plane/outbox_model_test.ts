import assert from "node:assert/strict";
import fc from "fast-check";
import type { Batch } from "../../src/delivery/batch.ts";
import { Outbox } from "../../src/delivery/outbox.ts";
import type { Spool, SpoolFullPolicy, SpoolMode, SyncPolicy } from "../../src/delivery/spool.ts";
import { DiskSpool } from "../../src/delivery/spool/disk_spool.ts";
import type { SentBatch } from "../../src/delivery/window.ts";
import { RepeatDetector } from "../../src/processor/repeat_detector.ts";
import { FaultDisk } from "../spool/fault_disk.ts";
import { ManualClock } from "../spool/manual_clock.ts";
import { emptyDisk, MemorySpool } from "../spool/memory_spool.ts";

const stats = { total_captured: 0n, filtered_matched: 0n, dropped: 0n, buffer_usage: 0 };

/** A batch of one packet, known by its number. */
function batchOf(number: number, bytes: number): Batch {
  const piece = { bytes: new Uint8Array(bytes), packets: 1 };
  piece.bytes.set([number >> 8, number & 255]);
  return { pieces: [piece], packets: 1, bytes, closedNs: 0n, stats };
}

const numbersOf = ({ batch }: SentBatch) =>
  batch.pieces.map(({ bytes: [high = 0, low = 0] }) => high * 256 + low);

const limits = {
  queue: { batches: 6, packets: 1_000, bytes: 60 },
  window: { batches: 3, bytes: 40 },
  messageBytes: 25,
};

/** What a schedule may do. */
type Step =
  | { readonly do: "offer"; readonly bytes: number }
  | {
    readonly do:
      | "connect"
      | "send"
      | "process"
      | "hear"
      | "cut"
      | "refuse"
      | "crash"
      | "restart"
      | "break"
      | "repair"
      | "slow";
  };

/** Where spools are that follow each other. */
interface Place {
  open(): Spool;
  /** The process is gone; or the machine, where that makes a difference. */
  crash(): void;
  fail(fails: boolean): void;
}

function memoryPlace(limitBytes = Infinity, full: SpoolFullPolicy = "drop-newest"): Place {
  const disk = emptyDisk();
  let spool: MemorySpool;
  return {
    open: () => spool = new MemorySpool(disk, limitBytes, full),
    crash: () => {},
    fail: (fails) => spool.failing = spool.unreadable = fails,
  };
}

/** A disk spool with small segments. Time stands still on it: what waits for its time is only done at the end of a run. */
function diskPlace(sync: SyncPolicy, crash: (disk: FaultDisk) => void): Place {
  const disk = new FaultDisk();
  const options = {
    maxBytes: 1e9,
    segmentBytes: 400,
    whenFull: "drop-newest",
    syncIntervalMs: 1_000,
  } as const;
  return {
    open: () => DiskSpool.on(disk.mount(), { ...options, sync, onFault: () => {}, clock: new ManualClock() }),
    crash: () => crash(disk),
    fail: (fails) => {
      for (const call of ["read", "write", "open"] as const) {
        if (fails) disk.failing.add(call);
        else disk.failing.delete(call);
      }
    },
  };
}

/** A hunter's outbox, a connection, and a processor that tells repeats as the real one does. */
class World {
  readonly detector = new RepeatDetector();
  readonly received: number[] = [];
  offered = 0;
  accepted = 0;
  /** Packets that were only in memory when the process crashed. */
  risked = 0;
  dropped = 0;
  /** Packets that were on their way when a run ended: nobody knows whether they arrived. */
  uncertain = 0;
  spool: Spool | undefined;
  outbox: Outbox;
  /** Batches of this run that were accepted. */
  acceptedInRun = 0n;
  #connection: { again: SentBatch[]; toProcessor: SentBatch[]; toHunter: bigint[] } | undefined;

  constructor(readonly mode?: SpoolMode, readonly place?: Place, readonly sync: SyncPolicy = "interval") {
    this.outbox = this.#start();
  }

  #start(): Outbox {
    this.acceptedInRun = 0n;
    if (this.mode === undefined || this.place === undefined) return new Outbox(limits);
    this.spool = this.place.open();
    return new Outbox(limits, { spool: this.spool, mode: this.mode, sync: this.sync, limitBytes: 1e9 });
  }

  /** What a crash may lose: what is in memory alone; with sync `always`, what is not forced to disk, too. */
  get #atRisk(): number {
    if (this.sync !== "always" || this.spool === undefined) return this.outbox.atRisk.packets;
    const synced = this.spool.synced - this.spool.firstSequence + 1n;
    return Number(this.acceptedInRun - (synced > 0n ? synced : 0n));
  }

  get #run(): string {
    return this.spool?.id ?? "run";
  }

  get lost(): number {
    return this.dropped + Object.values(this.outbox.dropped).reduce((sum, { packets }) => sum + packets, 0);
  }

  apply(step: Step): void {
    switch (step.do) {
      case "offer":
        this.offered += 1;
        if (this.outbox.offer(batchOf(this.offered, step.bytes))) {
          this.accepted += 1;
          this.acceptedInRun += 1n;
        }
        break;
      case "connect":
        this.#connection ??= { again: this.outbox.unacknowledged, toProcessor: [], toHunter: [] };
        break;
      case "send":
        this.#send();
        break;
      case "process":
        this.#process();
        break;
      case "hear":
      case "slow": {
        const sequence = this.#connection?.toHunter.shift();
        if (sequence !== undefined) {
          assert.ok(this.outbox.acknowledge(sequence, step.do === "slow" ? "slow" : "continue"));
        }
        break;
      }
      case "cut":
        this.#connection = undefined;
        break;
      case "refuse": {
        // Nothing is split while it is on its way: the stream has ended before.
        this.#connection = undefined;
        const [oldest] = this.outbox.unacknowledged;
        if (oldest !== undefined && oldest.parts.length > 1) this.outbox.refuse(oldest);
        break;
      }
      case "crash":
        this.risked += this.#atRisk;
        this.place?.crash();
        this.#restart();
        break;
      case "restart":
        this.uncertain += this.outbox.inFlight.packets;
        this.outbox.abandon();
        void this.spool?.close();
        this.#restart();
        break;
      case "break":
        this.place?.fail(true);
        break;
      case "repair":
        this.place?.fail(false);
        break;
    }
  }

  /** Lets everything arrive that is still held. */
  finish(): void {
    this.apply({ do: "repair" });
    this.apply({ do: "cut" });
    this.apply({ do: "connect" });
    for (let turns = 0; !this.outbox.empty; turns += 1) {
      assert.ok(turns < 10_000, "the outbox is never empty");
      for (const step of ["send", "process", "hear"] as const) this.apply({ do: step });
    }
  }

  #restart(): void {
    this.dropped = this.lost;
    this.#connection = undefined;
    this.outbox = this.#start();
  }

  #send(): void {
    const connection = this.#connection;
    const sent = connection?.again.shift() ?? (connection && this.outbox.next());
    if (sent !== undefined) connection?.toProcessor.push(sent);
  }

  #process(): void {
    const connection = this.#connection;
    const sent = connection?.toProcessor.shift();
    if (connection === undefined || sent === undefined) return;
    if (!this.detector.isRepeat(this.#run, sent.sequence)) {
      this.received.push(...numbersOf(sent));
      this.detector.taken(this.#run, sent.sequence);
    }
    connection.toHunter.push(sent.sequence);
  }
}

/** Schedules of these steps, in which traffic is more common than trouble. */
function schedules(...trouble: Exclude<Step["do"], "offer">[]): fc.Arbitrary<Step[]> {
  const offer = fc.integer({ min: 2, max: 15 }).map((bytes): Step => ({ do: "offer", bytes }));
  const traffic = fc.constantFrom<Exclude<Step["do"], "offer">>("connect", "send", "send", "process", "hear")
    .map((step): Step => ({ do: step }));
  const troubled = fc.constantFrom(...trouble).map((step): Step => ({ do: step }));
  return fc.array(
    fc.oneof({ weight: 6, arbitrary: offer }, { weight: 12, arbitrary: traffic }, {
      weight: 1,
      arbitrary: troubled,
    }),
    { maxLength: 250, size: "max" },
  );
}

const runs = { numRuns: 1_000 };
const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

function assertIncreasing(numbers: readonly number[]): void {
  numbers.forEach((number, at) => assert.ok(at === 0 || number > (numbers[at - 1] ?? 0), "order, or twice"));
}

Deno.test("write-ahead: whatever is cut or crashes, every batch arrives once and in order", () => {
  fc.assert(
    fc.property(schedules("cut", "crash", "restart", "refuse", "slow"), (steps) => {
      const world = new World("write-ahead", memoryPlace());
      for (const step of steps) world.apply(step);
      world.finish();
      assert.deepEqual(world.received, upTo(world.offered));
      assert.equal(world.lost, 0);
      assert.equal(world.spool?.held.batches, 0);
    }),
    runs,
  );
});

Deno.test("overflow: only a crash loses, and only what was in memory alone", () => {
  fc.assert(
    fc.property(schedules("cut", "crash", "restart", "refuse", "slow"), (steps) => {
      const world = new World("overflow", memoryPlace());
      for (const step of steps) world.apply(step);
      world.finish();
      assertIncreasing(world.received);
      const missing = world.offered - world.received.length;
      assert.ok(missing <= world.risked, `${missing} are missing, ${world.risked} were at risk`);
      assert.equal(world.lost, 0);
    }),
    runs,
  );
});

Deno.test("memory alone: every accepted batch arrives once and in order, the others are counted", () => {
  fc.assert(
    fc.property(schedules("cut", "refuse", "slow"), (steps) => {
      const world = new World();
      for (const step of steps) world.apply(step);
      world.finish();
      assertIncreasing(world.received);
      assert.equal(world.received.length, world.accepted);
      assert.equal(world.lost, world.offered - world.accepted);
    }),
    runs,
  );
});

Deno.test("a disk that is full, or refuses reads and writes: all arrive once and in order, or are counted", () => {
  const modes = fc.constantFrom<SpoolMode>("write-ahead", "overflow");
  const policies = fc.constantFrom<SpoolFullPolicy>("drop-oldest", "drop-newest");
  const limit = fc.integer({ min: 10, max: 200 });
  fc.assert(
    fc.property(
      modes,
      policies,
      limit,
      schedules("cut", "restart", "break", "repair", "refuse"),
      (mode, policy, limitBytes, steps) => {
        const world = new World(mode, memoryPlace(limitBytes, policy));
        for (const step of steps) world.apply(step);
        // The time after which the disk is asked again has not come yet.
        world.apply({ do: "repair" });
        world.apply({ do: "restart" });
        world.finish();
        assertIncreasing(world.received);
        const told = world.received.length + world.lost;
        assert.ok(
          told >= world.offered && told <= world.offered + world.uncertain,
          `${told} of ${world.offered}`,
        );
      },
    ),
    runs,
  );
});

Deno.test("write-ahead on a disk spool: a killed process loses nothing, and nothing is taken twice", () => {
  fc.assert(
    fc.property(schedules("cut", "crash", "restart", "refuse"), (steps) => {
      const world = new World("write-ahead", diskPlace("interval", (disk) => disk.kill()));
      for (const step of steps) world.apply(step);
      world.finish();
      assert.deepEqual(world.received, upTo(world.offered));
      assert.equal(world.lost, 0);
    }),
    { numRuns: 300 },
  );
});

Deno.test("write-ahead with sync always: a loss of power loses only what was not sent yet", async () => {
  await fc.assert(
    fc.asyncProperty(schedules("cut", "crash"), fc.nat(), async (steps, seed) => {
      let state = seed;
      const choose = (below: number) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % below;
      const world = new World("write-ahead", diskPlace("always", (disk) => disk.losePower(choose)), "always");
      for (const step of steps) {
        world.apply(step);
        if (step.do === "process") await Promise.resolve();
      }
      for (let turns = 0; turns < 1_000; turns += 1) await Promise.resolve();
      await world.spool?.sync();
      world.finish();
      assertIncreasing(world.received);
      const missing = world.offered - world.received.length;
      assert.ok(missing <= world.risked, `${missing} are missing, ${world.risked} were at risk`);
    }),
    { numRuns: 300 },
  );
});
