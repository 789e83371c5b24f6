import { type Server, status } from "@grpc/grpc-js";
import type { Chunk } from "../engine/chunk.ts";
import type { Filter } from "../engine/filter.ts";
import type { HunterStatusName } from "../proto/hunter_status.ts";
import { dataService, managementService } from "../proto/services.ts";
import type { Sink } from "../pipeline/sink.ts";
import type { CertificateFigures } from "../proto/certificate_validity.ts";
import { logger } from "../telemetry/log.ts";
import type { ApiKeys } from "./api_keys.ts";
import type { BatchDecoder } from "./batch_decoder.ts";
import { DataService } from "./data_service.ts";
import { writeFilter } from "./filter_file.ts";
import { FilterStore } from "./filter_store.ts";
import { FilterWatcher } from "./filter_watcher.ts";
import { HunterRegistry } from "./hunter_registry.ts";
import { listen, newServer, shutDown } from "./listener.ts";
import { ManagementService } from "./management_service.ts";
import { type LocalCapture, NodeStatus } from "./node_status.ts";
import { type IntakeCounters, PacketIntake } from "./packet_intake.ts";
import { PacketSubscribers } from "./packet_subscribers.ts";
import type { ServerSecurity } from "./server_credentials.ts";
import { RefusedCalls } from "./refused_calls.ts";
import { StatusError } from "./status_error.ts";

/** What a processor is told. */
export interface ProcessorOptions {
  /** Its name; hunter id of its own capture, too. */
  readonly id: string;
  /** `host:port` to listen on, an empty host for all addresses; undefined to serve this process alone. */
  readonly listen: string | undefined;
  /** How connections are protected; called by {@link Processor.start} when it listens. */
  readonly security: () => ServerSecurity;
  /** Who may call; called like {@link security}. Undefined, or a result of undefined: everybody. */
  readonly apiKeys?: () => ApiKeys | undefined;
  /** Hunters at once. */
  readonly maxHunters: number;
  /** Watching clients at once; 0 for no limit. */
  readonly maxSubscribers: number;
  /** YAML file of filters; undefined for none. */
  readonly filterFile: string | undefined;
  /** Reads what hunters send. */
  readonly decoder: BatchDecoder;
  /** Take all packets; closed by {@link Processor.stop}. */
  readonly sinks: readonly Sink[];
  /** The capture in this process, if there is one. */
  readonly local?: LocalCapture;
  /** Told when a sink failed: packets are refused from then on. */
  readonly onSinkFailure: (error: unknown) => void;
}

/** What a processor counts. */
export interface ProcessorCounters extends IntakeCounters {
  /** Hunters registered. */
  readonly hunters: number;
  /** The same by status. */
  readonly huntersByStatus: Readonly<Record<HunterStatusName, number>>;
  /** Calls that were refused or failed, by name of the gRPC status code. */
  readonly refusedCalls: ReadonlyMap<string, number>;
  /** Clients watching. */
  readonly subscribers: number;
  /** Batches that slow clients missed. */
  readonly subscriberDrops: number;
  /** Filters loaded. */
  readonly filters: number;
  /** Calls refused because of their API key. */
  readonly unauthenticated: number;
}

/** Time between two looks at the files of certificates and API keys, ms. */
const filesMs = 5_000;
/** Time between two looks at what is over, ms. */
const tickMs = 1_000;

const log = logger("processor");

/** Takes packets from hunters, hands out filters, and answers clients. */
export class Processor {
  readonly #options: ProcessorOptions;
  readonly #hunters: HunterRegistry;
  readonly #filters: FilterStore;
  readonly #subscribers: PacketSubscribers;
  readonly #intake: PacketIntake;
  readonly #node: NodeStatus;
  readonly #data: DataService;
  readonly #management: ManagementService;
  readonly #refusedCalls = new RefusedCalls();
  #watcher: FilterWatcher | undefined;
  #server: Server | undefined;
  #security: ServerSecurity | undefined;
  #apiKeys: ApiKeys | undefined;
  #files: ReturnType<typeof setInterval> | undefined;
  #ticks: ReturnType<typeof setInterval> | undefined;

  /** Begins without hunters and filters, and listens to nothing yet. */
  constructor(options: ProcessorOptions) {
    this.#options = options;
    this.#hunters = new HunterRegistry(options.maxHunters);
    this.#filters = new FilterStore((id) => this.#typesOf(id));
    this.#subscribers = new PacketSubscribers(options.maxSubscribers);
    this.#intake = new PacketIntake(
      options.decoder,
      options.sinks,
      this.#subscribers,
      options.onSinkFailure,
    );
    this.#node = new NodeStatus(
      options.id,
      this.#hunters,
      this.#filters,
      () => this.#intake.counters.packets,
      options.local,
    );
    this.#data = new DataService(this.#intake, this.#hunters, this.#subscribers);
    this.#management = new ManagementService(
      this.#hunters,
      this.#filters,
      this.#node,
      (id, filter) => this.#persist(id, filter),
    );
  }

  /** The sinks that all packets go to. */
  get sinks(): readonly Sink[] {
    return this.#options.sinks;
  }

  /** What it has counted so far. */
  get counters(): ProcessorCounters {
    return {
      ...this.#intake.counters,
      hunters: this.#hunters.size,
      huntersByStatus: this.#hunters.countByStatus(),
      refusedCalls: this.#refusedCalls.counts,
      subscribers: this.#subscribers.size,
      subscriberDrops: this.#subscribers.dropped,
      filters: this.#filters.size,
      unauthenticated: this.#apiKeys?.refused ?? 0,
    };
  }

  /** Certificates of its own and of its authority; empty where it does not listen, or in plain text. */
  get certificates(): readonly CertificateFigures[] {
    return this.#security?.certificates ?? [];
  }

  /** Takes changed files of certificates and API keys; a timer does so every few seconds. */
  refreshFiles(): void {
    this.#security?.refresh();
    this.#apiKeys?.refresh();
  }

  /**
   * Reads the filters, and listens. Throws OperatorError when the filter file cannot be used, or the address cannot be
   * listened on.
   * @returns the port; undefined when it does not listen
   */
  async start(): Promise<number | undefined> {
    const { filterFile, local, listen: address } = this.#options;
    if (local !== undefined) {
      this.#filters.onChange(() => local.onFilters(this.#filters.forHunter(this.#options.id)));
    }
    if (filterFile !== undefined) {
      this.#watcher = new FilterWatcher(filterFile, (filters) => this.#filters.replaceFileFilters(filters));
    }
    if (address === undefined) return undefined;
    this.#security = this.#options.security();
    this.#apiKeys = this.#options.apiKeys?.();
    const authentication = this.#apiKeys === undefined ? [] : [this.#apiKeys.interceptor];
    const server = newServer([this.#refusedCalls.interceptor, ...authentication]);
    this.#server = server;
    server.addService(dataService, this.#data.implementation);
    server.addService(managementService, this.#management.implementation);
    try {
      const port = await listen(server, address, this.#security.credentials);
      this.#node.address = address.replace(/:0$/, `:${port}`);
      log.info(`listening on ${address.replace(/:0$/, `:${port}`)}`);
      this.#files = setInterval(() => this.refreshFiles(), filesMs);
      this.#ticks = setInterval(() => this.#intake.advance(tickMs), tickMs);
      return port;
    } catch (error) {
      this.#watcher?.close();
      server.forceShutdown();
      throw error;
    }
  }

  /** Takes packets captured in this process; resolves when the sinks have taken them. */
  acceptLocal(chunk: Chunk): Promise<void> {
    return this.#intake.acceptLocal(chunk, this.#options.id, () => this.#node.localStats());
  }

  /** Resolves when all packets that came in have been taken by the sinks. */
  idle(): Promise<void> {
    return this.#intake.idle();
  }

  /** Ends all connections, and closes the sinks. */
  async stop(): Promise<void> {
    clearInterval(this.#files);
    clearInterval(this.#ticks);
    this.#watcher?.close();
    const stopping = new StatusError(status.UNAVAILABLE, "the processor is stopping");
    this.#data.close(stopping);
    this.#management.close(stopping);
    if (this.#server !== undefined) await shutDown(this.#server);
    await this.#intake.finish();
    for (const sink of this.#options.sinks) await sink.close();
  }

  #typesOf(hunterId: string): readonly string[] {
    const { id, local } = this.#options;
    if (hunterId === id && local !== undefined) return local.filterTypes;
    return this.#hunters.capabilitiesOf(hunterId)?.filter_types ?? [];
  }

  #persist(id: string, filter: Filter | undefined): void {
    if (this.#options.filterFile !== undefined) writeFilter(this.#options.filterFile, id, filter);
  }
}
