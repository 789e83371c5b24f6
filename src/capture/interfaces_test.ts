import { deepEqual, equal, ok } from "node:assert/strict";
import { libpcapObstacle } from "../../tests/live/libpcap_library.ts";
import { formatAddress, leadingOnes, listInterfaces } from "./interfaces.ts";

const obstacle = libpcapObstacle();
if (obstacle !== undefined) console.log(`tests that list interfaces are skipped: ${obstacle}`);

Deno.test("addresses in text form", () => {
  const cases: [number[], string][] = [
    [[192, 0, 2, 1], "192.0.2.1"],
    [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "2001:db8::1"],
    [Array(16).fill(0), "::"],
    [[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1], "fe80::ff:fe00:1"],
  ];
  for (const [bytes, expected] of cases) equal(formatAddress(Uint8Array.from(bytes)), expected);
});

Deno.test("prefix lengths", () => {
  const cases: [number[], number][] = [
    [[255, 255, 255, 0], 24],
    [[255, 255, 254, 0], 23],
    [[0, 0, 0, 0], 0],
    [[128, 0, 0, 0], 1],
    [[255, 255, 255, 255], 32],
    [[255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0], 64],
  ];
  for (const [mask, expected] of cases) equal(leadingOnes(Uint8Array.from(mask)), expected);
});

Deno.test({
  name: "the interfaces of this machine, as the system knows them",
  ignore: obstacle !== undefined,
  fn: () => {
    const listed = listInterfaces();
    const known = Deno.networkInterfaces().map(({ name, address, cidr }) => ({
      name,
      cidr: `${address}/${cidr.split("/")[1]}`,
    }));
    ok(listed.length > 0);
    for (const { name, cidr } of known) {
      const addresses = listed.find((each) => each.name === name)?.addresses ?? [];
      ok(addresses.some(({ ip, prefixLength }) => `${ip}/${prefixLength}` === cidr), `${cidr} on ${name}`);
    }
    deepEqual(listed.filter((each) => each.loopback && each.name === "any"), []);
  },
});
