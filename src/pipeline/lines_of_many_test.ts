import assert from "node:assert/strict";
import { LinesOfMany } from "./lines_of_many.ts";

/** Who says what, when (ms), and whether it is told. */
const cases: readonly [
  what: string,
  said: readonly (readonly [at: number, who: number, line: string, told: boolean])[],
][] = [
  ["one event, said by all", [[0, 1, "down", true], [5, 2, "down", false], [90, 3, "down", false]]],
  ["the same event again", [
    [0, 1, "down", true],
    [5, 2, "down", false],
    [20, 2, "down", true],
    [25, 1, "down", false],
    [40, 1, "down", true],
  ]],
  ["two events", [[0, 1, "down", true], [1, 1, "up", true], [2, 2, "down", false], [3, 2, "up", false]]],
  ["much later it is another event", [[0, 1, "down", true], [10_000, 2, "down", true], [
    10_001,
    1,
    "down",
    false,
  ]]],
  ["one speaker is told always", [[0, 1, "odd", true], [1, 1, "odd", true], [2, 1, "odd", true]]],
];

for (const [what, said] of cases) {
  Deno.test(`lines of several captures: ${what}`, () => {
    let now = 0;
    const lines = new LinesOfMany<number>(() => now);
    for (const [at, who, line, told] of said) {
      now = at;
      assert.equal(lines.isNews(line, who), told, `${who} at ${at}: ${line}`);
    }
  });
}
