/**
 * The kernel's filter of a packet socket, swapped at one stroke (Linux).
 *
 * pcap_setfilter is no substitute on a running capture: it first installs a filter that rejects everything, and
 * the packets of that moment are lost without being counted. At 300,000 packets/s that is some 15 per call.
 *
 * @module
 */
import type { Libpcap } from "./libpcap.ts";

// include/uapi/asm-generic/socket.h
const solSocket = 1;
const soAttachFilter = 26;
const soGetFilter = 26;

/** Size of a BPF instruction: code (u16), jt (u8), jf (u8), k (u32). */
const instructionSize = 8;
const maxInstructions = 0xffff;

// Classes and modes of BPF instructions, from pcap/bpf.h.
const classMask = 7, load = 0, loadIndex = 1;
const modeMask = 0xe0, absolute = 0x20, indexed = 0x40, headerLength = 0xa0;

// Offsets with which a socket filter asks for what is not in the packet, from include/uapi/linux/filter.h.
const auxiliary = 0xffff_f000;
const protocolOffset = auxiliary;
const packetTypeOffset = auxiliary + 4;

/** Size and fields of the header that libpcap puts before packets of a cooked socket (LINKTYPE_LINUX_SLL). */
const cookedHeaderSize = 16, cookedPacketType = 0, cookedProtocol = 14;

/** `ret #0`: no packet passes. */
export const rejectingProgram: Uint8Array = Uint8Array.of(0x06, 0, 0, 0, 0, 0, 0, 0);

/** Whether the kernel filters the socket. */
export function hasSocketFilter(lib: Libpcap, fileDescriptor: number): boolean {
  // Asked for with length 0, the kernel states the length of the program.
  const length = new Uint32Array(1);
  return lib.getsockopt(fileDescriptor, solSocket, soGetFilter, null, length) === 0 && length[0] !== 0;
}

/** Replaces the kernel's filter of the socket; false when the kernel does not take it, and keeps the old one. */
export function replaceSocketFilter(lib: Libpcap, fileDescriptor: number, instructions: Uint8Array): boolean {
  const length = instructions.length / instructionSize;
  if (length > maxInstructions) return false;
  const headSize = 16; // struct sock_fprog: length (u16), address (u64)
  const program = new DataView(new ArrayBuffer(headSize + instructions.length));
  const bytes = new Uint8Array(program.buffer);
  bytes.set(instructions, headSize);
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)) + BigInt(headSize);
  program.setUint16(0, length, true);
  program.setBigUint64(8, address, true);
  return lib.setsockopt(fileDescriptor, solSocket, soAttachFilter, bytes, headSize) === 0;
}

/**
 * A program compiled for Linux cooked captures (link type 113), for the kernel: a cooked socket's packets begin
 * behind that header, whose fields have offsets of their own. Undefined when it asks for other fields.
 */
export function forCookedSocket(instructions: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const program = new Uint8Array(instructions);
  const view = new DataView(program.buffer);
  for (let at = 0; at < program.length; at += instructionSize) {
    const code = view.getUint16(at, true);
    const offset = view.getUint32(at + 4, true);
    if (!loadsFromPacket(code) || offset >= auxiliary) continue;
    if (offset >= cookedHeaderSize) view.setUint32(at + 4, offset - cookedHeaderSize, true);
    else if (offset === cookedProtocol) view.setUint32(at + 4, protocolOffset, true);
    else if (offset === cookedPacketType) view.setUint32(at + 4, packetTypeOffset, true);
    else return undefined;
  }
  return program;
}

function loadsFromPacket(code: number): boolean {
  const instructionClass = code & classMask, mode = code & modeMask;
  return (instructionClass === load || instructionClass === loadIndex) &&
    (mode === absolute || mode === indexed || mode === headerLength);
}
