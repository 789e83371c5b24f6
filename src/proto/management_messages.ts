/**
 * The messages of `proto/management.proto`, generated from it by `deno task build:proto`. Field names are those of the wire
 * contract; 64-bit integers are bigints; a message field that is not set is null; enum numbers that are not known
 * here arrive as they are.
 *
 * @module
 */

/** A hunter announces itself. */
export interface HunterRegistration {
  /** The hunter's name for itself. */
  readonly hunter_id: string;
  /** The machine it runs on. */
  readonly hostname: string;
  /** Interfaces that it captures on. */
  readonly interfaces: readonly string[];
  /** Its program version, without a leading v. */
  readonly version: string;
  /** What it can do. */
  readonly capabilities: HunterCapabilities | null;
}

/** What a hunter can do. */
export interface HunterCapabilities {
  /** Filter types that it applies, by their names in filter files; a processor sends it no others. */
  readonly filter_types: readonly string[];
  /** Packet data that it can hold back, bytes. */
  readonly max_buffer_size: bigint;
  /** Matches patterns on a graphics processor. */
  readonly gpu_acceleration: boolean;
  /** Captures with AF_XDP. */
  readonly af_xdp: boolean;
}

/** The answer to a hunter's registration. */
export interface RegistrationResponse {
  /** False: the hunter is refused. */
  readonly accepted: boolean;
  /** Why it is refused. */
  readonly error: string;
  /** The name that the hunter shall use from now on; empty for its own. */
  readonly assigned_id: string;
  /** Filters in force for it. */
  readonly filters: readonly Filter[];
  /** What the processor would like. */
  readonly config: ProcessorConfig | null;
}

/** A processor's wishes for its hunters. */
export interface ProcessorConfig {
  /** Packets per batch. */
  readonly batch_size: number;
  /** Longest time that a batch stays open, ms. */
  readonly batch_timeout_ms: number;
  /** Time between attempts to connect, s. */
  readonly reconnect_interval_sec: number;
  /** Attempts to connect; 0 for no limit. */
  readonly max_reconnect_attempts: number;
  /** The processor's name. */
  readonly processor_id: string;
}

/** A hunter's report. */
export interface HunterHeartbeat {
  /** The reporting hunter. */
  readonly hunter_id: string;
  /** Time of the report, nanoseconds since 1970. */
  readonly timestamp_ns: bigint;
  /** Its state. */
  readonly status: HunterStatus;
  /** Its counters. */
  readonly stats: HunterStats | null;
}

/** The answer to a hunter's report. */
export interface ProcessorHeartbeat {
  /** The timestamp of the report that this answers. */
  readonly timestamp_ns: bigint;
  /** The processor's state. */
  readonly status: ProcessorStatus;
  /** Hunters connected to it. */
  readonly hunters_connected: number;
  /** Its name. */
  readonly processor_id: string;
}

/** State of a hunter. */
export const HunterStatus = {
  /** All is well. */
  STATUS_HEALTHY: 0,
  /** It loses packets, or is about to. */
  STATUS_WARNING: 1,
  /** It does not capture, or has not been heard of. */
  STATUS_ERROR: 2,
  /** It is shutting down. */
  STATUS_STOPPING: 3,
} as const;

/** A number of {@link HunterStatus}. */
export type HunterStatus = typeof HunterStatus[keyof typeof HunterStatus];

/** State of a processor. */
export const ProcessorStatus = {
  /** All is well. */
  PROCESSOR_HEALTHY: 0,
  /** It is under pressure. */
  PROCESSOR_WARNING: 1,
  /** It does not work. */
  PROCESSOR_ERROR: 2,
} as const;

/** A number of {@link ProcessorStatus}. */
export type ProcessorStatus = typeof ProcessorStatus[keyof typeof ProcessorStatus];

/** A hunter's counters since its process started. */
export interface HunterStats {
  /** Packets captured. */
  readonly packets_captured: bigint;
  /** Packets that passed the filters. */
  readonly packets_matched: bigint;
  /** Packets that the processor acknowledged. */
  readonly packets_forwarded: bigint;
  /** Packets lost after capture. */
  readonly packets_dropped: bigint;
  /** Packet data that waits for the processor, bytes. */
  readonly buffer_bytes: bigint;
  /** Filters in force. */
  readonly active_filters: number;
  /** Processor time used, percent of one core; -1 when unknown. */
  readonly cpu_percent: number;
  /** Resident memory, bytes. */
  readonly memory_rss_bytes: bigint;
  /** Memory that the process may use, bytes; 0 for no limit. */
  readonly memory_limit_bytes: bigint;
}

/** Asks for filters. */
export interface FilterRequest {
  /** The hunter that they are meant for; empty for all filters. */
  readonly hunter_id: string;
}

/** Filters asked for. */
export interface FilterResponse {
  /** In no order. */
  readonly filters: readonly Filter[];
}

/** What hunters shall look for. */
export interface Filter {
  /** Unique; packets that match carry it. */
  readonly id: string;
  /** What the pattern is compared with. */
  readonly type: FilterType;
  /** Value or expression; its language depends on the type. */
  readonly pattern: string;
  /** Hunters that it is meant for; empty for all. */
  readonly target_hunters: readonly string[];
  /** False: kept, but without effect. */
  readonly enabled: boolean;
  /** For people. */
  readonly description: string;
}

/** What a filter's pattern is compared with. */
export const FilterType = {
  /** User part of a SIP identity. */
  FILTER_SIP_USER: 0,
  /** Telephone number. */
  FILTER_PHONE_NUMBER: 1,
  /** Address or prefix. */
  FILTER_IP_ADDRESS: 2,
  /** SIP Call-ID. */
  FILTER_CALL_ID: 3,
  /** Media codec. */
  FILTER_CODEC: 4,
  /** BPF expression. */
  FILTER_BPF: 5,
  /** SIP URI without its scheme. */
  FILTER_SIP_URI: 6,
  /** DNS name. */
  FILTER_DNS_DOMAIN: 7,
  /** Mail address. */
  FILTER_EMAIL_ADDRESS: 8,
  /** Mail subject. */
  FILTER_EMAIL_SUBJECT: 9,
  /** TLS server name. */
  FILTER_TLS_SNI: 10,
  /** JA3 fingerprint of a TLS client. */
  FILTER_TLS_JA3: 11,
  /** JA3S fingerprint of a TLS server. */
  FILTER_TLS_JA3S: 12,
  /** JA4 fingerprint of a TLS client. */
  FILTER_TLS_JA4: 13,
  /** HTTP host. */
  FILTER_HTTP_HOST: 14,
  /** HTTP request target. */
  FILTER_HTTP_URL: 15,
  /** Mobile subscriber identity, 15 digits. */
  FILTER_IMSI: 16,
  /** Mobile equipment identity, 14 or 15 digits. */
  FILTER_IMEI: 17,
} as const;

/** A number of {@link FilterType}. */
export type FilterType = typeof FilterType[keyof typeof FilterType];

/** A change of a hunter's filters. */
export interface FilterUpdate {
  /** What happened. */
  readonly update_type: FilterUpdateType;
  /** The whole filter, also when it was deleted. */
  readonly filter: Filter | null;
}

/** What happened to a filter. */
export const FilterUpdateType = {
  /** It applies from now on. */
  UPDATE_ADD: 0,
  /** It was changed. */
  UPDATE_MODIFY: 1,
  /** It applies no longer. */
  UPDATE_DELETE: 2,
} as const;

/** A number of {@link FilterUpdateType}. */
export type FilterUpdateType = typeof FilterUpdateType[keyof typeof FilterUpdateType];

/** Outcome of a change of filters. */
export interface FilterUpdateResult {
  /** Whether the change was made. */
  readonly success: boolean;
  /** Why not. */
  readonly error: string;
  /** Connected hunters that were told. */
  readonly hunters_updated: number;
}

/** Removes a filter. */
export interface FilterDeleteRequest {
  /** The filter to remove. */
  readonly filter_id: string;
}

/** A processor announces itself to the one above it. */
export interface ProcessorRegistration {
  /** Its name. */
  readonly processor_id: string;
  /** Where it can be reached. */
  readonly listen_address: string;
  /** Its program version. */
  readonly version: string;
  /** Names of the processors above it, from the top down. */
  readonly upstream_chain: readonly string[];
}

/** The answer to a processor's registration. */
export interface ProcessorRegistrationResponse {
  /** False: it is refused. */
  readonly accepted: boolean;
  /** Why it is refused. */
  readonly error: string;
  /** Name of the processor that answers. */
  readonly upstream_processor_id: string;
}

/** Asks for a token. */
export interface AuthTokenRequest {
  /** The processor to be managed. */
  readonly target_processor_id: string;
}

/** Lets its bearer manage a processor for five minutes. */
export interface AuthorizationToken {
  /** RSA signature with SHA-256 over the other fields. */
  readonly signature: Uint8Array;
  /** Start of validity, nanoseconds since 1970. */
  readonly issued_at_ns: bigint;
  /** End of validity, nanoseconds since 1970. */
  readonly expires_at_ns: bigint;
  /** The processor to be managed. */
  readonly target_processor_id: string;
  /** The processor that signed. */
  readonly issuer_id: string;
  /** The processors between the two. */
  readonly processor_chain: readonly string[];
}

/** UpdateFilter for a processor further down. */
export interface ProcessorFilterRequest {
  /** The processor to change. */
  readonly processor_id: string;
  /** The filter to add or replace. */
  readonly filter: Filter | null;
  /** The right to do so. */
  readonly auth_token: AuthorizationToken | null;
}

/** DeleteFilter for a processor further down. */
export interface ProcessorFilterDeleteRequest {
  /** The processor to change. */
  readonly processor_id: string;
  /** The filter to remove. */
  readonly filter_id: string;
  /** The right to do so. */
  readonly auth_token: AuthorizationToken | null;
}

/** GetFilters for a processor further down. */
export interface ProcessorFilterQuery {
  /** The processor to ask. */
  readonly processor_id: string;
  /** The hunter that the filters are meant for; empty for all filters. */
  readonly hunter_id: string;
  /** The right to do so. */
  readonly auth_token: AuthorizationToken | null;
}

/** Asks for hunters' state. */
export interface StatusRequest {
  /** One hunter; empty for all. */
  readonly hunter_id: string;
}

/** State of hunters and of their processor. */
export interface StatusResponse {
  /** The hunters asked for. */
  readonly hunters: readonly ConnectedHunter[];
  /** The processor's counters. */
  readonly processor_stats: ProcessorStats | null;
}

/** A hunter as its processor knows it. */
export interface ConnectedHunter {
  /** Its name. */
  readonly hunter_id: string;
  /** Its machine. */
  readonly hostname: string;
  /** Where it connects from. */
  readonly remote_addr: string;
  /** Its state. */
  readonly status: HunterStatus;
  /** Time since it registered, s. */
  readonly connected_duration_sec: bigint;
  /** Its last sign of life, nanoseconds since 1970. */
  readonly last_heartbeat_ns: bigint;
  /** Its counters. */
  readonly stats: HunterStats | null;
  /** Its filters. */
  readonly filters: readonly Filter[];
  /** Interfaces that it captures on. */
  readonly interfaces: readonly string[];
  /** What it can do. */
  readonly capabilities: HunterCapabilities | null;
}

/** A processor's counters. */
export interface ProcessorStats {
  /** Hunters registered. */
  readonly total_hunters: number;
  /** Of these, STATUS_HEALTHY. */
  readonly healthy_hunters: number;
  /** Of these, STATUS_WARNING. */
  readonly warning_hunters: number;
  /** Of these, STATUS_ERROR. */
  readonly error_hunters: number;
  /** Packets received from hunters. */
  readonly total_packets_received: bigint;
  /** Packets passed on to the processor above. */
  readonly total_packets_forwarded: bigint;
  /** Filters loaded. */
  readonly total_filters: number;
  /** The processor's name. */
  readonly processor_id: string;
  /** Its state. */
  readonly status: ProcessorStatus;
  /** Address of the processor above; empty at the top. */
  readonly upstream_processor: string;
}

/** Asks for the hunters that can be watched. */
export type ListHuntersRequest = Readonly<Record<never, never>>;

/** The hunters that can be watched. */
export interface ListHuntersResponse {
  /** In no order. */
  readonly hunters: readonly AvailableHunter[];
}

/** A hunter that can be watched. */
export interface AvailableHunter {
  /** Its name. */
  readonly hunter_id: string;
  /** Its machine. */
  readonly hostname: string;
  /** Interfaces that it captures on. */
  readonly interfaces: readonly string[];
  /** Its state. */
  readonly status: HunterStatus;
  /** Where it connects from. */
  readonly remote_addr: string;
  /** Time since it registered, s. */
  readonly connected_duration_sec: bigint;
  /** What it can do. */
  readonly capabilities: HunterCapabilities | null;
}

/** Asks for the tree of nodes. */
export type TopologyRequest = Readonly<Record<never, never>>;

/** The tree of nodes. */
export interface TopologyResponse {
  /** Its root: the processor that answers. */
  readonly processor: ProcessorNode | null;
}

/** A processor in the tree. */
export interface ProcessorNode {
  /** Where it can be reached. */
  readonly address: string;
  /** Its name. */
  readonly processor_id: string;
  /** Its state. */
  readonly status: ProcessorStatus;
  /** Address of the processor above; empty at the top. */
  readonly upstream_processor: string;
  /** Hunters connected to it. */
  readonly hunters: readonly ConnectedHunter[];
  /** Processors below it. */
  readonly downstream_processors: readonly ProcessorNode[];
  /** Steps from the top. */
  readonly hierarchy_depth: number;
  /** Whether the processor above reaches it. */
  readonly reachable: boolean;
  /** Why not. */
  readonly unreachable_reason: string;
  /** Whether it captures itself. */
  readonly node_type: NodeType;
  /** Interfaces that it captures on itself. */
  readonly capture_interfaces: readonly string[];
}

/** Kind of a node in the tree. */
export const NodeType = {
  /** Receives from hunters only. */
  NODE_TYPE_PROCESSOR: 0,
  /** Captures itself, too. */
  NODE_TYPE_TAP: 1,
} as const;

/** A number of {@link NodeType}. */
export type NodeType = typeof NodeType[keyof typeof NodeType];

/** Subscribes to changes of the tree. */
export interface TopologySubscribeRequest {
  /** Also changes further down. */
  readonly include_downstream: boolean;
  /** The client's name. */
  readonly client_id: string;
}

/** A change of the tree. */
export interface TopologyUpdate {
  /** What happened. */
  readonly update_type: TopologyUpdateType;
  /** When, nanoseconds since 1970. */
  readonly timestamp_ns: bigint;
  /** The processor where it happened. */
  readonly processor_id: string;
  /** The processor where it happened. */
  readonly hunter_connected?: HunterConnectedEvent;
  /** The processor where it happened. */
  readonly hunter_disconnected?: HunterDisconnectedEvent;
  /** The processor where it happened. */
  readonly processor_connected?: ProcessorConnectedEvent;
  /** The processor where it happened. */
  readonly processor_disconnected?: ProcessorDisconnectedEvent;
  /** The processor where it happened. */
  readonly hunter_status_changed?: HunterStatusChangedEvent;
}

/** What happened in the tree. */
export const TopologyUpdateType = {
  /** A hunter registered. */
  TOPOLOGY_HUNTER_CONNECTED: 0,
  /** A hunter was removed. */
  TOPOLOGY_HUNTER_DISCONNECTED: 1,
  /** A processor registered. */
  TOPOLOGY_PROCESSOR_CONNECTED: 2,
  /** A processor was removed. */
  TOPOLOGY_PROCESSOR_DISCONNECTED: 3,
  /** A hunter's state changed. */
  TOPOLOGY_HUNTER_STATUS_CHANGED: 4,
} as const;

/** A number of {@link TopologyUpdateType}. */
export type TopologyUpdateType = typeof TopologyUpdateType[keyof typeof TopologyUpdateType];

/** A hunter registered. */
export interface HunterConnectedEvent {
  /** The hunter. */
  readonly hunter: ConnectedHunter | null;
}

/** A hunter was removed. */
export interface HunterDisconnectedEvent {
  /** The hunter. */
  readonly hunter_id: string;
  /** Why. */
  readonly reason: string;
}

/** A processor registered. */
export interface ProcessorConnectedEvent {
  /** The processor. */
  readonly processor: ProcessorNode | null;
}

/** A processor was removed. */
export interface ProcessorDisconnectedEvent {
  /** The processor. */
  readonly processor_id: string;
  /** Its address. */
  readonly address: string;
  /** Why. */
  readonly reason: string;
}

/** A hunter's state changed. */
export interface HunterStatusChangedEvent {
  /** The hunter. */
  readonly hunter_id: string;
  /** Its state before. */
  readonly old_status: HunterStatus;
  /** Its state now. */
  readonly new_status: HunterStatus;
}
