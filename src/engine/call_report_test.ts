import assert from "node:assert/strict";
import { parseCallReport } from "./call_report.ts";

Deno.test("call report: fields are read, and others passed over", () => {
  const stream = {
    ssrc: 7,
    source: "192.0.2.1:4000",
    destination: "[2001:db8::1]:4002",
    codec: "PCMU",
    packets: 10,
    expected: 12,
    lost: 2,
    jitter_ms: 0.5,
    mos: 4.1,
  };
  const message = {
    time: "2026-01-31T12:00:00.123456789Z",
    source: "192.0.2.1:5060",
    destination: "192.0.2.2:5060",
    text: "INVITE",
    cseq: "1 INVITE",
    sdp: true,
  };
  const report = parseCallReport(JSON.stringify({
    call_id: "a@b",
    state: "ENDED",
    end_reason: "bye",
    packets: 99,
    setup_seconds: 1.5,
    streams: [stream],
    messages: [message],
    messages_omitted: 3,
  }));
  const { ssrc: _, ...readStream } = stream;
  const { cseq: __, ...readMessage } = message;
  assert.deepEqual(report, {
    call_id: "a@b",
    state: "ENDED",
    end_reason: "bye",
    setup_seconds: 1.5,
    streams: [readStream],
    messages: [readMessage],
    messages_omitted: 3,
  });
});

Deno.test("call report: little suffices", () =>
  assert.deepEqual(parseCallReport('{"call_id":"a","state":"NEW"}'), {
    call_id: "a",
    state: "NEW",
    streams: [],
    messages: [],
  }));

for (
  const line of [
    "",
    "{",
    "5",
    '{"state":"NEW"}',
    '{"call_id":5,"state":"NEW"}',
    '{"call_id":"a","state":"NEW","streams":[{}]}',
  ]
) {
  Deno.test(`call report: ${JSON.stringify(line)} is none`, () => assert.throws(() => parseCallReport(line)));
}
