import assert from "node:assert/strict";
import { type Chunk, isEmptyChunk } from "./chunk.ts";

const bytes = Uint8Array.of(1);
const cases: [string, Chunk, boolean][] = [
  ["nothing", { packets: 0, bytes: 0 }, true],
  ["packets that no output was asked for", { packets: 2, bytes: 120 }, false],
  ["a call that ended without another packet", { packets: 0, bytes: 0, calls: bytes }, false],
  ["the end of a call's capture file", { packets: 0, bytes: 0, callPcap: bytes }, false],
];

for (const [name, chunk, expected] of cases) {
  Deno.test(`chunk: ${name}: ${expected ? "is" : "is not"} empty`, () =>
    assert.equal(isEmptyChunk(chunk), expected));
}
