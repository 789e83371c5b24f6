import type { Progress } from "../pipeline/progress.ts";

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
  /** Packets that were read, and not asked for, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Oddities that were read over, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** DNS messages parsed, and responses that were matched with their query. */
  readonly dns: Readonly<Record<string, number>>;
  /** Packets on their way to a processor, by what became of them; only with a processor elsewhere. */
  readonly delivery?: Readonly<Record<string, number>>;
}

/** Makes the summary of a run of `seconds`. `lost` are drops behind the pipeline, by reason. */
export function summarize(
  progress: Progress,
  seconds: number,
  lost: Readonly<Record<string, number>> = {},
  delivery?: Readonly<Record<string, number>>,
): Summary {
  const { engine, kernel } = progress;
  const count = (name: string) => engine[name] ?? 0;
  const rate = (amount: number) => seconds > 0 ? Math.round(amount / seconds) : 0;
  return {
    packets: count("packets"),
    bytes: count("bytes"),
    kept: count("kept"),
    kept_bytes: count("kept_bytes"),
    seconds: Math.round(seconds * 1e6) / 1e6,
    packets_per_second: rate(count("packets")),
    bits_per_second: rate(count("bytes") * 8),
    drops: {
      kernel: kernel?.dropped ?? 0,
      interface: kernel?.interfaceDropped ?? 0,
      sinks: progress.droppedBySinks,
      truncated_records: count("truncated_records"),
      bad_records: count("bad_records"),
      bad_blocks: count("bad_blocks"),
      unknown_interfaces: count("unknown_interfaces"),
      no_bpf_program: count("rejected_without_bpf_program"),
      unsendable_link_types: count("unsendable_link_types"),
      unwritable_link_types: count("unwritable_link_types"),
      ...lost,
    },
    rejected: {
      mode: count("rejected_by_mode"),
      fragments: count("rejected_fragments"),
      bpf: count("rejected_by_bpf"),
      filters: count("rejected_by_filters"),
    },
    faults: {
      refused_inputs: count("refused_inputs"),
      over_snaplen_records: count("over_snaplen_records"),
      skipped_bytes: count("skipped_bytes"),
      unknown_link_types: count("unknown_link_types"),
      bad_lengths: count("bad_lengths"),
      empty_packets: count("empty_packets"),
      dns_partial: count("dns_partial"),
      capture_restarts: progress.restarts,
      evictions: count("dns_query_evictions") + count("dns_domain_evictions") + count("fragment_evictions"),
    },
    dns: { messages: count("dns_messages"), correlated: count("dns_correlated") },
    ...(delivery === undefined ? {} : { delivery }),
  };
}

/** How the text names what the JSON names more tersely. */
const words: Readonly<Record<string, string>> = {
  mode: "of other protocols",
  fragments: "fragments of such",
  bpf: "by --filter",
  filters: "by filters",
  sinks: "output too slow",
  kernel: "in the kernel",
  interface: "at the interface",
  refused_inputs: "inputs that are no capture",
  dns_partial: "DNS messages read in part",
  bad_lengths: "wrong lengths",
  evictions: "table entries displaced",
};

/** The summary as a few lines of text; counts that are zero are left out, but for drops as a whole. */
export function summaryText(summary: Summary): string {
  const lines = [
    `${grouped(summary.packets)} packets, ${grouped(summary.bytes)} bytes in ${seconds(summary.seconds)} ` +
    `(${grouped(summary.packets_per_second)} packets/s, ${bitRate(summary.bits_per_second)})`,
    `${grouped(summary.kept)} kept${listed("; left out: ", summary.rejected)}` +
    listed("; DNS: ", summary.dns),
    listed("", summary.drops) === "" ? "0 dropped" : `dropped${listed(": ", summary.drops)}`,
  ];
  if (summary.delivery !== undefined) {
    lines.push(`delivery${listed(": ", summary.delivery) || ": nothing sent"}`);
  }
  const faults = listed("oddities in the input: ", summary.faults);
  if (faults !== "") lines.push(faults);
  return lines.join("\n") + "\n";
}

function listed(lead: string, counts: Readonly<Record<string, number>>): string {
  const told = Object.entries(counts).filter(([, count]) => count > 0);
  if (told.length === 0) return "";
  return lead +
    told.map(([name, count]) => `${words[name] ?? name.replaceAll("_", " ")} ${grouped(count)}`).join(", ");
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(3)} s` : `${value.toFixed(1)} s`;
}

function bitRate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1e9) return `${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
  return `${(bitsPerSecond / 1e3).toFixed(1)} kbit/s`;
}
