/**
 * What every spool must do.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Amount } from "../../src/delivery/batch.ts";
import type { Spool, SpoolFullPolicy } from "../../src/delivery/spool.ts";
import { comparable, numbered } from "./batches.ts";

/** Makes spools of one kind. */
export interface SpoolUnderTest {
  /** For the names of the tests. */
  readonly name: string;
  /** A spool in a new place, which takes `batches` batches of 1000 bytes, and no more than two of them on top. */
  open(batches: number, whenFull: SpoolFullPolicy): Spool;
  /** The spool in the same place after it was closed; undefined when nothing outlives closing. */
  readonly reopen?: () => Spool;
  /** Removes the place. */
  dispose(): void;
}

const everything = 1 << 30;
const bytes = 1_000;

function sequences(spool: Spool, after = 0n, limit = everything): bigint[] {
  return spool.read(after, limit).map(({ sequence }) => sequence);
}

function fill(spool: Spool, count: number): bigint[] {
  return Array.from({ length: count }, (_, at) => {
    const sequence = spool.firstSequence + BigInt(at);
    assert.ok(spool.append(numbered(sequence, bytes)));
    return sequence;
  });
}

function amount(batches: number): Amount {
  return { batches, packets: 3 * batches, bytes: bytes * batches };
}

/** Declares the tests for one kind of spool. */
export function spoolContract(make: () => SpoolUnderTest): void {
  const kind = make().name;
  const test = (what: string, check: (spool: Spool, place: SpoolUnderTest) => void | Promise<void>, options: {
    batches?: number;
    whenFull?: SpoolFullPolicy;
    outlives?: boolean;
  } = {}) => {
    const place = make();
    if (options.outlives === true && place.reopen === undefined) return;
    Deno.test(`${kind}: ${what}`, async () => {
      const spool = place.open(options.batches ?? 100, options.whenFull ?? "drop-newest");
      try {
        await check(spool, place);
      } finally {
        await spool.close();
        place.dispose();
      }
    });
  };

  test("a new spool is empty", (spool) => {
    assert.deepEqual(spool.held, amount(0));
    assert.deepEqual(spool.read(0n, everything), []);
    assert.equal(spool.lastRecovered, 0n);
    assert.ok(spool.firstSequence > 0n);
    assert.match(spool.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.deepEqual([...spool.lost], []);
  });

  test("batches come back as they were, in order, gaps and all", (spool) => {
    const first = spool.firstSequence;
    const given = [0n, 1n, 5n, 1_000_000n].map((step, at) =>
      numbered(first + step, [1_000, 0, 1, 4_000][at])
    );
    for (const one of given) assert.ok(spool.append(one));
    assert.deepEqual(spool.read(0n, everything).map(comparable), given.map(comparable));
    assert.deepEqual(spool.read(first + 1n, everything).map(comparable), given.slice(2).map(comparable));
    assert.deepEqual(spool.held, { batches: 4, packets: 12, bytes: 5_001 });
  });

  test("a read brings no more than asked for, and at least one", (spool) => {
    const [first = 0n, second = 0n, third = 0n] = fill(spool, 10);
    assert.deepEqual(sequences(spool, 0n, 1), [first]);
    assert.deepEqual(sequences(spool, 0n, 1_999), [first]);
    assert.deepEqual(sequences(spool, 0n, 2_000), [first, second]);
    assert.deepEqual(sequences(spool, first, 2_000), [second, third]);
    assert.deepEqual(sequences(spool, spool.firstSequence + 9n, 2_000), []);
  });

  test("what is acknowledged is let go", (spool) => {
    const all = fill(spool, 50);
    for (const count of [1, 2, 20, 49]) {
      spool.acknowledge(all[count - 1] ?? 0n);
      assert.deepEqual(spool.held, amount(50 - count));
      assert.deepEqual(sequences(spool), all.slice(count));
    }
    spool.acknowledge(all[3] ?? 0n);
    assert.deepEqual(spool.held, amount(1));
    spool.acknowledge(spool.firstSequence + 1_000n);
    assert.deepEqual(spool.held, amount(0));
    const next = numbered(spool.firstSequence + 1_001n, bytes);
    assert.ok(spool.append(next));
    assert.deepEqual(spool.read(0n, everything).map(comparable), [comparable(next)]);
  });

  test("numbers must grow", (spool) => {
    const [first = 0n] = fill(spool, 3);
    assert.throws(() => spool.append(numbered(first + 2n)), RangeError);
    assert.throws(() => spool.append(numbered(first)), RangeError);
    assert.deepEqual(spool.held, amount(3));
  });

  test("drop-newest: a full spool refuses and counts, until there is room", (spool) => {
    let sequence = spool.firstSequence;
    while (spool.append(numbered(sequence, bytes))) sequence += 1n;
    const { batches } = spool.held;
    assert.ok(batches >= 10 && batches <= 12, String(batches));
    assert.equal(spool.append(numbered(sequence + 1n, bytes)), false);
    assert.deepEqual(spool.lost.get("full"), amount(2));
    assert.equal(sequences(spool).length, batches);
    spool.acknowledge(sequence);
    assert.ok(spool.append(numbered(sequence + 2n, bytes)));
    assert.deepEqual(sequences(spool), [sequence + 2n]);
  }, { batches: 10 });

  test("drop-oldest: a full spool makes room and counts", (spool) => {
    const all = fill(spool, 100);
    const left = sequences(spool);
    assert.deepEqual(left, all.slice(-left.length));
    assert.ok(left.length > 5 && left.length <= 12, String(left.length));
    assert.deepEqual(spool.held, amount(left.length));
    assert.deepEqual(spool.lost.get("full"), amount(100 - left.length));
  }, { batches: 10, whenFull: "drop-oldest" });

  for (const whenFull of ["drop-oldest", "drop-newest"] as const) {
    test(`${whenFull}: what can never fit is refused, and drops nothing`, (spool) => {
      const all = fill(spool, 5);
      assert.equal(spool.append(numbered(spool.firstSequence + 5n, 100 * bytes)), false);
      assert.deepEqual(sequences(spool), all);
      assert.deepEqual(spool.lost.get("full"), { batches: 1, packets: 3, bytes: 100 * bytes });
    }, { batches: 10, whenFull });
  }

  test("disk use follows what is held", (spool) => {
    const all = fill(spool, 50);
    const full = spool.diskBytes;
    assert.ok(full >= 50 * bytes);
    spool.acknowledge(all[40] ?? 0n);
    assert.ok(spool.diskBytes >= 9 * bytes && spool.diskBytes < full / 2, String(spool.diskBytes));
  });

  test("a sync covers all that was appended before", async (spool) => {
    const all = fill(spool, 5);
    await Promise.all([spool.sync(), spool.sync(), spool.sync()]);
    assert.ok(spool.synced >= (all.at(-1) ?? 0n));
  });

  test(
    "what is not acknowledged is there after a restart, and numbers go on above it",
    async (spool, place) => {
      const all = fill(spool, 30);
      spool.acknowledge(all[9] ?? 0n);
      const before = spool.read(0n, everything).map(comparable);
      await spool.close();
      const again = place.reopen?.() ?? spool;
      try {
        assert.equal(again.id, spool.id);
        assert.ok(again.firstSequence > (all.at(-1) ?? 0n));
        assert.equal(again.lastRecovered, all.at(-1));
        assert.deepEqual(again.held, amount(20));
        assert.deepEqual(again.read(0n, everything).map(comparable), before);
        assert.deepEqual([...again.lost], []);
        const [next = 0n] = fill(again, 1);
        assert.deepEqual(sequences(again), [...all.slice(10), next]);
        again.acknowledge(next);
        assert.deepEqual(again.held, amount(0));
      } finally {
        await again.close();
      }
      const last = place.reopen?.() ?? spool;
      assert.ok(last.firstSequence > again.firstSequence);
      assert.deepEqual([last.held, last.lastRecovered, last.diskBytes], [amount(0), 0n, 0]);
      await last.close();
    },
    { outlives: true },
  );
}
