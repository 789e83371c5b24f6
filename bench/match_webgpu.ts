/**
 * The search for patterns in payloads: a graphics processor against the engine, with everything that it takes to bring
 * payloads to the device and answers back.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuSimdBackend } from "../src/matching/cpu_simd_backend.ts";
import type {
  Pattern,
  PatternBackend,
  PatternMatcher,
  PayloadBatch,
} from "../src/matching/pattern_backend.ts";
import { WebGpuBackend } from "../src/matching/webgpu_backend.ts";
import { OperatorError } from "../src/runtime/operator_error.ts";

/** Identities, small and full packets; bytes. */
const PAYLOAD_BYTES = [24, 512, 1_400] as const;
const PATTERN_COUNTS = [10, 1_000, 10_000] as const;
/** Payloads that are there at once: those of a call, a block of a capture, several blocks. */
const BATCHES = [64, 1_024, 16_384] as const;
/** Searched per measurement, bytes, but for a single larger batch, and payloads at most. */
const [SEARCHED_BYTES, SEARCHED_PAYLOADS] = [8 << 20, 65_536];

/** One shape of the work, measured. */
interface MatchSpeed {
  /** In words. */
  readonly what: string;
  readonly payloads: number;
  readonly bytes: number;
  /** By backend. */
  readonly seconds: Readonly<Record<PatternBackend["name"], number>>;
}

/** Measures all shapes of the work; the text says why not, where there is no adapter. `Engine.load` must have been called. */
export async function measureMatchWebGpu(): Promise<readonly MatchSpeed[] | string> {
  const speeds: MatchSpeed[] = [];
  for (const batch of BATCHES) {
    let webgpu: WebGpuBackend;
    try {
      webgpu = await WebGpuBackend.open({
        batchSize: batch,
        software: true,
        notice: (line) => assert.fail(line),
      });
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      return error.message;
    }
    for (const count of PATTERN_COUNTS) {
      const patterns = randomPatterns(count);
      const matchers = [
        await webgpu.compile(patterns),
        await new CpuSimdBackend().compile(patterns),
      ] as const;
      for (const length of PAYLOAD_BYTES) {
        speeds.push(await measure(matchers, patterns, length, batch, webgpu.device));
      }
      for (const matcher of matchers) matcher.close();
    }
    webgpu.close();
  }
  return speeds;
}

async function measure(
  [webgpu, cpu]: readonly [PatternMatcher, PatternMatcher],
  patterns: readonly Pattern[],
  length: number,
  batch: number,
  device: string,
): Promise<MatchSpeed> {
  const payloads = Math.max(
    batch,
    Math.min(SEARCHED_PAYLOADS, Math.floor(SEARCHED_BYTES / length / batch) * batch),
  );
  const rounds = payloadsWith(patterns, payloads / batch, batch, length);
  const expected = await run(cpu, rounds.slice(0, 2));
  assert.ok(expected.found.length > 0);
  assert.deepEqual((await run(webgpu, rounds.slice(0, 2))).found, expected.found);
  const [onDevice, onCpu] = [await run(webgpu, rounds), await run(cpu, rounds)];
  assert.deepEqual(onDevice.found, onCpu.found);
  return {
    what: `${patterns.length} patterns, payloads of ${length} bytes, ${batch} at once, on ${device}`,
    payloads,
    bytes: payloads * length,
    seconds: { webgpu: onDevice.seconds, "cpu-simd": onCpu.seconds },
  };
}

async function run(
  matcher: PatternMatcher,
  rounds: readonly PayloadBatch[],
): Promise<{ seconds: number; found: number[] }> {
  const found: number[] = [];
  let milliseconds = 0;
  for (const round of rounds) {
    const start = performance.now();
    const { ends, patterns } = await matcher.match(round);
    milliseconds += performance.now() - start;
    for (const one of [...ends, ...patterns]) found.push(one);
  }
  return { seconds: milliseconds / 1000, found };
}

function randomPatterns(count: number): Pattern[] {
  const next = randomNumbers(count);
  return Array.from({ length: count }, () => ({ text: letters(next, 8 + next(9)), kind: "contains" }));
}

/** Long enough for the largest batch; one batch after another begins at another place of it. */
const noise = letters(randomNumbers(1), 2 * Math.max(...BATCHES) * Math.max(...PAYLOAD_BYTES));

/** One of eight payloads holds a pattern. */
function payloadsWith(
  patterns: readonly Pattern[],
  rounds: number,
  batch: number,
  length: number,
): PayloadBatch[] {
  const next = randomNumbers(length);
  return Array.from({ length: rounds }, () => {
    const start = next(noise.length - batch * length);
    const bytes = noise.slice(start, start + batch * length);
    for (let payload = 0; payload < batch; payload += 8) {
      const { text } = patterns[next(patterns.length)]!;
      bytes.set(text, payload * length + next(length - text.length + 1));
    }
    return { bytes, ends: Uint32Array.from({ length: batch }, (_, at) => (at + 1) * length) };
  });
}

function letters(next: (below: number) => number, length: number): Uint8Array {
  const text = new Uint8Array(length);
  for (let at = 0; at < length; at++) text[at] = 0x61 + next(26);
  return text;
}

/** Repeatable (xorshift32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
