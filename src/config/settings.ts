import type { ApiKeyEntry } from "./api_keys.ts";
import type { SpoolFullPolicy, SpoolMode, SyncPolicy } from "../delivery/spool.ts";
import type { NoFilterPolicy } from "../engine/filter.ts";
import type { BackendChoice } from "../matching/choose_backend.ts";
import type { StreamOptions } from "../engine/stream_options.ts";

/** The commands that run. `hunt`, `sniff` and `tap` take an optional protocol. */
export type Command =
  | "hunt"
  | "sniff"
  | "tap"
  | "process"
  | "list interfaces"
  | "buffer inspect"
  | "buffer verify"
  | "buffer repair"
  | "filters check"
  | "config explain"
  | "completion";

/** What the engine looks at; undefined on the command line means all traffic. */
export type Protocol = "all" | "dns" | "voip";

/**
 * Everything that an invocation can be told, merged from flags, environment, file and defaults, and validated.
 * Nothing else reads raw arguments. A setting that the command has no flag for holds its default.
 */
export interface Settings extends StreamOptions {
  /** The command that was given, without its protocol. */
  readonly command: Command;
  /** Protocol given after the command; default `all`. */
  readonly protocol: Protocol;

  // Capture
  /** Capture files to read, in order; `-` is standard input. Empty means live capture. */
  readonly readFiles: readonly string[];
  /** Interfaces of a live capture; default `any`, which stands alone and means all of them. */
  readonly interfaces: readonly string[];
  /** BPF expression of the operator; empty for none. */
  readonly filter: string;
  /** Also capture frames that are addressed to other machines; default false. */
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
  /** Threads that share the interfaces of a live capture, 1 to 64; default 1. */
  readonly workers: number;

  // DNS
  /** UDP and TCP ports that carry DNS; at least one, default 53. */
  readonly dnsPorts: readonly number[];
  /** Leave DNS over TCP out; default false. */
  readonly udpOnly: boolean;
  /** Score DNS queries for tunnelling; default true. */
  readonly detectTunneling: boolean;
  /** Domain patterns of the operator (`--domain`, `--domains-file`). */
  readonly domains: readonly string[];

  // VoIP
  /** Users whose calls are kept (`--sip-user`); empty for all. */
  readonly sipUsers: readonly string[];
  /** Ports of SIP for the kernel's filter; empty where nobody asked. */
  readonly sipPorts: readonly number[];
  /** UDP ports of media for the kernel's filter, `first-last` each; empty where nobody asked. */
  readonly rtpPortRanges: readonly string[];
  /** Leave SIP over TCP out; default false. */
  readonly sipUdpOnly: boolean;
  /** Print ended calls instead of packets; default false. */
  readonly calls: boolean;
  /** Write one capture file per call; default false. */
  readonly perCallPcap: boolean;
  /** Folder of these files. */
  readonly perCallPcapDir: string;
  /** Their names, with `{timestamp}` and `{callid}`. */
  readonly perCallPcapPattern: string;
  /** They are closed so long after the last packet of their call, ms. */
  readonly pcapGracePeriodMs: number;

  // Output
  /** `json` when `--json`, or when standard output is not a terminal and no format was asked for. */
  readonly format: "text" | "json";
  /** True when `--json` (or `--format json`) was asked for: the summary is JSON, too. */
  readonly jsonSummary: boolean;
  /** Print no packets, only the summary; default false. */
  readonly quiet: boolean;
  /** Capture file to write; undefined for none, `-` for standard output. No folder in VoIP mode. */
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
  /** A batch that is not full is sent after this time, ms; 1 to 60000, default 100. */
  readonly batchTimeoutMs: number;
  /** Batches that may wait for the processor; 1000 when the flag is 0. */
  readonly batchQueueSize: number;
  /** Undefined when nobody set it: then each command has its own rule. */
  readonly noFilterPolicy: NoFilterPolicy | undefined;
  /** Key that the processor knows this hunter by; undefined for none, or for the one in `apiKeyFile`. */
  readonly apiKey: string | undefined;
  /** File whose first line is the key; undefined for none. */
  readonly apiKeyFile: string | undefined;
  /** The batch limits that the operator set: what the processor wishes does not change them. */
  readonly ownBatchLimits: readonly ("batchSize" | "batchTimeoutMs")[];
  /** Longest time from a stop signal to the end, ms; 100 to 3600000, default 10000. */
  readonly shutdownTimeoutMs: number;

  // Disk buffer
  /** Keep on disk what the processor cannot take now; default false. */
  readonly diskBuffer: boolean;
  /** Folder of the disk buffer; the argument of the `buffer` commands. */
  readonly diskBufferDir: string;
  /** Size limit of the disk buffer, MiB; 1 to 1048576, default 1024. */
  readonly diskBufferMaxMb: number;
  /** `overflow` writes what does not fit into memory, `write-ahead` every batch before it is sent. */
  readonly diskBufferMode: SpoolMode;
  /** What is dropped when the disk buffer is full; default `drop-newest`. */
  readonly diskBufferFull: SpoolFullPolicy;
  /** When the disk buffer is forced to disk; default `interval`. */
  readonly diskBufferSync: SyncPolicy;
  /** Time between two syncs with `interval`, ms; 10 to 3600000, default 1000. */
  readonly diskBufferSyncIntervalMs: number;

  // Service
  /** `host:port` of metrics and health; undefined for none. */
  readonly metricsListen: string | undefined;
  /** `user` or `user:group` to become once capture is open; undefined to stay. */
  readonly user: string | undefined;

  // Processor
  /** `host:port`; an empty host means all addresses. */
  readonly listen: string;
  /** Hunters that may be connected at once; 1 to 100000, default 100. */
  readonly maxHunters: number;
  /** Monitoring clients that may be connected at once; 0 for no limit, default 100. */
  readonly maxSubscribers: number;
  /** Filter store; undefined for none. The argument of `filters check`. */
  readonly filterFile: string | undefined;
  /** Log statistics now and then. */
  readonly stats: boolean;
  /** Answer only calls with an API key; default false. */
  readonly apiKeyAuth: boolean;
  /** API keys of the configuration file. */
  readonly apiKeys: readonly ApiKeyEntry[];
  /** YAML file with more of them; undefined for none. */
  readonly apiKeysFile: string | undefined;

  // TLS
  /** Plain text instead of TLS; default false. */
  readonly insecure: boolean;
  /** File of the own certificate, PEM; undefined for none. Goes together with `tlsKey`. */
  readonly tlsCert: string | undefined;
  /** File of the private key of `tlsCert`, PEM; undefined for none. */
  readonly tlsKey: string | undefined;
  /** File of the certificates that verify the other side, PEM; the system's trust store is never used. */
  readonly tlsCa: string | undefined;
  /** Name that the processor's certificate must be for; undefined for the host of `processor`. */
  readonly tlsServerName: string | undefined;
  /** Take any certificate of the processor, unverified; default false. */
  readonly tlsSkipVerify: boolean;
  /** Admit only hunters and clients with a certificate that `tlsCa` verifies; default false. */
  readonly tlsClientAuth: boolean;

  // filters check
  /** Capture files to try filters on, in order; `-` is standard input. */
  readonly trialFiles: readonly string[];
  /** Look only at filters that this hunter gets; undefined for all. */
  readonly hunter: string | undefined;
  /** What searches packets for texts; default `cpu-simd`. */
  readonly gpuBackend: BackendChoice;
  /** Payloads per launch of a graphics processor; 1 to 1048576, default 4096. */
  readonly gpuBatchSize: number;

  // list interfaces, buffer inspect, filters check
  /** One JSON document instead of a table; default false. */
  readonly json: boolean;
}
