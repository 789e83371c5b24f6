import assert from "node:assert/strict";
import { fanoutOption, joinFanout } from "./fanout.ts";
import type { Libpcap } from "./libpcap.ts";

Deno.test("the first socket asks for a number of its own, the others name it", () => {
  assert.equal(fanoutOption("new"), 0x2000_0000);
  assert.equal(fanoutOption(0), 0);
  assert.equal(fanoutOption(4711), 4711);
  assert.equal(fanoutOption(0xffff), 0xffff);
});

/** A kernel with one group, of the number 0x1234, that takes or refuses whoever comes. */
function kernel(takes: boolean): { lib: Libpcap; options: number[] } {
  const options: number[] = [];
  const lib = {
    setsockopt(_fd: number, level: number, name: number, value: Uint8Array, length: number): number {
      assert.deepEqual([level, name, length], [263, 18, 4]);
      options.push(new DataView(value.buffer, value.byteOffset).getUint32(0, true));
      return takes ? 0 : -1;
    },
    getsockopt(_fd: number, level: number, name: number, value: Deno.PointerObject): number {
      assert.deepEqual([level, name], [263, 18]);
      new DataView(Deno.UnsafePointerView.getArrayBuffer(value, 4)).setUint32(0, 0x1000_1234, true);
      return 0;
    },
  };
  return { lib: lib as unknown as Libpcap, options };
}

Deno.test("a new group's number is the one that the kernel chose", () => {
  const { lib, options } = kernel(true);
  assert.equal(joinFanout(lib, 3, "new"), 0x1234);
  assert.equal(joinFanout(lib, 4, 0x1234), 0x1234);
  assert.deepEqual(options, [0x2000_0000, 0x1234]);
});

Deno.test("a socket that the kernel refuses is in no group", () => {
  for (const group of ["new", 7] as const) assert.equal(joinFanout(kernel(false).lib, 3, group), undefined);
});
