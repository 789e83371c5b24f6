/**
 * A live capture on a veth pair in a network namespace, streamed to a processor, with tcpreplay beside them.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Summary } from "../src/cli/summary.ts";
import { namespaceObstacle, NetworkNamespace } from "../tests/live/namespace.ts";
import { missingCommand, pause } from "../tests/end_to_end/program.ts";
import { outputOf, type ProcessorSummary, RunningProgram } from "./program.ts";
import { type Usage, usageOf } from "./usage.ts";

const LIMIT_MS = 300_000;
/** A program that used less CPU time than this in a second has nothing left to do, s. */
const IDLE_CPU_SECONDS = 0.05;
/** Room for bursts, where sender, hunter and processor share few cores. */
const HUNTER_FLAGS = ["--pcap-buffer-size", String(256 << 20), "--batch-queue-size", "100000"];

/** One run. */
export interface HuntProcessRun {
  /** Packets that tcpreplay sent, and as many arrived. */
  readonly packets: number;
  /** Bytes of frames in them. */
  readonly bytes: number;
  /** How long tcpreplay took. */
  readonly sendSeconds: number;
  /** What the hunter used. */
  readonly hunter: Usage;
  /** What the processor used. */
  readonly processor: Usage;
}

/** What it takes and is not here, for a message; else undefined. */
export async function huntProcessObstacle(): Promise<string | undefined> {
  const missing = missingCommand("tcpreplay", "ip", "sysctl");
  return missing === undefined ? await namespaceObstacle() : `${missing} is not installed`;
}

/** Plays the capture at `path` as fast as tcpreplay can, and fails unless every packet arrives at the processor. */
export async function runHuntProcess(path: string): Promise<HuntProcessRun> {
  await using namespace = await NetworkNamespace.create();
  await namespace.run("ip", "link", "set", "lo", "up");
  for (const end of ["va", "vb"]) await namespace.run("ip", "link", "set", end, "mtu", "65000");
  const run = { through: ["ip", "netns", "exec", namespace.name], limitMs: LIMIT_MS };
  await using processor = new RunningProgram(
    ["process", "--insecure", "--id", "bench", "--listen", "127.0.0.1:0", "--quiet", "--json"],
    { ...run, permissions: ["--allow-net", "--allow-sys=hostname"] },
  );
  const [, address = ""] = await processor.said(/listening on (127\.0\.0\.1:\d+)/);
  await using hunter = new RunningProgram(
    [
      ...["hunt", "-i", "vb", "-P", address, "--insecure", "--id", "edge", "--json"],
      ...["--no-filter-policy", "allow", ...HUNTER_FLAGS],
    ],
    { ...run, permissions: ["--allow-ffi", "--allow-net", "--allow-read"] },
  );
  await hunter.said(/registered/);
  // A line for each packet socket, below the heading.
  while (!(await namespace.run("cat", "/proc/net/packet")).trimEnd().includes("\n")) await pause(50);
  const replayed = await outputOf([
    ...[...run.through, "timeout", String(LIMIT_MS / 1000)],
    ...["tcpreplay", "--intf1", "va", "--topspeed", "--preload-pcap", path],
  ]);
  const [, packets = 0, bytes = 0, sendSeconds = 0] =
    /Actual: (\d+) packets \((\d+) bytes\) sent in ([\d.]+) seconds/.exec(replayed)?.map(Number) ??
      assert.fail(replayed);
  const used = { hunter: await idle(hunter), processor: await idle(processor) };
  hunter.signal("SIGINT");
  const captured = await hunter.summary<Summary>();
  processor.signal("SIGINT");
  const taken = await processor.summary<ProcessorSummary>();
  const lost = Object.fromEntries(Object.entries(captured.drops).filter(([, count]) => count > 0));
  assert.deepEqual({ captured: captured.packets, lost }, { captured: packets, lost: {} });
  assert.equal(captured.bytes, bytes);
  // Fragments go on as the datagram that they were.
  assert.deepEqual(
    { packets: taken.packets, bytes: taken.bytes, repeats: taken.repeats },
    { packets: captured.kept, bytes: captured.kept_bytes, repeats: 0 },
  );
  return { packets, bytes, sendSeconds, ...used };
}

/** Resolves with what a program has used as soon as it has nothing left to do. */
async function idle(program: RunningProgram): Promise<Usage> {
  const used = () => usageOf(program.pid) ?? assert.fail("no /proc");
  for (let before = used();;) {
    await pause(1_000);
    const now = used();
    if (now.cpuSeconds - before.cpuSeconds < IDLE_CPU_SECONDS) return now;
    before = now;
  }
}
