/**
 * Frames and capture files, octet by octet, for tests of the engine.
 *
 * @module
 */
import { concat } from "./engine_run.ts";

/** LINKTYPE_ numbers. */
export const linkType = { null: 0, ethernet: 1, raw: 101, sll: 113, sll2: 276 } as const;

/** Octets of hexadecimal digits; blanks are passed over. */
export function hex(digits: string): Uint8Array {
  return Uint8Array.from(digits.replace(/\s/g, "").match(/../g) ?? [], (octet) => parseInt(octet, 16));
}

/** 16 bits, big endian. */
export function u16(value: number): number[] {
  return [value >> 8 & 255, value & 255];
}

/** Where a packet comes from and goes to. Addresses are IPv4, or IPv6 in eight groups. */
export interface Ends {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

const CLIENT: Ends = {
  source: "192.0.2.2",
  sourcePort: 40000,
  destination: "192.0.2.1",
  destinationPort: 53,
};

/** A client's query to a DNS server, unless `ends` says otherwise. */
export function ends(changed: Partial<Ends> = {}): Ends {
  return { ...CLIENT, ...changed };
}

/** The way back. */
export function back(there: Ends): Ends {
  return {
    source: there.destination,
    sourcePort: there.destinationPort,
    destination: there.source,
    destinationPort: there.sourcePort,
  };
}

/** An Ethernet frame with an IP packet. Checksums are zero. */
export function ipFrame(protocol: number, payload: Uint8Array, { source, destination }: Ends): Uint8Array {
  const isVersion6 = source.includes(":");
  const octets = (address: string) =>
    isVersion6
      ? address.split(":").flatMap((group) => u16(parseInt(group, 16)))
      : address.split(".").map(Number);
  const header = isVersion6
    ? [0x60, 0, 0, 0, ...u16(payload.length), protocol, 64]
    : [0x45, 0, ...u16(20 + payload.length), 0, 0, 0, 0, 64, protocol, 0, 0];
  const ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...u16(isVersion6 ? 0x86dd : 0x0800)];
  return concat([ethernet, header, octets(source), octets(destination), payload]);
}

/** A UDP datagram in IP in Ethernet. */
export function udpFrame(payload: Uint8Array, there: Ends = CLIENT): Uint8Array {
  const header = [...u16(there.sourcePort), ...u16(there.destinationPort), ...u16(8 + payload.length), 0, 0];
  return ipFrame(17, concat([header, payload]), there);
}

/** A TCP segment in IP in Ethernet. */
export function tcpFrame(payload: Uint8Array, there: Ends = CLIENT, sequence = 1): Uint8Array {
  const number = [sequence >>> 24, sequence >>> 16 & 255, ...u16(sequence & 0xffff)];
  const ports = [...u16(there.sourcePort), ...u16(there.destinationPort)];
  return ipFrame(6, concat([ports, number, [0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0], payload]), there);
}

/** A name on the wire; labels are separated by dots. */
export function wireName(name: string): number[] {
  const labels = name === "" ? [] : name.split(".");
  return [...labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]), 0];
}

/** A DNS query of one question, class IN, recursion desired. */
export function query(id: number, name: string, type: number): Uint8Array {
  return Uint8Array.from([...u16(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...wireName(name), ...u16(type), 0, 1]);
}

/** One packet of a capture. */
export interface CaptureRecord {
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint;
  readonly data: Uint8Array;
  /** Bytes on the line. */
  readonly originalLength: number;
  readonly linkType: number;
}

/** A record of a frame, captured whole. */
export function record(data: Uint8Array, timestampNs = 1_700_000_000_000_000_000n): CaptureRecord {
  return { timestampNs, data, originalLength: data.length, linkType: linkType.ethernet };
}

/** How to write a capture file. */
export interface PcapOptions {
  readonly linkType?: number;
  readonly bigEndian?: boolean;
  /** Else microseconds. */
  readonly nanoseconds?: boolean;
  readonly snapLength?: number;
}

/** A pcap file. */
export function pcapFile(records: readonly CaptureRecord[], options: PcapOptions = {}): Uint8Array {
  const littleEndian = options.bigEndian !== true;
  const unit = options.nanoseconds === true ? 1n : 1000n;
  const words = (...values: number[]) => {
    const view = new DataView(new ArrayBuffer(4 * values.length));
    values.forEach((value, at) => view.setUint32(4 * at, value, littleEndian));
    return new Uint8Array(view.buffer);
  };
  const version = littleEndian ? 4 << 16 | 2 : 2 << 16 | 4;
  const magic = options.nanoseconds === true ? 0xa1b23c4d : 0xa1b2c3d4;
  const header = words(
    magic,
    version,
    0,
    0,
    options.snapLength ?? 262144,
    options.linkType ?? linkType.ethernet,
  );
  return concat([
    header,
    ...records.flatMap(({ timestampNs, data, originalLength }) => {
      const [seconds, rest] = [timestampNs / 1_000_000_000n, timestampNs % 1_000_000_000n];
      return [words(Number(seconds), Number(rest / unit), data.length, originalLength), data];
    }),
  ]);
}

/** A pcapng block. */
export function block(type: number, body: Uint8Array, bigEndian = false): Uint8Array {
  const padded = concat([body, new Uint8Array(-body.length & 3)]);
  const word = (value: number) => {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, value, !bigEndian);
    return new Uint8Array(view.buffer);
  };
  const length = word(12 + padded.length);
  return concat([word(type), length, padded, length]);
}

/** Blocks of a pcapng file, little endian. */
export const pcapng = {
  section: () => block(0x0a0d0d0a, hex("4d3c2b1a 0100 0000 ffffffffffffffff")),
  /** An interface with nanosecond time stamps. */
  interface: (link: number, name: Uint8Array = new Uint8Array(), snapLength = 0) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint16(0, link, true);
    view.setUint32(4, snapLength, true);
    const option = (code: number, value: Uint8Array | number[]) =>
      concat([[code, 0, value.length & 255, value.length >> 8], value, new Uint8Array(-value.length & 3)]);
    const body = concat([new Uint8Array(view.buffer), option(2, name), option(9, [9]), [0, 0, 0, 0]]);
    return block(1, body);
  },
  packet: (index: number, { timestampNs, data, originalLength }: CaptureRecord) => {
    const view = new DataView(new ArrayBuffer(20));
    view.setUint32(0, index, true);
    view.setUint32(4, Number(timestampNs >> 32n), true);
    view.setUint32(8, Number(timestampNs & 0xffffffffn), true);
    view.setUint32(12, data.length, true);
    view.setUint32(16, originalLength, true);
    return block(6, concat([new Uint8Array(view.buffer), data]));
  },
} as const;

/** Records of a capture file, read without the engine: pcap and, as far as captures here need it, pcapng. */
export function readCapture(file: Uint8Array): CaptureRecord[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  return view.getUint32(0, true) === 0x0a0d0d0a ? readPcapng(file, view) : readPcap(file, view);
}

/** Records that the engine wrote: without a file header, little endian, nanoseconds. */
export function readRecords(records: Uint8Array, linkType: number): CaptureRecord[] {
  return readCapture(concat([pcapFile([], { linkType, nanoseconds: true }), records]));
}

function readPcap(file: Uint8Array, view: DataView): CaptureRecord[] {
  const isLittleEndian = [0xa1b2c3d4, 0xa1b23c4d].includes(view.getUint32(0, true));
  const isNano = view.getUint32(0, isLittleEndian) === 0xa1b23c4d;
  const records: CaptureRecord[] = [];
  for (let at = 24; at < file.length;) {
    const [seconds = 0, fraction = 0, length = 0, originalLength = 0] = [0, 4, 8, 12].map((offset) =>
      view.getUint32(at + offset, isLittleEndian)
    );
    records.push({
      timestampNs: BigInt(seconds) * 1_000_000_000n + BigInt(fraction) * (isNano ? 1n : 1000n),
      data: file.subarray(at + 16, at + 16 + length),
      originalLength,
      linkType: view.getUint32(20, isLittleEndian) & 0x3ffffff,
    });
    at += 16 + length;
  }
  return records;
}

function readPcapng(file: Uint8Array, view: DataView): CaptureRecord[] {
  const records: CaptureRecord[] = [];
  let interfaces: { linkType: number; unit: bigint }[] = [];
  for (let at = 0; at < file.length; at += view.getUint32(at + 4, true)) {
    const [type, length] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (type === 0x0a0d0d0a) interfaces = [];
    if (type === 1) {
      let unit = 1000n;
      for (let option = at + 16; option < at + length - 4;) {
        const [code, size] = [view.getUint16(option, true), view.getUint16(option + 2, true)];
        if (code === 9) unit = 10n ** BigInt(9 - view.getUint8(option + 4));
        option += 4 + (size + 3 & ~3);
        if (code === 0) break;
      }
      interfaces.push({ linkType: view.getUint16(at + 8, true), unit });
    }
    if (type === 6) {
      const words = [8, 12, 16, 20, 24].map((offset) => view.getUint32(at + offset, true));
      const [index = 0, high = 0, low = 0, captured = 0, originalLength = 0] = words;
      const { linkType = 0, unit = 0n } = interfaces[index] ?? {};
      records.push({
        timestampNs: (BigInt(high) << 32n | BigInt(low)) * unit,
        data: file.subarray(at + 28, at + 28 + captured),
        originalLength,
        linkType,
      });
    }
  }
  return records;
}
