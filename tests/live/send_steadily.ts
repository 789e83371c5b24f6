/**
 * Sends numbered UDP frames on an interface, one to each of some ports at a time, at a steady rate, and prints how many
 * went to each port.
 *
 * Usage: deno run --allow-ffi tests/live/send_steadily.ts INTERFACE PORT[,PORT...] ROUNDS ROUNDS_PER_MS
 */
import { udpFrame } from "./frame.ts";
import { Injector } from "./inject.ts";

const [interfaceName = "", portList = "", rounds = "0", perMs = "1"] = Deno.args;
const ports = portList.split(",").map(Number);
const injector = new Injector(interfaceName);
const started = performance.now();
for (let number = 0; number < Number(rounds);) {
  for (const destinationPort of ports) {
    const frame = udpFrame({ number, destinationPort, payloadLength: 40 });
    if (!injector.send(frame)) throw new Error(`frame ${number} was not sent`);
  }
  number++;
  const aheadMs = number / Number(perMs) - (performance.now() - started);
  if (aheadMs > 1) await new Promise((resolve) => setTimeout(resolve, aheadMs));
}
injector.close();
console.log(rounds);
