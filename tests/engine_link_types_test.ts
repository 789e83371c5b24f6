/** Frames behind what a capturing machine puts in front of them, through the engine. */
import assert from "node:assert/strict";
import { concat, engine, packetsOf, runOn } from "./engine_run.ts";
import { linkType, pcapFile, query, record, udpFrame } from "./frames.ts";
import { decodeWire } from "./wire_messages.ts";

const START = 1_700_000_000_000_000_000n;
const ppi = 192, juniperEthernet = 178;

const dns = udpFrame(query(7, "www.example.com", 1));
const arp = concat([dns.subarray(0, 12), [8, 6, 0, 1, 8, 0, 6, 4, 0, 1], new Uint8Array(20)]);

/** Per-Packet Information without fields. */
function behindPpi(frame: Uint8Array): Uint8Array {
  return concat([[0, 0, 8, 0, linkType.ethernet, 0, 0, 0], frame]);
}

function capture(link: number, frames: readonly Uint8Array[]): Uint8Array {
  return pcapFile(frames.map((frame) => record(frame, START)), { linkType: link, nanoseconds: true });
}

Deno.test("a frame goes out without its capture header, as what it is", () => {
  using made = engine({ outputs: ["json", "wire"] });
  const { json, wire } = runOn(made, capture(ppi, [behindPpi(dns)]), {});
  const [shown] = packetsOf(json);
  assert.deepEqual([shown?.protocol, shown?.info], ["DNS", "A www.example.com?"]);
  const [sent] = decodeWire(wire);
  assert.deepEqual(
    [sent?.link_type, sent?.capture_length, sent?.original_length],
    [linkType.ethernet, dns.length, dns.length],
  );
  assert.deepEqual(sent?.data, dns);
});

Deno.test("BPF sees a frame without its capture header, and the program of its own link type", () => {
  // ldh [12]; jeq #0x800; ret #65535; ret #0
  const isIpv4 = Uint8Array.of(
    ...[0x28, 0, 0, 0, 12, 0, 0, 0],
    ...[0x15, 0, 0, 1, 0x00, 0x08, 0, 0],
    ...[0x06, 0, 0, 0, 0xff, 0xff, 0, 0],
    ...[0x06, 0, 0, 0, 0, 0, 0, 0],
  );
  const junos = (flags: number, frame: Uint8Array) => concat([[0x4d, 0x47, 0x43, flags], frame]);
  const withoutLinkLayer = junos(2, concat([[2, 0, 0, 0], dns.subarray(14)]));
  for (
    const [link, frames] of [
      [ppi, [behindPpi(dns), behindPpi(arp)]],
      [juniperEthernet, [junos(1, dns), junos(1, arp), withoutLinkLayer]],
    ] as const
  ) {
    using made = engine();
    made.setPrograms(new Map([[linkType.ethernet, isIpv4]]));
    const { counters } = runOn(made, capture(link, frames));
    assert.deepEqual(
      [counters.kept, counters.rejected_by_bpf, counters.rejected_without_bpf_program],
      [1, 1, frames.length - 2],
    );
  }
});
