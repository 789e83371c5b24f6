/**
 * The engine with so many filters, against itself with ten, on the same traffic and in the same minute.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Engine } from "../src/engine/engine.ts";
import { defaultStreamOptions } from "../src/engine/stream_options.ts";
import { type SipTraffic, sipTraffic, userFilters } from "./sip_traffic.ts";

const PACKETS = 40_000;
/** Rounds, of which the fastest counts. */
const ROUNDS = 7;
const BLOCK = 256 << 10;
const FEW = 10;

/** What came of it. */
export interface MatchMeasurement {
  /** Packets in the capture. */
  readonly packets: number;
  /** Bytes of packets. */
  readonly bytes: number;
  /** For all packets, with `patterns` filters. */
  readonly seconds: number;
  /** The same with ten filters. */
  readonly secondsWithFew: number;
  /** What it took to build the filters, and put them in force. */
  readonly buildSeconds: number;
}

/** SIP requests through the engine with `patterns` filters for users, each a text that the user contains. */
export function measureMatch(patterns: number): MatchMeasurement {
  const traffic = sipTraffic(PACKETS);
  const [few, many] = [engineWith(FEW), engineWith(patterns)];
  let seconds = Infinity;
  let secondsWithFew = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    secondsWithFew = Math.min(secondsWithFew, run(few.engine, traffic));
    seconds = Math.min(seconds, run(many.engine, traffic));
  }
  const { packets, bytes } = traffic;
  return { packets, bytes, seconds, secondsWithFew, buildSeconds: many.buildSeconds };
}

function engineWith(patterns: number): { engine: Engine; buildSeconds: number } {
  const engine = new Engine({
    ...defaultStreamOptions,
    outputs: ["wire"],
    protocol: "all",
    dnsPorts: [53],
    udpOnly: false,
    detectTunneling: false,
    batchPackets: 64,
    batchBytes: 1 << 20,
    limit: 0,
  });
  const filters = userFilters(patterns);
  const start = performance.now();
  assert.deepEqual(engine.setFilters({ filters, noFilterPolicy: "deny", localDomains: [] }), []);
  return { engine, buildSeconds: (performance.now() - start) / 1000 };
}

/** Seconds for all of the traffic, of which just the fitting packets may be kept. */
function run(engine: Engine, traffic: SipTraffic): number {
  const before = engine.counters().kept ?? 0;
  const input = engine.openInput("made", "");
  const start = performance.now();
  for (let at = 0; at < traffic.capture.length; at += BLOCK) {
    const block = traffic.capture.subarray(at, at + BLOCK);
    engine.inbox(block.length).set(block);
    engine.process(input, block.length, at + BLOCK >= traffic.capture.length);
    engine.take();
  }
  const seconds = (performance.now() - start) / 1000;
  assert.equal((engine.counters().kept ?? 0) - before, traffic.fitting);
  return seconds;
}
