import type { CaptureFigures } from "../delivery/capture_figures.ts";
import { nowNs } from "../delivery/batch.ts";
import type { Filter, FilterTypeName } from "../engine/filter.ts";
import type { BatchStats } from "../proto/data_messages.ts";
import { filterMessage } from "../proto/filter_message.ts";
import {
  type ConnectedHunter,
  HunterStatus,
  NodeType,
  type ProcessorNode,
  type ProcessorStats,
  ProcessorStatus,
} from "../proto/management_messages.ts";
import type { FilterStore } from "./filter_store.ts";
import type { HunterRegistry } from "./hunter_registry.ts";

/** The capture that runs in the same process as the processor. */
export interface LocalCapture {
  /** Name of this machine. */
  readonly hostname: string;
  /** Interfaces, or files, that are captured from. */
  readonly interfaces: readonly string[];
  /** Filter types that it applies. */
  readonly filterTypes: readonly FilterTypeName[];
  /** Its counters now. */
  readonly figures: () => CaptureFigures;
  /** Told its filters when the filter file was read, and after each change. */
  readonly onFilters: (filters: readonly Filter[]) => void;
}

/** What this processor says about itself and its hunters. */
export class NodeStatus {
  /** This node's name; its own capture goes by the same name. */
  readonly processorId: string;
  readonly #hunters: HunterRegistry;
  readonly #filters: FilterStore;
  readonly #packetsReceived: () => number;
  readonly #local: LocalCapture | undefined;
  readonly #startedAt = performance.now();
  #address = "";

  /** Up since now, without an address; `local` is undefined where nothing is captured here. */
  constructor(
    processorId: string,
    hunters: HunterRegistry,
    filters: FilterStore,
    packetsReceived: () => number,
    local: LocalCapture | undefined,
  ) {
    this.processorId = processorId;
    this.#hunters = hunters;
    this.#filters = filters;
    this.#packetsReceived = packetsReceived;
    this.#local = local;
  }

  /** Where it listens: `host:port`. */
  set address(address: string) {
    this.#address = address;
  }

  /** The processor's state: a processor that cannot store packets ends. */
  get status(): ProcessorStatus {
    return ProcessorStatus.PROCESSOR_HEALTHY;
  }

  /** The hunters, this node's own capture first. */
  hunters(): ConnectedHunter[] {
    const own = this.#local === undefined ? [] : [this.#self(this.#local)];
    return [...own, ...this.#hunters.list((id) => this.#filters.forHunter(id))];
  }

  /** The processor's counters. */
  stats(): ProcessorStats {
    const hunters = this.hunters();
    const count = (status: HunterStatus) => hunters.filter((hunter) => hunter.status === status).length;
    return {
      total_hunters: hunters.length,
      healthy_hunters: count(HunterStatus.STATUS_HEALTHY),
      warning_hunters: count(HunterStatus.STATUS_WARNING),
      error_hunters: count(HunterStatus.STATUS_ERROR),
      total_packets_received: BigInt(this.#packetsReceived()),
      total_packets_forwarded: 0n,
      total_filters: this.#filters.size,
      processor_id: this.processorId,
      status: this.status,
      upstream_processor: "",
    };
  }

  /** This node as the root of the topology. */
  topology(): ProcessorNode {
    return {
      address: this.#address,
      processor_id: this.processorId,
      status: this.status,
      upstream_processor: "",
      hunters: this.hunters(),
      downstream_processors: [],
      hierarchy_depth: 0,
      reachable: true,
      unreachable_reason: "",
      node_type: this.#local === undefined ? NodeType.NODE_TYPE_PROCESSOR : NodeType.NODE_TYPE_TAP,
      capture_interfaces: this.#local?.interfaces ?? [],
    };
  }

  /** The counters that go with batches of this node's own capture. */
  localStats(): BatchStats {
    const { captured = 0, matched = 0, dropped = 0 } = this.#local?.figures() ?? {};
    return {
      total_captured: BigInt(captured),
      filtered_matched: BigInt(matched),
      dropped: BigInt(dropped),
      buffer_usage: 0,
    };
  }

  #self(local: LocalCapture): ConnectedHunter {
    const { captured, matched, dropped, failed, filters: inForce } = local.figures();
    const filters = this.#filters.forHunter(this.processorId);
    return {
      hunter_id: this.processorId,
      hostname: local.hostname,
      remote_addr: "",
      status: failed
        ? HunterStatus.STATUS_ERROR
        : (inForce?.refused ?? 0) > 0
        ? HunterStatus.STATUS_WARNING
        : HunterStatus.STATUS_HEALTHY,
      connected_duration_sec: BigInt(Math.floor((performance.now() - this.#startedAt) / 1000)),
      last_heartbeat_ns: nowNs(),
      stats: {
        packets_captured: BigInt(captured),
        packets_matched: BigInt(matched),
        packets_forwarded: BigInt(matched),
        packets_dropped: BigInt(dropped),
        buffer_bytes: 0n,
        active_filters: inForce?.active ?? 0,
        cpu_percent: -1,
        memory_rss_bytes: BigInt(Deno.memoryUsage().rss),
        memory_limit_bytes: 0n,
      },
      filters: filters.map(filterMessage),
      interfaces: local.interfaces,
      capabilities: {
        filter_types: local.filterTypes,
        max_buffer_size: 0n,
        gpu_acceleration: false,
        af_xdp: false,
      },
    };
  }
}
