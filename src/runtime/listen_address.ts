import { messageOf } from "./operator_error.ts";

/** IPv6 and IPv4; where there is no IPv6, IPv4. */
const allAddresses = ["[::]", "0.0.0.0"];

/** What to try to listen on for `host:port`, in order; an empty host means all addresses. */
export function listenTargets(address: string): string[] {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon);
  return (host === "" ? allAddresses : [host]).map((candidate) => candidate + address.slice(colon));
}

/** Why listening failed, for the operator. */
export function listenFailure(error: unknown): string {
  const text = messageOf(error);
  if (text.includes("EADDRINUSE")) return "another program listens there: stop it, or choose another port";
  if (text.includes("EACCES")) return "not allowed: ports below 1024 need more rights";
  if (/EADDRNOTAVAIL|EINVAL|ENOTFOUND|Name resolution failed/.test(text)) {
    return "this machine has no such address";
  }
  return text;
}

/** Whether no other target can do better: the port is taken, or not for us. */
export function isFinalListenFailure(error: unknown): boolean {
  return /EADDRINUSE|EACCES/.test(messageOf(error));
}
