import { status } from "@grpc/grpc-js";
import manifest from "../../deno.json" with { type: "json" };
import type { FilterTypeName } from "../engine/filter.ts";
import type { Filter, ProcessorConfig, RegistrationResponse } from "../proto/management_messages.ts";
import { managementService } from "../proto/services.ts";
import type { Channel } from "./channel.ts";
import { RpcFailure } from "./rpc_failure.ts";

/** What a hunter says about itself. */
export interface HunterIdentity {
  /** Its name; the processor may assign another. */
  readonly id: string;
  /** The machine it runs on. */
  readonly hostname: string;
  /** Interfaces, or files, that it captures from. */
  readonly interfaces: readonly string[];
  /** Filter types that it applies. */
  readonly filterTypes: readonly FilterTypeName[];
  /** Packet data that it can hold back, bytes. */
  readonly bufferBytes: number;
}

/** What a processor wishes of its hunters; undefined where it has no wish. */
export interface ProcessorWishes {
  /** Packets per batch; 1 to 100000. */
  readonly batchSize: number | undefined;
  /** Longest time that a batch stays open, ms; 1 to 60000. */
  readonly batchTimeoutMs: number | undefined;
  /** First wait between attempts to connect, ms; 1000 to 3600000. */
  readonly reconnectIntervalMs: number | undefined;
  /** Failed attempts to connect, in a row, after which the hunter gives up. */
  readonly maxReconnectAttempts: number | undefined;
}

/** What holds before a processor has said anything. */
export const noWishes: ProcessorWishes = {
  batchSize: undefined,
  batchTimeoutMs: undefined,
  reconnectIntervalMs: undefined,
  maxReconnectAttempts: undefined,
};

/** What the processor answered. */
export interface Registration {
  /** The hunter's name from now on. */
  readonly hunterId: string;
  /** Filters in force. */
  readonly filters: readonly Filter[];
  /** The processor's name; empty when it does not say. */
  readonly processorId: string;
  /** How it wants to be served. */
  readonly wishes: ProcessorWishes;
}

/** Registers with the processor. Rejects with an {@link RpcFailure}; one without room for the hunter is permanent. */
export async function register(
  channel: Channel,
  identity: HunterIdentity,
  deadlineMs: number,
  abort: AbortSignal,
): Promise<Registration> {
  const reply = await requestRegistration(channel, identity, deadlineMs, abort);
  if (!reply.accepted) {
    throw new RpcFailure(
      `registration refused: ${reply.error || "no reason given"}`,
      status.PERMISSION_DENIED,
      true,
    );
  }
  return {
    hunterId: reply.assigned_id || identity.id,
    filters: reply.filters,
    processorId: reply.config?.processor_id ?? "",
    wishes: wishesOf(reply.config),
  };
}

async function requestRegistration(
  channel: Channel,
  identity: HunterIdentity,
  deadlineMs: number,
  abort: AbortSignal,
): Promise<RegistrationResponse> {
  const request = {
    hunter_id: identity.id,
    hostname: identity.hostname,
    // Files have longer names, and may be more, than a processor takes; the end of a path says most.
    interfaces: identity.interfaces.slice(0, 256).map((name) => name.slice(-255)),
    version: manifest.version,
    capabilities: {
      filter_types: identity.filterTypes,
      max_buffer_size: BigInt(identity.bufferBytes),
      gpu_acceleration: false,
      af_xdp: false,
    },
  };
  try {
    return await channel.unary(managementService.RegisterHunter, request, deadlineMs, abort);
  } catch (error) {
    // The limit of hunters: only somebody's action makes room.
    if (error instanceof RpcFailure && error.code === status.RESOURCE_EXHAUSTED) {
      throw new RpcFailure(`the processor cannot take this hunter: ${error.message}`, error.code, true);
    }
    throw error;
  }
}

/** In the contract 0 is no wish. What is out of all bounds is brought to them. */
function wishesOf(config: ProcessorConfig | null): ProcessorWishes {
  const wish = (value: number | undefined, longest: number) => value ? Math.min(value, longest) : undefined;
  const seconds = wish(config?.reconnect_interval_sec, 3_600);
  return {
    batchSize: wish(config?.batch_size, 100_000),
    batchTimeoutMs: wish(config?.batch_timeout_ms, 60_000),
    reconnectIntervalMs: seconds === undefined ? undefined : seconds * 1_000,
    maxReconnectAttempts: config?.max_reconnect_attempts || undefined,
  };
}
