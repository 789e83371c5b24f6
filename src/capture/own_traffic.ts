import { isIPv4, isIPv6 } from "node:net";

/**
 * Keeps out the TCP traffic with a processor, by address and port, so that the hunter does not capture what it
 * sends. Empty when `addresses` has no IP address: a name would make libpcap ask a resolver.
 */
export function exclusionExpression(addresses: readonly string[], port: number): string {
  const hosts = addresses.map(asOnTheWire).filter((address) => isIPv4(address) || isIPv6(address));
  if (hosts.length === 0) return "";
  const host = hosts.map((address) => `host ${address}`).join(" or ");
  return `not (${hosts.length === 1 ? host : `(${host})`} and tcp port ${port})`;
}

/** `fe80::1` for `fe80::1%eth0`, which libpcap does not take, and `192.0.2.1` for `::ffff:192.0.2.1`. */
function asOnTheWire(address: string): string {
  return address.replace(/%.*$/, "").replace(/^::ffff:(?=[0-9.]+$)/i, "");
}
