/**
 * The search in long texts with so many patterns, against itself with ten, on the same texts and in the same
 * minute.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuSimdBackend } from "../src/matching/cpu_simd_backend.ts";
import type { Pattern, PatternMatcher, PayloadBatch } from "../src/matching/pattern_backend.ts";

/** Payloads, and bytes of each. */
const [PAYLOADS, PAYLOAD_BYTES] = [1_000, 1_400];
/** One payload in so many holds a pattern. */
const HOLDING = 50;
/** Rounds, of which the fastest counts. */
const ROUNDS = 30;
const FEW = 10;
const PREFIXES = ["+4915", "+4917", "+447", "+336", "+1646"];
const WORDS =
  ("the request was sent to a server which then gave back an answer with some lines of text and numbers like " +
    '<div class="item"> <a href="/page/index.html"> Host: www.example.com; Content-Length: 1024 Date: 10:45:12 GMT')
    .split(" ");

/** What came of it. */
export interface PayloadMeasurement {
  /** Payloads searched. */
  readonly payloads: number;
  /** Bytes of payloads. */
  readonly bytes: number;
  /** For all payloads, with `patterns` patterns. */
  readonly seconds: number;
  /** The same with ten patterns. */
  readonly secondsWithFew: number;
  /** What it took to build the patterns. */
  readonly buildSeconds: number;
}

/**
 * Text as of web pages searched for `patterns` phone numbers, of which just the first eight occur. `Engine.load`
 * must have been called.
 */
export async function measurePayloads(patterns: number): Promise<PayloadMeasurement> {
  const numbers = phoneNumbers(patterns);
  const { batch, holding } = payloadsWith(numbers.slice(0, 8));
  const backend = new CpuSimdBackend();
  const few = await backend.compile(numbers.slice(0, FEW));
  const start = performance.now();
  const many = await backend.compile(numbers);
  const buildSeconds = (performance.now() - start) / 1000;
  let [seconds, secondsWithFew] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    secondsWithFew = Math.min(secondsWithFew, await run(few, batch, holding));
    seconds = Math.min(seconds, await run(many, batch, holding));
  }
  for (const matcher of [few, many]) matcher.close();
  return { payloads: PAYLOADS, bytes: batch.bytes.length, seconds, secondsWithFew, buildSeconds };
}

/** Seconds for all payloads, which hold patterns as `holding` says. */
async function run(
  matcher: PatternMatcher,
  batch: PayloadBatch,
  holding: readonly number[],
): Promise<number> {
  const start = performance.now();
  const { patterns } = await matcher.match(batch);
  const seconds = (performance.now() - start) / 1000;
  assert.deepEqual([...patterns], holding);
  return seconds;
}

/** Different ones; the first are the same whatever the count. */
function phoneNumbers(count: number): Pattern[] {
  const next = randomNumbers(1);
  const numbers = new Set<string>();
  while (numbers.size < count) {
    numbers.add(PREFIXES[next(PREFIXES.length)] + String(next(100_000_000)).padStart(8, "0"));
  }
  return Array.from(numbers, (text) => ({ text: new TextEncoder().encode(text), kind: "contains" }));
}

function payloadsWith(patterns: readonly Pattern[]): { batch: PayloadBatch; holding: number[] } {
  const next = randomNumbers(2);
  const bytes = new Uint8Array(PAYLOADS * PAYLOAD_BYTES);
  const holding: number[] = [];
  for (let payload = 0; payload < PAYLOADS; payload++) {
    let text = "";
    while (text.length < PAYLOAD_BYTES) text += WORDS[next(WORDS.length)] + (next(9) === 0 ? "\r\n" : " ");
    const part = bytes.subarray(payload * PAYLOAD_BYTES, (payload + 1) * PAYLOAD_BYTES);
    new TextEncoder().encodeInto(text.slice(0, PAYLOAD_BYTES), part);
    if (payload % HOLDING > 0) continue;
    const number = next(patterns.length);
    const own = patterns[number]!.text;
    part.set(own, next(PAYLOAD_BYTES - own.length + 1));
    holding.push(number);
  }
  const ends = Uint32Array.from({ length: PAYLOADS }, (_, at) => (at + 1) * PAYLOAD_BYTES);
  return { batch: { bytes, ends }, holding };
}

/** Repeatable (xorshift32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed * 0x9e3779b1 | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
