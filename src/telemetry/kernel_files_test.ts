import assert from "node:assert/strict";
import { kernelFileReader } from "./kernel_files.ts";

const ignore = Deno.build.os !== "linux";

Deno.test({
  name: "a file of the kernel by the C library alone",
  ignore,
  permissions: { ffi: true, read: false },
  fn() {
    const read = kernelFileReader();
    assert.match(read("/proc/self/status") ?? "", /^Name:/);
    assert.equal(read("/proc/self/there is no such file"), undefined);
    assert.equal(read("/proc"), undefined, "a folder");
  },
});

Deno.test({
  name: "a file of the kernel with no permission",
  ignore,
  permissions: "none",
  fn: () => assert.equal(kernelFileReader()("/proc/self/status"), undefined),
});
