// @ts-types="../engine/bindings.d.ts"
import * as bindings from "../../wasm/pkg/caracal_engine_bg.js";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import {
  type Matches,
  type Pattern,
  type PatternBackend,
  patternKinds,
  type PatternMatcher,
  type PayloadBatch,
} from "./pattern_backend.ts";
import { startOf } from "./payload_chunks.ts";

/** Room for one set, bytes. */
const MAX_SET_BYTES = 512 << 20;
/** Payloads that are copied into the engine's memory at once, bytes, unless one is longer. */
const COPY_BYTES = 1 << 20;

/** The engine's own search, in this thread. `Engine.load` must have been called. */
export class CpuSimdBackend implements PatternBackend {
  readonly name = "cpu-simd";
  readonly device = "the engine (WebAssembly SIMD)";

  compile(patterns: readonly Pattern[]): Promise<PatternMatcher> {
    const { bytes, ends } = joined(patterns.map(({ text }) => text));
    const kinds = Uint8Array.from(patterns, ({ kind }) => patternKinds.indexOf(kind));
    try {
      const handle = new bindings.PayloadSearchHandle(bytes, ends, kinds, MAX_SET_BYTES);
      return Promise.resolve(new CpuSimdMatcher(handle));
    } catch (error) {
      return Promise.reject(new OperatorError(messageOf(error)));
    }
  }

  close(): void {}
}

class CpuSimdMatcher implements PatternMatcher {
  #handle: bindings.PayloadSearchHandle | undefined;

  constructor(handle: bindings.PayloadSearchHandle) {
    this.#handle = handle;
  }

  match(batch: PayloadBatch): Promise<Matches> {
    const ends = new Uint32Array(batch.ends.length);
    const found: Uint32Array[] = [];
    let count = 0;
    for (let from = 0; from < ends.length;) {
      const start = startOf(batch.ends, from);
      let to = from + 1;
      while (to < ends.length && batch.ends[to]! - start <= COPY_BYTES) to++;
      const answer = this.#find(batch, from, to);
      // In place: the numbers close up where the counts between them go.
      let kept = 0;
      for (let payload = from, at = 0; payload < to; payload++) {
        const numbers = answer[at++]!;
        answer.copyWithin(kept, at, at + numbers);
        at += numbers;
        kept += numbers;
        ends[payload] = count + kept;
      }
      found.push(answer.subarray(0, kept));
      count += kept;
      from = to;
    }
    const patterns = new Uint32Array(count);
    let at = 0;
    for (const numbers of found) {
      patterns.set(numbers, at);
      at += numbers.length;
    }
    return Promise.resolve({ ends, patterns });
  }

  #find({ bytes, ends }: PayloadBatch, from: number, to: number): Uint32Array {
    if (this.#handle === undefined) throw new Error("the matcher is closed");
    const start = startOf(ends, from);
    const own = ends.slice(from, to).map((end) => end - start);
    return this.#handle.find(bytes.subarray(start, ends[to - 1]), own);
  }

  close(): void {
    this.#handle?.free();
    this.#handle = undefined;
  }
}

function joined(texts: readonly Uint8Array[]): PayloadBatch {
  let length = 0;
  const ends = Uint32Array.from(texts, (text) => length += text.length);
  const bytes = new Uint8Array(length);
  texts.forEach((text, at) => bytes.set(text, startOf(ends, at)));
  return { bytes, ends };
}
