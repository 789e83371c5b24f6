/** What every sink promises, as tests that any of them can be put through. */
import assert from "node:assert/strict";
import type { Chunk } from "../../src/engine/chunk.ts";
import type { Sink } from "../../src/pipeline/sink.ts";
import { pause } from "../end_to_end/program.ts";

/** A sink with its far end in the hands of the test. */
export interface SinkUnderTest extends AsyncDisposable {
  readonly sink: Sink;
  /** A chunk that can be told from others by its number. */
  chunk(number: number): Chunk;
  /** Numbers of the chunks that the far end has, in the order in which it got them. */
  arrived(): Promise<number[]>;
  /** The far end takes nothing until it is resumed. */
  stall(): void;
  resume(): void;
  /** Packets that it dropped and counted. */
  dropped(): number;
  /** The far end refuses the next thing that it gets, and would take all behind it. */
  breakDown(): void;
  /** The far end goes away, as a reader does that has seen enough. */
  leave(): void;
}

/** What a kind of sink does. */
export interface SinkTraits {
  /** Who writes never waits: what finds no room is dropped and counted. */
  readonly drops?: boolean;
  /** Its far end can fail for good. A processor elsewhere is only away. */
  readonly fails?: boolean;
  /** Its far end can be closed by whoever reads it. */
  readonly closes?: boolean;
  /** Why it cannot be tested here. */
  readonly obstacle?: string;
}

/** Writes after which a sink must have asked to wait, when nothing is taken from it. */
const mostWrites = 20_000;

/** Defines the tests; each gets a new sink from `open`. */
export function testSink(name: string, traits: SinkTraits, open: () => Promise<SinkUnderTest>): void {
  if (traits.obstacle !== undefined) console.log(`tests of the ${name} are skipped: ${traits.obstacle}`);
  const test = (what: string, run: (subject: SinkUnderTest) => Promise<void>) =>
    Deno.test({
      name: `${name}: ${what}`,
      ignore: traits.obstacle !== undefined,
      fn: async () => {
        await using subject = await open();
        await run(subject);
      },
    });

  test("what is written arrives, in order, and is there when close is done", async (subject) => {
    const { sink } = subject;
    const numbers = Array.from({ length: 200 }, (_, at) => at);
    for (const number of numbers) {
      const chunk = subject.chunk(number);
      await sink.write(chunk);
      // As the pipeline does with the buffers that it uses again.
      for (const bytes of [chunk.json, chunk.text, chunk.pcap]) bytes?.fill(0);
    }
    await sink.close();
    assert.deepEqual(await subject.arrived(), numbers);
    assert.equal(subject.dropped(), 0);
  });

  test("one that got nothing can be closed", async (subject) => {
    await subject.sink.close();
    assert.deepEqual(await subject.arrived(), []);
  });

  test("a chunk without what it needs changes nothing", async (subject) => {
    const { sink } = subject;
    await sink.write({ packets: 3, bytes: 300 });
    await sink.write(subject.chunk(1));
    await sink.write({ packets: 0, bytes: 0 });
    await sink.close();
    assert.deepEqual(await subject.arrived(), [1]);
  });

  if (traits.drops) {
    test("it never waits, and counts what it drops while nothing is taken", async (subject) => {
      const { sink } = subject;
      subject.stall();
      let written = 0;
      while (subject.dropped() === 0 && written < mostWrites) {
        assert.equal(sink.write(subject.chunk(written++)), undefined);
      }
      subject.resume();
      await sink.close();
      const arrived = await subject.arrived();
      assert.equal(arrived.length + subject.dropped(), written);
      assert.deepEqual(arrived, arrived.toSorted((one, other) => one - other));
    });
  } else {
    test("it makes the writer wait while nothing is taken, and loses nothing", async (subject) => {
      const { sink } = subject;
      subject.stall();
      let written = 0;
      let waiting: Promise<void> | undefined;
      while (waiting === undefined && written < mostWrites) {
        const promise = sink.write(subject.chunk(written++));
        if (promise !== undefined && !await settles(promise)) waiting = promise;
      }
      assert.ok(waiting, `${mostWrites} chunks were taken by a sink that could not pass them on`);
      subject.resume();
      await waiting;
      await sink.close();
      assert.deepEqual(await subject.arrived(), Array.from({ length: written }, (_, at) => at));
    });
  }

  if (traits.fails) {
    test("a failure is told, and what comes behind it is refused: it would be torn", async (subject) => {
      const { sink } = subject;
      await sink.write(subject.chunk(0));
      subject.breakDown();
      const failure = await failureOf(sink, subject);
      assert.equal(failure.name, "OperatorError");
      const before = await subject.arrived();
      assert.equal((await failureOf(sink, subject)).message, failure.message);
      await sink.close();
      assert.deepEqual(await subject.arrived(), before);
    });
  }

  if (traits.closes) {
    test("an output that its reader closed is told from other failures", async (subject) => {
      const { sink } = subject;
      await sink.write(subject.chunk(0));
      subject.leave();
      assert.equal((await failureOf(sink, subject)).name, "OutputClosed");
      await sink.close();
    });
  }
}

/** Whether the promise is settled soon. */
async function settles(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), pause(50).then(() => false)]);
}

/** What a sink fails with; buffers on the way may take some chunks first. */
async function failureOf(sink: Sink, subject: SinkUnderTest): Promise<Error> {
  for (let number = 1; number < mostWrites; number++) {
    try {
      await sink.write(subject.chunk(number));
    } catch (error) {
      assert.ok(error instanceof Error);
      return error;
    }
  }
  return assert.fail("no write fails");
}
