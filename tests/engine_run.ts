/**
 * Runs the compiled engine over a capture that is in memory, and reads what it writes.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  Engine,
  type EngineCounters,
  type EngineOptions,
  type FilterSettings,
} from "../src/engine/engine.ts";
import { engineModule } from "../src/engine/module.js";
import { defaultStreamOptions } from "../src/engine/stream_options.ts";
import type { Traffic } from "../src/engine/traffic.ts";
import type { OutputKind } from "../src/engine/chunk.ts";

/** Another build of the engine to test instead of the committed one: the path of its module. */
export const otherEngine = Deno.env.get("CARACAL_ENGINE");

Engine.load(
  otherEngine === undefined ? engineModule : new WebAssembly.Module(Deno.readFileSync(otherEngine)),
);

/** One JSON line: fields of `CapturedPacket` and, on the same level, of `PacketMetadata`. */
export type JsonPacket = { readonly [field: string]: unknown };

/** How to run the engine. */
export interface RunOptions extends Partial<EngineOptions> {
  readonly filters?: Partial<FilterSettings>;
  /** Bytes of the next block, at least 1; all at once without it. */
  readonly blockSize?: () => number;
  /** A capture interface makes the input a live one. */
  readonly interfaceName?: string;
}

/** What the engine made of a capture. */
export interface Run {
  readonly wire: Uint8Array;
  /** Packets in each piece of `wire`. */
  readonly pieces: readonly number[];
  readonly json: string;
  readonly text: string;
  /** Savefile records, without a file header. */
  readonly pcap: Uint8Array;
  readonly pcapLinkType: number;
  readonly counters: EngineCounters;
  readonly notices: readonly string[];
  /** Packets and bytes, as the chunks counted them. */
  readonly packets: number;
  readonly bytes: number;
  /** All that the engine read so far. */
  readonly traffic: Traffic;
}

/** All traffic, JSON only, with detection. */
export function engine(options: RunOptions = {}): Engine {
  const made = new Engine({
    ...defaultStreamOptions,
    outputs: ["json"],
    protocol: "all",
    dnsPorts: [53, 5353, 5355],
    udpOnly: false,
    detectTunneling: true,
    batchPackets: 64,
    batchBytes: 1 << 20,
    limit: 0,
    ...options,
  });
  if (options.filters !== undefined) {
    const settings = { filters: [], noFilterPolicy: "allow", localDomains: [], ...options.filters } as const;
    assert.deepEqual(made.setFilters(settings), []);
  }
  return made;
}

/** Runs a new engine over one capture. */
export function run(capture: Uint8Array, options: RunOptions = {}): Run {
  return runOn(engine(options), capture, options);
}

/** Runs an engine over one more capture, and gives up what it holds of it. Counters are the engine's, since it was created. */
export function runOn(engine: Engine, capture: Uint8Array, options: RunOptions = {}): Run {
  const parts: Record<OutputKind, Uint8Array[]> = {
    ...{ wire: [], json: [], text: [], pcap: [] },
    ...{ calls: [], callPcap: [] },
  };
  const pieces: number[] = [];
  let [packets, bytes, position, pcapLinkType] = [0, 0, 0, 0];
  const collect = () => {
    const chunk = engine.take();
    packets += chunk.packets;
    bytes += chunk.bytes;
    pcapLinkType = chunk.pcapLinkType ?? pcapLinkType;
    for (const piece of chunk.wire ?? []) {
      parts.wire.push(piece.bytes);
      pieces.push(piece.packets);
    }
    for (const kind of ["json", "text", "pcap", "calls", "callPcap"] as const) {
      const written = chunk[kind];
      if (written !== undefined) parts[kind].push(written);
    }
  };
  const input = engine.openInput("capture", options.interfaceName ?? "");
  for (let more = true; more;) {
    const size = Math.min(options.blockSize?.() ?? capture.length, capture.length - position);
    engine.inbox(size).set(capture.subarray(position, position + size));
    position += size;
    const atEnd = position === capture.length;
    more = engine.process(input, size, atEnd);
    assert.ok(!(atEnd && more), "more wanted behind the end");
    collect();
  }
  engine.finish();
  collect();
  const utf8 = (blocks: Uint8Array[]) => new TextDecoder("utf-8", { fatal: true }).decode(concat(blocks));
  return {
    wire: concat(parts.wire),
    pieces,
    json: utf8(parts.json),
    text: utf8(parts.text),
    pcap: concat(parts.pcap),
    pcapLinkType,
    counters: engine.counters(),
    notices: engine.takeNotices(),
    packets,
    bytes,
    traffic: engine.traffic(10),
  };
}

/** The packets of JSON lines. Integers that a number cannot hold are bigints. */
export function packetsOf(json: string): JsonPacket[] {
  const revive = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context?.source ?? 0)
      : value;
  return json.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line, revive) as JsonPacket);
}

/** Joins byte arrays. */
export function concat(parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** A repeatable source of numbers from 0 up to, not including, `below` (mulberry32). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296 * below);
  };
}

/** A file of `fixtures/`. */
export function fixture(name: string): Uint8Array {
  return Deno.readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
}

/** The captures of `fixtures/`, those in gzip left out: unpacking is not the engine's. */
export const fixtureNames = [
  "dns.pcap",
  "dns-any.pcap",
  "dns-vlan.pcap",
  "dns.pcapng",
  "dns-tunnel.pcap",
] as const;

const shared = new URL("../../shared/captures/", import.meta.url);

/** A file of the captures kept beside the repository; undefined without them. */
export function sharedFile(name: string): Uint8Array | undefined {
  try {
    return Deno.readFileSync(new URL(name, shared));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Names of these captures; none without them. */
export function sharedCaptureNames(): string[] {
  try {
    return [...Deno.readDirSync(shared)].map((entry) => entry.name).filter((name) =>
      /\.pcap(ng)?$/.test(name)
    ).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Says why tests that need them are ignored. */
export const withoutShared = sharedCaptureNames().length === 0;
if (withoutShared) console.warn("../shared/captures is not there: the tests over its captures are left out");
