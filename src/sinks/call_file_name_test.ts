import assert from "node:assert/strict";
import fc from "fast-check";
import { callFileName, numberedFileName } from "./call_file_name.ts";

const usual = "{timestamp}_{callid}.pcap";
const time = 1_769_903_999_999_999_999n; // 2026-01-31T23:59:59.999999999Z

const cases: [pattern: string, callId: string, expected: string][] = [
  [usual, "abc", "20260131_235959_abc.pcap"],
  [usual, "a84b4c76e66710@pc33.example.com", "20260131_235959_a84b4c76e66710_pc33.example.com.pcap"],
  [usual, "../../etc/passwd", "20260131_235959_______etc_passwd.pcap"],
  [usual, 'a\\b/c@d:e*f?g<h>i|j"k', "20260131_235959_a_b_c_d_e_f_g_h_i_j_k.pcap"],
  [usual, "a\0b\nc\u202ed é😀", "20260131_235959_a_b_c_d___.pcap"],
  [usual, "", "20260131_235959_safe_filename.pcap"],
  [usual, ".", "20260131_235959_safe_filename.pcap"],
  [usual, "..", "20260131_235959___.pcap"],
  [usual, "x".repeat(1024), `20260131_235959_${"x".repeat(100)}.pcap`],
  // What a Call-ID looks like is not looked for in it.
  ["{callid}-{callid}", "{timestamp}", "{timestamp}-{timestamp}"],
  ["{callid}.pcap", ".hidden", "_hidden.pcap"],
  ["{callid}.pcap", "-rf", "_rf.pcap"],
  ["calls", "abc", "calls"],
];

for (const [pattern, callId, expected] of cases) {
  Deno.test(`file of call ${JSON.stringify(callId).slice(0, 60)} as ${pattern}`, () =>
    assert.equal(callFileName(pattern, callId, time), expected));
}

Deno.test("file of a call: whatever the Call-ID and the time, it stays in its folder", () =>
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      (callId, at) => {
        const name = callFileName("{callid}_{timestamp}.pcap", callId, at);
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(name, /[/\\\x00-\x1f\x7f-\uffff]|\.\.|^[.-]/);
        assert.ok(name.length <= 100 + 22, name);
      },
    ),
  ));

Deno.test("file of a call: a name that is too long is cut, and another one's is another", () => {
  for (
    const pattern of ["{callid}".repeat(3) + ".pcap", `${"\u00e4".repeat(200)}{callid}.pcap`, "x".repeat(400)]
  ) {
    const [first, second] = ["a".repeat(90), "a".repeat(89) + "b"].map((id) =>
      callFileName(pattern, id, time)
    );
    for (const name of [first, second]) {
      const longest = numberedFileName(name ?? "", 1_000_000);
      assert.ok(new TextEncoder().encode(longest).length <= 255, longest);
      assert.match(
        longest,
        pattern.endsWith(".pcap") ? /~[0-9a-f]{16}_1000000\.pcap$/ : /~[0-9a-f]{16}_1000000$/,
      );
    }
    if (pattern.includes("{callid}")) assert.notEqual(first, second);
    assert.equal(first, callFileName(pattern, "a".repeat(90), time));
  }
});

Deno.test("file of a call: numbers stand before the extension", () => {
  assert.equal(numberedFileName("a.b.pcap", 2), "a.b_2.pcap");
  assert.equal(numberedFileName("calls", 3), "calls_3");
});
