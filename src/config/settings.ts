import type { NoFilterPolicy } from "../engine/filter.ts";

/** The commands that run. `hunt`, `sniff` and `tap` take an optional protocol. */
export type Command =
  | "hunt"
  | "sniff"
  | "tap"
  | "process"
  | "list interfaces"
  | "config explain"
  | "completion";

/** What the engine looks at; undefined on the command line means all traffic. */
export type Protocol = "all" | "dns";

/**
 * Everything that an invocation can be told, merged from flags, environment, file and defaults, and validated.
 * Nothing else reads raw arguments. A setting that the command has no flag for holds its default.
 */
export interface Settings {
  readonly command: Command;
  readonly protocol: Protocol;

  // Capture
  /** Capture files to read, in order; `-` is standard input. Empty means live capture. */
  readonly readFiles: readonly string[];
  readonly interfaces: readonly string[];
  /** BPF expression of the operator; empty for none. */
  readonly filter: string;
  readonly promiscuous: boolean;
  /** Kernel capture buffer per interface, bytes. */
  readonly pcapBufferSize: number;
  /** Packets are cut to this many bytes. */
  readonly snapLength: number;
  /** Longest time that the kernel holds packets back, ms. */
  readonly pcapTimeoutMs: number;
  /** Stop after this many kept packets; 0 for no limit. */
  readonly count: number;
  /** Capture and engine on the main thread. */
  readonly singleThread: boolean;

  // DNS
  readonly dnsPorts: readonly number[];
  readonly udpOnly: boolean;
  readonly detectTunneling: boolean;
  /** Domain patterns of the operator (`--domain`, `--domains-file`). */
  readonly domains: readonly string[];

  // Output
  /** `json` when `--json`, or when standard output is not a terminal and no format was asked for. */
  readonly format: "text" | "json";
  /** True when `--json` (or `--format json`) was asked for: the summary is JSON, too. */
  readonly jsonSummary: boolean;
  readonly quiet: boolean;
  /** Capture file to write; undefined for none, `-` for standard output. */
  readonly writeFile: string | undefined;

  // Hunter
  /** `host:port` of the processor; undefined for the embedded one. */
  readonly processor: string | undefined;
  /** Hunter or processor id; undefined for the host name. */
  readonly id: string | undefined;
  /** Packets that may wait for the processor. */
  readonly bufferSize: number;
  /** Packets per batch. */
  readonly batchSize: number;
  readonly batchTimeoutMs: number;
  /** Batches that may wait for the processor; 1000 when the flag is 0. */
  readonly batchQueueSize: number;
  /** Undefined when nobody set it: then each command has its own rule. */
  readonly noFilterPolicy: NoFilterPolicy | undefined;

  // Processor
  /** `host:port`; an empty host means all addresses. */
  readonly listen: string;
  readonly maxHunters: number;
  readonly maxSubscribers: number;
  /** Filter store; undefined for none. */
  readonly filterFile: string | undefined;
  /** Log statistics now and then. */
  readonly stats: boolean;

  // TLS
  readonly insecure: boolean;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsCa: string | undefined;
  readonly tlsSkipVerify: boolean;
  readonly tlsClientAuth: boolean;

  // list interfaces
  readonly json: boolean;
}
