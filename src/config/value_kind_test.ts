import assert from "node:assert/strict";
import {
  boolean,
  choice,
  duration,
  integer,
  integerOf,
  InvalidValue,
  listenAddress,
  mapped,
  orEmpty,
  path,
  paths,
  portRanges,
  ports,
  remoteAddress,
  text,
  texts,
  type ValueKind,
} from "./value_kind.ts";

const cases: readonly [name: string, kind: ValueKind<unknown>, texts: string[], expected: unknown][] = [
  ["integer", integer(1, 10), ["10"], 10],
  ["integer, the last wins", integer(1, 10), ["1", "2"], 2],
  ["integer, leading zeros", integer(1, 10), ["007"], 7],
  ["integer, 0 for another value", integer(5, 10, 8), ["0"], 8],
  ["integer of a few", integerOf(-1, 0, 8), ["-1"], -1],
  ["duration", duration(1, 3_600_000, 5000), ["90s"], 90_000],
  ["duration of several parts", duration(1, 36_000_000, 5000), ["1h2m3.5s"], 3_723_500],
  ["duration in milliseconds", duration(1, 3_600_000, 5000), ["1500"], 1500],
  ["duration in microseconds", duration(1, 3_600_000, 5000), ["2000us"], 2],
  ["duration, 0 for another value", duration(1, 3_600_000, 5000), ["0"], 5000],
  ["duration, 0s for another value", duration(1, 3_600_000, 5000), ["0s"], 5000],
  ["a value that stands for another", mapped(choice("no", "yes"), (word) => word === "yes"), ["yes"], true],
  ["boolean true", boolean(), ["true"], true],
  ["boolean 1", boolean(), ["1"], true],
  ["boolean FALSE", boolean(), ["FALSE"], false],
  ["boolean 0", boolean(), ["0"], false],
  ["choice", choice("allow", "deny"), ["deny"], "deny"],
  ["ports, as in dns.md vector 44", ports([53]), ["53, 5353,"], [53, 5353]],
  ["ports, doubled", ports([53]), ["53,53", "54"], [53, 54]],
  ["ports, empty", ports([53]), [""], [53]],
  ["ports, separators only", ports([53]), [" , ,"], [53]],
  ["ranges of ports", portRanges(), ["8000-9000, 1-1", "8000-9000"], ["8000-9000", "1-1"]],
  ["ranges of ports, leading zeros", portRanges(), ["08000-9000"], ["8000-9000"]],
  ["ranges of ports, empty", portRanges(), [""], []],
  ["texts, comma-separated and repeated", texts("a name", 9), ["a, b", "c"], ["a", "b", "c"]],
  ["texts, none allowed", texts("a name", 9, []), [""], []],
  ["paths keep commas", paths(), ["a,b.pcap", "-"], ["a,b.pcap", "-"]],
  ["path", path(), ["/x y"], "/x y"],
  ["empty text as nothing", orEmpty(path(), undefined), [""], undefined],
  ["remote name", remoteAddress(), ["processor.example.com:55555"], "processor.example.com:55555"],
  ["remote IPv4", remoteAddress(), ["192.0.2.1:1"], "192.0.2.1:1"],
  ["remote IPv6", remoteAddress(), ["[2001:db8::1]:65535"], "[2001:db8::1]:65535"],
  ["remote link-local with zone", remoteAddress(), ["[fe80::1%eth0]:5"], "[fe80::1%eth0]:5"],
  ["listen on all", listenAddress(), [":55555"], ":55555"],
  ["listen on any port", listenAddress(), ["127.0.0.1:0"], "127.0.0.1:0"],
];

for (const [name, kind, given, expected] of cases) {
  Deno.test(`value: ${name}`, () => assert.deepEqual(kind.parse(given), expected));
}

const port = "a port from 1 to 65535";
const remote = "host:port (port 1 to 65535, an IPv6 address in brackets)";
const invalid: readonly [kind: ValueKind<unknown>, text: string, message: string][] = [
  [integer(1, 10), "0", '"0" is not an integer from 1 to 10'],
  [integer(1, 10), "11", '"11" is not an integer from 1 to 10'],
  [integer(1, 10), "-1", '"-1" is not an integer from 1 to 10'],
  [integer(1, 10), "1.5", '"1.5" is not an integer from 1 to 10'],
  [integer(1, 10), "", '"" is not an integer from 1 to 10'],
  [
    integer(0, Number.MAX_SAFE_INTEGER),
    "9007199254740993",
    `"9007199254740993" is not an integer from 0 to ${Number.MAX_SAFE_INTEGER}`,
  ],
  [integer(5, 10, 8), "3", '"3" is not an integer from 5 to 10, or 0 for 8'],
  [integerOf(-1, 0, 8), "4", '"4" is not -1, 0 or 8'],
  [integerOf(-1, 0, 8), "", '"" is not -1, 0 or 8'],
  ...["5 m", "-1s", "m", "1d", "61m", "999us", "300000000000", ""].map((
    text,
  ): [ValueKind<unknown>, string, string] => [
    duration(1, 3_600_000, 5000),
    text,
    `${JSON.stringify(text)} is not a duration from 1 ms to 1h, such as 90s or 1h30m, or 0 for 5s`,
  ]),
  [boolean(), "yes", '"yes" is not true or false'],
  [boolean(), "", '"" is not true or false'],
  [choice("allow", "deny"), "Deny", '"Deny" is not allow or deny'],
  [ports([53]), "0", `"0" is not ${port}`],
  [ports([53]), "70000", `"70000" is not ${port}`],
  [ports([53]), "53,x", `"x" is not ${port}`],
  [texts("an interface name", 9), " , ", '"" is not an interface name'],
  [texts("an interface name", 9), "0123456789", '"0123456789" is not an interface name'],
  [text("a name", 9), "a\nb", '"a\\nb" is not a name'],
  [path(), "a\0b", '"a\\u0000b" is not the path of a file'],
  [remoteAddress(), "processor", `"processor" is not ${remote}`],
  [remoteAddress(), ":55555", `":55555" is not ${remote}`],
  [remoteAddress(), "a:0", `"a:0" is not ${remote}`],
  [remoteAddress(), "a:65536", `"a:65536" is not ${remote}`],
  [remoteAddress(), "::1:55555", `"::1:55555" is not ${remote}`],
  [remoteAddress(), "http://a:1", `"http://a:1" is not ${remote}`],
  [
    listenAddress(),
    "55555",
    '"55555" is not host:port or :port (port 0 to 65535, an IPv6 address in brackets)',
  ],
];

for (const [kind, given, message] of invalid) {
  Deno.test(`value: ${message}`, () => assert.throws(() => kind.parse([given]), new InvalidValue(message)));
}

Deno.test("value kinds: the schema of an item is made once, however many items there are", () => {
  for (const [name, kind] of cases) assert.equal(kind.item(), kind.item(), name);
});
