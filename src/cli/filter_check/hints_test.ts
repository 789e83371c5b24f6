import "../../runtime/environment.ts";
import assert from "node:assert/strict";
import { examineFilters } from "../../processor/filter_file.ts";
import { hintsFor } from "./hints.ts";

/** The hints about these filters, one per line: `id type pattern hunter,... off`. */
function hints(...lines: readonly string[]): string[] {
  const entries = lines.map((line) => {
    const [id, type, pattern, hunters = "", state = ""] = line.split(" ");
    return JSON.stringify({
      id,
      type,
      pattern,
      target_hunters: hunters === "" || hunters === "-" ? [] : hunters.split(","),
      enabled: state === "off" ? "false" : "true",
    });
  });
  const { filters, problems } = examineFilters(
    `filters:\n${entries.map((entry) => `  - ${entry}\n`).join("")}`,
  );
  assert.deepEqual(problems, []);
  return hintsFor(filters).map(({ line, id, text }) => `${line} ${id} ${text}`);
}

const within = (id: string) => `${id} matches all that it matches`;

const cases: readonly [what: string, filters: readonly string[], expected: readonly string[]][] = [
  ["the same twice", ["a dns_domain x.test", "b dns_domain X.TEST."], [
    "3 b looks for the same as a (line 2)",
  ]],
  ["the same number", ["a phone_number +49123456789", "b phone_number 0049123456789"], [
    "3 b looks for the same as a (line 2)",
  ]],
  ["letters beyond ASCII in another case", ["a sip_user MÜLLER", "b sip_user müller"], []],
  ["a URL that is encrypted", ["a http_url HTTPS://x.test/*", "b http_url *https://*"], [
    "2 a only requests that are not encrypted are seen: no URL begins with https://",
  ]],
  ["other types are others", ["a dns_domain x.test", "b tls_sni x.test"], []],
  ["a disabled one", ["a dns_domain x.test - off", "b dns_domain x.test"], []],
  ["for other hunters", ["a dns_domain x.test one", "b dns_domain x.test two"], []],
  ["for one hunter in common", ["a dns_domain x.test one,two", "b dns_domain x.test two"], [
    "3 b looks for the same as a (line 2)",
  ]],
  ["a wider text", ["a dns_domain www.x.test", "b dns_domain *.x.test"], [
    `2 a ${within("b (line 3)")}`,
  ]],
  ["a wider text for fewer hunters", ["a dns_domain www.x.test", "b dns_domain *.x.test one"], []],
  ["contained texts", ["a sip_user alice", "b sip_user malice*"], [
    `3 b ${within("a (line 2)")}`,
  ]],
  ["a prefix within a prefix", [
    "a ip_address 10.1.2.3",
    "b ip_address 10.0.0.0/8",
    "c ip_address 11.0.0.0/8",
  ], [
    `2 a ${within("b (line 3)")}`,
  ]],
  ["IPv6", ["a ip_address 2001:db8::/32", "b ip_address 2001:db8:1::/48", "c ip_address 2001:db9::1"], [
    `3 b ${within("a (line 2)")}`,
  ]],
  ["the wider one of two", ["a ip_address 10.0.0.0/8", "b ip_address 0.0.0.0/0"], [
    `2 a ${within("b (line 3)")}`,
  ]],
  ["BPF is compared by its text", ["a bpf udp", "b bpf udp", "c bpf tcp"], [
    "3 b looks for the same as a (line 2)",
  ]],
];

for (const [what, filters, expected] of cases) {
  Deno.test(`hints: ${what}`, () => assert.deepEqual(hints(...filters), expected));
}
