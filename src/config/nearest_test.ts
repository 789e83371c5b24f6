import assert from "node:assert/strict";
import { nearest, suggestion } from "./nearest.ts";

const candidates = ["hunter.batch_size", "hunter.id", "tap.batch_size", "--filter", "dns"];

const cases: readonly [word: string, expected: string | undefined][] = [
  ["hunter.batchsize", "hunter.batch_size"],
  ["tap.batch_szie", "tap.batch_size"],
  ["batch_size", "hunter.batch_size"],
  ["--fliter", "--filter"],
  ["dnss", "dns"],
  ["dsn", "dns"],
  ["hunter.x", undefined],
  ["", undefined],
  ["something else", undefined],
];

for (const [word, expected] of cases) {
  Deno.test(`nearest: ${word || "nothing"}`, () => assert.equal(nearest(word, candidates), expected));
}

Deno.test("suggestion: words for a message, or none", () => {
  assert.equal(suggestion("dnss", candidates), "; did you mean dns?");
  assert.equal(suggestion("zzz", candidates), "");
});
