import { type AnyFlag, shared } from "./flag.ts";
import { boolean, choice, duration, integer, integerOf, mapped, orEmpty } from "./value_kind.ts";

const capturing = ["hunt", "sniff", "tap"] as const;

/** lippycat's help names the profiles in two ways. */
const profiles = {
  minimal: "minimal",
  balanced: "balanced",
  high_performance: "high_performance",
  low_latency: "low_latency",
  memory: "minimal",
  throughput: "high_performance",
  latency: "low_latency",
} as const;

/** lippycat keeps these in the section `voip`. */
const patternKeys = (name: string) => ({
  ...shared(["hunt", "sniff"], name, `voip.${name}`),
  tap: [name, `tap.voip.${name}`, `voip.${name}`],
  "filters check": [],
});

const longestMs = 168 * 3_600_000;

/** Flags about flows, what is put together of them, ESP that is not encrypted, and filter patterns. */
export const flowFlags: readonly AnyFlag[] = [
  {
    setting: "espNull",
    long: "esp-null",
    group: "Flows and tunnels",
    kind: boolean(),
    default: false,
    keys: shared(capturing, "esp_null"),
    help: "read all ESP as not encrypted",
    details:
      "For networks whose IPsec only authenticates (RFC 2410). What it carries is then treated as if it " +
      "had come without ESP; packets that are encrypted after all stay ESP.",
  },
  {
    setting: "espHeuristic",
    long: "esp-heuristic",
    group: "Flows and tunnels",
    kind: boolean(),
    default: false,
    keys: shared(capturing, "esp_heuristic"),
    help: "find ESP that is not encrypted by what it carries",
    details:
      "For networks that encrypt some of their ESP. What was found for one SPI holds for the next packets.",
  },
  {
    setting: "espIcvSize",
    long: "esp-icv-size",
    group: "Flows and tunnels",
    kind: mapped(integerOf(-1, 0, 8, 12, 16), (size) => size === -1 ? undefined : size),
    placeholder: "bytes",
    default: undefined,
    defaultText: "-1, all of them",
    keys: shared(capturing, "esp_icv_size"),
    help: "length of ESP's integrity check value: 0, 8, 12 or 16",
    details: "-1 tries 12, 16, 8 and 0. Needs --esp-null or --esp-heuristic.",
  },
  {
    setting: "maxFlows",
    long: "max-flows",
    group: "Flows and tunnels",
    kind: integer(1, 4_194_304),
    placeholder: "flows",
    default: 1_000_000,
    keys: shared(capturing, "max_flows"),
    help: "flows that are followed at once",
    details:
      "Beyond that, the flow that was idle longest is forgotten and counted. The table grows with the " +
      "flows that there are.",
  },
  {
    setting: "tcpProfile",
    long: "tcp-performance-mode",
    short: "M",
    shortOn: ["sniff", "tap"],
    group: "Flows and tunnels",
    kind: mapped(
      choice("minimal", "balanced", "high_performance", "low_latency", "memory", "throughput", "latency"),
      (word) => profiles[word],
    ),
    placeholder: "profile",
    default: "balanced",
    keys: {
      ...shared(["hunt", "sniff"], "voip.tcp_performance_mode"),
      tap: ["tap.voip.tcp_performance_mode", "voip.tcp_performance_mode"],
    },
    help: "how much TCP reassembly may hold: minimal, balanced, high_performance or low_latency",
    details: "memory, throughput and latency are other words for minimal, high_performance and low_latency.",
  },
  {
    setting: "tcpStrategy",
    long: "tcp-buffer-strategy",
    group: "Flows and tunnels",
    kind: orEmpty(choice("fixed", "ring", "adaptive"), undefined),
    placeholder: "strategy",
    default: undefined,
    defaultText: "the profile's",
    keys: shared(capturing, "voip.tcp_buffer_strategy"),
    help: "which data goes when a TCP stream's room is full: fixed, ring or adaptive",
    details: "fixed refuses the new segment, ring gives up the oldest, adaptive the oldest quarter.",
  },
  {
    setting: "tcpIdleTimeoutMs",
    long: "tcp-idle-timeout",
    oldNames: {
      hunt: ["tcp-sip-idle-timeout"],
      sniff: ["tcp-sip-idle-timeout"],
      tap: ["tcp-sip-idle-timeout"],
    },
    group: "Flows and tunnels",
    kind: duration(1, longestMs, 120_000),
    placeholder: "duration",
    default: 120_000,
    defaultText: "2m",
    keys: shared(capturing, "voip.tcp_sip_idle_timeout"),
    help: "give a TCP stream up when it was silent for this long",
    details: "By the packets' time. Does not hold with --tcp-state-timeouts.",
  },
  {
    setting: "tcpStateTimeouts",
    long: "tcp-state-timeouts",
    group: "Flows and tunnels",
    kind: boolean(),
    default: false,
    keys: shared(capturing, "voip.enable_state_tcp_timeouts"),
    help: "give TCP streams up by the timeout of their state",
    details: "The three timeouts below then hold instead of --tcp-idle-timeout.",
  },
  {
    setting: "tcpOpeningTimeoutMs",
    long: "tcp-opening-timeout",
    group: "Flows and tunnels",
    kind: duration(1, longestMs, 300_000),
    placeholder: "duration",
    default: 300_000,
    defaultText: "5m",
    keys: shared(capturing, "voip.tcp_opening_timeout"),
    help: "for TCP streams that carried no data yet",
    details: "Needs --tcp-state-timeouts.",
  },
  {
    setting: "tcpEstablishedTimeoutMs",
    long: "tcp-established-timeout",
    group: "Flows and tunnels",
    kind: duration(1, longestMs, 1_800_000),
    placeholder: "duration",
    default: 1_800_000,
    defaultText: "30m",
    keys: shared(capturing, "voip.tcp_established_timeout"),
    help: "for TCP streams that carried data",
    details: "Needs --tcp-state-timeouts.",
  },
  {
    setting: "tcpClosingTimeoutMs",
    long: "tcp-closing-timeout",
    group: "Flows and tunnels",
    kind: duration(1, longestMs, 300_000),
    placeholder: "duration",
    default: 300_000,
    defaultText: "5m",
    keys: shared(capturing, "voip.tcp_closing_timeout"),
    help: "for TCP streams that one side has closed",
    details: "Needs --tcp-state-timeouts.",
  },
  {
    setting: "patternAlgorithm",
    long: "pattern-algorithm",
    group: "Filters",
    kind: choice("auto", "linear", "aho-corasick"),
    placeholder: "name",
    default: "auto",
    keys: patternKeys("pattern_algorithm"),
    help: "how filter patterns that may stand anywhere are searched for: auto, linear or aho-corasick",
    details: "The answers are the same. auto chooses by the number of patterns; linear is for comparison.",
  },
  {
    setting: "patternBufferMb",
    long: "pattern-buffer-mb",
    group: "Filters",
    kind: integer(1, 1024),
    placeholder: "MiB",
    default: 64,
    keys: patternKeys("pattern_buffer_mb"),
    help: "memory for the filter patterns of one kind, such as SIP users",
    details: "Filters that do not fit are refused by name; the others are in force.",
  },
];
