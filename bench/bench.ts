/**
 * `deno task bench [--json] [--capture FILE] [CASE...]`: measures, and asserts the answers of what it measures.
 * With `--json` one object per case: `case`, `packets`, `bytes`, `seconds`, `rss_mib`, `times_as_fast_as` where it
 * is compared with other programs, `cpu_seconds` where processes work together, and `build_seconds` of filters.
 *
 * @module
 */
import "../src/runtime/environment.ts";
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import type { OutputKind, WirePiece } from "../src/engine/chunk.ts";
import { Engine, type EngineCounters } from "../src/engine/engine.ts";
import type { NoFilterPolicy } from "../src/engine/filter.ts";
import { engineModule } from "../src/engine/module.js";
import { defaultStreamOptions } from "../src/engine/stream_options.ts";
import type { Traffic } from "../src/engine/traffic.ts";
import { messageOf, OperatorError } from "../src/runtime/operator_error.ts";
import { type CaptureUnderTest, givenCapture, madeCapture } from "./capture_under_test.ts";
import { runForward } from "./forward.ts";
import { huntProcessObstacle, runHuntProcess } from "./hunt_process.ts";
import { measureMatch } from "./match_patterns.ts";
import { measurePayloads } from "./match_payloads.ts";
import { measureMatchWebGpu } from "./match_webgpu.ts";
import {
  measureVoipMedia,
  measureVoipMediaHeard,
  measureVoipMediaInVlan,
  measureVoipSignalling,
  measureVoipSignallingHeard,
  measureVoipTracking,
} from "./measure_voip.ts";
import { installedPeers, secondsOf } from "./peers.ts";
import { measureSpoolSpeed } from "./spool_speed.ts";
import { runSniff, type SniffRun } from "./sniff_process.ts";

/** One measurement. */
interface Measurement {
  readonly packets: number;
  /** Bytes of packets. */
  readonly bytes: number;
  readonly seconds: number;
  /** Most bytes that the measured process held; undefined when it was this one. */
  readonly rssBytes?: number;
  /** Packets per second by those of other programs. */
  readonly ratios?: Readonly<Record<string, number>>;
  /** CPU time of the processes that were measured, s. */
  readonly cpuSeconds?: Readonly<Record<string, number>>;
  /** What it took to build the filters. */
  readonly buildSeconds?: number;
}

interface Case {
  readonly name: string;
  readonly what: string;
  /** Undefined where it was left out, and the reason said. */
  run(capture: CaptureUnderTest): Measurement | undefined | Promise<Measurement | undefined>;
}

const BLOCK = 1 << 20;
/** Answers must not depend on where blocks end. */
const OTHER_BLOCKS = [64 << 10, 1_000_003] as const;
/** Whole processes are run so often; the median counts. */
const PROCESS_RUNS = 3;

/** Pieces that are kept in memory. */
const MAX_PIECES = 4_096;

/** How an engine is run. */
interface EngineSetup {
  readonly protocol: "all" | "dns";
  readonly outputs: readonly OutputKind[];
  /** Without filters: everything is kept, or nothing. */
  readonly policy: NoFilterPolicy;
}

function setup(
  protocol: "all" | "dns",
  outputs: readonly OutputKind[],
  policy: NoFilterPolicy = "allow",
): EngineSetup {
  return { protocol, outputs, policy };
}

const cases: readonly Case[] = [
  engineCase("engine", "file > engine > null sink, all traffic", setup("all", [])),
  engineCase(
    "engine-dns",
    "file > engine > null sink, DNS ports: full parse and tunnelling score",
    setup("dns", []),
  ),
  engineCase(
    "generic-hunt",
    "file > engine, all traffic with detection, no filter wants it",
    setup("all", ["wire"], "deny"),
  ),
  engineCase(
    "generic-hunt-wire",
    "file > engine > CapturedPacket, all traffic with detection",
    setup("all", ["wire"]),
  ),
  engineCase("engine-json", "file > engine > JSON lines, all traffic", setup("all", ["json"])),
  engineCase("engine-pcap", "file > engine > capture file, all traffic", setup("all", ["pcap"])),
  {
    name: "batches",
    what: "PacketBatch messages > engine > JSON lines, as a processor does it",
    run: measureBatches,
  },
  ...[10, 1_000, 10_000, 100_000].map(matchCase),
  ...[10, 1_000, 10_000, 100_000].map(payloadsCase),
  {
    name: "voip-rtp",
    what: "RTP of 10,000 calls at once > engine, VoIP mode; every second call is wanted by a filter",
    run: measureVoipMedia,
  },
  {
    name: "voip-rtp-vlan",
    what: "the RTP of voip-rtp, in a VLAN > engine, VoIP mode",
    run: measureVoipMediaInVlan,
  },
  {
    name: "voip-sip",
    what: "SIP of calls > engine, VoIP mode: parsed and tracked; every second call is wanted by a filter",
    run: measureVoipSignalling,
  },
  {
    name: "voip-sip-tracked",
    what: "SIP of the same calls > engine, VoIP mode: parsed and tracked, no filters, no outputs",
    run: measureVoipTracking,
  },
  {
    name: "voip-rtp-heard",
    what: "the RTP of voip-rtp > engine whose signalling another capture thread has read",
    run: measureVoipMediaHeard,
  },
  {
    name: "voip-sip-heard",
    what: "the SIP of voip-sip > engine, as the engine of another capture thread tells it",
    run: measureVoipSignallingHeard,
  },
  {
    name: "spool",
    what: "batches > disk spool with interval sync, all forced to disk at the end",
    run: measureSpool,
  },
  {
    name: "sniff-quiet",
    what: "whole process: sniff --quiet",
    run: (capture) => measureSniff(capture, ["--quiet"], true),
  },
  {
    name: "sniff-json",
    what: "whole process: sniff --json to a file",
    run: (capture) => measureSniff(capture, [], false),
  },
  {
    name: "forward",
    what: "a hunter's delivery of packets encoded before > loopback, one stream > process",
    run: (capture) => measureForward(capture),
  },
  {
    name: "hunt-process",
    what: "tcpreplay at its highest rate > veth > hunt > process, in a network namespace; nothing lost",
    run: (capture) => measureHuntProcess(capture),
  },
  {
    name: "match-webgpu",
    what:
      "patterns in payloads on a graphics processor, transfers included, against the engine; the fastest shape",
    run: measureWebGpu,
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
  const { values, positionals } = commandLine();
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
    for (const one of chosen) {
      const measurement = await one.run(capture);
      if (measurement !== undefined) report(one, measurement, values.json === true);
    }
  } finally {
    capture.remove();
  }
}

function commandLine() {
  try {
    return parseArgs({
      args: Deno.args,
      allowPositionals: true,
      options: { json: { type: "boolean" }, capture: { type: "string" } },
    });
  } catch (error) {
    throw new OperatorError(`${messageOf(error)}; usage: bench [--json] [--capture FILE] [CASE...]`, 2);
  }
}

function report(one: Case, measurement: Measurement, json: boolean): void {
  const { packets, bytes, seconds, ratios, cpuSeconds, buildSeconds } = measurement;
  const rssMib = Math.round((measurement.rssBytes ?? Deno.memoryUsage().rss) / 2 ** 20);
  if (json) {
    const figures = {
      case: one.name,
      packets,
      bytes,
      seconds,
      rss_mib: rssMib,
      cpu_seconds: cpuSeconds,
      build_seconds: buildSeconds,
    };
    console.log(JSON.stringify({ ...figures, ...ratios === undefined ? {} : { times_as_fast_as: ratios } }));
    return;
  }
  const rate = (packets / seconds / 1e6).toFixed(2).padStart(7);
  const gigabits = (bytes * 8 / seconds / 1e9).toFixed(2).padStart(7);
  const each = (seconds * 1e9 / packets).toFixed(0).padStart(6);
  const name = one.name.padEnd(17);
  console.log(
    `${name} ${rate} Mpackets/s ${gigabits} Gbit/s ${each} ns/packet ${rssMib} MiB  (${one.what})`,
  );
  for (const [peer, ratio] of Object.entries(ratios ?? {})) {
    const text = ratio < 0.1 ? ratio.toPrecision(2) : ratio.toFixed(2);
    console.log(`${"".padEnd(17)} ${text.padStart(7)} times as fast as ${peer}`);
  }
  if (buildSeconds !== undefined) {
    console.log(`${"".padEnd(17)} ${buildSeconds.toFixed(2).padStart(7)} s to build the filters`);
  }
  for (const [process, spent] of Object.entries(cpuSeconds ?? {})) {
    console.log(`${"".padEnd(17)} ${spent.toFixed(2).padStart(7)} s of CPU time in the ${process}`);
  }
}

function engineCase(name: string, what: string, how: EngineSetup): Case {
  return {
    name,
    what,
    run(capture) {
      warmPageCache(capture.path);
      const measured = checkedRun(capture, how);
      const { packets = 0, bytes = 0, kept } = measured.counters;
      if (how.outputs.length > 0) assert.equal(measured.rendered, kept);
      if (how.policy === "deny") assert.equal(kept, 0);
      return { packets, bytes, seconds: measured.seconds };
    },
  };
}

/** SIP requests made for it, whatever the capture; `seconds` are those of the fastest round. */
function matchCase(patterns: number): Case {
  return {
    name: `match-${patterns}`,
    what: `SIP requests > engine with ${patterns} filters for users`,
    run() {
      const { packets, bytes, seconds, secondsWithFew, buildSeconds } = measureMatch(patterns);
      const ratios = { "with 10 filters": secondsWithFew / seconds };
      return { packets, bytes, seconds, ratios, buildSeconds };
    },
  };
}

/** Long texts made for it, whatever the capture; `seconds` are those of the fastest round. */
function payloadsCase(patterns: number): Case {
  return {
    name: `match-text-${patterns}`,
    what: `text as of web pages, 1,400 bytes each, searched for ${patterns} phone numbers`,
    async run() {
      const { payloads, bytes, seconds, secondsWithFew, buildSeconds } = await measurePayloads(patterns);
      const ratios = { "with 10 patterns": secondsWithFew / seconds };
      return { packets: payloads, bytes, seconds, ratios, buildSeconds };
    },
  };
}

/** A run that gives the same whatever the block size, and as many packets as the file has records. */
function checkedRun(capture: CaptureUnderTest, how: EngineSetup): EngineRun {
  const others = OTHER_BLOCKS.map((block) => runEngine(capture.path, how, block));
  const measured = runEngine(capture.path, how, BLOCK);
  for (const { counters, traffic } of others) {
    assert.deepEqual(counters, measured.counters);
    assert.deepEqual(traffic, measured.traffic);
  }
  if (capture.packets !== undefined) assert.equal(measured.counters.packets, capture.packets);
  const { counters, traffic } = measured;
  const count = (name: string) => counters[name] ?? assert.fail(`no counter ${name}`);
  // Neither rejected before they reached a flow, nor repeated; a datagram in place of its fragments.
  const rejected = count("rejected_by_bpf") + count("rejected_without_bpf_program") +
    count("rejected_by_mode") + count("rejected_fragments") + count("fragment_duplicates");
  const packets = count("packets") - rejected - count("fragments_merged") + count("datagrams_rebuilt");
  assert.equal(traffic.protocols.reduce((sum, one) => sum + one.packets, 0), packets);
  return measured;
}

interface EngineRun {
  readonly counters: EngineCounters;
  readonly traffic: Traffic;
  /** Packets in the outputs, counted from the outputs. */
  readonly rendered: number;
  readonly seconds: number;
}

function runEngine(path: string, how: EngineSetup, block: number): EngineRun {
  const engine = newEngine(how);
  const file = Deno.openSync(path);
  const input = engine.openInput(path, "");
  let rendered = 0;
  const start = performance.now();
  for (let more = true; more;) {
    const bytes = file.readSync(engine.inbox(block));
    more = engine.process(input, bytes ?? 0, bytes === null);
    rendered += engine.take().packets;
  }
  engine.finish();
  rendered += engine.take().packets;
  const seconds = (performance.now() - start) / 1000;
  file.close();
  return { counters: engine.counters(), traffic: engine.traffic(10), rendered, seconds };
}

function newEngine({ protocol, outputs, policy }: EngineSetup): Engine {
  const engine = new Engine({
    ...defaultStreamOptions,
    outputs,
    protocol,
    dnsPorts: [53],
    udpOnly: false,
    detectTunneling: true,
    batchPackets: 64,
    batchBytes: 1 << 20,
    limit: 0,
  });
  engine.setFilters({ filters: [], noFilterPolicy: policy, localDomains: [] });
  return engine;
}

/** Captured packets as a hunter sends them, then read as a processor reads them. */
function measureBatches(capture: CaptureUnderTest): Measurement {
  const sender = newEngine(setup("all", ["wire"]));
  const receiver = newEngine(setup("all", ["json"]));
  const file = Deno.openSync(capture.path);
  const input = sender.openInput(capture.path, "");
  let milliseconds = 0;
  let packets = 0;
  let bytes = 0;
  const pass = () => {
    for (const piece of sender.take().wire ?? []) {
      const start = performance.now();
      const info = receiver.processBatch(piece.bytes);
      receiver.take();
      milliseconds += performance.now() - start;
      assert.equal(info.packets, piece.packets);
      packets += info.packets;
      bytes += info.bytes;
    }
  };
  for (let more = true; more;) {
    const read = file.readSync(sender.inbox(BLOCK));
    more = sender.process(input, read ?? 0, read === null);
    pass();
  }
  sender.finish();
  pass();
  file.close();
  assert.equal(packets, sender.counters().kept);
  return { packets, bytes, seconds: milliseconds / 1000 };
}

/** Captured packets as a hunter keeps them. */
async function measureSpool(capture: CaptureUnderTest): Promise<Measurement> {
  const { seconds, bareSeconds, packets, bytes } = await measureSpoolSpeed(wirePieces(capture));
  const ratios = { "a bare file, written and synced once": bareSeconds / seconds };
  return { packets, bytes, seconds, ratios };
}

/** The first encoded packets of a capture. */
function wirePieces(capture: CaptureUnderTest): WirePiece[] {
  const engine = newEngine(setup("all", ["wire"]));
  using file = Deno.openSync(capture.path);
  const input = engine.openInput(capture.path, "");
  const pieces: WirePiece[] = [];
  for (let more = true; more && pieces.length < MAX_PIECES;) {
    const read = file.readSync(engine.inbox(BLOCK));
    more = engine.process(input, read ?? 0, read === null);
    pieces.push(...engine.take().wire ?? []);
  }
  return pieces;
}

/** Several runs, each with the answer of the engine alone; with `compare`, other programs run between them. */
async function measureSniff(
  capture: CaptureUnderTest,
  flags: readonly string[],
  compare: boolean,
): Promise<Measurement> {
  const { counters, traffic } = checkedRun(capture, setup("all", []));
  const runs: SniffRun[] = [];
  const peers = compare ? installedPeers() : [];
  const peerRates: [name: string, packetsPerSecond: number][] = [];
  while (runs.length < PROCESS_RUNS || peers.length > 0) {
    warmPageCache(capture.path);
    const run = await runSniff(capture.path, flags);
    const { packets, bytes, flows, protocols } = run.summary;
    assert.deepEqual({ packets, bytes }, { packets: counters.packets, bytes: counters.bytes });
    const { detected: _, ...counts } = flows;
    assert.deepEqual({ flows: counts, protocols }, { flows: traffic.flows, protocols: traffic.protocols });
    runs.push(run);
    const peer = peers.shift();
    if (peer === undefined) continue;
    warmPageCache(capture.path);
    const seconds = await secondsOf(peer, capture.path);
    peerRates.push([peer.name, Math.min(packets, peer.packets ?? packets) / seconds]);
  }
  const median = runs.toSorted((one, other) => one.seconds - other.seconds)[runs.length >> 1];
  assert.ok(median);
  const { seconds, rssBytes, summary: { packets, bytes } } = median;
  const ratios = Object.fromEntries(peerRates.map(([name, rate]) => [name, packets / seconds / rate]));
  return { packets, bytes, seconds, rssBytes, ...compare ? { ratios } : {} };
}

async function measureForward(capture: CaptureUnderTest): Promise<Measurement> {
  warmPageCache(capture.path);
  const { sent, processor, processorCpuSeconds } = await runForward(capture.path);
  const { packets, bytes, seconds } = sent;
  const cpuSeconds = { hunter: sent.cpuSeconds, processor: processorCpuSeconds };
  return { packets, bytes, seconds, rssBytes: processor.rssBytes, cpuSeconds };
}

async function measureHuntProcess(capture: CaptureUnderTest): Promise<Measurement> {
  const obstacle = await huntProcessObstacle();
  if (obstacle !== undefined) throw new OperatorError(`hunt-process: ${obstacle}`);
  warmPageCache(capture.path);
  const { packets, bytes, sendSeconds, hunter, processor } = await runHuntProcess(capture.path);
  const cpuSeconds = { hunter: hunter.cpuSeconds, processor: processor.cpuSeconds };
  return { packets, bytes, seconds: sendSeconds, rssBytes: hunter.rssBytes, cpuSeconds };
}

/** Each shape of the work by the engine's time for it. */
async function measureWebGpu(): Promise<Measurement | undefined> {
  const speeds = await measureMatchWebGpu();
  if (typeof speeds === "string") {
    console.error(`bench: match-webgpu is left out: ${speeds}`);
    return undefined;
  }
  const ratios = speeds.map(({ what, seconds }) =>
    [`the engine: ${what}`, seconds["cpu-simd"] / seconds.webgpu] as const
  );
  const rate = ({ payloads, seconds }: typeof speeds[number]) => payloads / seconds.webgpu;
  const fastest = speeds.reduce((best, one) => rate(one) > rate(best) ? one : best);
  return {
    packets: fastest.payloads,
    bytes: fastest.bytes,
    seconds: fastest.seconds.webgpu,
    ratios: Object.fromEntries(ratios),
  };
}

/** Idle machines drop cached pages. */
function warmPageCache(path: string): void {
  const file = Deno.openSync(path);
  const buffer = new Uint8Array(4 << 20);
  while (file.readSync(buffer) !== null);
  file.close();
}
