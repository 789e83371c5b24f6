import { OperatorError } from "../runtime/operator_error.ts";
import { errorBufferSize, errorText, libpcap, textAt } from "./libpcap.ts";

/** An address of an interface. */
export interface InterfaceAddress {
  /** IPv4 in dotted form, IPv6 in its short form (RFC 5952), without a zone. */
  readonly ip: string;
  /** Leading one bits of the netmask. */
  readonly prefixLength: number;
}

/** An interface that libpcap can capture from. */
export interface NetworkInterface {
  /** As libpcap takes it. */
  readonly name: string;
  /** libpcap's description, or empty. */
  readonly description: string;
  /** IPv4 and IPv6. */
  readonly addresses: readonly InterfaceAddress[];
  /** Switched on; one that is not cannot be captured from. */
  readonly up: boolean;
  /** With a link. */
  readonly running: boolean;
  /** Reaches only this machine. */
  readonly loopback: boolean;
}

// Flags of struct pcap_if, from pcap/pcap.h.
const loopbackFlag = 1, upFlag = 2, runningFlag = 4;

const familyIpv4 = 2;
const familyIpv6: Partial<Record<typeof Deno.build.os, number>> = {
  linux: 10,
  android: 10,
  freebsd: 28,
  darwin: 30,
};

/** Sources that libpcap offers besides network interfaces; they carry no frames that the engine reads. */
const notANetwork = /^(bluetooth|nflog|nfqueue|dbus-|usbmon)/;

/**
 * The interfaces, in libpcap's order (the most likely one first), `any` among them. Throws OperatorError.
 */
export function listInterfaces(): NetworkInterface[] {
  const lib = libpcap("listing interfaces");
  const first = new BigUint64Array(1);
  const errorBuffer = new Uint8Array(errorBufferSize);
  if (lib.pcap_findalldevs(first, errorBuffer) !== 0) {
    throw new OperatorError(`cannot list interfaces: ${errorText(errorBuffer)}`);
  }
  const list = Deno.UnsafePointer.create(first[0] ?? 0n);
  const interfaces: NetworkInterface[] = [];
  try {
    for (let next = list; next !== null;) {
      const view = new Deno.UnsafePointerView(next); // struct pcap_if
      const name = textAt(view.getPointer(8));
      const flags = view.getUint32(32);
      if (!notANetwork.test(name)) {
        interfaces.push({
          name,
          description: textAt(view.getPointer(16)),
          addresses: addressesAt(view.getPointer(24)),
          up: (flags & upFlag) !== 0,
          running: (flags & runningFlag) !== 0,
          loopback: (flags & loopbackFlag) !== 0,
        });
      }
      next = view.getPointer(0);
    }
  } finally {
    lib.pcap_freealldevs(list);
  }
  return interfaces;
}

/** The IP addresses of a list of `struct pcap_addr`. */
function addressesAt(first: Deno.PointerValue): InterfaceAddress[] {
  const addresses: InterfaceAddress[] = [];
  for (let next = first; next !== null;) {
    const view = new Deno.UnsafePointerView(next);
    const bytes = addressBytes(view.getPointer(8));
    if (bytes !== undefined) {
      const mask = addressBytes(view.getPointer(16), bytes.length);
      addresses.push({
        ip: formatAddress(bytes),
        prefixLength: leadingOnes(mask ?? new Uint8Array(bytes.length).fill(0xff)),
      });
    }
    next = view.getPointer(0);
  }
  return addresses;
}

/**
 * The 4 or 16 bytes of a `struct sockaddr`; undefined for other families.
 *
 * @param expected length to read whatever family is stated: BSD netmasks may state none
 */
function addressBytes(pointer: Deno.PointerValue, expected?: number): Uint8Array | undefined {
  if (pointer === null) return undefined;
  const view = new Deno.UnsafePointerView(pointer);
  // BSD systems put the struct's length before the family.
  const isBsd = Deno.build.os === "darwin" || Deno.build.os === "freebsd";
  const family = isBsd ? view.getUint8(1) : view.getUint16(0);
  if (expected === 4 || (expected === undefined && family === familyIpv4)) {
    return new Uint8Array(view.getArrayBuffer(4, 4).slice(0));
  }
  if (expected === 16 || (expected === undefined && family === familyIpv6[Deno.build.os])) {
    return new Uint8Array(view.getArrayBuffer(16, 8).slice(0));
  }
  return undefined;
}

/** Text form of an address of 4 or 16 bytes in network order: dotted, or RFC 5952. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((bytes[2 * i] ?? 0) << 8 | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** Leading one bits. */
export function leadingOnes(mask: Uint8Array): number {
  let ones = 0;
  for (const byte of mask) {
    if (byte !== 0xff) return ones + Math.clz32(~(byte << 24));
    ones += 8;
  }
  return ones;
}
