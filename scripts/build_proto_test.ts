import assert from "node:assert/strict";
import { generate } from "./build_proto.ts";

Deno.test("the generated files are those of the present contract: else run deno task build:proto", () => {
  for (const [path, text] of generate()) {
    assert.equal(Deno.readTextFileSync(new URL(`../${path}`, import.meta.url)), text, path);
  }
});
