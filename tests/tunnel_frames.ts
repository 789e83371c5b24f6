/**
 * Tunnels around IP packets and Ethernet frames. Lengths and checksums are right, UDP checksums zero.
 *
 * @module
 */
import { concat } from "./engine_run.ts";
import { type Ends, ends, u16 } from "./frames.ts";
import { ipPacket, udpPacket } from "./fragment_frames.ts";

/** Routers at the ends of a tunnel. */
export const routers: Ends = ends({ source: "203.0.113.1", destination: "203.0.113.2", sourcePort: 50000 });

function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

/** A tunnel: the IP packet between its ends. */
export interface TunnelFrame {
  /** As in `details.tunnel`. */
  readonly name: string;
  /** As in `details.tunnel_id`. */
  readonly id: number;
  /** What is inside is an Ethernet frame, not an IP packet. */
  readonly carriesEthernet?: boolean;
  /** What is inside is IPv6. */
  readonly carriesIpv6?: boolean;
  /** Puts what is inside into the tunnel. */
  readonly wrap: (content: Uint8Array, between?: Ends) => Uint8Array;
}

function inUdp(port: number, header: number[]): TunnelFrame["wrap"] {
  return (content, between = routers) =>
    udpPacket(concat([header, content]), { ...between, destinationPort: port });
}

function inIp(protocol: number, header: number[] = []): TunnelFrame["wrap"] {
  return (content, between = routers) => ipPacket(protocol, concat([header, content]), between);
}

/** VXLAN (RFC 7348) with this network identifier. */
export function vxlanOf(id: number): TunnelFrame {
  return { name: "VXLAN", id, carriesEthernet: true, wrap: inUdp(4789, [8, 0, 0, 0, ...u32(id << 8)]) };
}

/** GRE with this key (RFC 2890) and an IPv4 packet. */
export function greOf(id: number): TunnelFrame {
  return { name: "GRE", id, wrap: inIp(47, [0x20, 0, 8, 0, ...u32(id)]) };
}

export const [vxlan, gre] = [vxlanOf(0x123456), greOf(0xcafe)];

/** All of them. */
export const tunnels: readonly TunnelFrame[] = [
  vxlan,
  gre,
  { name: "GRE", id: 0, carriesEthernet: true, wrap: inIp(47, [0, 0, 0x65, 0x58]) },
  {
    name: "ERSPAN",
    id: 0x155,
    carriesEthernet: true,
    wrap: inIp(47, [0x10, 0, 0x88, 0xbe, 0, 0, 0, 9, 0x10, 0, 1, 0x55, 0, 0, 0, 0]),
  },
  { name: "IP-in-IP", id: 0, wrap: inIp(4) },
  { name: "6in4", id: 0, carriesIpv6: true, wrap: inIp(41) },
  {
    name: "GENEVE",
    id: 0x0a0b0c,
    carriesEthernet: true,
    wrap: inUdp(6081, [0, 0, 0x65, 0x58, 10, 11, 12, 0]),
  },
  {
    name: "GTP-U",
    id: 0x01020304,
    wrap: (content, between) =>
      inUdp(2152, [0x30, 255, ...u16(content.length), ...u32(0x01020304)])(content, between),
  },
  { name: "Teredo", id: 0, carriesIpv6: true, wrap: inUdp(3544, []) },
  { name: "Ethernet-in-IP", id: 0, carriesEthernet: true, wrap: inIp(143) },
  { name: "MPLS-in-UDP", id: 0, wrap: inUdp(6635, [0, 0x10, 1, 64]) },
  // Behind a Network Service Header.
  { name: "VXLAN-GPE", id: 7, wrap: inUdp(4790, [12, 0, 0, 4, 0, 0, 7, 0, 15, 0xc2, 2, 1, 0, 0, 1, 255]) },
];

/** ESP with NULL encryption (RFC 2410): pad bytes as in RFC 4303 section 2.4, and an integrity check value of 12 bytes. */
export function espNull(nextHeader: number, content: Uint8Array, between: Ends = routers): Uint8Array {
  const padLength = -(content.length + 2) & 3;
  const pads = Array.from({ length: padLength }, (_, at) => at + 1);
  const icv = Array.from({ length: 12 }, (_, at) => 0xa0 ^ at * 37 & 255);
  return ipPacket(
    50,
    concat([u32(0x1001), u32(1), content, pads, [padLength, nextHeader], icv]),
    between,
  );
}
