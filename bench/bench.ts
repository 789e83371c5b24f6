/**
 * `deno task bench [--json] [--capture FILE] [CASE...]`: measures, and asserts the answers of what it measures.
 * With `--json` one object per case: `case`, `packets`, `bytes`, `seconds`, `rss_mib`.
 *
 * @module
 */
import "../src/runtime/environment.ts";
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import type { OutputKind } from "../src/engine/chunk.ts";
import { Engine, type EngineCounters } from "../src/engine/engine.ts";
import { engineModule } from "../src/engine/module.js";
import { OperatorError } from "../src/runtime/operator_error.ts";
import { type CaptureUnderTest, givenCapture, madeCapture } from "./capture_under_test.ts";

/** One measurement. */
interface Measurement {
  readonly packets: number;
  /** Bytes of packets. */
  readonly bytes: number;
  readonly seconds: number;
  /** Most bytes that the measured process held; undefined when it was this one. */
  readonly rssBytes?: number;
}

interface Case {
  readonly name: string;
  readonly what: string;
  run(capture: CaptureUnderTest): Measurement | Promise<Measurement>;
}

const BLOCK = 1 << 20;

const cases: readonly Case[] = [
  engineCase("engine", "file > engine > null sink, all traffic", "all", []),
  engineCase(
    "engine-dns",
    "file > engine > null sink, DNS ports: full parse and tunnelling score",
    "dns",
    [],
  ),
  engineCase("engine-wire", "file > engine > CapturedPacket, all traffic", "all", ["wire"]),
  engineCase("engine-json", "file > engine > JSON lines, all traffic", "all", ["json"]),
  engineCase("engine-pcap", "file > engine > capture file, all traffic", "all", ["pcap"]),
  {
    name: "batches",
    what: "PacketBatch messages > engine > JSON lines, as a processor does it",
    run: measureBatches,
  },
  {
    name: "sniff-quiet",
    what: "whole process: sniff --quiet",
    run: (capture) => measureSniff(capture, ["--quiet"]),
  },
  {
    name: "sniff-json",
    what: "whole process: sniff --json to a file",
    run: (capture) => measureSniff(capture, ["--json"]),
  },
];

Engine.load(engineModule);
try {
  await main();
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  console.error(`bench: ${error.message}`);
  Deno.exit(error.exitCode);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { json: { type: "boolean" }, capture: { type: "string" } },
  });
  const chosen = positionals.length === 0 ? cases : positionals.map((name) => {
    const found = cases.find((one) => one.name === name);
    if (found !== undefined) return found;
    console.error(`bench: no case ${name}; there are: ${cases.map((one) => one.name).join(", ")}`);
    Deno.exit(2);
  });
  const capture = values.capture === undefined
    ? madeCapture(new URL("../fixtures/dns.pcap", import.meta.url))
    : givenCapture(values.capture);
  try {
    for (const one of chosen) report(one, await one.run(capture), values.json === true);
  } finally {
    capture.remove();
  }
}

function report(one: Case, measurement: Measurement, json: boolean): void {
  const { packets, bytes, seconds } = measurement;
  const rssMib = Math.round((measurement.rssBytes ?? Deno.memoryUsage().rss) / 2 ** 20);
  if (json) {
    console.log(JSON.stringify({ case: one.name, packets, bytes, seconds, rss_mib: rssMib }));
    return;
  }
  const rate = (packets / seconds / 1e6).toFixed(2).padStart(7);
  const gigabits = (bytes * 8 / seconds / 1e9).toFixed(2).padStart(7);
  const each = (seconds * 1e9 / packets).toFixed(0).padStart(6);
  console.log(
    `${
      one.name.padEnd(12)
    } ${rate} Mpackets/s ${gigabits} Gbit/s ${each} ns/packet ${rssMib} MiB  (${one.what})`,
  );
}

function engineCase(name: string, what: string, protocol: "all" | "dns", outputs: OutputKind[]): Case {
  return {
    name,
    what,
    run(capture) {
      warmPageCache(capture.path);
      // The same counters whatever the block size, and as many records as the file has.
      const small = runEngine(capture.path, protocol, outputs, 64 << 10);
      const measured = runEngine(capture.path, protocol, outputs, BLOCK);
      assert.deepEqual(measured.counters, small.counters);
      if (capture.packets !== undefined) assert.equal(measured.counters.packets, capture.packets);
      if (outputs.length > 0) assert.equal(measured.rendered, measured.counters.kept);
      return {
        packets: measured.counters.packets ?? 0,
        bytes: measured.counters.bytes ?? 0,
        seconds: measured.seconds,
      };
    },
  };
}

interface EngineRun {
  readonly counters: EngineCounters;
  /** Packets in the outputs, counted from the outputs. */
  readonly rendered: number;
  readonly seconds: number;
}

function runEngine(
  path: string,
  protocol: "all" | "dns",
  outputs: readonly OutputKind[],
  block: number,
): EngineRun {
  const engine = newEngine(protocol, outputs);
  const file = Deno.openSync(path);
  const input = engine.openInput(path, "");
  let rendered = 0;
  const start = performance.now();
  for (let more = true; more;) {
    const bytes = file.readSync(engine.inbox(block));
    more = engine.process(input, bytes ?? 0, bytes === null);
    rendered += engine.take().packets;
  }
  const seconds = (performance.now() - start) / 1000;
  file.close();
  return { counters: engine.counters(), rendered, seconds };
}

function newEngine(protocol: "all" | "dns", outputs: readonly OutputKind[]): Engine {
  return new Engine({
    outputs,
    protocol,
    dnsPorts: [53],
    udpOnly: false,
    detectTunneling: true,
    batchPackets: 64,
    batchBytes: 1 << 20,
    limit: 0,
  });
}

/** Captured packets as a hunter sends them, then read as a processor reads them. */
function measureBatches(capture: CaptureUnderTest): Measurement {
  const sender = newEngine("all", ["wire"]);
  const receiver = newEngine("all", ["json"]);
  const file = Deno.openSync(capture.path);
  const input = sender.openInput(capture.path, "");
  let milliseconds = 0;
  let packets = 0;
  let bytes = 0;
  for (let more = true; more;) {
    const read = file.readSync(sender.inbox(BLOCK));
    more = sender.process(input, read ?? 0, read === null);
    for (const piece of sender.take().wire ?? []) {
      const start = performance.now();
      const info = receiver.processBatch(piece.bytes);
      receiver.take();
      milliseconds += performance.now() - start;
      assert.equal(info.packets, piece.packets);
      packets += info.packets;
      bytes += info.bytes;
    }
  }
  file.close();
  assert.equal(packets, sender.counters().kept);
  return { packets, bytes, seconds: milliseconds / 1000 };
}

async function measureSniff(capture: CaptureUnderTest, flags: readonly string[]): Promise<Measurement> {
  warmPageCache(capture.path);
  const output = Deno.makeTempFileSync({ prefix: "caracal-bench-" });
  const program = new URL("../main.ts", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "--no-prompt", "--allow-ffi", "--allow-read", program];
  // The shell gives standard output to the file, and its place to the program.
  const command = new Deno.Command("sh", {
    args: [
      "-c",
      'out=$1; shift; exec "$@" >"$out"',
      "sh",
      output,
      ...deno,
      "sniff",
      "-r",
      capture.path,
      ...flags,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const start = performance.now();
  const child = command.spawn();
  let rssBytes = 0;
  const watch = setInterval(() => rssBytes = Math.max(rssBytes, peakOf(child.pid)), 20);
  const [stderr, status] = await Promise.all([new Response(child.stderr).text(), child.status]);
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  Deno.removeSync(output);
  assert.equal(status.code, 0, stderr);
  const engine = runEngine(capture.path, "all", [], BLOCK).counters;
  const told = Number(
    /^[^0-9]*([0-9,]+) packets|"packets":([0-9]+)/m.exec(stderr)?.slice(1).find(Boolean)?.replaceAll(",", ""),
  );
  assert.equal(told, engine.packets, stderr);
  return { packets: told, bytes: engine.bytes ?? 0, seconds, rssBytes };
}

/** Most bytes that a process has held so far; 0 where the system does not tell. */
function peakOf(pid: number): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Idle machines drop cached pages. */
function warmPageCache(path: string): void {
  const file = Deno.openSync(path);
  const buffer = new Uint8Array(4 << 20);
  while (file.readSync(buffer) !== null);
  file.close();
}
