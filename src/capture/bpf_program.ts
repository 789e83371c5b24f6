import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { type KernelExpression, matchesNothing } from "./bpf.ts";
import { cString, type Libpcap, libpcap, type PcapPointer, textAt } from "./libpcap.ts";

const instructionSize = 8;
const netmaskUnknown = 0xffff_ffff;

/** Largest snapshot length of libpcap (MAXIMUM_SNAPLEN), bytes. */
export const maxSnapLength = 262_144;

/** A compiled `struct bpf_program`; {@link free} must be called once. */
export class BpfProgram {
  /** The struct itself, for libpcap. */
  readonly struct: Uint8Array<ArrayBuffer>;
  readonly #lib: Libpcap;

  private constructor(lib: Libpcap, struct: Uint8Array<ArrayBuffer>) {
    this.#lib = lib;
    this.struct = struct;
  }

  /** Compiles `expression` for the link type and the snap length of `handle`. Throws OperatorError. */
  static compile(lib: Libpcap, handle: PcapPointer, expression: string): BpfProgram {
    const struct = new Uint8Array(16);
    if (lib.pcap_compile(handle, struct, cString(expression), 1, netmaskUnknown) !== 0) {
      throw new OperatorError(`bad filter: ${expression}: ${textAt(lib.pcap_geterr(handle))}`, 2);
    }
    return new BpfProgram(lib, struct);
  }

  /** Compiles the first form of `filter` that fits the link type of `handle`. Throws OperatorError. */
  static compileEither(lib: Libpcap, handle: PcapPointer, filter: KernelExpression): BpfProgram {
    if (filter.text !== filter.withoutVlan) {
      try {
        return BpfProgram.compile(lib, handle, filter.text);
      } catch {
        // A link type without VLAN tags, or a bad expression: the plain form tells.
      }
    }
    return BpfProgram.compile(lib, handle, filter.withoutVlan);
  }

  /**
   * As {@link compileEither}, where several parties want something together: what no packet can match, and libpcap takes
   * for a mistake, matches nothing.
   */
  static compileJoint(lib: Libpcap, handle: PcapPointer, filter: KernelExpression): BpfProgram {
    try {
      return BpfProgram.compileEither(lib, handle, filter);
    } catch (error) {
      if (!messageOf(error).endsWith(": expression rejects all packets")) throw error;
      return BpfProgram.compile(lib, handle, matchesNothing.text);
    }
  }

  /** A copy of the instructions, 8 bytes each: code (u16), jt (u8), jf (u8), k (u32), in host byte order. */
  instructions(): Uint8Array<ArrayBuffer> {
    const struct = new DataView(this.struct.buffer);
    const pointer = Deno.UnsafePointer.create(struct.getBigUint64(8, true));
    if (pointer === null) return new Uint8Array();
    const length = struct.getUint32(0, true);
    const bytes = Deno.UnsafePointerView.getArrayBuffer(pointer, length * instructionSize);
    return new Uint8Array(bytes.slice(0));
  }

  /** Gives the memory back. */
  free(): void {
    this.#lib.pcap_freecode(this.struct);
  }
}

/** Link types that capture files have (LINKTYPE_ values): https://www.tcpdump.org/linktypes.html */
const ethernet = 1, cookedV1 = 113, cookedV2 = 276, raw = 101, rawAsDlt = 12;
const bsdLoopback = 0, openBsdLoopback = 108, rawIpv4 = 228, rawIpv6 = 229;
const ppp = 9, pppInHdlc = 50, ciscoHdlc = 104, ieee80211 = 105, frameRelay = 107, radiotap = 127;
/** The link types (DLT_ values) that programs for capture files are made for. */
export const fileLinkTypes: readonly number[] = [
  ethernet,
  cookedV1,
  cookedV2,
  raw,
  rawAsDlt,
  bsdLoopback,
  openBsdLoopback,
  rawIpv4,
  rawIpv6,
  ppp,
  pppInHdlc,
  ciscoHdlc,
  ieee80211,
  frameRelay,
  radiotap,
];

/** What libpcap says against `expression` on a link type (LINKTYPE_ or DLT_); undefined when it compiles. */
export function compileProblem(linkType: number, expression: KernelExpression): string | undefined {
  try {
    const lib = libpcap("a BPF filter");
    const handle = openDead(lib, linkType, 0xffff);
    try {
      BpfProgram.compileEither(lib, handle, expression).free();
      return undefined;
    } finally {
      lib.pcap_close(handle);
    }
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Compiles a BPF expression for each link type that capture files have: link type to instructions (8 bytes each:
 * code, jt, jf, k, in host byte order). A link type that the expression does not fit, such as `ether` on raw IP,
 * is left out. Throws OperatorError with libpcap's text when it fits none. Programs for BSD loopback (0) expect
 * the address family in this host's byte order.
 *
 * @param expression one for all, or what gives a joint one ({@link BpfProgram.compileJoint}) for a link type
 * @param snapLength what the program returns for a packet that passes, bytes
 * @param purpose what asks for it, for a message
 */
export function compileForFiles(
  expression: string | ((linkType: number) => KernelExpression),
  snapLength: number,
  purpose = "--filter on a capture file",
): Map<number, Uint8Array<ArrayBuffer>> {
  const lib = libpcap(purpose);
  const programs = new Map<number, Uint8Array<ArrayBuffer>>();
  let firstError: unknown;
  for (const linkType of fileLinkTypes) {
    const handle = openDead(lib, linkType, snapLength);
    try {
      const program = typeof expression === "string"
        ? BpfProgram.compile(lib, handle, expression)
        : BpfProgram.compileJoint(lib, handle, expression(linkType));
      programs.set(linkType, program.instructions());
      program.free();
    } catch (error) {
      firstError ??= error;
    } finally {
      lib.pcap_close(handle);
    }
  }
  if (programs.size === 0) throw firstError;
  return programs;
}

/** A handle to compile with. libpcap's own number (DLT_) is the file's, but for raw IP. */
function openDead(lib: Libpcap, linkType: number, snapLength: number): PcapPointer {
  const handle = lib.pcap_open_dead(linkType === raw ? rawAsDlt : linkType, snapLength);
  if (handle === null) throw new OperatorError("libpcap has no memory left");
  return handle;
}
