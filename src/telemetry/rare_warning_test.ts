import assert from "node:assert/strict";
import { RareWarning } from "./rare_warning.ts";

Deno.test("a flood of warnings is a line now and then, and a count", () => {
  const lines: string[] = [];
  const warning = new RareWarning({ warn: (line) => lines.push(line) });
  for (let at = 0; at <= 20_000; at += 5) warning.warn(`at ${at}`, at);
  warning.warn("late", 90_000);
  assert.deepEqual(lines, [
    "at 0",
    "at 10000 (and 1999 more since the last such line)",
    "at 20000 (and 1999 more since the last such line)",
    "late",
  ]);
});
