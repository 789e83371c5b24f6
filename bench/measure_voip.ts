/**
 * VoIP mode on calls that are made for it: media of many calls at once, and signalling.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { OutputKind } from "../src/engine/chunk.ts";
import { Engine } from "../src/engine/engine.ts";
import { defaultStreamOptions } from "../src/engine/stream_options.ts";
import {
  type CallRecords,
  FILE_HEADER,
  inVlan,
  type MediaTraffic,
  mediaTraffic,
  MESSAGES_PER_CALL,
  OPEN_CALLS,
  signallingOf,
  WANTED,
} from "./voip_capture.ts";

/** Calls with media at once. */
const MEDIA_CALLS = 10_000;
/** Packets of each of their streams. */
const MEDIA_ROUNDS = 20;
/** Calls without media. */
const CALLS = 20_000;
/** Rounds, of which the fastest counts. */
const ROUNDS = 5;
const BLOCK = 256 << 10;

/** What came of it. */
export interface VoipMeasurement {
  /** Packets that were measured. */
  readonly packets: number;
  /** Bytes of frames. */
  readonly bytes: number;
  /** For all of them, in the fastest round. */
  readonly seconds: number;
}

/** An engine that follows calls, and tells nothing. */
function trackingEngine(outputs: readonly OutputKind[] = [], sharesCalls = false): Engine {
  return new Engine({
    sharesCalls,
    ...defaultStreamOptions,
    outputs,
    protocol: "voip",
    dnsPorts: [],
    udpOnly: false,
    detectTunneling: false,
    batchPackets: 64,
    batchBytes: 1 << 20,
    limit: 0,
  });
}

/** An engine that keeps the wanted calls. */
export function voipEngine(sharesCalls = false): Engine {
  const engine = trackingEngine(["wire"], sharesCalls);
  const filter = {
    id: "wanted",
    type: "sip_user",
    pattern: WANTED,
    targetHunters: [],
    enabled: true,
    description: "",
  } as const;
  const settings = { filters: [filter], noFilterPolicy: "deny", localDomains: [] } as const;
  assert.deepEqual(engine.setFilters(settings), []);
  return engine;
}

/** Feeds records to an engine; seconds. */
export function feed(engine: Engine, input: number, { bytes }: CallRecords, isLast: boolean): number {
  const start = performance.now();
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK);
    engine.inbox(block.length).set(block);
    engine.process(input, block.length, isLast && at + BLOCK >= bytes.length);
    engine.take();
  }
  return (performance.now() - start) / 1000;
}

/** RTP of 10,000 calls at once, every second one of which is wanted. */
export function measureVoipMedia(): VoipMeasurement {
  return measureMedia(mediaTraffic(MEDIA_CALLS, MEDIA_ROUNDS));
}

/** The same in a VLAN. */
export function measureVoipMediaInVlan(): VoipMeasurement {
  return measureMedia(inVlan(mediaTraffic(MEDIA_CALLS, MEDIA_ROUNDS)));
}

function measureMedia({ signalling, media }: MediaTraffic): VoipMeasurement {
  return fastest(media, () => {
    using engine = voipEngine();
    const input = engine.openInput("made", "");
    feed(engine, input, signalling, false);
    const seconds = feed(engine, input, media, true);
    engine.finish();
    const { kept, calls_begun, calls_unmatched, calls_evicted } = engine.counters();
    assert.deepEqual({ kept, calls_begun, calls_unmatched, calls_evicted }, {
      kept: signalling.wanted + media.wanted,
      calls_begun: MEDIA_CALLS,
      calls_unmatched: MEDIA_CALLS / 2,
      calls_evicted: 0,
    });
    return seconds;
  });
}

/** The same media, where the engine of another thread has their signalling. */
export function measureVoipMediaHeard(): VoipMeasurement {
  const { signalling, media } = mediaTraffic(MEDIA_CALLS, MEDIA_ROUNDS);
  const told = toldOf(signalling);
  const header = { ...media, bytes: signalling.bytes.subarray(0, FILE_HEADER) };
  return fastest(media, () => {
    using engine = voipEngine(true);
    const input = engine.openInput("made", "");
    feed(engine, input, header, false);
    for (const bytes of told) engine.hear(bytes);
    const seconds = feed(engine, input, media, true);
    engine.finish();
    const { kept, calls_begun, rejected_by_filters } = engine.counters();
    assert.deepEqual({ kept, calls_begun, rejected_by_filters }, {
      kept: media.wanted,
      calls_begun: 0,
      rejected_by_filters: media.packets - media.wanted,
    });
    return seconds;
  });
}

/** What whole calls without media take an engine that hears of them. */
export function measureVoipSignallingHeard(): VoipMeasurement {
  const records = signallingOf(0, CALLS);
  const told = toldOf(records);
  return fastest(records, () => {
    using engine = voipEngine(true);
    const start = performance.now();
    for (const bytes of told) engine.hear(bytes);
    const seconds = (performance.now() - start) / 1000;
    const { kept, sip_messages, calls_begun } = engine.counters();
    assert.deepEqual({ kept, sip_messages, calls_begun }, { kept: 0, sip_messages: 0, calls_begun: 0 });
    return seconds;
  });
}

/** What an engine that reads these records tells others, a block each. */
function toldOf(records: CallRecords): Uint8Array[] {
  using engine = voipEngine(true);
  const input = engine.openInput("made", "");
  const told: Uint8Array[] = [];
  for (let at = 0; at < records.bytes.length; at += BLOCK) {
    const bytes = records.bytes.subarray(at, at + BLOCK);
    feed(engine, input, { ...records, bytes }, false);
    told.push(engine.takeSignalling());
  }
  return told;
}

/** Whole calls without media, every second one of which is wanted. */
export function measureVoipSignalling(): VoipMeasurement {
  const records = signallingOf(0, CALLS);
  assert.equal(records.packets, CALLS * MESSAGES_PER_CALL - OPEN_CALLS * 3);
  return fastest(records, () => {
    using engine = voipEngine();
    const seconds = feed(engine, engine.openInput("made", ""), records, true);
    engine.finish();
    const { kept, sip_messages, calls_begun, calls_unmatched, calls_evicted } = engine.counters();
    assert.deepEqual({ kept, sip_messages, calls_begun, calls_unmatched, calls_evicted }, {
      kept: records.wanted,
      sip_messages: records.packets,
      calls_begun: CALLS,
      calls_unmatched: CALLS / 2,
      calls_evicted: 0,
    });
    return seconds;
  });
}

/** The same calls, parsed and tracked, without filters and outputs. */
export function measureVoipTracking(): VoipMeasurement {
  const records = signallingOf(0, CALLS);
  return fastest(records, () => {
    using engine = trackingEngine();
    const seconds = feed(engine, engine.openInput("made", ""), records, true);
    engine.finish();
    const { kept, sip_messages, calls_begun, calls_ended, calls_evicted } = engine.counters();
    assert.deepEqual({ kept, sip_messages, calls_begun, calls_ended, calls_evicted }, {
      kept: records.packets,
      sip_messages: records.packets,
      calls_begun: CALLS,
      calls_ended: CALLS,
      calls_evicted: 0,
    });
    return seconds;
  });
}

function fastest({ packets, frameBytes }: CallRecords, round: () => number): VoipMeasurement {
  const seconds = Math.min(...Array.from({ length: ROUNDS }, round));
  return { packets, bytes: frameBytes, seconds };
}
