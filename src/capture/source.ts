import type { KernelExpression } from "./bpf.ts";

/** What the kernel counted for one live interface since it was opened, in packets. */
export interface KernelCounters {
  /** Packets that passed the kernel filter. */
  readonly received: number;
  /** Packets that found the capture buffer full. */
  readonly dropped: number;
  /** Packets that the interface or its driver dropped. */
  readonly interfaceDropped: number;
}

/**
 * A stream of bytes in savefile layout (pcap or pcapng): a capture file, standard input, or a live interface.
 * The engine reads the format; a source only moves bytes.
 */
export interface Source {
  /** For messages: the file's path, `-`, or the interface's name. */
  readonly name: string;
  /** `CapturedPacket.interface_name`: the interface, or empty for a file. */
  readonly interfaceName: string;
  /** True for an interface: it never ends by itself, and it must not wait for a sink. */
  readonly live: boolean;
  /** True when `readSync` may be used: a plain file. */
  readonly direct: boolean;

  /** libpcap's link type (DLT_) of an interface, once it is open; undefined for a file, which may have several. */
  readonly linkType: number | undefined;

  /** Bytes taken from the file so far, as they are stored: compressed ones, if they are. 0 for an interface. */
  readonly bytesRead: number;

  /** Number of the fan-out group of an interface, once it is a member; undefined for none. */
  readonly fanoutGroup?: number | undefined;

  /** Opens the source. Throws OperatorError. */
  open(): Promise<void>;
  /** Fills the start of `into`; the bytes read, or null at the end. Only when `direct`. Throws OperatorError. */
  readSync(into: Uint8Array): number | null;
  /**
   * The next bytes, in a buffer that is valid until the next call; an empty one when nothing came for a while
   * (some 100 ms); null at the end. A live source gives whole records only. Throws OperatorError.
   */
  next(): Promise<Uint8Array | null>;
  /**
   * Replaces the kernel filter without losing a packet that passes both, within some seconds: at once where the system
   * can do that, or where nothing has come for a while. Live sources only. Throws OperatorError, and keeps the old
   * filter, when it does not compile.
   */
  setFilter(filter: KernelExpression): void;
  /**
   * The run is to end: no further packets are let in, and {@link next} gives those that the kernel holds, then null,
   * within some seconds. Live sources only.
   */
  finish(): void;
  /** The kernel's counters, or undefined for a file. */
  kernelCounters(): KernelCounters | undefined;
  /** Notices for the operator since the last call, one line each (interface went down, file cut short, ...). */
  takeNotices(): string[];
  /**
   * Closes the source; safe to call twice. Where a system call still uses what it holds, that is given back, and the
   * promise resolved, when the call has returned, within 100 ms.
   */
  close(): void | Promise<void>;
}
