import assert from "node:assert/strict";
import fc from "fast-check";
import { type Filter, type FilterTypeName, filterTypeNames } from "../../engine/filter.ts";
import { covers, readPattern } from "./pattern_reading.ts";

function filter(type: FilterTypeName, pattern: string): Filter {
  return { id: "x", type, pattern, targetHunters: [], enabled: true, description: "" };
}

const readings: readonly [
  type: FilterTypeName,
  pattern: string,
  parts: string[] | undefined,
  words: RegExp,
][] = [
  ["sip_user", "alice", ["", "alice", ""], /^the user part of SIP identities .* contains "alice"$/],
  ["sip_user", "*456789", ["", "456789"], / ends with "456789"$/],
  ["sip_user", "Alice*", ["alice", ""], / begins with "alice"$/],
  ["sip_user", "\\*31#", ["", "*31#", ""], / contains "\*31#"$/],
  ["sip_user", "*\\*x*", ["", "*x", ""], / contains "\*x"$/],
  ["sip_user", "al*ce", ["al", "ce"], / begins with "al" and ends with "ce"$/],
  ["sip_user", "*", ["", ""], / may be anything$/],
  ["sip_uri", "sip:*@example.com", ["", "@example.com"], /^user@host .* ends with "@example\.com"$/],
  ["sip_uri", "ALICE@EXAMPLE.COM", ["alice@example.com"], / is "alice@example\.com"$/],
  ["dns_domain", "example.com.", ["example.com"], /^a name in DNS .* is "example\.com"$/],
  ["dns_domain", "*.example.com", ["", ".example.com"], / ends with "\.example\.com"$/],
  ["dns_domain", "a*b*c", ["a", "b", "c"], / begins with "a" and contains "b" and ends with "c"$/],
  ["dns_domain", "\\*x", ["\\", "x"], / begins with "\\\\" and ends with "x"$/],
  ["phone_number", "+49123456789", ["", "49123456789"], / ends with "49123456789"$/],
  ["phone_number", "0049 (123) 456-789", ["", "49123456789"], / ends with "49123456789"$/],
  ["phone_number", "011149123456789", ["", "149123456789"], / ends with /],
  ["phone_number", "tel:+49*", ["49", ""], / begins with "49"$/],
  ["phone_number", "*00456789", ["", "00456789"], / ends with "00456789"$/],
  ["phone_number", "110", ["110"], / is "110" \(a pattern under 10 digits is a whole number\)$/],
  ["ip_address", "10.0.0.1", undefined, /address is 10\.0\.0\.1$/],
  ["ip_address", "10.0.0.1/32", undefined, /address is 10\.0\.0\.1$/],
  ["ip_address", "2001:db8::/32", undefined, /address is in 2001:db8::\/32$/],
  [
    "tls_ja3",
    "E7D705A3286E19EA42F587B344EE6865",
    ["e7d705a3286e19ea42f587b344ee6865"],
    /^the JA3 fingerprint/,
  ],
  ["imsi", "310-260-123456789", ["310260123456789"], / is "310260123456789"$/],
  ["imei", "904201560257637", ["90420156025763", ""], /^the first 14 digits .* are 90420156025763$/],
  ["bpf", " udp port 53 ", undefined, /^the frame passes the BPF expression "udp port 53"$/],
];

for (const [type, pattern, parts, words] of readings) {
  Deno.test(`how ${type} ${pattern} is read`, () => {
    const reading = readPattern(filter(type, pattern));
    assert.deepEqual(reading.parts, parts);
    assert.match(reading.words, words);
  });
}

Deno.test("every type is explained", () => {
  for (const type of filterTypeNames) assert.notEqual(readPattern(filter(type, "12345678901234")).words, "");
});

const coverings: readonly [wider: string, narrower: string, covers: boolean][] = [
  ["*.example.com", "www.example.com", true],
  ["*.example.com", "*.www.example.com", true],
  ["*.example.com", "example.com", false],
  ["*example.com", "*.example.com", true],
  ["*.example.com", "*example.com", false],
  ["a*", "a*b", true],
  ["a*b", "a*", false],
  ["a*a", "a", false],
  ["*a*b*", "xa*by", true],
  ["a*b*c", "abcbc", true],
  ["*", "anything*", true],
  ["a", "a", true],
  ["a", "b", false],
  ["*ab*", "a*b", false],
];

for (const [wider, narrower, expected] of coverings) {
  Deno.test(`${wider} covers ${narrower}: ${expected}`, () => {
    assert.equal(covers(wider.split("*"), narrower.split("*")), expected);
  });
}

Deno.test("what is covered fits wherever the narrower pattern fits", () => {
  const pattern = fc.array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 6 }).map((list) =>
    list.join("")
  );
  const value = fc.array(fc.constantFrom("a", "b"), { maxLength: 8 }).map((list) => list.join(""));
  const fits = (glob: string, text: string) => new RegExp(`^${glob.replaceAll("*", ".*")}$`).test(text);
  fc.assert(
    fc.property(pattern, pattern, value, (wider, narrower, text) => {
      if (!covers(wider.split("*"), narrower.split("*")) || !fits(narrower, text)) return;
      assert.ok(fits(wider, text), `${wider} ${narrower} ${text}`);
    }),
    { numRuns: 2_000 },
  );
});
