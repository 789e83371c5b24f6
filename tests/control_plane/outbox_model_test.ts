import assert from "node:assert/strict";
import fc from "fast-check";
import type { Batch } from "../../src/delivery/batch.ts";
import { Outbox } from "../../src/delivery/outbox.ts";
import type { SpoolFullPolicy, SpoolMode } from "../../src/delivery/spool.ts";
import type { SentBatch } from "../../src/delivery/window.ts";
import { RepeatDetector } from "../../src/processor/repeat_detector.ts";
import { type Disk, emptyDisk, MemorySpool } from "./memory_spool.ts";

const stats = { total_captured: 0n, filtered_matched: 0n, dropped: 0n, buffer_usage: 0 };

/** A batch of one packet, known by its number. */
function batchOf(number: number, bytes: number): Batch {
  const piece = { bytes: Uint8Array.of(number >> 8, number & 255), packets: 1 };
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
  spool: MemorySpool | undefined;
  outbox: Outbox;
  #connection: { again: SentBatch[]; toProcessor: SentBatch[]; toHunter: bigint[] } | undefined;

  constructor(
    readonly mode: SpoolMode | undefined,
    readonly disk: Disk = emptyDisk(),
    readonly limitBytes = Infinity,
    readonly full: SpoolFullPolicy = "drop-newest",
  ) {
    this.outbox = this.#start();
  }

  #start(): Outbox {
    if (this.mode === undefined) return new Outbox(limits);
    this.spool = new MemorySpool(this.disk, this.limitBytes, this.full);
    return new Outbox(limits, { spool: this.spool, mode: this.mode, sync: "interval", limitBytes: 1e9 });
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
        if (this.outbox.offer(batchOf(this.offered, step.bytes))) this.accepted += 1;
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
        this.risked += this.outbox.atRisk.packets;
        this.#restart();
        break;
      case "restart":
        this.uncertain += this.outbox.inFlight.packets;
        this.outbox.abandon();
        this.#restart();
        break;
      case "break":
        if (this.spool !== undefined) this.spool.failing = this.spool.unreadable = true;
        break;
      case "repair":
        if (this.spool !== undefined) this.spool.failing = this.spool.unreadable = false;
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
  const offer = fc.integer({ min: 1, max: 15 }).map((bytes): Step => ({ do: "offer", bytes }));
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
      const world = new World("write-ahead");
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
      const world = new World("overflow");
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
      const world = new World(undefined);
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
        const world = new World(mode, emptyDisk(), limitBytes, policy);
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
