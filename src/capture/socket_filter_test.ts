import { deepEqual, equal } from "node:assert/strict";
import { forCookedSocket } from "./socket_filter.ts";

const loadHalf = 0x28, loadByte = 0x30, loadIndexedHalf = 0x48, loadHeaderLength = 0xb1;
const loadLength = 0x80, jumpEqual = 0x15, returnConstant = 0x06;

/** One instruction: code, jt, jf, k. */
type Instruction = [code: number, jt: number, jf: number, k: number];

function assemble(instructions: Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * instructions.length));
  instructions.forEach(([code, jt, jf, k], i) => {
    view.setUint16(8 * i, code, true);
    view.setUint8(8 * i + 2, jt);
    view.setUint8(8 * i + 3, jf);
    view.setUint32(8 * i + 4, k, true);
  });
  return new Uint8Array(view.buffer);
}

Deno.test("offsets into the cooked header become the kernel's", () => {
  const program = forCookedSocket(assemble([
    [loadHalf, 0, 0, 14], // protocol
    [jumpEqual, 0, 6, 0x800],
    [loadByte, 0, 0, 16 + 9], // IPv4 protocol
    [loadHeaderLength, 0, 0, 16],
    [loadIndexedHalf, 0, 0, 18],
    [loadHalf, 0, 0, 0], // packet type
    [loadByte, 0, 0, 0xffff_f02c], // auxiliary data already
    [loadLength, 0, 0, 0],
    [returnConstant, 0, 0, 14],
  ]));
  deepEqual(
    program,
    assemble([
      [loadHalf, 0, 0, 0xffff_f000],
      [jumpEqual, 0, 6, 0x800],
      [loadByte, 0, 0, 9],
      [loadHeaderLength, 0, 0, 0],
      [loadIndexedHalf, 0, 0, 2],
      [loadHalf, 0, 0, 0xffff_f004],
      [loadByte, 0, 0, 0xffff_f02c],
      [loadLength, 0, 0, 0],
      [returnConstant, 0, 0, 14],
    ]),
  );
});

Deno.test("a program that asks for other fields of the cooked header is left to libpcap", () => {
  for (const offset of [2, 4, 6, 13, 15]) {
    equal(forCookedSocket(assemble([[loadByte, 0, 0, offset], [returnConstant, 0, 0, 1]])), undefined);
  }
});
