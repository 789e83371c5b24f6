/** What goes out of VoIP mode is the same by one engine, and by several that each see some of the flows. */
import assert from "node:assert/strict";
import type { Engine } from "../src/engine/engine.ts";
import { fileHeader } from "./end_to_end/capture_file.ts";
import { concat, engine, fixture, run, type RunOptions, sharedFile } from "./engine_run.ts";
import { assertAccounted } from "./layers_run.ts";

const fixtures = ["voip-udp.pcap", "voip-tcp.pcap", "voip-ipv6.pcap"];
// deno-fmt-ignore
const shared = [
  "sip-udp-registrations.pcap", "sip-rtp-t38-fax.pcap", "sip-ipv6-fragments.pcap", "sip-tcp-register.pcap",
  "sip-tcp-port-5062.pcap", "rtp-streams.pcapng", "stun-ice-call.pcap",
];
const captures = [
  ...fixtures.map((name) => [name, () => fixture(name)] as const),
  ...shared.map((name) => [name, () => sharedFile(name)] as const),
];

const recordHeaderSize = 16;

for (const [name, bytes] of captures) {
  Deno.test(`${name}: several engines send what one does`, () => {
    const capture = bytes();
    if (capture === undefined) return console.log(`skipped: ${name} is absent`);
    const { pcap, pcapLinkType } = run(capture, { outputs: ["pcap"], protocol: "all" });
    const header = Uint8Array.from(fileHeader(pcapLinkType));
    for (const pattern of [undefined, "carol", "*", "nobody"]) {
      const options = settings(pattern);
      const alone = run(concat([header, pcap]), options);
      const begun = (alone.counters.calls_begun ?? 0) - (alone.counters.calls_merged ?? 0);
      for (const [count, lag] of [[2, 0], [3, 0], [5, 0], [2, 3], [3, 1], [5, 4]] as const) {
        const together = runTogether(header, pcap, options, count, lag);
        const what = `${count} engines, ${lag} packets late, ${pattern}`;
        // Among calls that share a port, media of some milliseconds may go with another one than by one engine.
        const shown = lag === 0 ? same : pattern === "carol" ? onlySip : withoutCallId;
        assert.deepEqual(shown(together.lines), shown(linesOf(alone.json)), what);
        assert.equal(together.begun, begun, what);
      }
      // Known media go a shorter way where nobody reads them here.
      const wire = { ...options, outputs: ["wire"] } as const;
      const sent = packetsOf(run(concat([header, pcap]), wire).wire);
      assert.deepEqual(same(runTogether(header, pcap, wire, 3, 0).packets), same(sent), `wire, ${pattern}`);
    }
  });
}

const same = (lines: readonly string[]) => lines.toSorted();
const onlySip = (lines: readonly string[]) => same(lines.filter((line) => line.includes('"protocol":"SIP"')));
const withoutCallId = (lines: readonly string[]) =>
  same(lines.map((line) => line.replace(/"call_id":"[^"]*"/, "")));

/** Filters that match some of the fixtures' calls, all of them, and none; and no filters. */
function settings(pattern: string | undefined): RunOptions {
  const filter = { id: "f", type: "sip_user", targetHunters: [], enabled: true, description: "" } as const;
  const filters = pattern === undefined ? [] : [{ ...filter, pattern }];
  const noFilterPolicy = pattern === undefined ? "allow" : "deny";
  return { protocol: "voip", outputs: ["json"], filters: { filters, noFilterPolicy } };
}

/** Each record goes to the engine of its flow; the others hear of calls `lag` records later. */
function runTogether(
  header: Uint8Array,
  records: Uint8Array,
  options: RunOptions,
  count: number,
  lag: number,
) {
  const engines = Array.from({ length: count }, () => engine({ ...options, sharesCalls: true }));
  const feed = (engine: Engine, bytes: Uint8Array) => {
    engine.inbox(bytes.length).set(bytes);
    engine.process(0, bytes.length, false);
  };
  for (const engine of engines) {
    engine.openInput("capture", "");
    feed(engine, header);
  }
  const underway: { readonly due: number; readonly from: Engine; readonly told: Uint8Array }[] = [];
  let taken = 0;
  const exchange = () => {
    taken += 1;
    for (const from of engines) {
      const told = from.takeSignalling();
      if (told.length > 0) underway.push({ due: taken + lag, from, told });
    }
    while (underway[0] !== undefined && underway[0].due <= taken) {
      const { from, told } = underway.shift() ?? assert.fail();
      for (const engine of engines) if (engine !== from) engine.hear(told);
    }
  };
  const view = new DataView(records.buffer, records.byteOffset);
  for (let at = 0; at < records.length;) {
    const end = at + recordHeaderSize + view.getUint32(at + 8, true);
    const chosen = engines[flowOf(records.subarray(at + recordHeaderSize, end)) % count] ?? assert.fail();
    feed(chosen, records.subarray(at, end));
    exchange();
    at = end;
  }
  for (let turn = 0; turn <= lag; turn++) exchange();
  let [json, begun] = ["", 0];
  const packets: string[] = [];
  for (const engine of engines) {
    engine.finish();
    const chunk = engine.take();
    json += new TextDecoder().decode(chunk.json);
    for (const { bytes } of chunk.wire ?? []) packets.push(...packetsOf(bytes));
    const counters = engine.counters();
    assertAccounted(counters);
    begun += (counters.calls_begun ?? 0) - (counters.calls_merged ?? 0);
    engine[Symbol.dispose]();
  }
  return { lines: linesOf(json), packets, begun };
}

/** A number for both directions of a flow, and for all fragments between two hosts, as the kernel has it. */
function flowOf(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  let at = 14;
  let type = frame.length > at ? view.getUint16(12) : 0;
  for (; type === 0x8100 && frame.length > at + 4; at += 4) type = view.getUint16(at + 2);
  const isV4 = type === 0x0800 && frame.length >= at + 24;
  if (!isV4 && !(type === 0x86dd && frame.length >= at + 44)) return 0;
  const addresses = isV4 ? frame.subarray(at + 12, at + 20) : frame.subarray(at + 8, at + 40);
  let flow = addresses.reduce((sum, octet) => sum + octet * octet, 0);
  const isFragment = isV4 && (view.getUint16(at + 6) & 0x3fff) !== 0;
  const protocol = frame[isV4 ? at + 9 : at + 6];
  if (!isFragment && (protocol === 6 || protocol === 17)) {
    const ports = at + (isV4 ? ((frame[at] ?? 0) & 15) * 4 : 40);
    flow += Math.imul(view.getUint16(ports) + view.getUint16(ports + 2), 0x9e3779b1) >>> 7;
  }
  return flow;
}

/** Each encoded packet, as hexadecimal text: `PacketBatch.packets`, a tag of one byte, the length and so many bytes. */
function packetsOf(wire: Uint8Array): string[] {
  const packets: string[] = [];
  for (let at = 0; at < wire.length;) {
    const start = at++;
    let length = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const octet = wire[at++] ?? assert.fail("the wire output is cut");
      length |= (octet & 127) << shift;
      more = octet > 127;
    }
    at += length;
    packets.push(wire.subarray(start, at).toHex());
  }
  return packets;
}

function linesOf(json: string): string[] {
  return json.split("\n").filter((line) => line !== "");
}
