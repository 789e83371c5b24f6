import assert from "node:assert/strict";
import { bitRateText, grouped, percentText, secondsText, waitText } from "./number_text.ts";

const cases: readonly [text: string, expected: string][] = [
  [grouped(0), "0"],
  [grouped(999), "999"],
  [grouped(1000), "1,000"],
  [grouped(1234567), "1,234,567"],
  [secondsText(0.0004), "0.000 s"],
  [secondsText(9.9994), "9.999 s"],
  [secondsText(10), "10.0 s"],
  [waitText(0), "0 s"],
  [waitText(0.1), "1 s"],
  [waitText(59.5), "1:00 min"],
  [waitText(185), "3:05 min"],
  [waitText(3599.5), "1:00:00 h"],
  [waitText(7385), "2:03:05 h"],
  [bitRateText(0), "0.0 kbit/s"],
  [bitRateText(999_999), "1000.0 kbit/s"],
  [bitRateText(1e6), "1.0 Mbit/s"],
  [bitRateText(12.34e9), "12.34 Gbit/s"],
  [percentText(1, 3), "33.3 %"],
  [percentText(1, 0), "0.0 %"],
];

for (const [text, expected] of cases) {
  Deno.test(`number text: ${expected}`, () => assert.equal(text, expected));
}
