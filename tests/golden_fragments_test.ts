/** IP fragments of real captures: the engine puts together what tshark puts together, no more and no less. */
import assert from "node:assert/strict";
import { packetsOf, run, sharedFile, withoutShared } from "./engine_run.ts";
import { readCapture, readRecords } from "./frames.ts";
import { assertAccounted } from "./layers_run.ts";

interface FileTruth {
  readonly file: string;
  readonly packets: number;
  readonly ipv4_fragments: number;
  readonly ipv6_fragments: number;
}

/**
 * Datagrams that tshark 4.0.17 reassembles (`ip.reassembled.length`, `ipv6.reassembled.length`): the frame that completes
 * them, and what they carry, in bytes.
 */
const datagrams: Readonly<Record<string, readonly (readonly [frame: number, bytes: number])[]>> = {
  "ipv4-fragments.pcap": [[6, 8320], [12, 8320], [18, 8320], [28, 8320], [40, 8320], [53, 8320]],
  "ipv6-fragments.pcap": [[7, 741], [20, 1452], [29, 1003], [36, 786]],
  "sip-ipv6-fragments.pcap": [[2, 1699], [5, 1879]],
};

function truth(): readonly FileTruth[] {
  const read = new TextDecoder().decode(sharedFile("truth/files.json"));
  return withoutShared ? [] : (JSON.parse(read) as { entries: FileTruth[] }).entries;
}

/** Bytes behind the IP header of an Ethernet or Linux cooked frame without tags. */
function payloadLength(frame: Uint8Array, linkLength: number): number {
  const isVersion6 = (frame[linkLength] ?? 0) >> 4 === 6;
  return frame.length - linkLength - (isVersion6 ? 40 : 20);
}

for (const { file, packets, ipv4_fragments, ipv6_fragments } of truth()) {
  const fragments = ipv4_fragments + ipv6_fragments;
  if (fragments === 0) continue;

  Deno.test(`shared ${file}: the datagrams of its ${fragments} fragments`, () => {
    const capture = sharedFile(file) ?? new Uint8Array();
    const records = readCapture(capture);
    const { counters, json, pcap, pcapLinkType } = run(capture, { outputs: ["json", "pcap"] });
    const { fragments_merged = 0, fragment_duplicates = 0, fragments_given_up = 0 } = counters;
    const expected = datagrams[file] ?? [];
    assert.equal(counters.packets, packets);
    assert.equal(counters.datagrams_rebuilt, expected.length);
    const written = readRecords(pcap, pcapLinkType);
    const linkLength = pcapLinkType === 1 ? 14 : 16;
    for (const [frame, bytes] of expected) {
      const time = records[frame - 1]?.timestampNs;
      const rebuilt = written.filter((one) => one.timestampNs === time);
      assert.ok(
        rebuilt.some((one) => payloadLength(one.data, linkLength) === bytes),
        `frame ${frame}`,
      );
    }
    assert.equal(packetsOf(json).length, packets - fragments_merged - fragment_duplicates + expected.length);
    assert.equal(fragments_merged + fragment_duplicates + fragments_given_up, fragments);
    assertAccounted(counters);
  });
}

Deno.test({
  name: "shared captures without fragments: nothing is put together",
  ignore: withoutShared,
  fn() {
    const whole = truth().filter((one) => one.ipv4_fragments + one.ipv6_fragments === 0);
    assert.ok(whole.length > 0);
    for (const { file, packets } of whole) {
      const { counters } = run(sharedFile(file) ?? new Uint8Array());
      const { datagrams_rebuilt, fragments_merged, fragments_given_up } = counters;
      assert.deepEqual([datagrams_rebuilt, fragments_merged, fragments_given_up], [0, 0, 0], file);
      assert.equal(counters.kept, packets, file);
    }
  },
});
