/** Ethernet frames for live tests. */

/** What {@link udpFrame} puts into a frame. */
export interface UdpFrame {
  /** The first four bytes of the payload, to tell frames apart. */
  readonly number: number;
  readonly destinationPort: number;
  /** Payload, bytes; at least 4. */
  readonly payloadLength: number;
  /** 802.1Q tags, outermost first: TPID and VLAN id each. */
  readonly tags?: readonly (readonly [tpid: number, id: number])[];
}

/** A UDP datagram from 192.0.2.1 port 40000 to 192.0.2.2, in IPv4, in Ethernet. UDP checksum 0: not computed. */
export function udpFrame(frame: UdpFrame): Uint8Array<ArrayBuffer> {
  const tags = frame.tags ?? [];
  const ipOffset = 14 + 4 * tags.length;
  const bytes = new Uint8Array(ipOffset + 28 + frame.payloadLength);
  const view = new DataView(bytes.buffer);
  bytes.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
  tags.forEach(([tpid, id], i) => {
    view.setUint16(12 + 4 * i, tpid);
    view.setUint16(14 + 4 * i, id);
  });
  view.setUint16(ipOffset - 2, 0x0800);
  view.setUint8(ipOffset, 0x45);
  view.setUint16(ipOffset + 2, 28 + frame.payloadLength);
  view.setUint8(ipOffset + 8, 64);
  view.setUint8(ipOffset + 9, 17);
  bytes.set([192, 0, 2, 1, 192, 0, 2, 2], ipOffset + 12);
  view.setUint16(ipOffset + 10, headerChecksum(view, ipOffset));
  view.setUint16(ipOffset + 20, 40000);
  view.setUint16(ipOffset + 22, frame.destinationPort);
  view.setUint16(ipOffset + 24, 8 + frame.payloadLength);
  view.setUint32(ipOffset + 28, frame.number);
  return bytes;
}

/** RFC 791 section 3.1, of a header of 20 bytes whose checksum field is 0. */
function headerChecksum(view: DataView, offset: number): number {
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += view.getUint16(offset + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
