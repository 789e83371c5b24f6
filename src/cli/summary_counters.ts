/** Counters of the engine that the summary is made of, by the names that they have there. */
export const summaryCounters = [
  "packets",
  "bytes",
  "kept",
  "kept_bytes",
  "rejected_by_bpf",
  "rejected_without_bpf_program",
  "rejected_by_mode",
  "rejected_by_filters",
  "rejected_fragments",
  "refused_inputs",
  "truncated_records",
  "over_snaplen_records",
  "bad_records",
  "bad_blocks",
  "unknown_interfaces",
  "skipped_bytes",
  "unknown_link_types",
  "bad_lengths",
  "empty_packets",
  "unsendable_link_types",
  "unwritable_link_types",
  "dns_messages",
  "dns_partial",
  "dns_correlated",
  "fragments_merged",
  "datagrams_rebuilt",
  "fragments_given_up",
  "fragment_overlaps",
  "fragment_duplicates",
  "stream_segments",
  "stream_messages",
  "tunnelled_packets",
  "vxlan_decapsulated",
  "esp_null_decapsulated",
  "detected_flows",
  "reassembly_gaps",
  "reassembly_skipped_bytes",
  "reassembly_discarded_bytes",
  "dns_query_evictions",
  "dns_domain_evictions",
  "fragment_evictions",
  "flow_evictions",
  "detection_evictions",
  "talker_evictions",
  "reassembly_evictions",
] as const;

/** The name of one of them. */
export type SummaryCounter = typeof summaryCounters[number];

/** Counters of VoIP mode, by the names that they have in the engine, and by those in the summary. */
export const callCounters = {
  sip_messages: "sip_messages",
  sip_refused: "sip_refused",
  sip_shortened: "sip_shortened",
  calls_begun: "begun",
  calls_ended: "ended",
  calls_unmatched: "unmatched",
  calls_evicted: "evicted",
  calls_merged: "merged",
  calls_sharing_endpoints: "sharing_endpoints",
} as const;

/** The name of one of them in the engine. */
export type CallCounter = keyof typeof callCounters;
