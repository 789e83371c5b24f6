import assert from "node:assert/strict";
import { type Column, textTable } from "./text_table.ts";

interface Row {
  readonly name: string;
  readonly size: number;
  readonly colour: string;
}

const columns: readonly Column<Row>[] = [
  { name: "name", text: (row) => row.name, align: "left" },
  { name: "size", text: (row) => String(row.size), align: "right", dropOrder: 2 },
  { name: "colour", text: (row) => row.colour, align: "left", dropOrder: 1 },
];
const rows: readonly Row[] = [
  { name: "a", size: 1, colour: "red" },
  { name: "long name", size: 12345, colour: "" },
];

const cases: readonly [width: number, expected: string[]][] = [
  [Infinity, ["name        size  colour", "a              1  red", "long name  12345"]],
  [24, ["name        size  colour", "a              1  red", "long name  12345"]],
  [23, ["name       colour", "a          red", "long name"]],
  [16, ["name", "a", "long name"]],
  [7, ["name", "a", "long n…"]],
  [4, ["name", "a", "lon…"]],
  [1, ["…", "a", "…"]],
];

for (const [width, expected] of cases) {
  Deno.test(`text table: ${width} characters wide`, () =>
    assert.deepEqual(textTable(columns, rows, width), expected));
}

Deno.test("text table: numbers are never cut, words are", () =>
  assert.deepEqual(textTable(columns.slice(0, 1).concat({ ...columns[1]!, dropOrder: 0 }), rows, 14), [
    "name      size",
    "a            1",
    "long n…  12345",
  ]));

Deno.test("text table: without rows, the headings", () =>
  assert.deepEqual(textTable(columns, []), ["name  size  colour"]));
