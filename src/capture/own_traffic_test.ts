import { equal } from "node:assert/strict";
import { exclusionExpression } from "./own_traffic.ts";

Deno.test("the processor is kept out by address and port", () => {
  const cases: [string[], number, string][] = [
    [["192.0.2.9"], 55555, "not (host 192.0.2.9 and tcp port 55555)"],
    [["192.0.2.9", "2001:db8::9"], 1, "not ((host 192.0.2.9 or host 2001:db8::9) and tcp port 1)"],
    [["fe80::1%eth0"], 1, "not (host fe80::1 and tcp port 1)"],
    [["::ffff:192.0.2.9"], 1, "not (host 192.0.2.9 and tcp port 1)"],
    [["processor.example"], 1, ""],
    [[], 1, ""],
  ];
  for (const [addresses, port, expected] of cases) equal(exclusionExpression(addresses, port), expected);
});
