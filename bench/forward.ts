/**
 * A hunter and its processor, as processes of their own, with one packet stream between them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { SenderReport } from "./forward_sender.ts";
import { outputOf, type ProcessorSummary, RunningProgram } from "./program.ts";
import { type Usage, usageOf } from "./usage.ts";

const LIMIT_MS = 300_000;
/** Bytes of frames that are sent: some seconds of work. */
const SENT_BYTES = 1_000_000_000;

/** One run. */
export interface ForwardRun {
  /** What the hunter says. */
  readonly sent: SenderReport;
  /** CPU time of the processor while it was sent, s. */
  readonly processorCpuSeconds: number;
  /** What the processor used at the end. */
  readonly processor: Usage;
}

/** Sends packets of the capture at `path` over loopback, and checks what arrived. */
export async function runForward(path: string): Promise<ForwardRun> {
  await using processor = new RunningProgram(
    ["process", "--insecure", "--id", "bench", "--listen", "127.0.0.1:0", "--quiet", "--json"],
    { permissions: ["--allow-net", "--allow-sys=hostname"], limitMs: LIMIT_MS },
  );
  const [, address = ""] = await processor.said(/listening on (127\.0\.0\.1:\d+)/);
  const before = usageOf(processor.pid);
  const sender = fileURLToPath(new URL("forward_sender.ts", import.meta.url));
  const words = [
    "timeout",
    String(LIMIT_MS / 1000),
    Deno.execPath(),
    "run",
    "--allow-all",
    sender,
    address,
    path,
  ];
  const sent = JSON.parse(await outputOf([...words, String(SENT_BYTES)])) as SenderReport;
  const after = usageOf(processor.pid);
  assert.ok(before && after, "no /proc");
  processor.signal("SIGINT");
  const { packets, bytes, repeats } = await processor.summary<ProcessorSummary>();
  assert.deepEqual({ packets, bytes, repeats }, { packets: sent.packets, bytes: sent.bytes, repeats: 0 });
  assert.ok(bytes >= SENT_BYTES);
  return { sent, processor: after, processorCpuSeconds: after.cpuSeconds - before.cpuSeconds };
}
