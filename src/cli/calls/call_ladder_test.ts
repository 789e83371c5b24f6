import assert from "node:assert/strict";
import fc from "fast-check";
import { callLadder } from "./call_ladder.ts";
import { call, message } from "../../../tests/made_up_calls.ts";

Deno.test("call ladder: arrows between endpoints, with times since the first message", () =>
  assert.deepEqual(callLadder(call(), 80), [
    "a84b4c76e66710@pc33.example.com  alice -> bob  ENDED (bye)",
    "           192.0.2.1:5060                          192.0.2.2:5060",
    "    0.000         |------------ INVITE (SDP) ------------>|",
    "    0.012         |<------------ 180 Ringing -------------|",
    "    1.500         |<------------ 200 OK (SDP) ------------|",
    "    1.503         |---------------- ACK ----------------->|",
  ]));

Deno.test("call ladder: over a proxy, and what stays on one host", () => {
  const messages = [
    message(0, "1", "2", "INVITE"),
    message(5, "2", "3", "INVITE"),
    message(6, "3", "3", "INFO"),
    message(7, "3", "1", "486 Busy Here"),
  ];
  assert.deepEqual(
    callLadder(call({ messages, messages_omitted: 7, correlation_id: "c1" }), 70),
    [
      "a84b4c76e66710@pc33.example.com  alice -> bob  ENDED (bye)",
      "           leg of c1",
      "           192.0.2.1:5060        192.0.2.2:5060        192.0.2.3:5060",
      "    0.000         |------ INVITE ------>|                     |",
      "    0.005         |                     |------ INVITE ------>|",
      "    0.006         |                     |    INFO (to itself) |",
      "    0.007         |<------------- 486 Busy Here --------------|",
      "           and 7 more",
    ],
  );
});

Deno.test("call ladder: those that were left out are told of in their place", () => {
  const messages = [message(0, "1", "2", "INVITE"), message(9, "1", "2", "BYE")];
  for (const width of [30, 80]) {
    const lines = callLadder(call({ messages, messages_omitted: 7, messages_omitted_after: 1 }), width);
    assert.equal(lines.at(-2)?.trim(), "and 7 more");
    assert.match(lines.at(-1) ?? "", /^ +0\.009/);
  }
});

Deno.test("call ladder: endpoints that do not fit side by side are in each line", () =>
  assert.deepEqual(callLadder(call({ messages: [message(0, "1", "2", "INVITE")] }), 30).slice(1), [
    "    0.000  192.0.2.1:5060 -> …",
  ]));

Deno.test("call ladder: a call without messages is its title", () => {
  assert.deepEqual(callLadder(call({ messages: [], state: "RTP-ONLY", end_reason: undefined }), 80), [
    "a84b4c76e66710@pc33.example.com  alice -> bob  RTP-ONLY",
  ]);
});

const hosts = fc.constantFrom(
  "192.0.2.1:5060",
  "[2001:db8:1234:5678:9abc:def0:1234:5678]:49152",
  "a",
  "\x1b[2J",
);

Deno.test("call ladder: whatever the messages, no line is wider than the terminal, or has control characters", () =>
  fc.assert(fc.property(
    fc.array(
      fc.record({
        source: hosts,
        destination: hosts,
        text: fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\u202eevil\u2066", "\u061c\u200f")),
        time: fc.constant("2026-01-31T12:00:00Z"),
      }),
    ),
    fc.integer({ min: 1, max: 200 }),
    (messages, width) => {
      const lines = callLadder(call({ messages }), width);
      assert.equal(lines.length, messages.length + (lines.some((line) => line.includes("|")) ? 2 : 1));
      for (const line of lines) {
        assert.ok(line.length <= width, line);
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
      }
    },
  )));
