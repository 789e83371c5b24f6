import { openSource } from "../../pipeline/plan_source.ts";
import { FilterJudge, linkTypesOfFiles } from "../../pipeline/capture_filters.ts";
import { drained, Engine } from "../../engine/engine.ts";
import type { OutputKind } from "../../engine/chunk.ts";
import type { Filter, NoFilterPolicy } from "../../engine/filter.ts";
import { defaultStreamOptions, type StreamOptions } from "../../engine/stream_options.ts";
import { OperatorError } from "../../runtime/operator_error.ts";
import { cutLines, PacketNumbers } from "./packet_numbers.ts";
import type { TextSearch } from "./text_search.ts";

/** Packets of a filter that are shown. */
const FIRST_MATCHES = 3;
/** Bytes of a capture per engine call. */
const BLOCK_BYTES = 256 << 10;

/** How patterns are searched for, and in how much memory: as in the run that the verdict is for. */
export type PatternOptions = Pick<StreamOptions, "patternAlgorithm" | "patternBufferMb">;

/** A packet that a filter matched. */
export interface Sighting {
  /** The capture file. */
  readonly capture: string;
  /** Its number there, from 1; what was put together of fragments counts once. Null where it could not be told. */
  readonly packet: number | null;
  /** RFC 3339, with nanoseconds. */
  readonly timestamp: string;
  /** Source address and port; empty for what has none. */
  readonly source: string;
  /** Destination address and port. */
  readonly destination: string;
  /** Protocol, as far as it was recognised. */
  readonly protocol: string;
  /** What the packet says, in short. */
  readonly info: string;
}

/** What a filter matched. */
export interface Tally {
  /** Packets that it matched. */
  packets: number;
  /** Captured bytes of these packets. */
  bytes: number;
  /** The first few of them. */
  readonly first: Sighting[];
}

/** Why the engine, or libpcap, refuses filters: by id. Disabled ones are judged, too, and take no room from the others. */
export function refusalsOf(filters: readonly Filter[], patterns: PatternOptions): Map<string, string> {
  const engine = newEngine([], "deny", patterns);
  const disabled = filters.filter(({ enabled }) => !enabled).map((filter) => ({ ...filter, enabled: true }));
  const groups = [
    filters.filter(({ enabled }) => enabled),
    disabled.filter((filter) => !isBpf(filter)),
    ...disabled.filter(isBpf).map((filter) => [filter]),
  ];
  const refused = groups.filter((group) => group.length > 0).flatMap((group) =>
    drained(
      new FilterJudge([]).settle(
        group,
        linkTypesOfFiles,
        (wanted) => engine.buildFilters({ filters: wanted, noFilterPolicy: "deny", localDomains: [] }),
      ),
    ).report.refused
  );
  return new Map(refused.map(({ filter, reason }) => [filter.id, reason]));
}

/** An engine, and the filter that each line of its output stands for. */
interface Observer {
  readonly engine: Engine;
  /** Undefined where each line names its filters. */
  readonly id: string | undefined;
}

/** The engines that one capture goes through. */
interface Engines {
  /** Keeps everything. */
  readonly all: Engine;
  /** Those that tell which filter matched: one for all but the BPF filters, and one for each of those. */
  readonly observers: readonly Observer[];
  /** Keeps what a hunter keeps; undefined where that is what the observers keep. */
  readonly together: Engine | undefined;
  /** Writes the frames to search in. */
  readonly frames: Engine | undefined;
}

/** Tries filters on captures. */
export class Trial {
  /** By the filter's id. */
  readonly tallies: ReadonlyMap<string, Tally>;
  /** Packets seen, those put together of fragments counted once. */
  packets = 0;
  /** Packets that a filter matched. */
  matched = 0;
  /** Packets that a hunter with these filters keeps; fewer than `matched` where BPF filters narrow the others. */
  kept = 0;
  /** What was odd about the captures. */
  readonly notices: string[] = [];
  /** Captures that could not be read, and why. */
  readonly failures: string[] = [];
  readonly #filters: readonly Filter[];
  readonly #search: TextSearch | undefined;
  readonly #patterns: PatternOptions;

  /**
   * For enabled filters that {@link judge} has let pass.
   * @param search looks for the texts of filters in all packets; undefined for none
   */
  constructor(filters: readonly Filter[], search: TextSearch | undefined, patterns: PatternOptions) {
    this.#filters = filters;
    this.#patterns = patterns;
    this.#search = search;
    this.tallies = new Map(filters.map(({ id }) => [id, { packets: 0, bytes: 0, first: [] }]));
  }

  /** Reads a capture to its end. What keeps it from being read is among the failures. */
  async run(path: string): Promise<void> {
    // Another file is other traffic: nothing of the last one must be taken for a part of it.
    const engines = this.#newEngines();
    const { all, observers, together, frames } = engines;
    const fed = [
      all,
      ...observers.map(({ engine }) => engine),
      ...[together, frames].filter((one) => one !== undefined),
    ];
    const numbers = new PacketNumbers();
    const matchedBefore = this.matched;
    try {
      await this.#feed(path, fed, async () => {
        this.#look(engines, numbers, path);
        const records = frames?.take().pcap;
        if (records !== undefined) await this.#search?.look(records);
      });
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.failures.push(error.message);
    }
    this.kept += together?.counters().kept ?? this.matched - matchedBefore;
  }

  #newEngines(): Engines {
    const patterns = this.#patterns;
    const [kernel, others] = [this.#filters.filter(isBpf), this.#filters.filter((filter) => !isBpf(filter))];
    return {
      all: newEngine(["json"], "allow", patterns),
      observers: [
        ...others.length === 0 ? [] : [{ engine: engineWith(others, ["json"], patterns), id: undefined }],
        ...kernel.map((filter) => ({ engine: engineWith([filter], ["json"], patterns), id: filter.id })),
      ],
      together: kernel.length > 0 && others.length > 0 ? engineWith(this.#filters, [], patterns) : undefined,
      frames: this.#search === undefined ? undefined : newEngine(["pcap"], "allow", patterns),
    };
  }

  /** Takes what the engines have written since the last time. */
  #look({ all, observers }: Engines, numbers: PacketNumbers, path: string): void {
    const lines = cutLines(all.take().json);
    const numbered = numbers.next(lines);
    this.packets += lines.length;
    const seen = new Set<number>();
    for (const { engine, id } of observers) {
      let from = 0;
      for (const line of cutLines(engine.take().json)) {
        const at = numbered.find(line, from);
        if (at === undefined) this.matched++;
        else {
          from = at + 1;
          seen.add(at);
        }
        const packet = JSON.parse(decoder.decode(line)) as JsonPacket;
        const ids = id === undefined ? packet.matched_filter_ids ?? [] : [id];
        const number = at === undefined ? null : numbered.first + at;
        for (const one of ids) this.#count(one, packet, () => sightingOf(packet, path, number));
      }
    }
    this.matched += seen.size;
  }

  #count(id: string, { capture_length }: JsonPacket, sighting: () => Sighting): void {
    const tally = this.tallies.get(id);
    if (tally === undefined) return;
    tally.packets++;
    tally.bytes += capture_length;
    if (tally.first.length < FIRST_MATCHES) tally.first.push(sighting());
  }

  /** Reads a capture in blocks, gives each of them to all engines, and calls `look` after each. */
  async #feed(path: string, engines: readonly Engine[], look: () => Promise<void>): Promise<void> {
    const source = openSource({ kind: "file", path });
    try {
      await source.open();
      const inputs = engines.map((engine) => engine.openInput(source.name, ""));
      const give = (block: Uint8Array, atEnd: boolean) => {
        let more = false;
        engines.forEach((engine, at) => {
          engine.inbox(block.length).set(block);
          const wants = engine.process(inputs[at] ?? 0, block.length, atEnd);
          more ||= wants;
        });
        return more;
      };
      for (let more = true; more;) {
        const bytes = await source.next();
        if (bytes === null) more = give(new Uint8Array(), true);
        for (let start = 0; bytes !== null && more && start < bytes.length; start += BLOCK_BYTES) {
          more = give(bytes.subarray(start, start + BLOCK_BYTES), false);
          await look();
        }
        this.notices.push(...source.takeNotices());
      }
      for (const engine of engines) engine.finish();
      await look();
      const [first] = engines;
      const isRefused = (first?.counters().refused_inputs ?? 0) > 0;
      (isRefused ? this.failures : this.notices).push(...first?.takeNotices() ?? []);
    } finally {
      source.close();
    }
  }
}

/** The members that are read here; all but the first three may be missing. */
interface JsonPacket {
  readonly timestamp: string;
  readonly capture_length: number;
  readonly protocol?: string;
  readonly src_ip?: string;
  readonly dst_ip?: string;
  readonly src_port?: number;
  readonly dst_port?: number;
  readonly info?: string;
  readonly matched_filter_ids?: readonly string[];
}

const decoder = new TextDecoder();

function sightingOf(packet: JsonPacket, capture: string, number: number | null): Sighting {
  const { timestamp, protocol = "", info = "" } = packet;
  return {
    capture,
    packet: number,
    timestamp,
    source: endpoint(packet.src_ip, packet.src_port),
    destination: endpoint(packet.dst_ip, packet.dst_port),
    protocol,
    info,
  };
}

function endpoint(address = "", port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function engineWith(
  filters: readonly Filter[],
  outputs: readonly OutputKind[],
  patterns: PatternOptions,
): Engine {
  const engine = newEngine(outputs, "deny", patterns, filters);
  const kernel = { mode: "", base: "", exclusion: "", fragments: false };
  engine.setPrograms(new FilterJudge([]).programsFor(kernel, filters));
  return engine;
}

function newEngine(
  outputs: readonly OutputKind[],
  noFilterPolicy: NoFilterPolicy,
  { patternAlgorithm, patternBufferMb }: PatternOptions,
  filters: readonly Filter[] = [],
): Engine {
  const engine = new Engine({
    ...defaultStreamOptions,
    patternAlgorithm,
    patternBufferMb,
    outputs,
    protocol: "all",
    dnsPorts: [53],
    udpOnly: false,
    detectTunneling: false,
    batchPackets: 64,
    batchBytes: 1 << 20,
    limit: 0,
  });
  engine.setFilters({ filters, noFilterPolicy, localDomains: [] });
  return engine;
}

function isBpf({ type }: Filter): boolean {
  return type === "bpf";
}
