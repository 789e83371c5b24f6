/**
 * Calls of real telephones (`fixtures/voip-*.pcap`) past a live hunter once more, as a bad line carries them: disordered,
 * repeated, and over UDP with losses.
 */
import assert from "node:assert/strict";
import {
  captureOf,
  type CaptureRecord,
  fixture,
  fixtureObstacle,
  readCapture,
} from "../end_to_end/capture_file.ts";
import { Folder, missingCommand } from "../end_to_end/program.ts";
import { randomNumbers } from "../engine_run.ts";
import { ends, udpFrame } from "../frames.ts";
import { callsIn } from "../voip/call_truth.ts";
import { FilteredCalls, wantedUser } from "../voip/filtered_calls.ts";
import { canaryId, messageOf } from "../voip/telephone_network.ts";
import { libpcapObstacle } from "./libpcap_library.ts";
import { namespaceWithLoopback, send } from "./live_node.ts";
import { namespaceObstacle, type NetworkNamespace } from "./namespace.ts";

const missing = missingCommand("tshark");
const obstacle = fixtureObstacle("voip_truth.json") ?? libpcapObstacle() ?? await namespaceObstacle() ??
  (missing === undefined ? undefined : `${missing} is not installed`);
if (obstacle !== undefined) console.log(`live tests of calls on a bad line are skipped: ${obstacle}`);

/** One packet in so many is lost, and repeated. */
const RARELY = 25;
/** A packet is overtaken by so many others at most. */
const OVERTAKEN = 2;
const PER_SECOND = 1_000;

const byteAt = (frame: Uint8Array, at: number) => frame[at] ?? 0;
const isVersion6 = (frame: Uint8Array) => byteAt(frame, 12) === 0x86;
/** Next header of an IPv6 packet, or protocol. */
const protocolOf = (frame: Uint8Array) => byteAt(frame, isVersion6(frame) ? 20 : 23);

function isFragment(frame: Uint8Array): boolean {
  if (isVersion6(frame)) return protocolOf(frame) === 44;
  return (byteAt(frame, 20) & 0x3f) !== 0 || byteAt(frame, 21) !== 0;
}

/** A TCP segment that begins or ends a connection. */
function isTurningPoint(frame: Uint8Array): boolean {
  const flags = byteAt(frame, (isVersion6(frame) ? 54 : 34) + 13);
  return protocolOf(frame) === 6 && (flags & 0x07) !== 0;
}

/**
 * The records as a bad line carries them, at times of their own: it loses, repeats and disorders datagrams, or it repeats
 * and disorders TCP segments.
 */
function disturbed(
  records: readonly CaptureRecord[],
  line: "udp" | "tcp",
  random: (below: number) => number,
): CaptureRecord[] {
  const isDatagram = (frame: Uint8Array) => protocolOf(frame) !== 6;
  const keepsPlace = (frame: Uint8Array) => isTurningPoint(frame) || line === "udp" && !isDatagram(frame);
  const carried = records.flatMap((record) => {
    const { frame } = record;
    if (isFragment(frame) || isTurningPoint(frame) || isDatagram(frame) !== (line === "udp")) return [record];
    if (line === "udp" && random(RARELY) === 0) return [];
    return random(RARELY) === 0 ? [record, record] : [record];
  });
  const places = carried.map(({ frame }, at) => keepsPlace(frame) ? at : at + random(OVERTAKEN + 1) + 0.5);
  const order = places.map((place, at) => ({ place, at })).sort((one, other) => one.place - other.place);
  return order.flatMap(({ at }, index) => {
    const record = carried[at];
    return record === undefined ? [] : [{ ...record, timeNs: BigInt(index) * 1_000_000n }];
  });
}

async function sendCanary(namespace: NetworkNamespace): Promise<void> {
  const payload = new TextEncoder().encode(messageOf(canaryId(), wantedUser, "UDP"));
  const frame = udpFrame(payload, ends({ destinationPort: 5070 }));
  await send(namespace, [{ timeNs: 0n, originalLength: frame.length, frame }]);
}

for (const file of ["voip-udp.pcap", "voip-tcp.pcap", "voip-ipv6.pcap"]) {
  Deno.test({
    name: `live calls: ${file} on a bad line`,
    ignore: obstacle !== undefined,
    async fn() {
      await using namespace = await namespaceWithLoopback();
      using folder = new Folder();
      const { linkType, records } = readCapture(fixture(file));
      // Over TCP, what arrived at the telephones is what they sent: the truth is that of the fixture.
      const line = file === "voip-tcp.pcap" ? "tcp" : "udp";
      const carried = disturbed(records, line, randomNumbers(7));
      assert.notEqual(carried.length, records.length);
      const path = folder.file("carried.pcap", captureOf({ linkType, records: carried }));
      const truth = await callsIn(line === "udp" ? path : fixture(file));
      await using calls = await FilteredCalls.start(namespace);
      await calls.ready(() => sendCanary(namespace));
      await send(namespace, carried, PER_SECOND);
      await calls.finish(truth, [...truth.values()].filter((call) => call.fromUser === wantedUser).length);
    },
  });
}
