import assert from "node:assert/strict";
import type { ProtocolTraffic, Traffic } from "../engine/traffic.ts";
import { noTraffic } from "../engine/traffic.ts";
import { noProgress, type Progress } from "../pipeline/progress.ts";
import { callCounts, summarize, summaryText } from "./summary.ts";
import { summaryCounters } from "./summary_counters.ts";

const counters: Readonly<Record<string, number>> = {
  ...Object.fromEntries(summaryCounters.map((name) => [name, 0])),
  packets: 1_000_102,
  bytes: 500_000_000,
  kept: 999_000,
  kept_bytes: 499_000_000,
  rejected_by_mode: 600,
  rejected_fragments: 10,
  rejected_by_bpf: 20,
  rejected_by_filters: 410,
  fragments_merged: 90,
  datagrams_rebuilt: 30,
  stream_segments: 0,
  stream_messages: 0,
  fragment_duplicates: 2,
  fragments_given_up: 4,
  fragment_overlaps: 1,
  reassembly_gaps: 7,
  reassembly_skipped_bytes: 7000,
  reassembly_discarded_bytes: 11,
  fragment_evictions: 1,
  flow_evictions: 2,
  reassembly_evictions: 3,
  dns_query_evictions: 4,
  dns_domain_evictions: 5,
  detection_evictions: 6,
  talker_evictions: 7,
  tunnelled_packets: 6,
  vxlan_decapsulated: 5,
  esp_null_decapsulated: 1,
  detected_flows: 40,
};
const progress: Progress = { ...noProgress, engine: counters };

function protocol(name: string, packets: number, bytes: number, flows: number): ProtocolTraffic {
  return { protocol: name, packets, bytes, flows };
}

const traffic: Traffic = {
  flows: { total: 50, active: 20, expired: 25, restarted: 3, evicted: 2 },
  protocols: [
    protocol("TLS", 900_000, 450_000_000, 40),
    protocol("DNS", 100_000, 49_999_000, 9),
    protocol("ARP", 100, 1000, 0),
  ],
  top_talkers: [
    { address: "192.0.2.1", packets: 600_000, bytes: 300_000_000 },
    { address: "2001:db8:1234:5678:9abc:def0:1234:5678", packets: 12, bytes: 1200 },
  ],
};

Deno.test("summary: what was read is what was kept, rejected and merged", () => {
  const { packets, kept, rejected, drops, reassembly } = summarize(
    { ...progress, engine: { ...counters, packets: 1_000_107, rejected_without_bpf_program: 5 } },
    traffic,
    1,
  );
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((total, count) => total + count, 0);
  const merged = (reassembly.fragments_merged ?? 0) - (reassembly.datagrams_rebuilt ?? 0);
  assert.equal(packets, kept + sum(rejected) + merged + (drops.no_bpf_program ?? 0));
});

Deno.test("summary: a counter that the engine does not have is an error, never 0", () => {
  for (const name of summaryCounters) {
    const engine = Object.fromEntries(Object.entries(counters).filter(([one]) => one !== name));
    assert.throws(() => summarize({ ...progress, engine }, traffic, 1), { message: new RegExp(` ${name}$`) });
  }
});

Deno.test("summary: every counter is in its group", () => {
  const { reassembly, faults, tunnels, flows, protocols, top_talkers } = summarize(progress, traffic, 1);
  assert.deepEqual(reassembly, {
    fragments_merged: 90,
    datagrams_rebuilt: 30,
    stream_segments: 0,
    stream_messages: 0,
  });
  assert.deepEqual(tunnels, { packets: 6, vxlan_decapsulated: 5, esp_null_decapsulated: 1 });
  assert.deepEqual(flows, { total: 50, active: 20, expired: 25, restarted: 3, evicted: 2, detected: 40 });
  assert.deepEqual(protocols, traffic.protocols);
  assert.deepEqual(top_talkers, traffic.top_talkers);
  const told = Object.fromEntries(Object.entries(faults).filter(([, count]) => count > 0));
  assert.deepEqual(told, {
    fragments_given_up: 4,
    fragment_overlaps: 1,
    reassembly_gaps: 7,
    reassembly_skipped_bytes: 7000,
    reassembly_discarded_bytes: 11,
    evictions: 28,
  });
});

Deno.test("summary: every field is there when nothing was read", () => {
  const full = summarize(progress, traffic, 1);
  const empty = summarize(noProgress, noTraffic, 0);
  assert.deepEqual(Object.keys(empty), Object.keys(full));
  for (const group of ["drops", "rejected", "faults", "reassembly", "tunnels", "flows", "dns"] as const) {
    assert.deepEqual(Object.keys(empty[group]), Object.keys(full[group]), group);
    assert.ok(Object.values(empty[group]).every((count) => count === 0), group);
  }
});

Deno.test("summary: the text", () => {
  assert.equal(
    summaryText(summarize(progress, traffic, 2)),
    `1,000,102 packets, 500,000,000 bytes in 2.000 s (500,051 packets/s, 2.00 Gbit/s)
999,000 kept; left out: of other protocols 600, fragments of such 10, by --filter 20, by filters 410, \
repeated fragments 2
0 dropped
put together: fragments 90, into datagrams 30
in tunnels: packets 6, vxlan decapsulated 5, esp null decapsulated 1
flows: total 50, active 20, expired 25, restarted 3, evicted 2, recognised 40
oddities in the input: incomplete fragments 4, overlapping fragments 1, gaps in TCP streams 7, bytes missing there 7,000, \
bytes of TCP streams that found no room 11, table entries displaced 28

protocol  packets        bytes  flows   share
TLS       900,000  450,000,000     40  90.0 %
DNS       100,000   49,999,000      9  10.0 %
ARP           100        1,000      0   0.0 %

top talkers                             packets        bytes
192.0.2.1                               600,000  300,000,000
2001:db8:1234:5678:9abc:def0:1234:5678       12        1,200
`,
  );
});

Deno.test("summary: on a narrow terminal, the tables fit", () => {
  const text = summaryText(summarize(progress, traffic, 2), 30);
  const tables = text.split("\n\n").slice(1).join("\n").trimEnd().split("\n");
  assert.ok(tables.every((line) => line.length <= 30), text);
  assert.match(text, /^TLS {7}450,000,000 {2}90\.0 %$/m);
  assert.match(text, /^192\.0\.2\.1 {10}300,000,000$/m);
  assert.match(text, /^2001:db8:1234:56… {8}1,200$/m);
});

Deno.test("summary: many protocols are told in 20 rows and one for the rest", () => {
  const protocols = Array.from({ length: 23 }, (_, at) => protocol(`P${at}`, 10, 100 - at, 1));
  const lines = summaryText(summarize(progress, { ...traffic, protocols }, 2)).split("\n");
  const first = lines.findIndex((line) => line.startsWith("P0 "));
  assert.match(lines[first + 19] ?? "", /^P19 /);
  assert.match(lines[first + 20] ?? "", /^3 more +30 +237 +3 +11\.6 %$/);
  assert.equal(lines[first + 21], "");
});

Deno.test("summary: without packets, no tables", () =>
  assert.equal(
    summaryText(summarize(noProgress, noTraffic, 0)),
    "0 packets, 0 bytes in 0.000 s (0 packets/s, 0.0 kbit/s)\n0 kept\n0 dropped\n",
  ));

Deno.test("summary: calls, in VoIP mode", () => {
  const engine = {
    ...counters,
    ...{ sip_messages: 50, sip_refused: 2, sip_shortened: 0, calls_begun: 10, calls_ended: 4 },
    ...{ calls_unmatched: 3, calls_evicted: 1, calls_merged: 1, calls_sharing_endpoints: 0 },
    call_buffer_full: 6,
  };
  const calls = callCounts({ ...progress, engine });
  assert.deepEqual(calls, {
    ...{ sip_messages: 50, sip_refused: 2, sip_shortened: 0, begun: 10, ended: 4, unmatched: 3 },
    ...{ evicted: 1, merged: 1, sharing_endpoints: 0, active: 1 },
  });
  const text = summaryText(summarize({ ...progress, engine }, traffic, 2, {}, undefined, calls));
  assert.match(
    text,
    /^calls: SIP messages 50, refused as SIP 2, begun 10, ended 4, not asked for 3, evicted 1, joined to another 1, active 1$/m,
  );
  assert.match(text, /^dropped: of undecided calls, for want of room 6$/m);
  const none = callCounts(noProgress);
  assert.match(summaryText(summarize(noProgress, noTraffic, 0, {}, undefined, none)), /^calls: none$/m);
});

Deno.test("summary: an engine without a counter of calls is an error", () =>
  assert.throws(() => callCounts(progress), /no counter sip_messages$/));
