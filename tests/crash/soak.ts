/**
 * `deno task test:soak [--minutes N] [--rate PACKETS_PER_SECOND] [--seed N]`: runs a hunter and its processor under
 * load, the processor stopped and cut off now and then, and watches their memory. Needs root, `ip` and libpcap. Exits
 * with 1 when memory grows, or a packet is lost.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { namespaceObstacle } from "../live/namespace.ts";
import { runInNamespace } from "./run_in_namespace.ts";

const obstacle = await namespaceObstacle();
if (obstacle !== undefined) {
  console.error(`soak: ${obstacle}`);
  Deno.exit(2);
}
Deno.exit(await runInNamespace(fileURLToPath(new URL("soak_run.ts", import.meta.url)), Deno.args));
