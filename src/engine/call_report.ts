import { z } from "zod";

/** What the engine says of a call that ended. Times are RFC 3339 with nanoseconds; what is unknown is absent. */
export interface CallReport {
  /** Call-ID of its messages; `rtp-` and the SSRC where there were none. */
  readonly call_id: string;
  /** The same for all legs of a call that passes a back-to-back user agent. */
  readonly correlation_id?: string | undefined;
  /** NEW, TRYING, RINGING, PROGRESS, ACTIVE, ENDING, ENDED, FAILED, CANCELLED, BUSY, RTP-ONLY. */
  readonly state: string;
  /** Why it ended: bye, cancel, busy, rejected CODE, timeout, idle, evicted, end of capture. */
  readonly end_reason?: string | undefined;
  /** URI of From. */
  readonly from_uri?: string | undefined;
  /** Its user. */
  readonly from_user?: string | undefined;
  /** URI of To. */
  readonly to_uri?: string | undefined;
  /** Its user. */
  readonly to_user?: string | undefined;
  /** Of the first packet. */
  readonly start_time?: string | undefined;
  /** Of the last transaction. */
  readonly end_time?: string | undefined;
  /** From the first request to its answer, seconds. */
  readonly setup_seconds?: number | undefined;
  /** From the answer to the end, seconds. */
  readonly duration_seconds?: number | undefined;
  /** The last final status of its INVITE. */
  readonly response_code?: number | undefined;
  /** One for each SSRC and direction. */
  readonly streams: readonly CallStream[];
  /** In the order in which they came; the first and the last ones, where there were many. */
  readonly messages: readonly CallMessage[];
  /** Messages that are not among these. */
  readonly messages_omitted?: number | undefined;
  /** How many of these came before those that are not; all where it is not given. */
  readonly messages_omitted_after?: number | undefined;
}

/** RTP of one source to one destination. */
export interface CallStream {
  /** `address:port`, an IPv6 address in brackets. */
  readonly source: string;
  /** The same. */
  readonly destination: string;
  /** Name of the codec, as in session descriptions. */
  readonly codec?: string | undefined;
  /** Packets that came. */
  readonly packets: number;
  /** Packets that should have come (RFC 3550 appendix A.3). */
  readonly expected?: number | undefined;
  /** Of these, those that did not. */
  readonly lost?: number | undefined;
  /** At the end (RFC 3550 appendix A.8), ms. */
  readonly jitter_ms?: number | undefined;
  /** Estimate by ITU-T G.107, 1 to 5. */
  readonly mos?: number | undefined;
  /** What its receiver said last in RTCP: lost before that report and after the one before it, in percent. */
  readonly remote_loss_percent?: number | undefined;
  /** The same: jitter, ms. */
  readonly remote_jitter_ms?: number | undefined;
  /** From here to the receiver and back, by RTCP, ms. */
  readonly round_trip_ms?: number | undefined;
}

/** A SIP message of a call. */
export interface CallMessage {
  /** When it was captured. */
  readonly time: string;
  /** `address:port`, an IPv6 address in brackets. */
  readonly source: string;
  /** The same. */
  readonly destination: string;
  /** Method, or status and reason. */
  readonly text: string;
  /** It has a session description. */
  readonly sdp?: boolean | undefined;
}

const word = z.string().optional();
const number = z.number().optional();

const stream: z.ZodType<CallStream> = z.object({
  source: z.string(),
  destination: z.string(),
  codec: word,
  packets: z.number(),
  expected: number,
  lost: number,
  jitter_ms: number,
  mos: number,
  remote_loss_percent: number,
  remote_jitter_ms: number,
  round_trip_ms: number,
});

const message: z.ZodType<CallMessage> = z.object({
  time: z.string(),
  source: z.string(),
  destination: z.string(),
  text: z.string(),
  sdp: z.boolean().optional(),
});

const report: z.ZodType<CallReport> = z.object({
  call_id: z.string(),
  correlation_id: word,
  state: z.string(),
  end_reason: word,
  from_uri: word,
  from_user: word,
  to_uri: word,
  to_user: word,
  start_time: word,
  end_time: word,
  setup_seconds: number,
  duration_seconds: number,
  response_code: number,
  streams: z.array(stream).default([]),
  messages: z.array(message).default([]),
  messages_omitted: number,
  messages_omitted_after: number,
});

/** Reads a line of the engine's output `calls`. Fields that nothing here looks at may be there. Throws where it is none. */
export function parseCallReport(line: string): CallReport {
  return report.parse(JSON.parse(line));
}
