import assert from "node:assert/strict";
import { requireProcessorAccess } from "./processor_permission.ts";

const cases: readonly [granted: Deno.PermissionOptionsObject["net"], processor: string, flag?: RegExp][] = [
  [true, "processor.example:55555"],
  [["127.0.0.1:55555"], "127.0.0.1:55555"],
  [["127.0.0.1"], "127.0.0.1:55555"],
  [["[::1]:55555"], "[::1]:55555"],
  [["localhost", "127.0.0.1:55555", "[::1]:55555"], "localhost:55555"],
  [false, "127.0.0.1:55555", /--processor\) needs permission: add --allow-net=127\.0\.0\.1:55555 to/],
  [["127.0.0.1:1"], "127.0.0.1:55555", /add --allow-net=127\.0\.0\.1:55555 to/],
  [false, "[::1]:55555", /add --allow-net=\[::1\]:55555 to/],
  [
    false,
    "localhost:55555",
    /looking up localhost \(--processor\) needs permission: add --allow-net=localhost to/,
  ],
  [["localhost:55555"], "localhost:55555", /add --allow-net=localhost to/],
  [["localhost"], "localhost:55555", /add --allow-net=(127\.0\.0\.1|\[::1\]):55555 to/],
];

for (const [net, processor, flag] of cases) {
  Deno.test({
    name: `--allow-net ${JSON.stringify(net)} and ${processor}: ${flag === undefined ? "enough" : "refused"}`,
    permissions: { net },
    fn: async () => {
      const access = requireProcessorAccess(processor);
      if (flag === undefined) await access;
      else await assert.rejects(access, flag);
    },
  });
}
