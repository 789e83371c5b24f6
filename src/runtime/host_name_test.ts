import { equal } from "node:assert/strict";
import { hostName } from "./host_name.ts";

const expected = Deno.hostname();

Deno.test({
  name: "the host name with sys permission",
  permissions: { sys: ["hostname"], ffi: false },
  fn: () => equal(hostName(), expected),
});

Deno.test({
  name: "the host name with FFI permission only, from the C library",
  permissions: { sys: false, ffi: true },
  fn: () => equal(hostName(), expected),
});

Deno.test({
  name: "no host name without permission",
  permissions: { sys: false, ffi: false },
  fn: () => equal(hostName(), undefined),
});
