// @ts-types="./bindings.d.ts"
import * as bindings from "../../wasm/pkg/caracal_engine_bg.js";
import { OperatorError } from "../runtime/operator_error.ts";
import type { Protocol } from "../config/settings.ts";
import { type Chunk, isReusable, type OutputKind, type WirePiece } from "./chunk.ts";
import { type Filter, type FilterTypeName, filterTypeNames, type NoFilterPolicy } from "./filter.ts";
import type { OutputBuffers } from "./output_buffers.ts";
import type { StreamOptions } from "./stream_options.ts";
import type { Traffic } from "./traffic.ts";

/** How the engine is to work. */
export interface EngineOptions extends StreamOptions {
  /** What to write; none means that packets are only counted. */
  readonly outputs: readonly OutputKind[];
  /** Packets of other protocols are rejected; `all` rejects none. */
  readonly protocol: Protocol;
  /** Ports whose traffic is DNS. */
  readonly dnsPorts: readonly number[];
  /** Leave out what the protocol sends over TCP: DNS, or SIP. */
  readonly udpOnly: boolean;
  /** Score DNS queries for tunnelling. */
  readonly detectTunneling: boolean;
  /** Packets per wire piece, at most. */
  readonly batchPackets: number;
  /** Bytes per wire piece, at most, unless one packet is longer. */
  readonly batchBytes: number;
  /** Stop after this many kept packets; 0 for never. */
  readonly limit: number;
  /** In VoIP mode: {@link Engine.takeSignalling} has what the engines of other threads must know of the calls seen here. */
  readonly sharesCalls?: boolean;
}

/** The filters in force. */
export interface FilterSettings {
  /** Of the processor or a filter file; disabled ones match nothing. */
  readonly filters: readonly Filter[];
  /** What becomes of packets while `filters` are none. */
  readonly noFilterPolicy: NoFilterPolicy;
  /** Domain patterns of the operator's own: a further condition. */
  readonly localDomains: readonly string[];
  /** Patterns of SIP users of the operator's own: a further condition, in VoIP mode. */
  readonly localSipUsers?: readonly string[];
}

/** A filter that was not taken, and why. */
export interface RefusedFilter {
  /** As it was given. */
  readonly filter: Filter;
  /** What is wrong with it, for a message. */
  readonly reason: string;
}

/** What one received batch says about itself. */
export interface BatchInfo {
  /** Id of the sender, as it calls itself; may be empty. */
  readonly hunterId: string;
  /** Number of the batch at its sender. */
  readonly sequence: bigint;
  /** When the sender closed it, nanoseconds since 1970. */
  readonly timestampNs: bigint;
  /** Packets in it; 0 for a probe. */
  readonly packets: number;
  /** Bytes of frames in it. */
  readonly bytes: number;
  /** The sender's cumulative counters, packets. */
  readonly captured: bigint;
  /** Of these, those that its filters kept, packets. */
  readonly matched: bigint;
  /** Lost at the sender, packets. */
  readonly dropped: bigint;
}

/** The engine's counters by name, since it was created. */
export type EngineCounters = Readonly<Record<string, number>>;

const outputBits: Readonly<Record<OutputKind, number>> = {
  wire: 1,
  json: 2,
  text: 4,
  pcap: 8,
  calls: 16,
  callPcap: 32,
};
const protocolNumbers: Readonly<Record<Protocol, number>> = { all: 0, dns: 1, voip: 2 };

/** Time without a yield while filters are built, ms. Blocks wait so long. */
const SLICE_MS = 2;
/** Filters that are added between two looks at the clock. */
const FILTERS_PER_LOOK = 32;
/** Patterns that are worked on between two looks at the clock, about. */
const PATTERNS_PER_STEP = 1_000;

const nothing = new Uint8Array();

let memory: WebAssembly.Memory | undefined;
let counterNames: readonly string[] = [];

/**
 * The packet engine. All work per packet happens inside; JavaScript moves blocks.
 *
 * Call {@link Engine.load} once per thread before creating one.
 */
export class Engine {
  readonly #handle: bindings.EngineHandle;
  readonly #kinds: readonly OutputKind[];

  /** Begins without inputs, filters and BPF programs, and with all counters at 0. */
  constructor(options: EngineOptions) {
    this.#kinds = options.outputs;
    const settings = settingsOf(options);
    this.#handle = new bindings.EngineHandle(
      options.outputs.reduce((bits, kind) => bits | outputBits[kind], 0),
      protocolNumbers[options.protocol],
      Uint16Array.from(options.dnsPorts),
      options.udpOnly,
      options.detectTunneling,
      options.batchPackets,
      options.batchBytes,
      options.limit,
      settings,
    );
    settings.free();
  }

  /** Instantiates the compiled engine for this thread. */
  static load(module: WebAssembly.Module): void {
    if (memory !== undefined) return;
    const instance = new WebAssembly.Instance(module, {
      "./caracal_engine_bg.js": bindings as unknown as WebAssembly.ModuleImports,
    });
    bindings.__wbg_set_wasm(instance.exports);
    (instance.exports.__wbindgen_start as () => void)();
    memory = instance.exports.memory as WebAssembly.Memory;
    counterNames = bindings.EngineHandle.counter_names().split(",");
  }

  /** Gives its memory back to engines that are made later in this thread. It must not be used any more. */
  [Symbol.dispose](): void {
    this.#handle.free();
  }

  /** Opens an input; its number goes to {@link process}. */
  openInput(name: string, interfaceName: string): number {
    return this.#handle.open_input(name, interfaceName);
  }

  /** Room for `bytes` bytes of input; valid until the next call. */
  inbox(bytes: number): Uint8Array<ArrayBuffer> {
    const address = this.#handle.inbox(bytes);
    return bytesAt(address, bytes);
  }

  /**
   * Takes the first `bytes` bytes of the inbox as the next ones of `input`.
   * @returns false when the input has nothing more to give: it is no capture, or the limit is reached.
   */
  process(input: number, bytes: number, atEnd: boolean): boolean {
    return this.#handle.process(input, bytes, atEnd);
  }

  /** Ends all inputs: what is held of fragments and flows is given up, which may write more. */
  finish(): void {
    this.#handle.finish();
  }

  /**
   * So many ms have gone by since the last call: calls that are over by then are ended, though no packet may have come.
   * Only for packets that come as they are captured.
   */
  advance(elapsedMs: number): void {
    this.#handle.advance(elapsedMs);
  }

  /** What to tell the engines of the other threads since the last call, in a buffer of its own; empty when nothing. */
  takeSignalling(): Uint8Array<ArrayBuffer> {
    const length = this.#handle.told_length();
    if (length === 0) return nothing;
    const bytes = bytesAt(this.#handle.told(), length).slice();
    this.#handle.forget_told();
    return bytes;
  }

  /** Takes in what the engine of another thread told: it may let packets go out that wait here. */
  hear(signalling: Uint8Array): void {
    this.inbox(signalling.length).set(signalling);
    this.#handle.hear(signalling.length);
  }

  /** What was read so far, by protocol and by address; at most `top` addresses. */
  traffic(top: number): Traffic {
    return JSON.parse(this.#handle.traffic(top)) as Traffic;
  }

  /** Reads one encoded `PacketBatch`, and renders its packets. Throws OperatorError when it is none. */
  processBatch(batch: Uint8Array): BatchInfo {
    this.inbox(batch.length).set(batch);
    if (!this.#handle.process_batch(batch.length)) {
      throw new OperatorError(`${batch.length} bytes received as a PacketBatch are no protobuf message`);
    }
    const [
      sequence = 0n,
      timestampNs = 0n,
      packets = 0n,
      bytes = 0n,
      captured = 0n,
      matched = 0n,
      dropped = 0n,
    ] = this
      .#handle.batch_numbers();
    return {
      hunterId: this.#handle.batch_hunter_id(),
      sequence,
      timestampNs: BigInt.asIntN(64, timestampNs),
      packets: Number(packets),
      bytes: Number(bytes),
      captured,
      matched,
      dropped,
    };
  }

  /** False when nothing is written, and packets are only counted. */
  get hasOutputs(): boolean {
    return this.#kinds.length > 0;
  }

  /** Bytes that {@link take} would give now. */
  get outputBytes(): number {
    return this.#kinds.reduce((sum, kind) => sum + this.#handle.output_length(outputBits[kind]), 0);
  }

  /** What was written since the last call, in buffers of its own; those that may be used again are taken from `buffers`. */
  take(buffers?: OutputBuffers): Chunk {
    const chunk: { -readonly [key in keyof Chunk]: Chunk[key] } = {
      packets: this.#handle.rendered_packets(),
      bytes: this.#handle.rendered_bytes(),
    };
    for (const kind of this.#kinds) {
      const length = this.#handle.output_length(outputBits[kind]);
      if (length === 0) continue;
      const written = bytesAt(this.#handle.output(outputBits[kind]), length);
      const bytes = buffers !== undefined && isReusable(kind) ? buffers.copyOf(written) : written.slice();
      if (kind === "wire") chunk.wire = this.#cut(bytes);
      else chunk[kind] = bytes;
      if (kind === "pcap") chunk.pcapLinkType = this.#handle.pcap_link_type();
    }
    this.#handle.clear_outputs();
    return chunk;
  }

  #cut(bytes: Uint8Array): WirePiece[] {
    const marks = this.#handle.pieces();
    const pieces: WirePiece[] = [];
    let start = 0;
    for (let at = 0; at + 1 < marks.length; at += 2) {
      const end = marks[at] ?? start;
      pieces.push({ bytes: bytes.subarray(start, end), packets: marks[at + 1] ?? 0 });
      start = end;
    }
    return pieces;
  }

  /** Every counter by name, also those at 0. */
  counters(): EngineCounters {
    const values = this.#handle.counters();
    return Object.fromEntries(counterNames.map((name, at) => [name, values[at] ?? 0]));
  }

  /** Lines for the operator since the last call. */
  takeNotices(): string[] {
    const lines = this.#handle.take_notices();
    return lines === "" ? [] : lines.split("\n");
  }

  /** Swaps the filters between two blocks. A refused filter is left out; the others are in force. */
  setFilters(settings: FilterSettings): RefusedFilter[] {
    const refused = drained(this.buildFilters(settings));
    this.swapFilters();
    return refused;
  }

  /**
   * Builds a filter set beside the one in force, for {@link swapFilters}. Yields now and then, after a few milliseconds:
   * blocks may be processed meanwhile. A set that is begun takes the place of one that was not put in force.
   *
   * @returns the filters that are refused, which are left out
   */
  *buildFilters(settings: FilterSettings): Generator<void, RefusedFilter[]> {
    const refused: RefusedFilter[] = [];
    /** Those that the engine matches, by its numbers. */
    const added: Filter[] = [];
    let begun = performance.now(), sinceLook = 0;
    this.#handle.filters_begin(settings.noFilterPolicy === "deny");
    for (const filter of settings.filters) {
      if (!filter.enabled) continue;
      const reason = this.#handle.filters_add(
        filterTypeNames.indexOf(filter.type),
        filter.id,
        // The engine only counts them: libpcap compiles them, and has limits of its own.
        filter.type === "bpf" ? "" : filter.pattern,
      );
      if (reason !== "") refused.push({ filter, reason });
      else if (filter.type !== "bpf") added.push(filter);
      if (++sinceLook < FILTERS_PER_LOOK) continue;
      sinceLook = 0;
      if (performance.now() - begun < SLICE_MS) continue;
      yield;
      begun = performance.now();
    }
    for (const pattern of settings.localDomains) this.#addLocalDomain(pattern);
    for (const pattern of settings.localSipUsers ?? []) {
      const reason = this.#handle.filters_add_local_sip_user(pattern);
      if (reason !== "") throw new OperatorError(`--sip-user ${pattern.slice(0, 64)}: ${reason}`, 2);
    }
    try {
      while (this.#handle.filters_build(PATTERNS_PER_STEP)) {
        if (performance.now() - begun < SLICE_MS) continue;
        yield;
        begun = performance.now();
      }
    } catch (reason) {
      throw new OperatorError(`the patterns of --domain or --sip-user cannot be used: ${reason}`);
    }
    const reason = this.#handle.filters_left_out_reason();
    for (const number of this.#handle.filters_left_out()) {
      const filter = added[number];
      if (filter !== undefined) refused.push({ filter, reason });
    }
    return refused;
  }

  #addLocalDomain(pattern: string): void {
    try {
      this.#handle.filters_add_local_domain(pattern);
    } catch (reason) {
      throw new OperatorError(`--domain ${pattern.slice(0, 64)}: ${reason}`);
    }
  }

  /**
   * Puts the set in force that {@link buildFilters} has built to its end. Of engines that share calls, those with the same
   * `version` have the same set; of two sets the later one has the higher number.
   */
  swapFilters(version = 0): void {
    this.#handle.filters_swap(version);
  }

  /** What is wrong with a filter's pattern; undefined when it can be used. BPF is libpcap's business. */
  static patternProblem(type: FilterTypeName, pattern: string): string | undefined {
    return bindings.EngineHandle.pattern_problem(filterTypeNames.indexOf(type), pattern) || undefined;
  }

  /** What a filter's pattern asks for, for people; empty when it is refused. */
  static patternMeaning(type: FilterTypeName, pattern: string): string {
    return bindings.EngineHandle.pattern_meaning(filterTypeNames.indexOf(type), pattern);
  }

  /** BPF programs by link type for the records of files; an empty map lets everything pass. */
  setPrograms(programs: ReadonlyMap<number, Uint8Array>): void {
    this.#handle.programs_clear();
    for (const [linkType, instructions] of programs) {
      const error = this.#handle.programs_add(linkType, instructions);
      if (error !== "") {
        throw new OperatorError(`the compiled filter for link type ${linkType} is refused: ${error}`);
      }
    }
  }
}

/** What a generator returns, its yields left out. */
export function drained<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The settings that have a name in the engine. */
function settingsOf(options: EngineOptions): bindings.SettingsHandle {
  const values: Readonly<Record<string, string | number | boolean | undefined>> = {
    // Hostile traffic must not know which flows share a place. Nothing but speed depends on it.
    seed: crypto.getRandomValues(new Uint32Array(1))[0],
    tcp_profile: options.tcpProfile,
    esp_null: options.espNull,
    esp_heuristic: options.espHeuristic,
    esp_icv_size: options.espIcvSize,
    pattern_algorithm: options.patternAlgorithm,
    pattern_buffer_mb: options.patternBufferMb,
    max_flows: options.maxFlows,
    tcp_strategy: options.tcpStrategy,
    tcp_state_timeouts: options.tcpStateTimeouts,
    tcp_opening_timeout_ms: options.tcpOpeningTimeoutMs,
    tcp_established_timeout_ms: options.tcpEstablishedTimeoutMs,
    tcp_closing_timeout_ms: options.tcpClosingTimeoutMs,
    tcp_idle_timeout_ms: options.tcpIdleTimeoutMs,
    ...(options.protocol === "voip" ? voipSettings(options) : {}),
  };
  const settings = new bindings.SettingsHandle();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && !settings.set(name, String(value))) {
      throw new Error(`the engine has no setting ${name} with the value ${value}`);
    }
  }
  return settings;
}

function voipSettings({ tcpCallAwareTimeout, maxCalls, rtpLines, sharesCalls }: EngineOptions) {
  return {
    tcp_call_aware_timeout: tcpCallAwareTimeout,
    max_calls: maxCalls,
    rtp_lines: rtpLines,
    share_calls: sharesCalls,
  };
}

function bytesAt(address: number, length: number): Uint8Array<ArrayBuffer> {
  if (memory === undefined) throw new Error("Engine.load was not called in this thread");
  return new Uint8Array(memory.buffer as ArrayBuffer, address >>> 0, length);
}
