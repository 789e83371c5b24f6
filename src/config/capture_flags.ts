import { type AnyFlag, inSections, shared } from "./flag.ts";
import { boolean, integer, orEmpty, path, paths, ports, text, texts } from "./value_kind.ts";

const capturing = ["hunt", "sniff", "tap"] as const;

/** Flags about where packets come from and which are kept. */
export const captureFlags: readonly AnyFlag[] = [
  {
    setting: "interfaces",
    long: "interface",
    short: "i",
    group: "Capture",
    kind: texts("an interface name", 255),
    placeholder: "name,...",
    default: ["any"],
    keys: inSections(capturing, "interfaces"),
    help: "interfaces to capture on",
    details: "Comma-separated, repeatable, or both. `any` captures on all interfaces and stands alone. " +
      "`list interfaces` shows what there is.",
  },
  {
    setting: "readFiles",
    long: "read-file",
    short: "r",
    group: "Capture",
    kind: paths(),
    placeholder: "file",
    default: [],
    defaultText: "live capture",
    keys: inSections(capturing, "read_files"),
    help: "read a capture file instead of capturing; `-` is standard input",
    details:
      "pcap and pcapng, also compressed with gzip. Repeat it to read several files one after another. " +
      "The run ends with the last file, and nothing is dropped on the way.",
  },
  {
    setting: "filter",
    long: "filter",
    short: "f",
    group: "Capture",
    kind: orEmpty(text("a BPF expression", 65535), ""),
    placeholder: "expression",
    default: "",
    defaultText: "everything",
    keys: inSections(capturing, "bpf_filter"),
    help: "BPF expression that packets must match",
    details:
      "In the language of tcpdump (pcap-filter(7)). The kernel applies it, so what it refuses costs nothing. " +
      "A protocol's own clause and the processor's filters are joined to it.",
  },
  {
    setting: "promiscuous",
    long: "promisc",
    short: "p",
    oldNames: { hunt: ["promiscuous"], sniff: ["promiscuous"], tap: ["promiscuous"] },
    group: "Capture",
    kind: boolean(),
    default: false,
    keys: { ...shared(["hunt", "sniff"], "promiscuous"), tap: ["tap.promiscuous", "promiscuous"] },
    help: "capture frames that are addressed to other machines, too",
    details:
      "Needed behind a mirror port that does not switch the interface by itself. Has no meaning for `any`.",
  },
  {
    setting: "pcapBufferSize",
    long: "pcap-buffer-size",
    group: "Capture",
    kind: integer(65536, 2147483647, 16777216),
    placeholder: "bytes",
    default: 16777216,
    keys: shared(capturing, "pcap_buffer_size"),
    help: "kernel capture buffer of each interface",
    details: "Raise it when the summary counts packets that the kernel dropped.",
  },
  {
    setting: "pcapTimeoutMs",
    long: "pcap-timeout",
    group: "Capture",
    kind: integer(1, 60000, 200),
    placeholder: "ms",
    default: 200,
    keys: shared(capturing, "pcap_timeout_ms"),
    help: "longest time that the kernel holds packets back",
    details: "Lower values show packets sooner, higher ones cost less CPU time.",
  },
  {
    setting: "snapLength",
    long: "snapshot-length",
    group: "Capture",
    kind: integer(64, 262144),
    placeholder: "bytes",
    default: 262144,
    keys: shared(capturing, "snapshot_length"),
    help: "keep at most this many bytes of each packet",
    details: "What lies behind cannot be parsed. The original length is kept and reported.",
  },
  {
    setting: "count",
    long: "count",
    short: "n",
    group: "Capture",
    kind: integer(0, Number.MAX_SAFE_INTEGER),
    placeholder: "packets",
    default: 0,
    defaultText: "no limit",
    keys: inSections(capturing, "count"),
    help: "stop after this many kept packets",
    details: "Counts packets that passed all filters. 0 is no limit.",
  },
  {
    setting: "singleThread",
    long: "single-thread",
    group: "Capture",
    kind: boolean(),
    default: false,
    keys: shared(capturing, "single_thread"),
    help: "capture and parse on the main thread",
    details: "Slower. It is what happens anyway where Deno may not read the program's own files, " +
      "since a thread of its own cannot be started then.",
  },
  {
    setting: "workers",
    long: "workers",
    group: "Capture",
    kind: integer(1, 64),
    placeholder: "threads",
    default: 1,
    keys: inSections(["hunt"], "workers"),
    help: "threads that capture and parse beside each other",
    details: "They share each interface by flow (fan-out of the Linux kernel): for rates that one thread " +
      "cannot take. Each has a kernel buffer, and tables of flows and calls, of its own. Packets of different threads " +
      "may reach the processor out of order, by 0.3 s at most; --pcap-timeout is 20 at most. Only for a live capture " +
      "that goes to a processor elsewhere (--processor), without --count and --single-thread.",
  },
];

const dns = ["dns"] as const;

/** Flags of the DNS engine. */
export const dnsFlags: readonly AnyFlag[] = [
  {
    setting: "dnsPorts",
    long: "dns-port",
    group: "DNS",
    kind: ports([53]),
    placeholder: "port,...",
    default: [53],
    protocols: dns,
    keys: { hunt: ["hunter.dns.ports"], sniff: ["dns.ports"], tap: ["tap.dns.ports"] },
    help: "ports that carry DNS",
    details: "Comma-separated, repeatable, or both. An empty list means 53.",
  },
  {
    setting: "udpOnly",
    long: "udp-only",
    group: "DNS",
    kind: boolean(),
    default: false,
    protocols: dns,
    keys: { hunt: ["hunter.dns.udp_only"], sniff: ["dns.udp_only"], tap: ["tap.dns.udp_only"] },
    help: "leave DNS over TCP out",
    details: "Truncated answers and zone transfers go over TCP and are then missed.",
  },
  {
    setting: "detectTunneling",
    long: "detect-tunneling",
    group: "DNS",
    kind: boolean(),
    default: true,
    keys: {
      hunt: ["dns.detect_tunneling", "hunter.dns.detect_tunneling"],
      sniff: ["dns.detect_tunneling"],
      tap: ["dns.detect_tunneling", "tap.dns.detect_tunneling"],
    },
    help: "score queries for DNS tunnelling",
    details: "Adds the tunnelling score and the entropy of names to each DNS packet.",
  },
  {
    setting: "domains",
    long: "domain",
    group: "DNS",
    kind: texts("a domain pattern", 1024, []),
    placeholder: "pattern,...",
    default: [],
    defaultText: "all domains",
    protocols: dns,
    keys: {
      hunt: ["hunter.dns.domain_pattern"],
      sniff: ["dns.domain_pattern"],
      tap: ["tap.dns.domain_pattern"],
    },
    help: "keep packets about these domains only; `*` stands for any text",
    details: "Comma-separated, repeatable, or both, such as '*.example.com'. " +
      "In a configuration file quote a pattern that begins with `*`.",
  },
  {
    setting: "domainsFile",
    long: "domains-file",
    group: "DNS",
    kind: orEmpty(path(), undefined),
    placeholder: "file",
    default: undefined,
    defaultText: "none",
    protocols: dns,
    keys: { hunt: ["hunter.dns.domains_file"], sniff: ["dns.domains_file"], tap: ["tap.dns.domains_file"] },
    help: "file with further domain patterns, one per line",
    details: "Empty lines and what follows `#` are left out.",
  },
];
