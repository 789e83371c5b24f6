/**
 * Runs a small capture through the engine, whole and in blocks of several sizes, with all outputs, and holds it to what is
 * true of every capture.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { EngineCounters } from "../src/engine/engine.ts";
import type { Traffic } from "../src/engine/traffic.ts";
import { type JsonPacket, packetsOf, type Run, run, type RunOptions } from "./engine_run.ts";
import { type CaptureRecord, readRecords } from "./frames.ts";
import { assertShownAll, type Decoded, decodeWire } from "./wire_messages.ts";

/** Bytes of the blocks that a capture is cut into. */
const blockSizes = [1, 7, 100, 1000, 65_536] as const;

/** What the engine made of a capture. */
export interface Observed {
  /** JSON lines. */
  readonly shown: readonly JsonPacket[];
  /** Packets on the wire. */
  readonly sent: readonly Decoded[];
  /** Records of the capture file. */
  readonly written: readonly CaptureRecord[];
  readonly counters: EngineCounters;
  readonly traffic: Traffic;
}

/** Whether every packet that was read came out somewhere: kept, rejected, lost for want of room, or a part of something. */
export function assertAccounted(counters: EngineCounters): void {
  const count = (name: string) => counters[name] ?? assert.fail(`no counter ${name}`);
  const rejected = Object.keys(counters).filter((name) => name.startsWith("rejected_")).map(count);
  const merged = count("fragments_merged") - count("datagrams_rebuilt") + count("fragment_duplicates") +
    count("stream_segments") - count("stream_messages") + count("call_buffer_full");
  assert.equal(count("packets"), rejected.reduce((sum, one) => sum + one, count("kept") + merged));
}

/** Everything that a run gave, but for the order of notices: those of faulty records come at the end of a block. */
function answerOf({ notices, pieces: _pieces, ...answer }: Run): unknown {
  return { ...answer, notices: [...notices].sort() };
}

/** Runs the capture. Asserts that block sizes change nothing, that the outputs agree and that the packets add up. */
export function observe(capture: Uint8Array, options: RunOptions = {}): Observed {
  const all: RunOptions = { ...options, outputs: ["wire", "json", "text", "pcap"] };
  const whole = run(capture, all);
  for (const size of blockSizes) {
    assert.deepEqual(answerOf(run(capture, { ...all, blockSize: () => size })), answerOf(whole));
  }
  const { json, wire, pcap, pcapLinkType, counters, traffic } = whole;
  const [shown, sent] = [packetsOf(json), decodeWire(wire)];
  assertShownAll(shown, sent);
  assert.equal(counters.kept, whole.packets);
  assertAccounted(counters);
  return { shown, sent, written: readRecords(pcap, pcapLinkType), counters, traffic };
}
