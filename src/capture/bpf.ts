/**
 * Builders of BPF expressions (pcap-filter(7)). Text in, text out: libpcap compiles.
 *
 * @module
 */

/** What makes up the filter of a live handle. Every expression may be empty. */
export interface KernelFilterParts {
  /** What the protocol looks at, such as {@link dnsExpression}; empty for all traffic. */
  readonly mode: string;
  /** The operator's own expression (`--filter`). */
  readonly base: string;
  /** Enabled expressions that the processor pushed: a packet must match one of them. */
  readonly pushed: readonly string[];
  /** What to keep out, from `exclusionExpression`. */
  readonly exclusion: string;
  /** Let later fragments through, too, which have no ports that `mode` could match. */
  readonly fragments: boolean;
  /**
   * Packets without ports that `mode` could match. They come through beside it, and beside a `base` that asks for ports
   * or for UDP or TCP, which they cannot have; any other `base` holds for them, too.
   */
  readonly portless?: string;
}

/** The filter of a live handle. */
export interface KernelExpression {
  /** Finds tagged packets, too, up to two VLAN tags deep; not every link type compiles it. */
  readonly text: string;
  /** The same without VLAN tags, for link types that have none (Linux cooked, raw IP, loopback). */
  readonly withoutVlan: string;
}

/** No packet is that short. libpcap refuses to compile an expression that it can see through. */
export const matchesNothing: KernelExpression = { text: "less 0", withoutVlan: "less 0" };

/**
 * IPv4 packets with a fragment offset above 0 (RFC 791 section 3.1), and IPv6 packets whose first extension header
 * is a fragment header (RFC 8200 section 4.5).
 */
export const fragmentClause = "(ip[6:2] & 0x1fff != 0) or (ip6[6] = 44)";

/** DNS over UDP and TCP, or over UDP only, on any of `ports`; at least one port. */
export function dnsExpression(ports: readonly number[], udpOnly: boolean): string {
  const transport = udpOnly ? "udp" : "(udp or tcp)";
  return `${transport} and (${ports.map((port) => `port ${port}`).join(" or ")})`;
}

/**
 * Joins what the processor pushed, what is wanted locally, and what is kept out, as lippycat's hunters do:
 * `((p1) or (p2)) and ((local) and (exclusion))`, empty parts left out.
 */
export function combine(local: string, pushed: readonly string[], exclusion: string): string {
  const dynamic = pushed.filter((expression) => expression !== "").map((each) => `(${each})`).join(" or ");
  return allOf(dynamic, allOf(local, exclusion));
}

/** The filter of a live handle: {@link combine}, and where a protocol is asked for, VLAN tags. */
export function kernelExpression(parts: KernelFilterParts): KernelExpression {
  const { base, exclusion, portless = "" } = parts;
  const mode = parts.fragments && parts.mode !== "" ? anyOf(parts.mode, fragmentClause) : parts.mode;
  if ([base, ...parts.pushed].some(movesOffsets)) {
    // What follows such a keyword is looked for behind the tag. So the exclusion comes first, and the protocol last.
    const pushed = parts.pushed.toSorted((a, b) => Number(movesOffsets(a)) - Number(movesOffsets(b)));
    const text = allOf(exclusion, combine(allOf(base, orPortless(mode, portless)), pushed, ""));
    return { text, withoutVlan: text };
  }
  const local = asksForPorts(base)
    ? orPortless(allOf(mode, base), portless)
    : allOf(orPortless(mode, portless), base);
  const withoutVlan = combine(local, parts.pushed, exclusion);
  return { text: mode === "" ? withoutVlan : behindVlanTags(withoutVlan), withoutVlan };
}

/**
 * `expression` on packets with no, one or two VLAN tags. Each `vlan` moves the offsets of all that follows it, so
 * the order matters, and the second one is inside the first.
 */
function behindVlanTags(expression: string): string {
  return `(${expression}) or (vlan and ((${expression}) or (vlan and (${expression}))))`;
}

/** Whether the expression has a keyword that moves the offsets of all that follows it: see pcap-filter(7). */
function movesOffsets(expression: string): boolean {
  return /\b(vlan|mpls|pppoes|geneve|vxlan)\b/.test(expression);
}

/** Whether packets that are fragments, or in a tunnel or ESP, cannot match the expression for want of what it asks for. */
function asksForPorts(expression: string): boolean {
  // What is kept out is no such demand: packets without ports pass it.
  const demands = expression.replace(
    /(\bnot\b|!)\s*(\([^()]*\)|((src|dst|ip6?|udp|tcp)\s+)*(port|portrange)\b)/g,
    "",
  );
  return /\b(port|portrange|udp|tcp)\b/.test(demands);
}

/** What has no restriction to pass beside stays as it is. */
function orPortless(expression: string, portless: string): string {
  return expression === "" || portless === "" ? expression : anyOf(expression, portless);
}

function allOf(a: string, b: string): string {
  return a === "" || b === "" ? a + b : `(${a}) and (${b})`;
}

function anyOf(a: string, b: string): string {
  return `(${a}) or ${b}`;
}
