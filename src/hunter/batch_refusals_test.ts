import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { BatchRefusals, defaultSuspicion } from "./batch_refusals.ts";
import { failureOf } from "./rpc_failure.ts";

/** How many refusals in a row, so far apart, it takes to give up a batch; undefined: more than 100. */
function needed(code: status, details: string, apartMs: number): number | undefined {
  const refusals = new BatchRefusals(defaultSuspicion);
  for (let times = 1; times <= 100; times += 1) {
    if (refusals.refused(7n, failureOf({ code, details }), times * apartMs)) return times;
  }
  return undefined;
}

Deno.test("a proof is believed soon, a suspicion only after many refusals over a long time", () => {
  const cases: [status, string, number, number | undefined][] = [
    [status.INVALID_ARGUMENT, "no PacketBatch", 1_000, 3],
    [status.RESOURCE_EXHAUSTED, "grpc: received message larger than max (9 vs. 4)", 1_000, 3],
    [status.RESOURCE_EXHAUSTED, "decoded message length too large", 1_000, 3],
    [status.RESOURCE_EXHAUSTED, "too many hunters", 1_000, undefined],
    [status.RESOURCE_EXHAUSTED, "too many hunters", 10_000, 31],
    [status.INTERNAL, "panic", 60_000, 10],
    [status.INTERNAL, "received message larger than max", 1_000, undefined],
    [status.INTERNAL, "Received RST_STREAM with code 2", 600_000, undefined],
    [status.UNAVAILABLE, "restarting", 600_000, undefined],
  ];
  for (const [code, details, apartMs, times] of cases) {
    assert.equal(needed(code, details, apartMs), times, `${status[code]}: ${details}, every ${apartMs} ms`);
  }
});

Deno.test("suspicions begin anew with another batch, and when the processor was out of reach", () => {
  const failure = failureOf({ code: status.INTERNAL, details: "busy" });
  for (const interrupt of ["another batch", "out of reach"]) {
    const refusals = new BatchRefusals({ times: 3, overMs: 100 });
    assert.equal(refusals.refused(1n, failure, 0), false);
    assert.equal(refusals.refused(1n, failure, 100), false);
    if (interrupt === "out of reach") refusals.unreachable();
    else assert.equal(refusals.refused(2n, failure, 150), false);
    assert.equal(refusals.refused(1n, failure, 200), false, interrupt);
    assert.equal(refusals.refused(1n, failure, 250), false, interrupt);
    assert.equal(refusals.refused(1n, failure, 290), false, interrupt);
    assert.equal(refusals.refused(1n, failure, 300), true, interrupt);
  }
});
