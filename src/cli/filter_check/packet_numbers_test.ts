import assert from "node:assert/strict";
import { cutLines, PacketNumbers } from "./packet_numbers.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const line = (time: number, rest: string) => `{"timestamp_ns":${time},"link_type":1,${rest}}`;

Deno.test("lines are cut at their ends", () => {
  assert.deepEqual(cutLines(undefined), []);
  assert.deepEqual(cutLines(bytes("")), []);
  assert.deepEqual(cutLines(bytes("a\n\nbc\n")), [bytes("a"), bytes(""), bytes("bc")]);
});

Deno.test("a line of a filtering engine is found among those of all packets", () => {
  const numbers = new PacketNumbers();
  const all = [line(1, '"info":"a"'), line(1, '"info":"b"'), line(2, '"info":"c"'), line(3, '"info":"d"')];
  const first = numbers.next(all.map(bytes));
  assert.equal(first.first, 1);
  const filtered = (time: number, info: string) =>
    bytes(line(time, `"info":"${info}","matched_filter_ids":["f"]`));
  assert.equal(first.find(filtered(1, "b"), 0), 1);
  assert.equal(first.find(filtered(2, "c"), 2), 2);
  // Filters may have asked to know more.
  assert.equal(first.find(filtered(3, "another"), 0), 3);
  assert.equal(first.find(filtered(1, "b"), 2), undefined);
  assert.equal(first.find(bytes(all[3] ?? ""), 0), 3);
  const second = numbers.next([bytes(all[0] ?? "")]);
  assert.equal(second.first, 5);
});
