import assert from "node:assert/strict";
import type { FilterTypeName } from "../../engine/filter.ts";
import { searchedText } from "./text_search.ts";

const cases: readonly [type: FilterTypeName, pattern: string, text: string | undefined][] = [
  ["sip_user", "Alice*", "alice"],
  ["sip_user", "al*bertina", "bertina"],
  ["sip_user", "al", undefined],
  ["phone_number", "+49 30 1234567", "49301234567"],
  ["dns_domain", "example.com", "\x07example\x03com"],
  ["dns_domain", "*.example.com", "\x07example\x03com"],
  ["dns_domain", "*ample.com", "ample\x03com"],
  ["dns_domain", "www.exa*", "\x03www"],
  ["dns_domain", "*ampl*", "ampl"],
  ["ip_address", "192.0.2.1", undefined],
  ["imsi", "310260123456789", undefined],
  ["tls_ja3", "e7d705a3286e19ea42f587b344ee6865", undefined],
  ["bpf", "udp port 53", undefined],
];

for (const [type, pattern, text] of cases) {
  Deno.test(`text to search for: ${type} ${pattern}`, () => {
    const found = searchedText({ id: "x", type, pattern, targetHunters: [], enabled: true, description: "" });
    assert.equal(found && new TextDecoder().decode(found), text);
  });
}
