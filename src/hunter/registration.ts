import { status } from "@grpc/grpc-js";
import manifest from "../../deno.json" with { type: "json" };
import type { FilterTypeName } from "../engine/filter.ts";
import type { Filter } from "../proto/management_messages.ts";
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

/** What the processor answered. */
export interface Registration {
  /** The hunter's name from now on. */
  readonly hunterId: string;
  /** Filters in force. */
  readonly filters: readonly Filter[];
  /** The processor's name; empty when it does not say. */
  readonly processorId: string;
}

/** Registers with the processor. Rejects with an {@link RpcFailure}. */
export async function register(
  channel: Channel,
  identity: HunterIdentity,
  deadlineMs: number,
  abort: AbortSignal,
): Promise<Registration> {
  const reply = await channel.unary(
    managementService.RegisterHunter,
    {
      hunter_id: identity.id,
      hostname: identity.hostname,
      interfaces: identity.interfaces,
      version: manifest.version,
      capabilities: {
        filter_types: identity.filterTypes,
        max_buffer_size: BigInt(identity.bufferBytes),
        gpu_acceleration: false,
        af_xdp: false,
      },
    },
    deadlineMs,
    abort,
  );
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
  };
}
