import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { libpcapObstacle } from "../../tests/live/libpcap_library.ts";
import { compileForFiles } from "./bpf_program.ts";

const obstacle = libpcapObstacle();
if (obstacle !== undefined) console.log(`tests that compile BPF are skipped: ${obstacle}`);
const ignore = obstacle !== undefined;

const allLinkTypes = [0, 1, 9, 12, 50, 101, 104, 105, 107, 108, 113, 127, 228, 229, 276];

function linkTypes(expression: string): number[] {
  return [...compileForFiles(expression, 65535).keys()].sort((a, b) => a - b);
}

Deno.test({
  name: "an expression is compiled for every link type that it fits",
  ignore,
  fn: () => {
    deepEqual(linkTypes("udp port 53"), allLinkTypes);
    deepEqual(linkTypes(""), allLinkTypes);
    deepEqual(linkTypes("ether host 02:00:00:00:00:01"), [1, 105, 127]);
    deepEqual(linkTypes("vlan 5"), [1, 105, 127]);
  },
});

Deno.test({
  name: "programs are copied out whole: 8 bytes an instruction, and a return at the end",
  ignore,
  fn: () => {
    const returnConstant = 6;
    for (const [linkType, program] of compileForFiles("udp port 53 or tcp", 4096)) {
      equal(program.length % 8, 0, `link type ${linkType}`);
      ok(program.length > 8);
      const view = new DataView(program.buffer, program.byteOffset);
      equal(view.getUint16(program.length - 8, true), returnConstant);
    }
    // Everything passes: one instruction, that returns the snap length.
    const program = compileForFiles("", 4096).get(1)!;
    deepEqual([...program], [returnConstant, 0, 0, 0, 0, 16, 0, 0]);
  },
});

Deno.test({
  name: "an expression that fits no link type is refused in libpcap's words",
  ignore,
  fn: () => {
    const cases: [string, string][] = [
      ["udp and and", "bad filter: udp and and: can't parse filter expression: syntax error"],
      ["port 99999", "bad filter: port 99999: illegal port number 99999 > 65535"],
      ["udp\0", '"udp\\u0000" holds a NUL character'],
    ];
    for (const [expression, message] of cases) {
      throws(() => compileForFiles(expression, 65535), { name: "OperatorError", message, exitCode: 2 });
    }
  },
});

Deno.test({
  name: "a filter on a capture file without FFI permission names the flag",
  permissions: { ffi: false },
  fn: () => {
    throws(() => compileForFiles("udp", 65535), {
      message: "--filter on a capture file needs permission: add --allow-ffi to the deno command",
    });
  },
});
