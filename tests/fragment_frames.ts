/**
 * IP packets with right checksums, fragments of them, and link layers around them.
 *
 * @module
 */
import { concat } from "./engine_run.ts";
import { type Ends, ends, linkType, u16 } from "./frames.ts";

/** EtherTypes. */
export const etherType = { ipv4: 0x0800, vlan: 0x8100, ipv6: 0x86dd, serviceVlan: 0x88a8 } as const;

/** The Internet checksum (RFC 1071). 0 over a header that has the right one. */
export function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The octets of an IPv4 address, or of an IPv6 one in eight groups. */
export function addressOctets(address: string): number[] {
  return address.includes(":")
    ? address.split(":").flatMap((group) => u16(parseInt(group, 16)))
    : address.split(".").map(Number);
}

function isVersion6(packet: Uint8Array): boolean {
  return (packet[0] ?? 0) >> 4 === 6;
}

/** Sets length and checksum of an IPv4 header. */
function finished(header: number[], length: number): Uint8Array {
  const bytes = Uint8Array.from(header);
  bytes.set(u16(length), 2);
  bytes.set([0, 0], 10);
  bytes.set(u16(checksumOf(bytes)), 10);
  return bytes;
}

/** An IP packet; `identification` is for IPv4. */
export function ipPacket(
  protocol: number,
  payload: Uint8Array,
  { source, destination }: Ends = ends(),
  identification = 0x1234,
): Uint8Array {
  const addresses = [...addressOctets(source), ...addressOctets(destination)];
  if (addresses.length === 32) {
    return concat([[0x60, 0, 0, 0, ...u16(payload.length), protocol, 64], addresses, payload]);
  }
  const header = [0x45, 0, 0, 0, ...u16(identification), 0, 0, 64, protocol, 0, 0, ...addresses];
  return concat([finished(header, 20 + payload.length), payload]);
}

/** A UDP datagram in IP. Its checksum is zero. */
export function udpPacket(payload: Uint8Array, there: Ends = ends(), identification = 0x1234): Uint8Array {
  const ports = [...u16(there.sourcePort), ...u16(there.destinationPort)];
  return ipPacket(17, concat([ports, u16(8 + payload.length), [0, 0], payload]), there, identification);
}

/** What a fragment says of itself, where that is not what follows from the packet. */
export interface FragmentChanges {
  /** Of IPv6: else 0xfeed0001. */
  readonly identification?: number;
  /** Else whether the packet goes on behind it. */
  readonly more?: boolean;
  /** Else the packet's own bytes. */
  readonly content?: Uint8Array;
}

/** The fragment with the bytes from `start` to `end` of what the packet carries. */
export function fragment(
  packet: Uint8Array,
  start: number,
  end: number,
  changes: FragmentChanges = {},
): Uint8Array {
  const headerLength = isVersion6(packet) ? 40 : 20;
  const payload = packet.subarray(headerLength);
  const content = changes.content ?? payload.subarray(start, end);
  const more = Number(changes.more ?? end < payload.length);
  if (headerLength === 20) {
    const header = [...packet.subarray(0, 20)];
    header.splice(6, 2, ...u16(more << 13 | start >> 3));
    return concat([finished(header, 20 + content.length), content]);
  }
  const header = [...packet.subarray(0, 40)];
  const identification = changes.identification ?? 0xfeed0001;
  const extension = [header[6] ?? 0, 0, ...u16(start | more)];
  header.splice(4, 3, ...u16(8 + content.length), 44);
  return concat([
    header,
    extension,
    [...u16(identification >>> 16), ...u16(identification & 0xffff)],
    content,
  ]);
}

/** The packet in fragments of `size` bytes, a multiple of 8, in order. */
export function fragments(packet: Uint8Array, size: number, changes: FragmentChanges = {}): Uint8Array[] {
  const length = packet.length - (isVersion6(packet) ? 40 : 20);
  const starts = Array.from({ length: Math.ceil(length / size) }, (_, at) => at * size);
  return starts.map((start) => fragment(packet, start, Math.min(start + size, length), changes));
}

/** A link layer: what it makes of an IP packet, and its LINKTYPE_ number. */
export interface Link {
  readonly name: string;
  readonly linkType: number;
  readonly frame: (packet: Uint8Array) => Uint8Array;
}

function typeOf(packet: Uint8Array): number[] {
  return u16(isVersion6(packet) ? etherType.ipv6 : etherType.ipv4);
}

const macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/** Ethernet, without padding. */
export function ethernetFrame(packet: Uint8Array): Uint8Array {
  return concat([macs, typeOf(packet), packet]);
}

/** Ethernet with one 802.1Q tag. */
export function vlanFrame(packet: Uint8Array, id = 42): Uint8Array {
  return concat([macs, u16(etherType.vlan), u16(id), typeOf(packet), packet]);
}

/** Link layers that IP packets are captured on. Cooked version 2 has another form on the wire. */
export const links: readonly Link[] = [
  { name: "Ethernet", linkType: linkType.ethernet, frame: ethernetFrame },
  { name: "802.1Q", linkType: linkType.ethernet, frame: (packet) => vlanFrame(packet) },
  {
    name: "802.1Q in 802.1ad",
    linkType: linkType.ethernet,
    frame: (packet) =>
      concat([
        macs,
        u16(etherType.serviceVlan),
        u16(7),
        u16(etherType.vlan),
        u16(8),
        typeOf(packet),
        packet,
      ]),
  },
  { name: "raw IP", linkType: linkType.raw, frame: (packet) => packet },
  {
    name: "Linux cooked",
    linkType: linkType.sll,
    frame: (packet) => concat([[0, 0, 0, 1, 0, 6], macs.slice(0, 6), [0, 0], typeOf(packet), packet]),
  },
  {
    name: "BSD loopback",
    linkType: linkType.null,
    frame: (packet) => concat([[isVersion6(packet) ? 30 : 2, 0, 0, 0], packet]),
  },
];
