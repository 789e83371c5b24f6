import assert from "node:assert/strict";
import { RepeatDetector } from "./repeat_detector.ts";

Deno.test("a batch is a repeat when its run has come as far before", () => {
  const detector = new RepeatDetector();
  const steps: [run: string, sequence: bigint, repeat: boolean][] = [
    ["a", 1n, false],
    ["a", 1n, true],
    ["a", 2n, false],
    ["b", 1n, false],
    ["a", 5n, false],
    ["a", 3n, true],
    ["a", 0n, false],
    ["a", 0n, false],
    ["a", 6n, false],
  ];
  for (const [run, sequence, repeat] of steps) {
    assert.equal(detector.isRepeat(run, sequence), repeat, `${run} ${sequence}`);
    detector.taken(run, sequence);
  }
});

Deno.test("runs that were silent longest are forgotten first", () => {
  const detector = new RepeatDetector();
  detector.taken("oldest", 1n);
  detector.taken("old", 1n);
  for (let run = 0; run < 4_094; run++) detector.taken(`run-${run}`, 1n);
  detector.taken("oldest", 2n);
  detector.taken("one more", 1n);
  assert.deepEqual(["oldest", "old", "run-0"].map((run) => detector.isRepeat(run, 1n)), [true, false, true]);
});
