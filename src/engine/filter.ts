/** `FilterType` of the wire contract, by number. */
export const filterTypeNames = [
  "sip_user",
  "phone_number",
  "ip_address",
  "call_id",
  "codec",
  "bpf",
  "sip_uri",
  "dns_domain",
  "email_address",
  "email_subject",
  "tls_sni",
  "tls_ja3",
  "tls_ja3s",
  "tls_ja4",
  "http_host",
  "http_url",
  "imsi",
  "imei",
] as const;

/** A filter type as written in filter files and capability lists. */
export type FilterTypeName = typeof filterTypeNames[number];

/** One filter that the operator or the processor set. */
export interface Filter {
  /** Unique; goes into `matched_filter_ids`. */
  readonly id: string;
  /** What of a packet it looks at. */
  readonly type: FilterTypeName;
  /** Value or expression; its language depends on the type. */
  readonly pattern: string;
  /** Hunters it is meant for; empty means all. Evaluated by the processor only. */
  readonly targetHunters: readonly string[];
  /** A disabled filter is kept and shown, but matches nothing. */
  readonly enabled: boolean;
  /** For people; may be empty. */
  readonly description: string;
}

/** What passes while no filter is loaded. */
export type NoFilterPolicy = "allow" | "deny";
