import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";
import { isGranted, requirePermission } from "../runtime/permissions.ts";

/**
 * Checks that Deno lets this process connect to `processor`, `host:port`. A name has to be granted by itself, to be
 * looked up, and so has one of the addresses that it stands for now, which is what gRPC connects to; one that cannot
 * be looked up now may be found later. Throws OperatorError that names the flag to add.
 */
export async function requireProcessorAccess(processor: string): Promise<void> {
  if (isGranted({ name: "net" })) return;
  const { hostname, port } = new URL(`tcp://${processor}`);
  const host = hostname.replace(/^\[|\]$/g, "");
  const purpose = `connecting to ${processor} (--processor)`;
  if (isIP(host) !== 0) return requirePermission({ name: "net", host: processor }, purpose);
  requirePermission({ name: "net", host }, `looking up ${host} (--processor)`);
  const addresses = await lookup(host, { all: true }).catch(() => []);
  const targets = addresses.map(({ address }) => `${isIPv6(address) ? `[${address}]` : address}:${port}`);
  const [first] = targets;
  if (first === undefined || targets.some((target) => isGranted({ name: "net", host: target }))) return;
  requirePermission({ name: "net", host: first }, purpose);
}
