import assert from "node:assert/strict";
import { OutputBuffers } from "./output_buffers.ts";

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

Deno.test("a buffer that was given back is used again, and holds what was copied last", () => {
  const buffers = new OutputBuffers();
  const first = buffers.copyOf(filled(100_000, 1));
  const second = buffers.copyOf(filled(100_000, 2));
  assert.notEqual(first.buffer, second.buffer);
  assert.deepEqual([first.length, first[99_999], second[0]], [100_000, 1, 2]);
  buffers.giveBack([first.buffer]);
  const third = buffers.copyOf(filled(70_000, 3));
  assert.equal(third.buffer, first.buffer);
  assert.deepEqual([third.length, third[0], third[69_999]], [70_000, 3, 3]);
  assert.notEqual(buffers.copyOf(filled(10, 4)).buffer, first.buffer, "it is under way");
});

Deno.test("of buffers given back a few are kept, none of them large, none too small for what is copied", () => {
  const buffers = new OutputBuffers();
  buffers.giveBack([new ArrayBuffer((8 << 20) + 1), new ArrayBuffer(10), new ArrayBuffer(0)]);
  assert.equal(buffers.copyOf(filled(5, 1)).buffer.byteLength, 64 << 10);
  const given = Array.from({ length: 100 }, () => new ArrayBuffer(64 << 10));
  buffers.giveBack(given);
  const large = buffers.copyOf(filled(65_537, 1));
  assert.equal(large.buffer.byteLength, 128 << 10);
  const used = Array.from({ length: 100 }, () => buffers.copyOf(filled(1, 1)).buffer);
  const places = used.map((buffer) => given.indexOf(buffer)).filter((place) => place >= 0);
  assert.deepEqual(places, [92, 93, 94, 95, 96, 97, 98, 99], "the latest");
  assert.equal(buffers.copyOf(new Uint8Array((8 << 20) + 5)).buffer.byteLength, (8 << 20) + 5);
});

Deno.test("nothing is copied into a buffer, too", () => {
  assert.equal(new OutputBuffers().copyOf(new Uint8Array()).length, 0);
});
