import type { PayloadBatch } from "./pattern_backend.ts";

/** 32-bit words per chunk in {@link cutPayloads}: where its payload starts and ends, and where it does itself. */
export const wordsPerChunk = 4;

/** Payloads in pieces of bounded length, so that one long payload does not keep all others waiting. */
export interface Chunks {
  /** By chunk, {@link wordsPerChunk} offsets from the first payload's start. */
  readonly words: Uint32Array;
  /** By payload, the number of its first chunk, and at the end that of all chunks. An empty payload has none. */
  readonly firsts: Uint32Array;
}

/**
 * Cuts the payloads `from` to (not including) `to` of `batch` into chunks of at most `chunkBytes`. A pattern belongs to
 * the chunk where it ends.
 */
export function cutPayloads({ ends }: PayloadBatch, from: number, to: number, chunkBytes: number): Chunks {
  const base = startOf(ends, from);
  const firsts = new Uint32Array(to - from + 1);
  for (let payload = from; payload < to; payload++) {
    const length = ends[payload]! - startOf(ends, payload);
    firsts[payload - from + 1] = firsts[payload - from]! + Math.ceil(length / chunkBytes);
  }
  const words = new Uint32Array(firsts[to - from]! * wordsPerChunk);
  let at = 0;
  for (let payload = from; payload < to; payload++) {
    const [start, end] = [startOf(ends, payload) - base, ends[payload]! - base];
    for (let chunk = start; chunk < end; chunk += chunkBytes) {
      words[at++] = start;
      words[at++] = end;
      words[at++] = chunk;
      words[at++] = Math.min(end, chunk + chunkBytes);
    }
  }
  return { words, firsts };
}

/** Where a payload starts among the bytes of its batch. */
export function startOf(ends: Uint32Array, payload: number): number {
  return payload === 0 ? 0 : ends[payload - 1]!;
}
