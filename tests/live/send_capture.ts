/**
 * Sends the frames of a capture file on an interface, and prints how many it sent. It is a program of its own because a
 * process cannot change its network namespace.
 *
 * Usage: ip netns exec NAMESPACE deno run --allow-ffi --allow-read tests/live/send_capture.ts INTERFACE FILE PER_SECOND
 */
import { readCapture } from "../end_to_end/capture_file.ts";
import { Injector } from "./inject.ts";

const [interfaceName = "", path = "", perSecond = ""] = Deno.args;
const { records } = readCapture(path);
const injector = new Injector(interfaceName);
const startMs = performance.now();
let sent = 0;
for (const [at, { frame }] of records.entries()) {
  // No burst is longer than the sender was late.
  for (;;) {
    const early = startMs + at / Number(perSecond) * 1000 - performance.now();
    if (early <= 0) break;
    await new Promise((resolve) => setTimeout(resolve, early));
  }
  if (injector.send(new Uint8Array(frame))) sent++;
}
injector.close();
console.log(sent);
