import { OperatorError } from "../runtime/operator_error.ts";
import type { KernelExpression } from "./bpf.ts";
import { BpfProgram } from "./bpf_program.ts";
import { type FanoutGroup, joinFanout } from "./fanout.ts";
import { listInterfaces } from "./interfaces.ts";
import { cString, errorBufferSize, errorText, type Libpcap, type PcapPointer, textAt } from "./libpcap.ts";
import { forCookedSocket, hasSocketFilter, rejectingProgram, replaceSocketFilter } from "./socket_filter.ts";

/** How an interface is captured from. */
export interface CaptureOptions {
  /** Packets are cut to this many bytes; 0, or more than libpcap allows (262144), means as many as it allows. */
  readonly snapLength: number;
  /** Ignored for `any`, which libpcap cannot make promiscuous. */
  readonly promiscuous: boolean;
  /** Longest time that the kernel holds packets back, ms. */
  readonly timeoutMs: number;
  /** Kernel capture buffer, bytes. */
  readonly bufferSize: number;
}

/** The interface does not exist, or is down: it may be there later. */
export class InterfaceAbsentError extends OperatorError {}

/** This process has not the right to capture. */
export class CaptureDeniedError extends OperatorError {}

// Results of pcap_activate and pcap_dispatch, from pcap/pcap.h.
const genericError = -1;
const noSuchDevice = -5;
const permissionDenied = -8;
const interfaceNotUp = -9;
const promiscuousPermissionDenied = -11;

const nanoseconds = 1;
const ethernet = 1;
const linuxCooked = 113;
const unbuffered = 2; // _IONBF
const maxInt = 0x7fff_ffff;

/**
 * Reads that emptied the capture buffer, after pcap_setfilter, until libpcap surely has stopped to filter a second
 * time in user space: it does so for the blocks that the buffer held then, and up to two more.
 */
const emptiedUntilSettled = 4;

/** An activated, non-blocking `pcap_t` on an interface. Not safe to use after {@link close}. */
export class CaptureHandle {
  /** libpcap's link type (DLT_). */
  readonly linkType: number;
  /** Longest packet that it gives, bytes. */
  readonly snapLength: number;
  /** Readable when packets wait. */
  readonly fileDescriptor: number;
  /** Whether time stamps are in nanoseconds; else microseconds. */
  readonly nanoseconds: boolean;
  /** libpcap's warning at activation, or empty. */
  readonly warning: string;

  readonly #lib: Libpcap;
  readonly #pcap: PcapPointer;
  readonly #interfaceName: string;
  readonly #stats = new Uint32Array(8);
  #emptied = 0;
  #fanoutGroup: number | undefined;
  /** Compiled, and not installed yet. */
  #next: BpfProgram | undefined;

  /** Opens `interfaceName`. Throws OperatorError; {@link InterfaceAbsentError} where trying later may help. */
  constructor(lib: Libpcap, interfaceName: string, options: CaptureOptions) {
    const errorBuffer = new Uint8Array(errorBufferSize);
    const pcap = lib.pcap_create(cString(interfaceName), errorBuffer);
    if (pcap === null) throw new OperatorError(`${interfaceName}: ${errorText(errorBuffer)}`);
    this.#lib = lib;
    this.#pcap = pcap;
    this.#interfaceName = interfaceName;
    try {
      lib.pcap_set_snaplen(pcap, Math.min(options.snapLength, maxInt));
      lib.pcap_set_promisc(pcap, options.promiscuous && interfaceName !== "any" ? 1 : 0);
      lib.pcap_set_timeout(pcap, options.timeoutMs);
      lib.pcap_set_buffer_size(pcap, Math.min(options.bufferSize, maxInt));
      this.nanoseconds = lib.pcap_set_tstamp_precision(pcap, nanoseconds) === 0;
      // Never immediate mode: libpcap would give up the block-wise ring (TPACKET_V3).
      const status = lib.pcap_activate(pcap);
      if (status < 0) throw activationError(lib, pcap, interfaceName, status);
      this.warning = status > 0 ? statusText(lib, pcap, status) : "";
      if (lib.pcap_setnonblock(pcap, 1, errorBuffer) !== 0) {
        throw new OperatorError(`${interfaceName}: ${errorText(errorBuffer)}`);
      }
      this.linkType = lib.pcap_datalink(pcap);
      this.snapLength = lib.pcap_snapshot(pcap);
      this.fileDescriptor = lib.pcap_get_selectable_fd(pcap);
    } catch (error) {
      lib.pcap_close(pcap);
      throw error;
    }
  }

  /** `EN10MB` and the like. */
  get linkTypeName(): string {
    return textAt(this.#lib.pcap_datalink_val_to_name(this.linkType)) || String(this.linkType);
  }

  /** Whether the interface went down, and is not up again. Known on Linux only; elsewhere reading then fails. */
  get isDown(): boolean {
    // libpcap asks for this timeout while it waits for a Linux interface to come back or to disappear.
    return Deno.build.os === "linux" &&
      (this.#lib.pcap_get_required_select_timeout?.(this.#pcap) ?? null) !== null;
  }

  /** Opens a stream of savefile bytes over `buffer`, begun with the file header. {@link DumpStream.close} it. */
  openDump(buffer: Uint8Array<ArrayBuffer>): DumpStream {
    return new DumpStream(this.#lib, this.#pcap, buffer);
  }

  /**
   * Writes at most `count` waiting packets to `dump`; the number written.
   * Throws {@link InterfaceAbsentError} when the interface is gone, OperatorError for any other failure.
   */
  dispatch(count: number, dump: DumpStream): number {
    const packets = this.#lib.pcap_dispatch(this.#pcap, count, this.#lib.pcap_dump, dump.dumper);
    if (packets > 0 && packets < count) this.#emptied++;
    if (packets >= 0) return packets;
    const text = statusText(this.#lib, this.#pcap, packets);
    const gone = packets === interfaceNotUp || /disappeared|went down|no such device|hangup/i.test(text);
    throw new (gone ? InterfaceAbsentError : OperatorError)(`${this.#interfaceName}: ${text}`);
  }

  /** Compiles the filter for {@link swapFilter}. Throws OperatorError with libpcap's text when neither form compiles. */
  prepareFilter(filter: KernelExpression): void {
    const program = BpfProgram.compileJoint(this.#lib, this.#pcap, filter);
    this.#next?.free();
    this.#next = program;
  }

  /**
   * Installs the filter that was prepared. Throws OperatorError when the system does not take it; then the filter stays
   * as it was.
   * @param patient not now, if packets that pass both filters could be lost by it, and that will be over soon
   * @returns false when it is not installed for that reason
   */
  swapFilter(patient: boolean): boolean {
    const program = this.#next;
    if (program === undefined) return true;
    const swapped = this.#replaceInKernel(program);
    if (!swapped && patient && Deno.build.os === "linux" && this.#emptied < emptiedUntilSettled) return false;
    this.#next = undefined;
    try {
      if (!swapped && this.#lib.pcap_setfilter(this.#pcap, program.struct) !== 0) {
        throw new OperatorError(
          `${this.#interfaceName}: cannot set the filter: ${textAt(this.#lib.pcap_geterr(this.#pcap))}`,
        );
      }
    } finally {
      program.free();
    }
    if (!swapped) this.#emptied = 0;
    return true;
  }

  /**
   * Shares the packets with the group's other members from now on, if it does not already; the number of the group.
   * Throws OperatorError when the system does not let it.
   */
  joinFanout(group: FanoutGroup): number {
    this.#fanoutGroup ??= joinFanout(this.#lib, this.fileDescriptor, group);
    if (this.#fanoutGroup !== undefined) return this.#fanoutGroup;
    throw new OperatorError(
      `${this.#interfaceName}: the kernel does not let several threads share its packets (PACKET_FANOUT)`,
    );
  }

  /** Lets nothing more into the kernel's buffer; false where the system cannot. What is in it stays. */
  rejectAll(): boolean {
    return Deno.build.os === "linux" && replaceSocketFilter(this.#lib, this.fileDescriptor, rejectingProgram);
  }

  /** `pcap_stats`: packets received, dropped, and dropped by the interface, since it was opened, modulo 2^32. */
  stats(): readonly [received: number, dropped: number, interfaceDropped: number] {
    this.#lib.pcap_stats(this.#pcap, this.#stats);
    const [received = 0, dropped = 0, interfaceDropped = 0] = this.#stats;
    return [received, dropped, interfaceDropped];
  }

  /** Closes it; call once, and use nothing of it afterwards. */
  close(): void {
    this.#next?.free();
    this.#lib.pcap_close(this.#pcap);
  }

  /** Swaps the kernel's filter at one stroke, where libpcap does not filter in user space, too; else false. */
  #replaceInKernel(program: BpfProgram): boolean {
    if (Deno.build.os !== "linux" || this.#emptied < emptiedUntilSettled) return false;
    if (!hasSocketFilter(this.#lib, this.fileDescriptor)) return false;
    const instructions = this.linkType === ethernet
      ? program.instructions()
      : this.linkType === linuxCooked
      ? forCookedSocket(program.instructions())
      : undefined;
    return instructions !== undefined && replaceSocketFilter(this.#lib, this.fileDescriptor, instructions);
  }
}

/** A `pcap_dumper_t` that writes savefile bytes to the start of a buffer. */
export class DumpStream {
  /** For pcap_dump. */
  readonly dumper: PcapPointer;
  readonly #lib: Libpcap;
  /** Held so that it lives as long as the stream, which knows its address only. */
  readonly #buffer: Uint8Array<ArrayBuffer>;

  /** Writes the file header of `pcap` at once; {@link CaptureHandle.openDump} calls it. Throws OperatorError. */
  constructor(lib: Libpcap, pcap: PcapPointer, buffer: Uint8Array<ArrayBuffer>) {
    const file = lib.fmemopen(buffer, BigInt(buffer.length), cString("wb"));
    if (file === null) throw new OperatorError("the C library has no memory left for a capture buffer");
    // Unbuffered: what a buffer still held when a worker is terminated would be written at the end of the process,
    // to memory that is gone by then.
    lib.setvbuf(file, null, unbuffered, 0n);
    const dumper = lib.pcap_dump_fopen(pcap, file);
    if (dumper === null) {
      lib.fclose(file);
      throw new OperatorError(`cannot capture: ${textAt(lib.pcap_geterr(pcap))}`);
    }
    this.#lib = lib;
    this.#buffer = buffer;
    this.dumper = dumper;
  }

  /** Bytes written since the last {@link take}. */
  get length(): number {
    return Number(this.#lib.pcap_dump_ftell(this.dumper));
  }

  /** What was written, valid until the next write; the stream begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const length = this.length;
    this.#lib.rewind(this.dumper);
    return this.#buffer.subarray(0, length);
  }

  /** Closes it; call once. */
  close(): void {
    this.#lib.pcap_dump_close(this.dumper);
  }
}

function activationError(lib: Libpcap, pcap: PcapPointer, name: string, status: number): OperatorError {
  const text = statusText(lib, pcap, status);
  switch (status) {
    case noSuchDevice: {
      const names = listInterfaces().map((each) => each.name).join(", ");
      return new InterfaceAbsentError(`no such interface: ${name} (there are: ${names})`);
    }
    case interfaceNotUp:
      return new InterfaceAbsentError(`${name} is down: bring it up (ip link set ${name} up)`);
    case permissionDenied:
    case promiscuousPermissionDenied:
      return new CaptureDeniedError(
        `${name}: no permission to capture: run as root, or give the deno binary the right to ` +
          `(setcap cap_net_raw,cap_net_admin+ep /path/to/deno)`,
      );
    default:
      return new OperatorError(`${name}: ${text}`);
  }
}

/** What a negative or positive status of pcap_activate or pcap_dispatch means, with libpcap's own text. */
function statusText(lib: Libpcap, pcap: PcapPointer, status: number): string {
  const text = textAt(lib.pcap_geterr(pcap));
  if (status === genericError || status === 1) return text;
  const meaning = textAt(lib.pcap_statustostr(status));
  return text === "" || text === meaning ? meaning : `${meaning} (${text})`;
}
