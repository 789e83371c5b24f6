/**
 * What the engine makes of every capture that there is, for comparisons of one build with another.
 *
 * @module
 */
import { fixture, fixtureNames, run, sharedCaptureNames, sharedFile } from "./engine_run.ts";

/** All that one capture gives. */
export interface Answer {
  readonly name: string;
  readonly json: string;
  readonly text: string;
  /** Digests, since they would be long. */
  readonly wire: string;
  readonly pcap: string;
  readonly counters: unknown;
  readonly traffic: unknown;
  readonly notices: readonly string[];
}

/** The answers to all captures, one after the other. */
export function* answersToAll(): Generator<Answer> {
  const captures = [
    ...fixtureNames.map((name) => [name, fixture(name)] as const),
    ...sharedCaptureNames().map((name) => [`shared ${name}`, sharedFile(name)] as const),
  ];
  for (const [name, capture] of captures) {
    const { json, text, wire, pcap, counters, traffic, notices } = run(capture ?? new Uint8Array(), {
      outputs: ["json", "text", "wire", "pcap"],
      espHeuristic: true,
    });
    yield { name, json, text, wire: digest(wire), pcap: digest(pcap), counters, traffic, notices };
  }
}

/** FNV-1a, 32 bits, and the length. */
function digest(bytes: Uint8Array): string {
  const hash = bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5);
  return `${bytes.length} bytes, ${(hash >>> 0).toString(16)}`;
}
