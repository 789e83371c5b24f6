import assert from "node:assert/strict";
import { growthOf, type Sample } from "./memory_growth.ts";
import { Random } from "./random.ts";

/** Half an hour, a sample each second, with what a garbage collector makes of it. */
function samplesOf(mebibytesAt: (minute: number) => number): Sample[] {
  const random = new Random(1);
  return Array.from({ length: 1_800 }, (_, second) => {
    const minute = second / 60;
    return { minute, mebibytes: mebibytesAt(minute) + random.between(0, 12) };
  });
}

const cases: readonly [what: string, mebibytesAt: (minute: number) => number, grows: boolean][] = [
  ["level", () => 200, false],
  ["a start that takes its time", (minute) => 200 - 100 * Math.exp(-minute), false],
  ["a new level after half of the time", (minute) => minute < 15 ? 200 : 320, false],
  ["two new levels", (minute) => 200 + (minute < 12 ? 0 : 50) + (minute < 22 ? 0 : 50), false],
  ["a collector that lets things pile up", (minute) => 200 + 3 * (minute % 9), false],
  ["a leak, with such a collector", (minute) => 200 + 3 * minute + 3 * (minute % 9), true],
  ["a leak of 2 MiB per minute", (minute) => 200 + 2 * minute, true],
  ["a leak, with a new level", (minute) => 200 + 2 * minute + (minute < 15 ? 0 : 50), true],
];

for (const [what, mebibytesAt, grows] of cases) {
  Deno.test(`memory growth: ${what}`, () => {
    const growth = growthOf(samplesOf(mebibytesAt));
    assert.equal(growth > 1, grows, `${growth} MiB per minute`);
  });
}
