/**
 * A hunter that reads a capture, and its processor on loopback, as processes of their own.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Summary } from "../src/cli/summary.ts";
import { RunningProgram } from "./program.ts";
import { type Usage, usageOf } from "./usage.ts";

const LIMIT_MS = 300_000;

/** What a processor says at its end. */
export interface ProcessorSummary {
  readonly packets: number;
  readonly bytes: number;
  readonly repeats: number;
}

/** One run. */
export interface ForwardRun {
  /** Packets that the processor took. */
  readonly packets: number;
  /** Bytes of frames in them. */
  readonly bytes: number;
  /** From the registration of the hunter to its end, when all is acknowledged. */
  readonly seconds: number;
  /** What the two processes used. */
  readonly hunter: Usage;
  readonly processor: Usage;
}

/** Sends the capture at `path` over one stream, and checks what arrived against what the hunter kept. */
export async function runForward(path: string): Promise<ForwardRun> {
  const processor = new RunningProgram(
    ["process", "--insecure", "--id", "bench", "--listen", "127.0.0.1:0", "--quiet", "--json"],
    { permissions: ["--allow-net", "--allow-sys=hostname"], limitMs: LIMIT_MS },
  );
  try {
    const [, address = ""] = await processor.said(/listening on (127\.0\.0\.1:\d+)/);
    const hunter = new RunningProgram(
      [
        ...["hunt", "-r", path, "-P", address, "--insecure", "--id", "edge", "--json"],
        ...["--no-filter-policy", "allow"],
      ],
      { permissions: ["--allow-ffi", "--allow-net", "--allow-read"], limitMs: LIMIT_MS },
    );
    try {
      await hunter.said(/registered/);
      const before = usageOf(processor.pid);
      const start = performance.now();
      let hunterUsage = usageOf(hunter.pid);
      const watch = setInterval(() => hunterUsage = usageOf(hunter.pid) ?? hunterUsage, 20);
      const sent = await hunter.summary<Summary>().finally(() => clearInterval(watch));
      const seconds = (performance.now() - start) / 1000;
      const after = usageOf(processor.pid);
      processor.signal("SIGINT");
      const taken = await processor.summary<ProcessorSummary>();
      assert.equal(sent.delivery?.acknowledged, sent.kept);
      assert.deepEqual(
        { packets: taken.packets, bytes: taken.bytes, repeats: taken.repeats },
        { packets: sent.kept, bytes: sent.kept_bytes, repeats: 0 },
      );
      const cpu = (after?.cpuSeconds ?? 0) - (before?.cpuSeconds ?? 0);
      return {
        packets: taken.packets,
        bytes: taken.bytes,
        seconds,
        hunter: hunterUsage ?? { cpuSeconds: 0, rssBytes: 0 },
        processor: { cpuSeconds: cpu, rssBytes: after?.rssBytes ?? 0 },
      };
    } finally {
      hunter.signal("SIGKILL");
    }
  } finally {
    processor.signal("SIGKILL");
  }
}
