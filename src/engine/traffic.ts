/** Packets of one protocol: those of its flows, or those that belong to no flow (ARP, ...). */
export interface ProtocolTraffic {
  /** As in the packets' `protocol`; of a flow, what it was recognised as in the end. */
  readonly protocol: string;
  /** Packets, filtered out or not. */
  readonly packets: number;
  /** Captured bytes of these packets. */
  readonly bytes: number;
  /** Flows; 0 for a protocol without any. */
  readonly flows: number;
}

/** What one address sent and received. */
export interface Talker {
  /** IPv4 or IPv6, as text. */
  readonly address: string;
  /** Packets sent and received. */
  readonly packets: number;
  /** Captured bytes of these packets. */
  readonly bytes: number;
}

/** The flow table, in flows. `total` = `active` + `expired` + `restarted` + `evicted`. */
export interface FlowCounts {
  /** Seen since the engine was created. */
  readonly total: number;
  /** In the table now; after the end of all inputs, those that were still open then. */
  readonly active: number;
  /** Ended, or idle for too long. */
  readonly expired: number;
  /** Ended because a new connection began between the same ports. */
  readonly restarted: number;
  /** Pushed out of a full table. */
  readonly evicted: number;
}

/**
 * What an engine read so far, by protocol and by address; field names are those of the summary.
 *
 * Counted are packets that get as far as the flow table, whether or not filters keep them: not those that a BPF
 * expression, its lack of a program or the mode rejects (in DNS mode, only what the mode looks at is counted), nor
 * fragments that came again. A datagram counts in place of its fragments: as one packet, with its own bytes.
 */
export interface Traffic {
  /** The flow table. */
  readonly flows: FlowCounts;
  /** Most bytes first. Together they are all flows, and all packets that are counted. */
  readonly protocols: readonly ProtocolTraffic[];
  /** Most bytes first. */
  readonly top_talkers: readonly Talker[];
}

/** Nothing read yet. */
export const noTraffic: Traffic = {
  flows: { total: 0, active: 0, expired: 0, restarted: 0, evicted: 0 },
  protocols: [],
  top_talkers: [],
};
