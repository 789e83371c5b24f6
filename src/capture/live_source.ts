import { setImmediate } from "node:timers";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { type KernelExpression, matchesNothing } from "./bpf.ts";
import { compileProblem } from "./bpf_program.ts";
import {
  CaptureDeniedError,
  CaptureHandle,
  type CaptureOptions,
  type DumpStream,
  InterfaceAbsentError,
} from "./capture_handle.ts";
import type { FanoutGroup } from "./fanout.ts";
import { type Libpcap, libpcap } from "./libpcap.ts";
import type { KernelCounters, Source } from "./source.ts";

/** Most records per call of pcap_dispatch. The buffer always has room for that many of full length. */
const recordsPerDispatch = 64;
const recordHeaderSize = 16;
const fileHeaderSize = 24;
/** A block is handed on once it has this many bytes. Memory behind that is touched by long packets only. */
const blockSize = 1 << 20;
/** How long to wait for packets before an empty block is handed on. */
const waitMs = 100;
/** Longest time to read what the kernel holds at the end, ms: a full buffer takes less. */
const longestDrainMs = 5_000;
/** The same where the kernel cannot be kept from taking more. */
const openDrainMs = 500;
const reopenIntervalMs = 1000;
/** A filter that could cost packets is not put off for longer. */
const longestPatienceMs = 5000;
/** Under steady load, timers and messages get their turn this often. */
const yieldIntervalMs = 20;

const empty = new Uint8Array();

/**
 * Captures from an interface. libpcap itself writes the records, many per call, in savefile layout: nothing here
 * runs per packet.
 *
 * An interface that goes down or disappears is waited for. {@link next} must not be called again before its
 * promise settles.
 */
export class LiveSource implements Source {
  readonly name: string;
  readonly interfaceName: string;
  readonly live = true;
  readonly bytesRead = 0;
  readonly direct = false;

  readonly #options: CaptureOptions;
  #fanout: FanoutGroup | undefined;
  #filter: KernelExpression;
  /** {@link #filter} is not in force yet, and is put in force then at the latest. */
  #swapBy: number | undefined;
  #lastPacket = 0;
  #lib: Libpcap | undefined;
  #handle: CaptureHandle | undefined;
  #dump: DumpStream | undefined;
  #linkType = 0;
  #nanoseconds = false;
  #socketWait: SocketWait | undefined;
  #notices: string[] = [];
  #down = false;
  #reopenTrouble = "";
  #nextReopen = 0;
  #lastYield = 0;
  #closed = false;
  #released: Promise<void> | undefined;
  /** After {@link finish}: when nothing more is to be expected, and when the wait ends in any case. */
  #end: { idleAt: number; readonly latest: number } | undefined;
  readonly #received = new WideCounter();
  readonly #dropped = new WideCounter();
  readonly #interfaceDropped = new WideCounter();

  /**
   * Opens nothing yet.
   *
   * @param filter the kernel filter to begin with; none captures everything, and {@link matchesNothing} waits for
   *   {@link setFilter}
   * @param fanout the group that it shares the packets with; none takes all packets
   */
  constructor(
    interfaceName: string,
    options: CaptureOptions,
    filter?: KernelExpression,
    fanout?: FanoutGroup,
  ) {
    this.name = interfaceName;
    this.interfaceName = interfaceName;
    this.#options = options;
    this.#filter = filter ?? { text: "", withoutVlan: "" };
    this.#fanout = fanout;
  }

  /** The number of the group that it shares the packets with, once it is open; undefined for none. */
  get fanoutGroup(): number | undefined {
    return this.#fanout === "new" ? undefined : this.#fanout;
  }

  get linkType(): number | undefined {
    return this.#dump === undefined ? undefined : this.#linkType;
  }

  open(): Promise<void> {
    // Through a promise, so that what goes wrong rejects it.
    return Promise.resolve().then(() => this.#open());
  }

  #open(): void {
    this.#lib = libpcap("live capture");
    if (this.interfaceName === "any" && this.#options.promiscuous) {
      this.#notices.push("any: promiscuous mode is not possible on all interfaces at once, and is left out");
    }
    const handle = this.#openHandle(this.#lib);
    this.#linkType = handle.linkType;
    this.#nanoseconds = handle.nanoseconds;
    this.#lastPacket = performance.now();
    this.#socketWait = new SocketWait(this.#lib);
    const longest = recordHeaderSize + handle.snapLength;
    this.#dump = handle.openDump(new Uint8Array(fileHeaderSize + blockSize + recordsPerDispatch * longest));
  }

  #openHandle(lib: Libpcap): CaptureHandle {
    const handle = new CaptureHandle(lib, this.interfaceName, this.#options);
    try {
      handle.prepareFilter(this.#filter);
      // Who joins gets packets of the group at once: those that nothing lets in would be lost to the others.
      if (this.#fanout === "new" || this.#filter.text !== matchesNothing.text) this.#joinGroup(handle);
      handle.swapFilter(false);
    } catch (error) {
      handle.close();
      throw error;
    }
    if (handle.warning !== "") this.#notices.push(`${this.name}: ${handle.warning}`);
    this.#handle = handle;
    return handle;
  }

  #joinGroup(handle: CaptureHandle): void {
    if (this.#fanout !== undefined) this.#fanout = handle.joinFanout(this.#fanout);
  }

  readSync(): never {
    throw new OperatorError(`${this.name}: an interface cannot be read directly`);
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#closed || this.#dump === undefined) return null;
    const now = performance.now();
    if (now - this.#lastYield > yieldIntervalMs) {
      this.#lastYield = now;
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#closed) return null;
    }
    if (this.#end !== undefined && now > this.#end.latest) return null;
    const block = this.#drain();
    if (block.length > 0) return block;
    if (this.#end !== undefined && (now > this.#end.idleAt || this.#handle === undefined)) return null;
    return await (this.#handle === undefined ? this.#awaitInterface() : this.#awaitPackets(this.#handle));
  }

  /** Writes waiting packets to the buffer until there are no more, or the block is long enough. */
  #drain(): Uint8Array {
    const handle = this.#handle, dump = this.#dump;
    if (handle === undefined || dump === undefined) return empty;
    try {
      while (dump.length < blockSize) {
        if (handle.dispatch(recordsPerDispatch, dump) < recordsPerDispatch) break;
      }
    } catch (error) {
      if (!(error instanceof InterfaceAbsentError)) throw error;
      this.#loseHandle(handle, error);
    }
    if (dump.length > 0) this.#sawPackets();
    if (this.#swapBy !== undefined) this.#swap();
    return dump.length > 0 ? dump.take() : empty;
  }

  #sawPackets(): void {
    this.#lastPacket = performance.now();
    if (this.#end !== undefined) this.#end.idleAt = this.#lastPacket + this.#heldBackMs;
  }

  /** Puts the filter in force, once that costs no packet. */
  #swap(): void {
    const now = performance.now();
    // The kernel may hold packets back for the timeout.
    const quiet = now - this.#lastPacket > this.#heldBackMs;
    try {
      const patient = !quiet && now < (this.#swapBy ?? 0);
      if (this.#handle?.swapFilter(patient) !== false) this.#swapBy = undefined;
    } catch (error) {
      this.#swapBy = undefined;
      this.#notices.push(`${this.name}: the capture filter stays as it was: ${messageOf(error)}`);
    }
  }

  async #awaitPackets(handle: CaptureHandle): Promise<Uint8Array | null> {
    const readable = await this.#socketWait?.wait(handle.fileDescriptor, waitMs);
    this.#lastYield = performance.now();
    if (this.#closed) return null;
    const block = this.#drain();
    if (this.#handle === handle && handle.isDown !== this.#down) {
      this.#down = !this.#down;
      this.#notices.push(this.#down ? `${this.name} went down: waiting for it` : `${this.name} is up again`);
    }
    // A socket in trouble would else be asked again and again without a pause.
    if (readable === false && block.length === 0) await pause(waitMs);
    return this.#closed ? null : block;
  }

  /** The interface is gone: gives the handle back, and begins to look for it. */
  #loseHandle(handle: CaptureHandle, reason: Error): void {
    this.#count(handle);
    this.#received.restart();
    this.#dropped.restart();
    this.#interfaceDropped.restart();
    handle.close();
    this.#handle = undefined;
    this.#swapBy = undefined;
    this.#down = false;
    this.#nextReopen = performance.now() + reopenIntervalMs;
    this.#notices.push(`${reason.message}: trying to open it again every second`);
  }

  async #awaitInterface(): Promise<Uint8Array | null> {
    await pause(waitMs);
    this.#lastYield = performance.now();
    if (this.#closed) return null;
    if (this.#lib === undefined || this.#lastYield < this.#nextReopen) return empty;
    this.#nextReopen = this.#lastYield + reopenIntervalMs;
    try {
      this.#checkSameLayout(this.#openHandle(this.#lib));
      this.#notices.push(`${this.name} is back`);
      this.#reopenTrouble = "";
    } catch (error) {
      if (this.#handle !== undefined) throw error;
      if (error instanceof CaptureDeniedError) {
        throw new OperatorError(
          `${this.name} is back, and cannot be opened again without root's rights: start the program anew`,
        );
      }
      const trouble = error instanceof InterfaceAbsentError ? "" : messageOf(error);
      if (trouble !== "" && trouble !== this.#reopenTrouble) {
        this.#notices.push(`not opened again yet: ${trouble}`);
      }
      this.#reopenTrouble = trouble;
    }
    return empty;
  }

  /** The stream began with one file header, which holds for all that follows. */
  #checkSameLayout(handle: CaptureHandle): void {
    if (handle.linkType !== this.#linkType || handle.nanoseconds !== this.#nanoseconds) {
      throw new OperatorError(
        `${this.name} came back as another kind of interface (${handle.linkTypeName}): start anew`,
      );
    }
  }

  finish(): void {
    if (this.#closed || this.#end !== undefined) return;
    if (this.#handle === undefined) return void this.close();
    this.#swapBy = undefined;
    const isShut = this.#handle.rejectAll();
    const now = performance.now();
    this.#end = { idleAt: now + this.#heldBackMs, latest: now + (isShut ? longestDrainMs : openDrainMs) };
  }

  /** Longest time that the kernel holds a packet back. */
  get #heldBackMs(): number {
    return this.#options.timeoutMs + waitMs;
  }

  setFilter(filter: KernelExpression): void {
    if (this.#end !== undefined) return;
    if (this.#closed || this.linkType === undefined) return;
    if (this.#handle !== undefined) this.#handle.prepareFilter(filter);
    else {
      const problem = compileProblem(this.#linkType, filter);
      if (problem !== undefined) throw new OperatorError(problem);
    }
    const begins = this.#filter.text === matchesNothing.text;
    this.#filter = filter;
    if (begins && filter.text !== matchesNothing.text && this.#handle !== undefined) {
      try {
        this.#joinGroup(this.#handle);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        return this.#loseHandle(this.#handle, error);
      }
    }
    this.#swapBy ??= begins ? 0 : performance.now() + longestPatienceMs;
    this.#swap();
  }

  kernelCounters(): KernelCounters {
    if (this.#handle !== undefined && !this.#closed) this.#count(this.#handle);
    return {
      received: this.#received.total,
      dropped: this.#dropped.total,
      interfaceDropped: this.#interfaceDropped.total,
    };
  }

  #count(handle: CaptureHandle): void {
    const [received, dropped, interfaceDropped] = handle.stats();
    this.#received.update(received);
    this.#dropped.update(dropped);
    this.#interfaceDropped.update(interfaceDropped);
  }

  takeNotices(): string[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  /** The counters stay readable. A pending {@link next} then gives null, within 100 ms. */
  close(): Promise<void> {
    return this.#released ??= this.#release();
  }

  async #release(): Promise<void> {
    if (this.#handle !== undefined) this.#count(this.#handle);
    this.#closed = true;
    // The system call that waits on the socket uses it, and its memory, until it returns.
    const waiting = this.#socketWait?.pending;
    if (waiting !== undefined) await waiting;
    this.#handle?.close();
    this.#dump?.close();
    this.#socketWait?.free();
  }
}

/** Waits for a socket to become readable, on a thread of its own. One wait at a time. */
class SocketWait {
  /** The wait under way. */
  pending: Promise<unknown> | undefined;
  readonly #lib: Libpcap;
  /** A `struct pollfd`, outside of the JavaScript heap: a worker may be terminated while the system call runs. */
  readonly #pollfd: Deno.PointerObject;

  constructor(lib: Libpcap) {
    const pollfd = lib.malloc(8n);
    if (pollfd === null) throw new OperatorError("the C library has no memory left");
    this.#lib = lib;
    this.#pollfd = pollfd;
  }

  /** True when readable, undefined when nothing happened in time, false when the socket is in trouble. */
  async wait(fileDescriptor: number, timeoutMs: number): Promise<boolean | undefined> {
    const pollIn = 1;
    const pollfd = new DataView(Deno.UnsafePointerView.getArrayBuffer(this.#pollfd, 8));
    pollfd.setInt32(0, fileDescriptor, true);
    pollfd.setInt16(4, pollIn, true);
    pollfd.setInt16(6, 0, true);
    const polled = this.#lib.poll(this.#pollfd, 1n, timeoutMs);
    this.pending = polled;
    const ready = await polled;
    this.pending = undefined;
    if (ready === 0) return undefined;
    return ready > 0 && (pollfd.getInt16(6, true) & pollIn) !== 0;
  }

  free(): void {
    this.#lib.free(this.#pollfd);
  }
}

/** Adds up a counter that wraps at 2^32 and begins anew with each handle. */
class WideCounter {
  total = 0;
  #last = 0;

  update(value: number): void {
    this.total += (value - this.#last) >>> 0;
    this.#last = value;
  }

  restart(): void {
    this.#last = 0;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
