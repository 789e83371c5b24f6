import assert from "node:assert/strict";
import { Engine } from "./engine.ts";
import { engineModule } from "./module.js";
import { defaultStreamOptions } from "./stream_options.ts";

Engine.load(engineModule);

function engine(): Engine {
  return new Engine({
    ...defaultStreamOptions,
    ...{ outputs: ["json"], protocol: "all", dnsPorts: [53], udpOnly: false, detectTunneling: false },
    ...{ batchPackets: 64, batchBytes: 1 << 20, limit: 0 },
  });
}

Deno.test("engine: one that is disposed of gives its memory to the next", () => {
  const sizes = Array.from({ length: 20 }, () => {
    using made = engine();
    return made.inbox(1 << 20).buffer.byteLength;
  });
  assert.deepEqual(new Set(sizes.slice(1)), new Set([sizes[0]]));
});

Deno.test("engine: one that is disposed of refuses to be used, and others go on", () => {
  const gone = engine(), other = engine();
  gone[Symbol.dispose]();
  for (const use of [() => gone.counters(), () => gone.take(), () => gone.inbox(1), () => gone.finish()]) {
    assert.throws(use, /null pointer/);
  }
  assert.equal(other.counters().packets, 0);
});
