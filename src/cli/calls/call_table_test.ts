import assert from "node:assert/strict";
import type { CallReport } from "../../engine/call_report.ts";
import { callTable } from "./call_table.ts";
import { call, stream } from "../../../tests/made_up_calls.ts";

Deno.test("call table: a row for each call", () => {
  const failed = call({
    call_id: "f",
    state: "FAILED",
    end_reason: "rejected 404",
    from_user: "",
    from_uri: undefined,
    to_user: undefined,
    setup_seconds: undefined,
    duration_seconds: undefined,
    streams: [],
  });
  assert.deepEqual(callTable([call(), failed], Infinity), [
    "Call-ID                          from   to                   state                    setup  duration  codecs      loss  jitter   MOS",
    "a84b4c76e66710@pc33.example.com  alice  bob                  ENDED (bye)            1.500 s   1:02:03  PCMU,opus  1.5 %  1.3 ms  4.10",
    "f                                -      sip:bob@example.net  FAILED (rejected 404)        -         -  -              -       -     -",
  ]);
});

Deno.test("call table: what receivers reported, where one of them did", () => {
  const reported = call({
    call_id: "r",
    streams: [
      stream({ remote_loss_percent: 1.56, remote_jitter_ms: 4, round_trip_ms: 40.25 }),
      stream({ remote_loss_percent: 0 }),
    ],
  });
  const lines = callTable([call({ call_id: "c" }), reported], Infinity);
  assert.deepEqual(lines.map((line) => line.trim().split(/ {2,}/).slice(-4)), [
    ["MOS", "far loss", "far jitter", "round trip"],
    ["4.10", "-", "-", "-"],
    ["4.38", "1.6 %", "4.0 ms", "40.3 ms"],
  ]);
});

const cells: readonly [column: string, fields: Partial<CallReport>, expected: string][] = [
  ["duration", { duration_seconds: 59.9994 }, "59.999 s"],
  ["duration", { duration_seconds: 60 }, "1:00"],
  ["duration", { duration_seconds: 0 }, "0.000 s"],
  ["loss", { streams: [stream({ lost: 0, expected: 0 })] }, "-"],
  ["loss", { streams: [stream({ lost: undefined, expected: undefined })] }, "-"],
  // Duplicates can make what is lost negative (RFC 3550 appendix A.3).
  ["loss", { streams: [stream({ lost: -5, expected: 100 })] }, "0.0 %"],
  ["jitter", { streams: [stream({ jitter_ms: undefined })] }, "-"],
  ["MOS", { streams: [stream({ mos: undefined }), stream({ mos: 3 })] }, "3.00"],
  ["codecs", { streams: [stream(), stream(), stream({ codec: undefined })] }, "PCMU"],
  ["state", { state: "RTP-ONLY", end_reason: undefined }, "RTP-ONLY"],
  ["from", { from_user: "a".repeat(50) }, `${"a".repeat(23)}…`],
  // A terminal must not obey what came from a network.
  ["from", { from_user: "a\x1b[2Jb" }, "a\\u001b[2Jb"],
];

for (const [column, fields, expected] of cells) {
  Deno.test(`call table: ${column} of ${JSON.stringify(fields).slice(0, 80)}`, () => {
    const [heading = "", row = ""] = callTable([call(fields)], Infinity);
    const names = heading.split(/ {2,}/);
    assert.equal(row.split(/ {2,}/)[names.indexOf(column)], expected);
  });
}

Deno.test("call table: the narrower, the fewer columns, and never wider than the terminal", () => {
  const calls = [call({ call_id: "x".repeat(200), from_user: "y".repeat(99) }), call()];
  for (let width = 20; width <= 160; width++) {
    for (const line of callTable(calls, width)) assert.ok(line.length <= width, `${width}: ${line}`);
  }
  assert.match(
    callTable(calls, 60)[0] ?? "",
    /^Call-ID +from +state$|^Call-ID +from +to +state|^Call-ID +state$/,
  );
});
