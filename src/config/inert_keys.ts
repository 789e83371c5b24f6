import { flagByKey } from "./flags.ts";

/** Keys of lippycat's processor and tap sections. */
const processorKeys = [
  "auto_rotate_pcap.*",
  "command_concurrency",
  "command_timeout",
  "detection_workers",
  "enable_detection",
  "li.*",
  "pcap_command",
  "per_call_pcap.*",
  "processor_addr",
  "tls.enabled",
  "tls_keylog.*",
  "tunneling_command",
  "tunneling_debounce",
  "tunneling_threshold",
  "upstream_addr",
  "vif_buffer_size",
  "vif_drop_privileges",
  "vif_name",
  "vif_netns",
  "vif_type",
  "virtual_interface",
  "voip_command",
] as const;

/** Keys of lippycat's protocol modes, in the hunter and tap sections. */
const modeKeys = [
  "email.*",
  "http.*",
  "tls.ports",
  "tls.sni_file",
  "tls.sni_pattern",
  "voip.*",
  "voip_filter.*",
] as const;

/**
 * Keys of lippycat's configuration file that this version accepts and does not act on; `.*` stands for all keys of a
 * section that no flag has.
 */
export const inertKeys: readonly string[] = [
  "dns.domain_patterns",
  "dns.track_queries",
  "dns.write_file",
  "email.*",
  "http.*",
  "packet_buffer_size",
  "plugins.*",
  "remote.*",
  "security.*",
  "tls.*",
  "voip.*",
  "watch.*",
  "writevoip",
  ...modeKeys.flatMap((key) => [`hunter.${key}`, `tap.${key}`]),
  "hunter.tls.enabled",
  ...processorKeys.flatMap((key) => [`processor.${key}`, `tap.${key}`]),
  ...[
    "vif_buffer_size",
    "vif_drop_privileges",
    "vif_name",
    "vif_netns",
    "vif_replay_timing",
    "vif_startup_delay",
    "vif_type",
    "virtual_interface",
  ].map((key) => `sniff.${key}`),
];

/** The entry of {@link inertKeys} that covers `key`; undefined when there is none, or a flag has the key. */
export function inertEntry(key: string): string | undefined {
  if (flagByKey.has(key)) return undefined;
  return inertKeys.find((entry) =>
    entry.endsWith(".*") ? `${key}.`.startsWith(entry.slice(0, -1)) : entry === key
  );
}
