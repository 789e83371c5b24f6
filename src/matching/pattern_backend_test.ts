import "../runtime/environment.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { Engine } from "../engine/engine.ts";
import { engineModule } from "../engine/module.js";
import { OperatorError } from "../runtime/operator_error.ts";
import { buildAutomaton, folded, walk } from "./automaton.ts";
import {
  type Matches,
  maxPatternBytes,
  type Pattern,
  type PatternBackend,
  type PatternKind,
  patternKinds,
  type PayloadBatch,
} from "./pattern_backend.ts";
import { CpuSimdBackend } from "./cpu_simd_backend.ts";
import { WebGpuBackend } from "./webgpu_backend.ts";

Engine.load(engineModule);

const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

function pattern(text: string, kind: PatternKind = "contains"): Pattern {
  return { text: latin1(text), kind };
}

function batchOf(payloads: readonly Uint8Array[]): PayloadBatch {
  let length = 0;
  const ends = Uint32Array.from(payloads, (payload) => length += payload.length);
  const bytes = new Uint8Array(length);
  payloads.forEach((payload, at) => bytes.set(payload, ends[at]! - payload.length));
  return { bytes, ends };
}

function listsOf({ ends, patterns }: Matches): number[][] {
  return Array.from(ends, (end, at) => [...patterns.subarray(at === 0 ? 0 : ends[at - 1], end)]);
}

/** Compares byte by byte, at every place. */
function naively(patterns: readonly Pattern[], payloads: readonly Uint8Array[]): number[][] {
  const standsAt = (text: Uint8Array, payload: Uint8Array, start: number) =>
    text.every((byte, at) =>
      payload[start + at] !== undefined && folded(byte) === folded(payload[start + at]!)
    );
  return payloads.map((payload) =>
    patterns.flatMap(({ text, kind }, number) => {
      const last = payload.length - text.length;
      const starts = kind === "prefix"
        ? [0]
        : kind === "suffix"
        ? [last]
        : Array(Math.max(0, last + 1)).keys();
      const fits = kind === "equals"
        ? last === 0 && standsAt(text, payload, 0)
        : [...starts].some((start) => start >= 0 && standsAt(text, payload, start));
      return fits ? [number] : [];
    })
  );
}

const walking: PatternBackend = {
  name: "cpu-simd",
  device: "walk over the automaton",
  compile(patterns) {
    const automaton = buildAutomaton(patterns, 1 << 30);
    return Promise.resolve({ match: (batch) => Promise.resolve(walk(automaton, batch)), close() {} });
  },
  close() {},
};

const options = { batchSize: 100, software: true, notice: (line: string) => assert.fail(line) };

async function adapterObstacle(): Promise<string | undefined> {
  try {
    (await WebGpuBackend.open(options)).close();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof OperatorError);
    return error.message;
  }
}

const obstacle = await adapterObstacle();
if (obstacle !== undefined) console.warn(`tests of WebGPU are left out: ${obstacle}`);

interface Subject {
  readonly name: string;
  readonly ignore: boolean;
  readonly open: () => Promise<PatternBackend>;
}

const subjects: readonly Subject[] = [
  { name: "walk", ignore: false, open: () => Promise.resolve(walking) },
  { name: "cpu-simd", ignore: false, open: () => Promise.resolve(new CpuSimdBackend()) },
  { name: "webgpu", ignore: obstacle !== undefined, open: () => WebGpuBackend.open(options) },
];

function test(what: string, check: (backend: PatternBackend) => Promise<void>): void {
  for (const { name, ignore, open } of subjects) {
    Deno.test({
      name: `pattern backend ${name}: ${what}`,
      ignore,
      fn: async () => {
        const backend = await open();
        try {
          await check(backend);
        } finally {
          backend.close();
        }
      },
    });
  }
}

async function find(
  backend: PatternBackend,
  patterns: readonly Pattern[],
  payloads: readonly Uint8Array[],
): Promise<number[][]> {
  const matcher = await backend.compile(patterns);
  try {
    return listsOf(await matcher.match(batchOf(payloads)));
  } finally {
    matcher.close();
  }
}

/** The vectors of the specification that are about places and case: pattern, kind, payload, whether it matches. */
const vectors: readonly [text: string, kind: PatternKind, payload: string, fits: boolean][] = [
  ["alice", "contains", "alice", true],
  ["alice", "contains", "Malice", true],
  ["alice", "prefix", "malice", false],
  ["alice", "prefix", "ALICE.smith", true],
  ["456789", "suffix", "+49123456789", true],
  ["456789", "suffix", "+491234567890", false],
  ["*31#", "contains", "*31#49", true],
  ["al*ce", "contains", "alice", false],
  ["al*ce", "contains", "xAL*CE", true],
  ["bob", "equals", "bob", true],
  ["bob", "equals", "bobby", false],
  ["bob", "equals", "xbob", false],
  ["m\xdcller", "contains", "M\xdcLLER", true],
  // Only the letters of ASCII are folded.
  ["m\xdcller", "contains", "m\xfcller", false],
  ["alice@example.com", "equals", "malice@example.com.evil", false],
  ["alice@example.com", "equals", "ALICE@EXAMPLE.COM", true],
  ["[", "contains", "{", false],
  ["@", "contains", "`", false],
  ["\0", "contains", "a\0b", true],
  ["\xff\xff", "suffix", "\xff\xff\xff", true],
  ["longer than it", "contains", "longer", false],
];

test("places, case, and bytes that are no text", async (backend) => {
  for (const [text, kind, payload, fits] of vectors) {
    const what = JSON.stringify([text, kind, payload]);
    assert.deepEqual(await find(backend, [pattern(text, kind)], [latin1(payload)]), [fits ? [0] : []], what);
  }
});

test("patterns inside each other, and the same one twice, are all found, each once", async (backend) => {
  const patterns = [
    pattern("he"),
    pattern("she"),
    pattern("his"),
    pattern("hers"),
    pattern("e"),
    pattern("SHE"),
    pattern("she", "prefix"),
    pattern("hers", "suffix"),
    pattern("ushers", "equals"),
  ];
  const payloads = ["ushers", "she", "", "hershe he", "xyz"].map(latin1);
  const expected = [[0, 1, 3, 4, 5, 7, 8], [0, 1, 4, 5, 6], [], [0, 1, 3, 4, 5], []];
  assert.deepEqual(await find(backend, patterns, payloads), expected);
  assert.deepEqual(naively(patterns, payloads), expected);
});

test("more matches than an answer has room for", async (backend) => {
  const patterns = Array.from({ length: 300 }, (_, length) => pattern("a".repeat(length + 1)));
  const payloads = ["a".repeat(6), "a".repeat(7), "a".repeat(8), "a".repeat(250), "b", "a".repeat(5_000)].map(
    latin1,
  );
  assert.deepEqual(await find(backend, patterns, payloads), naively(patterns, payloads));
});

test("no payloads, empty payloads, no patterns", async (backend) => {
  assert.deepEqual(await find(backend, [pattern("a")], []), []);
  assert.deepEqual(await find(backend, [pattern("a")], ["", "", ""].map(latin1)), [[], [], []]);
  assert.deepEqual(await find(backend, [], ["a", ""].map(latin1)), [[], []]);
  assert.deepEqual(await find(backend, [pattern("a")], ["", "a", "", "", "ba", ""].map(latin1)), [
    [],
    [0],
    [],
    [],
    [0],
    [],
  ]);
});

test("a payload of 64 KiB, and one that is longer than a launch takes", async (backend) => {
  const patterns = [
    pattern("needle"),
    pattern("needle", "prefix"),
    pattern("needle", "suffix"),
    pattern("n".repeat(maxPatternBytes)),
  ];
  for (const length of [65_535, 65_536, 17 << 20]) {
    const empty = new Uint8Array(length).fill(0x2e);
    const at = (start: number, text: string) => {
      const payload = empty.slice();
      payload.set(latin1(text), start);
      return payload;
    };
    const payloads = [empty, at(0, "needle"), at(length - 6, "NEEDLE")];
    // Around the places where it is cut.
    if (length < 1 << 20) {
      for (const start of [1_019, 1_020, 1_023, 1_024, 4_090, 4_095, 4_096]) {
        payloads.push(at(start, "needle"));
      }
      for (const start of [0, 3_073, 3_500, length - maxPatternBytes]) {
        payloads.push(at(start, "n".repeat(maxPatternBytes)));
      }
    }
    const expected = payloads.map((_, number) =>
      number === 0 ? [] : number === 1 ? [0, 1] : number === 2 ? [0, 2] : number < 10 ? [0] : [3]
    );
    assert.deepEqual(await find(backend, patterns, payloads), expected, `${length} bytes`);
  }
});

test("more payloads than a launch takes, and several sets at once", async (backend) => {
  const payloads = Array.from(
    { length: 1_234 },
    (_, number) => latin1(`user${number}@host${number % 7}.example`),
  );
  const one = await backend.compile([pattern("user12"), pattern("host3")]);
  const other = await backend.compile([pattern("user7", "prefix")]);
  const [inOne, inOther] = await Promise.all([one.match(batchOf(payloads)), other.match(batchOf(payloads))]);
  assert.deepEqual(listsOf(inOne), naively([pattern("user12"), pattern("host3")], payloads));
  assert.deepEqual(listsOf(inOther), naively([pattern("user7", "prefix")], payloads));
  for (const matcher of [one, other]) {
    matcher.close();
    matcher.close();
  }
});

test("a pattern that is empty or too long is refused by number", async (backend) => {
  for (
    const [text, message] of [["", /2 is empty/], [
      "x".repeat(maxPatternBytes + 1),
      /2\b.*1024 bytes/,
    ]] as const
  ) {
    await assert.rejects(
      async () => await backend.compile([pattern("a"), pattern(text)]),
      (error) => error instanceof OperatorError && message.test(error.message),
    );
  }
});

const letters = fc.constantFrom(..."aAbB@[\x00\xff\xe4".split(""));
const texts = (minLength: number, maxLength: number) =>
  fc.array(letters, { minLength, maxLength }).map((list) => latin1(list.join("")));
const patternLists = fc.array(fc.record({ text: texts(1, 5), kind: fc.constantFrom(...patternKinds) }), {
  maxLength: 40,
});

test("any patterns in any payloads, as a naive search finds them", async (backend) => {
  await fc.assert(
    fc.asyncProperty(patternLists, fc.array(texts(0, 30), { maxLength: 30 }), async (patterns, payloads) => {
      assert.deepEqual(await find(backend, patterns, payloads), naively(patterns, payloads));
    }),
    { numRuns: 100 },
  );
});

test("long payloads of few letters, as a naive search finds them", async (backend) => {
  await fc.assert(
    fc.asyncProperty(
      patternLists,
      fc.array(texts(900, 2_200), { maxLength: 3 }),
      async (patterns, payloads) => {
        assert.deepEqual(await find(backend, patterns, payloads), naively(patterns, payloads));
      },
    ),
    { numRuns: 10 },
  );
});
