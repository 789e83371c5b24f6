/** Ethernet's, IPv4's and UDP's headers, bytes. */
export const DATAGRAM_HEADERS = 42;

/** A UDP datagram in IPv4 in Ethernet; addresses, ports and checksums are zero. */
export function datagram(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(DATAGRAM_HEADERS + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint16(16, 28 + payload.length);
  view.setUint8(22, 64);
  view.setUint8(23, 17);
  view.setUint16(38, 8 + payload.length);
  frame.set(payload, DATAGRAM_HEADERS);
  return frame;
}
