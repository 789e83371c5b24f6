/**
 * Random payloads are not taken for a protocol, on whatever port.
 *
 * @module
 */
import assert from "node:assert/strict";
import { packetsOf, randomNumbers, run } from "./engine_run.ts";
import { pcapFile, record, tcpFrame, udpFrame } from "./frames.ts";

/** Ports that a rule knows, and some that none does. */
const ports = [
  ...[
    20,
    21,
    22,
    23,
    25,
    53,
    67,
    69,
    80,
    88,
    110,
    123,
    137,
    138,
    139,
    143,
    161,
    179,
    389,
    443,
    445,
    465,
    500,
  ],
  ...[
    502,
    514,
    546,
    554,
    587,
    636,
    853,
    993,
    995,
    1194,
    1433,
    1701,
    1719,
    1720,
    1723,
    1812,
    1883,
    1900,
    2000,
  ],
  ...[
    2055,
    2123,
    2152,
    2427,
    2944,
    3306,
    3389,
    3478,
    3544,
    3868,
    4222,
    4500,
    4569,
    4739,
    4789,
    5004,
    5060,
    5061,
  ],
  ...[
    5222,
    5353,
    5355,
    5432,
    5672,
    5683,
    6081,
    6343,
    6379,
    6881,
    8080,
    8443,
    8805,
    9092,
    10000,
    16384,
    27017,
  ],
  ...[36412, 50051, 51820, 55555, 12345, 40001],
];
/** Payloads per port and transport. */
const payloads = 2000;
/** Of these, how many may be taken for a protocol: 0.1 %. */
const mostTaken = payloads / 1000;

/** A capture of flows of one packet each, from ephemeral ports. */
function randomFlows(transport: "TCP" | "UDP", port: number, seed: number): Uint8Array {
  const below = randomNumbers(seed);
  return pcapFile(Array.from({ length: payloads }, (_, at) => {
    const payload = Uint8Array.from({ length: 8 + below(120) }, () => below(256));
    const ends = {
      source: `10.${below(250) + 1}.${at >> 8}.${at & 255}`,
      sourcePort: 32_768 + below(28_000),
      destination: "192.0.2.1",
      destinationPort: port,
    };
    const frame = transport === "TCP" ? tcpFrame(payload, ends, below(2 ** 31)) : udpFrame(payload, ends);
    return record(frame, 1_700_000_000_000_000_000n + BigInt(at) * 1_000_000n);
  }));
}

for (const transport of ["UDP", "TCP"] as const) {
  Deno.test(`detection: less than 0.1 % of random ${transport} payloads is taken for a protocol, on each port`, () => {
    const above: string[] = [];
    for (const port of ports) {
      const shown = packetsOf(run(randomFlows(transport, port, port)).json);
      const taken = Map.groupBy(
        shown.filter(({ protocol }) => protocol !== transport),
        ({ protocol }) => protocol,
      );
      const sum = [...taken.values()].reduce((total, packets) => total + packets.length, 0);
      const kinds = [...taken].map(([protocol, packets]) => `${protocol} ${packets.length}`).join(", ");
      if (sum > mostTaken) above.push(`${port}: ${kinds}`);
    }
    assert.deepEqual(above, []);
  });
}
