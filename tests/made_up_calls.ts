/** Calls for tests. */
import type { CallMessage, CallReport, CallStream } from "../src/engine/call_report.ts";

/** A stream with little loss, changed by `fields`. */
export function stream(fields: Partial<CallStream> = {}): CallStream {
  return {
    source: "192.0.2.1:4000",
    destination: "192.0.2.2:4002",
    codec: "PCMU",
    packets: 199,
    expected: 200,
    lost: 1,
    jitter_ms: 1.26,
    mos: 4.38,
    ...fields,
  };
}

/** A message `ms` after noon, from and to hosts of 192.0.2.0/24. */
export function message(ms: number, from: string, to: string, text: string, sdp?: boolean): CallMessage {
  const time = new Date(Date.UTC(2026, 0, 31, 12) + ms).toISOString();
  return { time, source: `192.0.2.${from}:5060`, destination: `192.0.2.${to}:5060`, text, sdp };
}

/** A call that was answered and ended, changed by `fields`. */
export function call(fields: Partial<CallReport> = {}): CallReport {
  return {
    call_id: "a84b4c76e66710@pc33.example.com",
    state: "ENDED",
    end_reason: "bye",
    from_uri: "sip:alice@example.com",
    from_user: "alice",
    to_uri: "sip:bob@example.net",
    to_user: "bob",
    setup_seconds: 1.5,
    duration_seconds: 3723.4,
    streams: [stream(), stream({ codec: "opus", lost: 5, jitter_ms: 0.2, mos: 4.1 })],
    messages: [
      message(0, "1", "2", "INVITE", true),
      message(12, "2", "1", "180 Ringing"),
      message(1500, "2", "1", "200 OK", true),
      message(1503, "1", "2", "ACK"),
    ],
    ...fields,
  };
}
