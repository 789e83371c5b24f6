import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Sink } from "../../pipeline/sink.ts";
import { parseCommandLine } from "../program.ts";
import type { Run } from "../run.ts";
import { capturePlan } from "./capture.ts";
import { FilterControl } from "./filter_control.ts";
import { runPipeline } from "./run_pipeline.ts";

const capture = fileURLToPath(new URL("../../../fixtures/dns.pcap", import.meta.url));

/** Reads a capture into a sink, with standard error closed. */
async function runWithoutStandardError(sink: Sink): Promise<void> {
  const line = ["sniff", "-r", capture, "--single-thread"];
  const invocation = await parseCommandLine(line, { stdoutIsTerminal: false }, () => undefined);
  assert.ok(invocation.kind === "run");
  const { settings } = invocation;
  const filters = new FilterControl(settings, "allow");
  const run = { settings, opened() {} } as unknown as Run;
  const original = Deno.stderr.write;
  Deno.stderr.write = () => Promise.reject(new Error("standard error is closed"));
  try {
    await runPipeline(run, capturePlan(settings, sink.needs, filters), filters, [sink]);
  } finally {
    Deno.stderr.write = original;
  }
}

Deno.test("a sink's failure is told, though the summary cannot be printed", async () => {
  const sink: Sink = {
    ...{ name: "a full disk", needs: ["json"], close: () => Promise.resolve() },
    write: () => Promise.reject(new Error("the disk is full")),
  };
  await assert.rejects(runWithoutStandardError(sink), /the disk is full/);
});

Deno.test("a summary that cannot be printed is a failure where there is no other", async () => {
  const sink: Sink = { name: "nowhere", needs: ["json"], write() {}, close: () => Promise.resolve() };
  await assert.rejects(runWithoutStandardError(sink), /standard error is closed/);
});
