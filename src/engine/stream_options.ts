/** How much TCP reassembly may hold, and for how long: lippycat's profiles. */
export type TcpProfile = "minimal" | "balanced" | "high_performance" | "low_latency";

/**
 * What becomes of out-of-order segments when a stream's room is full: `fixed` refuses the new one, `ring` gives up the
 * oldest, `adaptive` the oldest quarter.
 */
export type TcpStrategy = "fixed" | "ring" | "adaptive";

/** How many patterns are searched for at once; `auto` chooses by their number. */
export type PatternAlgorithm = "auto" | "linear" | "aho-corasick";

/** How ESP, flows, TCP streams and calls are treated, and patterns searched for. Times are packet time. */
export interface StreamOptions {
  /** Read all ESP as not encrypted (RFC 2410). */
  readonly espNull: boolean;
  /** Find ESP that is not encrypted by what it carries. */
  readonly espHeuristic: boolean;
  /** Length of ESP's integrity check value, bytes: 0, 8, 12 or 16; undefined tries all of them. */
  readonly espIcvSize: number | undefined;
  /** Flows in the table, at most; 1 to 4194304. */
  readonly maxFlows: number;
  /** How patterns are searched for that may stand anywhere. */
  readonly patternAlgorithm: PatternAlgorithm;
  /** Memory for the patterns of one kind of text (users, domains, ...), MiB. */
  readonly patternBufferMb: number;
  /** Bounds of TCP reassembly. */
  readonly tcpProfile: TcpProfile;
  /** Undefined for the profile's own. */
  readonly tcpStrategy: TcpStrategy | undefined;
  /** Give streams up by the timeout of their state instead of the idle one. */
  readonly tcpStateTimeouts: boolean;
  /** Before the first data, ms. */
  readonly tcpOpeningTimeoutMs: number;
  /** Since the last data, ms. */
  readonly tcpEstablishedTimeoutMs: number;
  /** Since the first FIN, ms. */
  readonly tcpClosingTimeoutMs: number;
  /** Since the last segment, ms; without state timeouts. */
  readonly tcpIdleTimeoutMs: number;
  /** In VoIP mode, keep a silent stream while a call that it carried is active. */
  readonly tcpCallAwareTimeout: boolean;
  /** In VoIP mode, calls that are followed at once; 1 to 1000000. */
  readonly maxCalls: number;
  /** In VoIP mode, the text output has RTP and RTCP packets, too. */
  readonly rtpLines: boolean;
}

/** What holds where nobody asked for anything else. */
export const defaultStreamOptions: StreamOptions = {
  espNull: false,
  espHeuristic: false,
  espIcvSize: undefined,
  patternAlgorithm: "auto",
  patternBufferMb: 64,
  maxFlows: 1_000_000,
  tcpProfile: "balanced",
  tcpStrategy: undefined,
  tcpStateTimeouts: false,
  tcpOpeningTimeoutMs: 300_000,
  tcpEstablishedTimeoutMs: 1_800_000,
  tcpClosingTimeoutMs: 300_000,
  tcpIdleTimeoutMs: 120_000,
  tcpCallAwareTimeout: false,
  maxCalls: 65_536,
  rtpLines: false,
};
