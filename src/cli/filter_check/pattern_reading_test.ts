import "../../runtime/environment.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { Engine } from "../../engine/engine.ts";
import { engineModule } from "../../engine/module.js";
import type { Filter, FilterTypeName } from "../../engine/filter.ts";
import { covers, meaningOf, partsOf } from "./pattern_reading.ts";

function filter(type: FilterTypeName, pattern: string): Filter {
  return { id: "x", type, pattern, targetHunters: [], enabled: true, description: "" };
}

const readings: readonly [
  type: FilterTypeName,
  pattern: string,
  parts: string[] | undefined,
  words: RegExp,
][] = [
  ["sip_user", "alice", ["", "alice", ""], /^SIP user contains alice \(From, To, /],
  ["sip_user", "*456789", ["", "456789"], /^SIP user ends with 456789 /],
  ["sip_user", "sip:Alice*", ["alice", ""], /^SIP user begins with alice /],
  ["sip_user", "\\*31#", ["", "*31#", ""], /^SIP user contains \*31# /],
  ["sip_user", "*\\*x*", ["", "*x", ""], /^SIP user contains \*x /],
  ["sip_user", "al*ce", ["al", "ce"], /^SIP user is al\.\.\.ce /],
  ["sip_user", "*", ["", ""], /^there is a SIP user /],
  ["sip_user", "tel:+49-(30)-123*", ["+4930123", ""], /^SIP user begins with \+49/],
  ["sip_user", "a-b", ["", "a-b", ""], /^SIP user contains a-b /],
  [
    "sip_uri",
    "sip:*@example.com:5060;transport=tcp",
    ["", "@example.com"],
    /^SIP address ends with @example\.com /,
  ],
  ["sip_uri", "ALICE@EXAMPLE.COM", ["alice@example.com"], /^SIP address is alice@example\.com /],
  ["call_id", "a1@host", ["a1@host"], /^Call-ID is a1@host /],
  ["codec", "PCMU/8000", ["pcmu"], /^codec is pcmu /],
  ["dns_domain", "example.com.", ["example.com"], /^domain name is example\.com /],
  ["dns_domain", "*.example.com", ["", ".example.com"], /^domain name ends with \.example\.com /],
  ["dns_domain", "a*b*c", ["a", "b", "c"], /^domain name is a\.\.\.b\.\.\.c /],
  ["dns_domain", "\\*x", ["\\", "x"], /^domain name is \\\.\.\.x /],
  ["phone_number", "+49123456789", ["", "49123456789"], /^telephone number ends with 49123456789 /],
  ["phone_number", "0049 (123) 456-789", ["", "49123456789"], /^telephone number ends with 49123456789 /],
  ["phone_number", "011149123456789", ["", "149123456789"], /^telephone number ends with 149123456789 /],
  ["phone_number", "tel:+49*", ["49", ""], /^telephone number begins with 49 /],
  ["phone_number", "*00456789", ["", "00456789"], /^telephone number ends with 00456789 /],
  ["phone_number", "sip:+491@10.0.0.1;user=phone", ["491"], /^telephone number is 491 /],
  ["sip_user", "MÜller", ["", "mÜller", ""], /^SIP user contains mÜller /],
  [
    "imei",
    "urn:urn-7:3gpp-imei:90420156-025763-0",
    ["90420156025763"],
    /^IMEI without its check digit is 90420156025763 /,
  ],
  ["phone_number", "110", ["110"], /^telephone number is 110 /],
  ["ip_address", "10.0.0.0/8", undefined, /^source or destination is in 10\.0\.0\.0\/8 /],
  ["tls_ja3", "E7D705A3286E19EA42F587B344EE6865", ["e7d705a3286e19ea42f587b344ee6865"], /^JA3 is e7d705/],
  ["imsi", "310-260-123456789", ["310260123456789"], /^IMSI is 310260123456789 /],
  ["imei", "904201560257637", ["90420156025763"], /^IMEI without its check digit is 90420156025763 /],
  ["email_subject", "Invoice due", ["invoice due"], /^subject is "invoice due" \(mail\)$/],
  ["email_subject", "*is it", ["", "is it"], /^subject ends with "is it" \(mail\)$/],
  ["email_subject", "a*b is", ["a", "b is"], /^subject is "a\.\.\.b is" with any text in the place of each /],
  ["email_subject", "*", ["", ""], /^there is a subject \(mail\)$/],
  ["bpf", " udp port 53 ", undefined, /^the frame passes udp port 53 /],
];

Engine.load(engineModule);

for (const [type, pattern, parts, words] of readings) {
  Deno.test(`how ${type} ${pattern} is read`, () => {
    assert.deepEqual(partsOf(filter(type, pattern)), parts);
    assert.match(meaningOf(filter(type, pattern)), words);
  });
}

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
