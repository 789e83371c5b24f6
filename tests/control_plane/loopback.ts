/**
 * Hunters and processors on loopback, real gRPC between them, with an engine that is replaced by protobufjs: a packet's
 * data is a text, and the sink records texts.
 *
 * @module
 */
import "../../src/runtime/environment.ts";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import assert from "node:assert/strict";
import type { Chunk, WirePiece } from "../../src/engine/chunk.ts";
import { Channel } from "../../src/hunter/channel.ts";
import type { HunterTimings } from "../../src/hunter/connection.ts";
import {
  type ChannelSecurity,
  channelSecurity,
  type SecuritySettings,
} from "../../src/hunter/credentials.ts";
import { Hunter, type HunterOptions } from "../../src/hunter/hunter.ts";
import type { BatchInfo } from "../../src/engine/engine.ts";
import type { BatchDecoder } from "../../src/processor/batch_decoder.ts";
import { Processor, type ProcessorOptions } from "../../src/processor/processor.ts";
import { serverSecurity, type ServerSecuritySettings } from "../../src/processor/server_credentials.ts";
import { codecOf } from "../../src/proto/contract.ts";
import type { PacketBatch, StreamControl } from "../../src/proto/data_messages.ts";
import type {
  HunterHeartbeat,
  ProcessorHeartbeat,
  RegistrationResponse,
} from "../../src/proto/management_messages.ts";
import { dataService, managementService } from "../../src/proto/services.ts";
import type { Sink } from "../../src/pipeline/sink.ts";

export { eventually } from "../end_to_end/program.ts";

/** The batch message, packets included. */
export const packetBatch = codecOf<PacketBatch>("lippycat.data.PacketBatch");

/** The packet stream, as a scripted server sees it. */
export type PacketCall = ServerDuplexStream<Uint8Array, StreamControl>;

/** Timings that make tests quick. */
export const quick: HunterTimings = {
  deadlineMs: 5_000,
  silenceMs: 15_000,
  heartbeatMs: 50,
  probeMs: 20,
  ackTimeoutMs: 10_000,
  longPauseMs: 10_000,
  closingMs: 1_000,
  backoff: { firstMs: 20, longestMs: 100, stableMs: 10_000 },
  breaker: { failures: 5, openMs: 50 },
  certificatesMs: 50,
  suspicion: { times: 3, overMs: 0 },
};

/** Plain text on both sides. */
export const plainText: SecuritySettings & ServerSecuritySettings = {
  insecure: true,
  tlsCa: undefined,
  tlsCert: undefined,
  tlsKey: undefined,
  tlsSkipVerify: false,
  tlsClientAuth: false,
};

/** Decodes with protobufjs; the `json` output has one line per packet, its data. */
export class TextDecoderOfBatches implements BatchDecoder {
  #chunk: Chunk = { packets: 0, bytes: 0 };

  processBatch(bytes: Uint8Array): BatchInfo {
    const batch = packetBatch.decode(bytes);
    const lines = batch.packets.map(({ data }) => `${new TextDecoder().decode(data)}\n`).join("");
    const packets = batch.packets.length;
    const size = batch.packets.reduce((sum, { data }) => sum + data.length, 0);
    this.#chunk = { packets, bytes: size, json: new TextEncoder().encode(lines) };
    return {
      hunterId: batch.hunter_id,
      sequence: batch.sequence,
      timestampNs: batch.timestamp_ns,
      packets,
      bytes: size,
      captured: batch.stats?.total_captured ?? 0n,
      matched: batch.stats?.filtered_matched ?? 0n,
      dropped: batch.stats?.dropped ?? 0n,
    };
  }

  advance(): Chunk[] {
    return [];
  }

  finish(): Chunk[] {
    return [];
  }

  takeNotices(): string[] {
    return [];
  }

  counters(): Record<string, number> {
    return {};
  }

  take(): Chunk {
    const chunk = this.#chunk;
    this.#chunk = { packets: 0, bytes: 0 };
    return chunk;
  }
}

/** Records the packets' texts. */
export class RecordingSink implements Sink {
  readonly name = "the record";
  readonly needs = ["json"] as const;
  readonly texts: string[] = [];
  /** While set, writes wait for it. */
  gate: Promise<void> | undefined;
  closed = false;
  /** Writes begun. */
  writes = 0;

  async write(chunk: Chunk): Promise<void> {
    this.writes += 1;
    await this.gate;
    this.texts.push(...new TextDecoder().decode(chunk.json).split("\n").filter((line) => line !== ""));
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/** A processor that listens on loopback. */
export async function startProcessor(
  options: Partial<Omit<ProcessorOptions, "security">> & {
    port?: number;
    security?: Partial<ServerSecuritySettings>;
  } = {},
): Promise<{ processor: Processor; port: number; sink: RecordingSink }> {
  const sink = new RecordingSink();
  const processor = new Processor({
    id: "processor-1",
    listen: `127.0.0.1:${options.port ?? 0}`,
    maxHunters: 100,
    maxSubscribers: 100,
    filterFile: undefined,
    decoder: new TextDecoderOfBatches(),
    sinks: [sink],
    onSinkFailure: () => {},
    ...options,
    security: () => serverSecurity({ ...plainText, ...options.security }),
  });
  const port = await processor.start();
  assert.ok(port);
  return { processor, port, sink };
}

/** A hunter for the processor at that port, started, and the lines that it tells. */
export function startHunter(
  port: number,
  options: Partial<Omit<HunterOptions, "security">> & {
    id?: string;
    host?: string;
    security?: () => ChannelSecurity;
  } = {},
): { hunter: Hunter; lines: string[]; send(...texts: string[]): void } {
  const lines: string[] = [];
  const address = `${options.host ?? "127.0.0.1"}:${port}`;
  const hunter = new Hunter({
    processor: address,
    identity: {
      id: options.id ?? "hunter-1",
      hostname: "edge",
      interfaces: ["eth0", "eth1"],
      filterTypes: ["bpf", "ip_address", "dns_domain"],
      bufferBytes: 2_048_000,
    },
    limits: {
      queue: { batches: 1_000, packets: 100_000, bytes: 100_000_000 },
      window: { batches: 100, bytes: 10_000_000 },
    },
    figures: () => ({ captured: 10, matched: 7, dropped: 2, failed: false }),
    onFilters: () => {},
    onState: (_state, line) => lines.push(line),
    timings: quick,
    ...options,
    security: options.security?.() ?? channelSecurity(plainText, address),
  });
  hunter.start();
  const send = (...texts: string[]) => {
    const piece = pieceOf(...texts);
    hunter.outbox.add({
      pieces: [piece],
      packets: piece.packets,
      bytes: piece.bytes.length,
      closedNs: BigInt(Date.now()) * 1_000_000n,
      stats: hunter.batchStats(),
    });
  };
  return { hunter, lines, send };
}

/** Encoded packets with these texts as their data. */
export function pieceOf(...texts: string[]): WirePiece {
  const packets = texts.map((text) => {
    const data = new TextEncoder().encode(text);
    return {
      data,
      timestamp_ns: 1n,
      capture_length: data.length,
      original_length: data.length,
      interface_index: 0,
      link_type: 1,
      metadata: null,
      interface_name: "eth0",
      matched_filter_ids: [],
      tls_keys: null,
    };
  });
  const message = { hunter_id: "", sequence: 0n, timestamp_ns: 0n, packets, stats: null };
  return { bytes: packetBatch.encode(message), packets: packets.length };
}

/** A server whose answers the test writes itself. Methods that it does not name are unimplemented. */
export async function startScript(
  script: { port?: number; data?: UntypedServiceImplementation; management?: UntypedServiceImplementation },
): Promise<{ server: Server; port: number }> {
  const server = new Server();
  server.addService(dataService, script.data ?? {});
  server.addService(managementService, script.management ?? {});
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      `127.0.0.1:${script.port ?? 0}`,
      ServerCredentials.createInsecure(),
      (error, bound) => error === null ? resolve(bound) : reject(error),
    )
  );
  return { server, port };
}

/** Management methods of a scripted server that take every hunter, and say no more than they must. */
export const welcoming: UntypedServiceImplementation = {
  RegisterHunter: (_call: unknown, reply: (error: null, response: RegistrationResponse) => void) =>
    reply(null, { accepted: true, error: "", assigned_id: "", filters: [], config: null }),
  Heartbeat: (call: ServerDuplexStream<HunterHeartbeat, ProcessorHeartbeat>) => {
    call.on("data", ({ timestamp_ns }) => {
      call.write({ timestamp_ns, status: 0, hunters_connected: 1, processor_id: "" });
    });
    call.on("end", () => call.end());
  },
  SubscribeFilters: () => {},
};

/** A TCP connection in the middle that can be cut, as networks do. */
export class Link {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #forwarding: Promise<unknown>[] = [];
  /** Port of the far side, for connections from now on. */
  target: number;
  #stalled: PromiseWithResolvers<void> | undefined;
  #refusing = false;

  constructor(target: number) {
    this.target = target;
    this.#forwarding.push(this.#accept());
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Carries nothing more towards the side that connected. */
  stall(): void {
    this.#stalled ??= Promise.withResolvers();
  }

  /** Cuts what is connected now; with `refusing`, also what connects before {@link mend}. */
  cut(refusing = false): void {
    this.#refusing = refusing;
    this.#stalled?.resolve();
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch {
        // It has ended by itself.
      }
    }
    this.#connections.clear();
  }

  /** Connections are carried again. */
  mend(): void {
    this.#refusing = false;
  }

  async close(): Promise<void> {
    this.#listener.close();
    this.cut();
    await Promise.allSettled(this.#forwarding);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      const far = this.#refusing
        ? undefined
        : await Deno.connect({ port: this.target }).catch(() => undefined);
      if (far === undefined) {
        near.close();
        continue;
      }
      this.#connections.add(near).add(far);
      this.#forwarding.push(this.#forward(near, far, false), this.#forward(far, near, true));
    }
  }

  async #forward(from: Deno.Conn, to: Deno.Conn, stalls: boolean): Promise<void> {
    try {
      for await (const bytes of from.readable) {
        if (stalls) await this.#stalled?.promise;
        for (let written = 0; written < bytes.length;) written += await to.write(bytes.subarray(written));
      }
      await to.closeWrite();
    } catch {
      // Cut.
    }
  }
}

/** A channel as hunters have it. */
export function channelTo(port: number): Channel {
  const address = `127.0.0.1:${port}`;
  return new Channel(address, channelSecurity(plainText, address));
}

/** `count` texts that tell where they come from. */
export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}-${at}`);
}
