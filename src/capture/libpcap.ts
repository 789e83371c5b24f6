import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";

const symbols = {
  pcap_lib_version: { parameters: [], result: "pointer" },

  pcap_create: { parameters: ["buffer", "buffer"], result: "pointer" },
  pcap_set_snaplen: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_set_promisc: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_set_timeout: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_set_buffer_size: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_set_tstamp_precision: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_activate: { parameters: ["pointer"], result: "i32" },
  pcap_open_dead: { parameters: ["i32", "i32"], result: "pointer" },
  pcap_close: { parameters: ["pointer"], result: "void" },

  pcap_geterr: { parameters: ["pointer"], result: "pointer" },
  pcap_statustostr: { parameters: ["i32"], result: "pointer" },
  pcap_datalink: { parameters: ["pointer"], result: "i32" },
  pcap_datalink_val_to_name: { parameters: ["i32"], result: "pointer" },
  pcap_snapshot: { parameters: ["pointer"], result: "i32" },
  pcap_setnonblock: { parameters: ["pointer", "i32", "buffer"], result: "i32" },
  pcap_get_selectable_fd: { parameters: ["pointer"], result: "i32" },
  pcap_get_required_select_timeout: { parameters: ["pointer"], result: "pointer", optional: true },
  pcap_stats: { parameters: ["pointer", "buffer"], result: "i32" },

  pcap_compile: { parameters: ["pointer", "buffer", "buffer", "i32", "u32"], result: "i32" },
  pcap_setfilter: { parameters: ["pointer", "buffer"], result: "i32" },
  pcap_freecode: { parameters: ["buffer"], result: "void" },

  pcap_dispatch: { parameters: ["pointer", "i32", "pointer", "pointer"], result: "i32" },
  /** The address of libpcap's own packet handler that writes a record in savefile layout. */
  pcap_dump: { type: "pointer" },
  pcap_dump_fopen: { parameters: ["pointer", "pointer"], result: "pointer" },
  pcap_dump_ftell: { parameters: ["pointer"], result: "isize" },
  pcap_dump_close: { parameters: ["pointer"], result: "void" },

  pcap_findalldevs: { parameters: ["buffer", "buffer"], result: "i32" },
  pcap_freealldevs: { parameters: ["pointer"], result: "void" },

  // The C library's, found through libpcap, which links it: its own file name differs between systems.
  fmemopen: { parameters: ["buffer", "usize", "buffer"], result: "pointer" },
  setvbuf: { parameters: ["pointer", "pointer", "i32", "usize"], result: "i32" },
  fclose: { parameters: ["pointer"], result: "i32" },
  rewind: { parameters: ["pointer"], result: "void" },
  malloc: { parameters: ["usize"], result: "pointer" },
  free: { parameters: ["pointer"], result: "void" },
  poll: { parameters: ["pointer", "usize", "i32"], result: "i32", nonblocking: true },
  getsockopt: { parameters: ["i32", "i32", "i32", "pointer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libpcap's functions, and those of the C library that go with them, under their C names. */
export type Libpcap = Deno.DynamicLibrary<typeof symbols>["symbols"];

/** A `pcap_t`. */
export type PcapPointer = Deno.PointerObject;

/** Size of libpcap's error buffers, bytes (PCAP_ERRBUF_SIZE). */
export const errorBufferSize = 256;

const fileNames: Partial<Record<typeof Deno.build.os, readonly string[]>> = {
  darwin: ["libpcap.A.dylib", "libpcap.dylib"],
};
const otherFileNames = ["libpcap.so.1", "libpcap.so.0.8", "libpcap.so"];

let loaded: Libpcap | undefined;

/**
 * The system's libpcap, loaded at the first call.
 *
 * Throws OperatorError when Deno does not grant FFI, or when libpcap is not installed or too old (before 1.5).
 *
 * @param purpose what needs it, as the subject of a sentence: `live capture`
 */
export function libpcap(purpose: string): Libpcap {
  requirePermission({ name: "ffi" }, purpose);
  return loaded ??= load(purpose);
}

function load(purpose: string): Libpcap {
  if (Deno.build.os === "windows") {
    throw new OperatorError(`${purpose} is not supported on Windows: read a capture file instead`);
  }
  for (const name of fileNames[Deno.build.os] ?? otherFileNames) {
    try {
      return Deno.dlopen(name, symbols).symbols;
    } catch (error) {
      if (/symbol/i.test(messageOf(error))) {
        throw new OperatorError(`${name} is too old for ${purpose}: ${messageOf(error)}`);
      }
    }
  }
  throw new OperatorError(
    `${purpose} needs libpcap, and it was not found: install it ` +
      "(Debian, Ubuntu: apt-get install libpcap0.8; Fedora: dnf install libpcap; Alpine: apk add libpcap)",
  );
}

/** `text` as a C string. Throws OperatorError when it holds a NUL character. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new OperatorError(`${JSON.stringify(text)} holds a NUL character`, 2);
  return new TextEncoder().encode(`${text}\0`);
}

/** The C string at `pointer`; empty for NULL. */
export function textAt(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/** The C string at the start of an error buffer. */
export function errorText(buffer: Uint8Array): string {
  const end = buffer.indexOf(0);
  return new TextDecoder().decode(end < 0 ? buffer : buffer.subarray(0, end));
}
