import type { ProtocolTraffic, Talker, Traffic } from "../engine/traffic.ts";
import type { Progress } from "../pipeline/progress.ts";
import { bitRateText, grouped, percentText, secondsText } from "./number_text.ts";
import { captureDrops, engineCount } from "./drop_reasons.ts";
import { type CallCounter, callCounters, type SummaryCounter, summaryCounters } from "./summary_counters.ts";
import { textTable } from "./text_table.ts";

const evictionCounters = summaryCounters.filter((name) => name.endsWith("_evictions"));

/** Protocols that the text shows each in a row of its own. */
const PROTOCOL_ROWS = 20;

/** What a run came to, for the operator. Counts are packets unless they say otherwise. */
export interface Summary {
  /** Packets read. */
  readonly packets: number;
  /** Captured bytes of these packets. */
  readonly bytes: number;
  /** Packets kept. */
  readonly kept: number;
  /** Captured bytes of these packets. */
  readonly kept_bytes: number;
  /** Wall-clock time, seconds. */
  readonly seconds: number;
  /** Packets read by wall-clock time. */
  readonly packets_per_second: number;
  /** Captured bytes, times 8, by wall-clock time. */
  readonly bits_per_second: number;
  /** Packets lost, by reason; every reason is always there. */
  readonly drops: Readonly<Record<string, number>>;
  /** Packets that were read, and not asked for or there before, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Oddities that were read over, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** What was put together of IP fragments: neither lost nor odd. The faults have what could not be. */
  readonly reassembly: Readonly<Record<string, number>>;
  /** Packets that came through a tunnel, and those that it was taken off. */
  readonly tunnels: Readonly<Record<string, number>>;
  /** The flow table, in flows; `detected` are those whose protocol was recognised. */
  readonly flows: Readonly<Record<string, number>>;
  /** Packets by protocol, most bytes first; which: see {@link Traffic}. */
  readonly protocols: readonly ProtocolTraffic[];
  /** The addresses that sent and received most bytes. */
  readonly top_talkers: readonly Talker[];
  /** DNS messages parsed, and responses that were matched with their query. */
  readonly dns: Readonly<Record<string, number>>;
  /** SIP messages and calls, by what became of them; only in VoIP mode. */
  readonly calls?: Readonly<Record<string, number>>;
  /** Packets on their way to a processor, by what became of them; only with a processor elsewhere. */
  readonly delivery?: Readonly<Record<string, number>>;
}

/**
 * Makes the summary of a run of `seconds`. `lost` are drops behind the pipeline, by reason.
 *
 * `packets` = `kept` + all of `rejected` + `fragments_merged` - `datagrams_rebuilt` + `stream_segments` -
 * `stream_messages` + the `no_bpf_program` and `call_buffer_full` of the drops. Of the kept packets, those with unwritable (unsendable) link types are only left out of the capture file (the
 * wire); the sinks' drops and `lost` are of the kept ones, too. What `protocols` count is said at {@link Traffic}.
 *
 * Throws where the engine has counted, but has no counter of a name that is read here.
 */
export function summarize(
  progress: Progress,
  traffic: Traffic,
  seconds: number,
  lost: Readonly<Record<string, number>> = {},
  delivery?: Readonly<Record<string, number>>,
  calls?: Readonly<Record<string, number>>,
): Summary {
  const count = (name: SummaryCounter): number => engineCount(progress, name);
  const rate = (amount: number) => seconds > 0 ? Math.round(amount / seconds) : 0;
  return {
    packets: count("packets"),
    bytes: count("bytes"),
    kept: count("kept"),
    kept_bytes: count("kept_bytes"),
    seconds: Math.round(seconds * 1e6) / 1e6,
    packets_per_second: rate(count("packets")),
    bits_per_second: rate(count("bytes") * 8),
    drops: { ...captureDrops(progress), ...lost },
    rejected: {
      mode: count("rejected_by_mode"),
      fragments: count("rejected_fragments"),
      bpf: count("rejected_by_bpf"),
      filters: count("rejected_by_filters"),
      duplicates: count("fragment_duplicates"),
    },
    faults: {
      refused_inputs: count("refused_inputs"),
      over_snaplen_records: count("over_snaplen_records"),
      skipped_bytes: count("skipped_bytes"),
      unknown_link_types: count("unknown_link_types"),
      bad_lengths: count("bad_lengths"),
      empty_packets: count("empty_packets"),
      dns_partial: count("dns_partial"),
      fragments_given_up: count("fragments_given_up"),
      fragment_overlaps: count("fragment_overlaps"),
      reassembly_gaps: count("reassembly_gaps"),
      reassembly_skipped_bytes: count("reassembly_skipped_bytes"),
      reassembly_discarded_bytes: count("reassembly_discarded_bytes"),
      capture_restarts: progress.restarts,
      signalling_dropped_bytes: progress.signallingDropped,
      evictions: sumOf(...evictionCounters.map(count)),
    },
    reassembly: {
      fragments_merged: count("fragments_merged"),
      datagrams_rebuilt: count("datagrams_rebuilt"),
      stream_segments: count("stream_segments"),
      stream_messages: count("stream_messages"),
    },
    tunnels: {
      packets: count("tunnelled_packets"),
      vxlan_decapsulated: count("vxlan_decapsulated"),
      esp_null_decapsulated: count("esp_null_decapsulated"),
    },
    flows: { ...traffic.flows, detected: count("detected_flows") },
    protocols: traffic.protocols,
    top_talkers: traffic.top_talkers,
    dns: { messages: count("dns_messages"), correlated: count("dns_correlated") },
    ...(calls === undefined ? {} : { calls }),
    ...(delivery === undefined ? {} : { delivery }),
  };
}

/**
 * The calls of a run, for {@link summarize}. `active` = `begun` - `ended` - `unmatched` - `evicted` - `merged`: what was
 * not over, or not decided on, when the counters were read.
 */
export function callCounts(progress: Progress): Record<string, number> {
  const counts = Object.fromEntries(
    Object.entries(callCounters).map(([name, word]) => [word, engineCount(progress, name as CallCounter)]),
  );
  const { begun = 0, ended = 0, unmatched = 0, evicted = 0, merged = 0 } = counts;
  return { ...counts, active: Math.max(0, begun - ended - unmatched - evicted - merged) };
}

/** How the text names what the JSON names more tersely. */
const words: Readonly<Record<string, string>> = {
  mode: "of other protocols",
  fragments: "fragments of such",
  bpf: "by --filter",
  filters: "by filters",
  duplicates: "repeated fragments",
  sinks: "output failed or too slow",
  kernel: "in the kernel",
  interface: "at the interface",
  refused_inputs: "inputs that are no capture",
  dns_partial: "DNS messages read in part",
  bad_lengths: "wrong lengths",
  evictions: "table entries displaced",
  signalling_dropped_bytes: "bytes of signalling that a thread did not hear",
  call_buffer_full: "of undecided calls, for want of room",
  sip_messages: "SIP messages",
  sip_refused: "refused as SIP",
  sip_shortened: "shortened",
  unmatched: "not asked for",
  merged: "joined to another",
  sharing_endpoints: "sharing a media endpoint",
  fragments_given_up: "incomplete fragments",
  fragment_overlaps: "overlapping fragments",
  reassembly_gaps: "gaps in TCP streams",
  reassembly_skipped_bytes: "bytes missing there",
  reassembly_discarded_bytes: "bytes of TCP streams that found no room",
  fragments_merged: "fragments",
  datagrams_rebuilt: "into datagrams",
  stream_segments: "segments of streams",
  stream_messages: "into messages",
  detected: "recognised",
  on_disk: "in the disk buffer",
  not_kept: "not on disk when sent",
};

/**
 * The summary as lines of text, then tables of protocols and of addresses, `width` characters wide at most; counts that
 * are zero are left out, but for drops as a whole.
 */
export function summaryText(summary: Summary, width = Infinity): string {
  const lines = [
    `${grouped(summary.packets)} packets, ${grouped(summary.bytes)} bytes in ${
      secondsText(summary.seconds)
    } ` +
    `(${grouped(summary.packets_per_second)} packets/s, ${bitRateText(summary.bits_per_second)})`,
    `${grouped(summary.kept)} kept${listed("; left out: ", summary.rejected)}` +
    listed("; DNS: ", summary.dns),
    listed("", summary.drops) === "" ? "0 dropped" : `dropped${listed(": ", summary.drops)}`,
  ];
  if (summary.calls !== undefined) lines.push(`calls${listed(": ", summary.calls) || ": none"}`);
  if (summary.delivery !== undefined) {
    lines.push(`delivery${listed(": ", summary.delivery) || ": nothing sent"}`);
  }
  const more = [
    listed("put together: ", summary.reassembly),
    listed("in tunnels: ", summary.tunnels),
    listed("flows: ", summary.flows),
    listed("oddities in the input: ", summary.faults),
  ].filter((line) => line !== "");
  const tables = [protocolTable(summary, width), talkerTable(summary, width)].flatMap((table) =>
    table.length > 0 ? ["", ...table] : []
  );
  return [...lines, ...more, ...tables].join("\n") + "\n";
}

function listed(lead: string, counts: Readonly<Record<string, number>>): string {
  const told = Object.entries(counts).filter(([, count]) => count > 0);
  if (told.length === 0) return "";
  return lead +
    told.map(([name, count]) => `${words[name] ?? name.replaceAll("_", " ")} ${grouped(count)}`).join(", ");
}

function protocolTable({ protocols }: Summary, width: number): string[] {
  if (protocols.length === 0) return [];
  // Of what was looked at: datagrams stand for their fragments, and rejected packets are not among them.
  const packets = sumOf(...protocols.map((one) => one.packets));
  const bytes = sumOf(...protocols.map((one) => one.bytes));
  const rest = protocols.slice(PROTOCOL_ROWS);
  const rows = protocols.slice(0, PROTOCOL_ROWS);
  if (rest.length > 0) {
    rows.push({
      protocol: `${rest.length} more`,
      packets: sumOf(...rest.map((one) => one.packets)),
      bytes: sumOf(...rest.map((one) => one.bytes)),
      flows: sumOf(...rest.map((one) => one.flows)),
    });
  }
  // Records may be empty.
  const share = (row: ProtocolTraffic) =>
    bytes > 0 ? percentText(row.bytes, bytes) : percentText(row.packets, packets);
  return textTable<ProtocolTraffic>(
    [
      { name: "protocol", text: (row) => row.protocol, align: "left" },
      { name: "packets", text: (row) => grouped(row.packets), align: "right", dropOrder: 2 },
      { name: "bytes", text: (row) => grouped(row.bytes), align: "right" },
      { name: "flows", text: (row) => grouped(row.flows), align: "right", dropOrder: 3 },
      { name: "share", text: share, align: "right", dropOrder: 1 },
    ],
    rows,
    width,
  );
}

function talkerTable({ top_talkers }: Summary, width: number): string[] {
  if (top_talkers.length === 0) return [];
  return textTable<Talker>(
    [
      { name: "top talkers", text: (row) => row.address, align: "left" },
      { name: "packets", text: (row) => grouped(row.packets), align: "right", dropOrder: 1 },
      { name: "bytes", text: (row) => grouped(row.bytes), align: "right" },
    ],
    top_talkers,
    width,
  );
}

function sumOf(...counts: number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
