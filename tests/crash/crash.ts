/**
 * `deno task test:crash [--kills N] [--outages N] [--rate PACKETS_PER_SECOND] [--seed N]`: kills a hunter with a
 * write-ahead disk buffer, and takes its processor away, again and again while it captures numbered packets, and counts
 * what arrives. Needs root, `ip` and libpcap. Exits with 1 when a packet is lost that was accepted.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { namespaceObstacle } from "../live/namespace.ts";
import { runInNamespace } from "./run_in_namespace.ts";

const obstacle = await namespaceObstacle();
if (obstacle !== undefined) {
  console.error(`crash: ${obstacle}`);
  Deno.exit(2);
}
Deno.exit(await runInNamespace(fileURLToPath(new URL("crash_run.ts", import.meta.url)), Deno.args));
