/**
 * A hunter without its capture: encodes a capture once, then sends those packets over and over, and prints what was
 * acknowledged, as JSON. Usage: forward_sender.ts PROCESSOR CAPTURE BYTES
 *
 * @module
 */
import "../src/runtime/environment.ts";
import process from "node:process";
import { maxBatchBytes } from "../src/delivery/batcher.ts";
import { backlogMessageBytes, defaultWindow, maxQueueBytes } from "../src/delivery/outbox.ts";
import type { Chunk } from "../src/engine/chunk.ts";
import { Engine } from "../src/engine/engine.ts";
import { engineModule } from "../src/engine/module.js";
import { defaultStreamOptions } from "../src/engine/stream_options.ts";
import { channelSecurity } from "../src/hunter/credentials.ts";
import { Hunter } from "../src/hunter/hunter.ts";
import { GrpcSink } from "../src/sinks/grpc_sink.ts";

/** Bytes of encoded packets that are sent over and over: more than the caches hold. */
const ENCODED_BYTES = 64 << 20;
const BLOCK = 256 << 10;
/** As `hunt` has them. */
const BATCH_PACKETS = 64;
const QUEUE_BATCHES = 1_000;

/** What was sent. */
export interface SenderReport {
  /** Packets acknowledged. */
  readonly packets: number;
  /** Bytes of frames in them. */
  readonly bytes: number;
  /** Bytes of encoded packets. */
  readonly encodedBytes: number;
  /** From the first batch to the last acknowledgement. */
  readonly seconds: number;
  /** CPU time of this process in that time. */
  readonly cpuSeconds: number;
}

const [address = "", capture = "", wanted = ""] = Deno.args;
console.log(JSON.stringify(await send(encoded(capture), Number(wanted))));

/** The first packets of the capture, as the engine of a hunter hands them over. */
function encoded(path: string): Chunk[] {
  Engine.load(engineModule);
  const engine = new Engine({
    ...defaultStreamOptions,
    outputs: ["wire"],
    protocol: "all",
    dnsPorts: [53],
    udpOnly: false,
    detectTunneling: true,
    batchPackets: BATCH_PACKETS,
    batchBytes: 1 << 20,
    limit: 0,
  });
  engine.setFilters({ filters: [], noFilterPolicy: "allow", localDomains: [] });
  using file = Deno.openSync(path);
  const input = engine.openInput(path, "");
  const chunks: Chunk[] = [];
  let bytes = 0;
  for (let more = true; more && bytes < ENCODED_BYTES;) {
    const read = file.readSync(engine.inbox(BLOCK));
    more = engine.process(input, read ?? 0, read === null);
    const chunk = engine.take();
    bytes += bytesOf(chunk);
    if (chunk.packets > 0) chunks.push(chunk);
  }
  return chunks;
}

function bytesOf(chunk: Chunk): number {
  return (chunk.wire ?? []).reduce((sum, { bytes }) => sum + bytes.length, 0);
}

async function send(chunks: readonly Chunk[], wantedBytes: number): Promise<SenderReport> {
  const registered = Promise.withResolvers<void>();
  const security = {
    insecure: true,
    tlsCa: undefined,
    tlsCert: undefined,
    tlsKey: undefined,
    tlsSkipVerify: false,
    tlsServerName: undefined,
    apiKey: undefined,
    apiKeyFile: undefined,
  };
  const hunter = new Hunter({
    processor: address,
    security: channelSecurity(security, address),
    identity: { id: "edge", hostname: "edge", interfaces: ["bench"], filterTypes: [], bufferBytes: 0 },
    limits: {
      queue: { batches: QUEUE_BATCHES, packets: QUEUE_BATCHES * BATCH_PACKETS, bytes: maxQueueBytes },
      window: defaultWindow,
      messageBytes: backlogMessageBytes,
    },
    figures: () => ({ captured: 0, matched: 0, dropped: 0, failed: false }),
    onFilters: () => {},
    onState: (state) => state === "connected" && registered.resolve(),
  });
  const sink = new GrpcSink(
    hunter,
    { packets: BATCH_PACKETS, bytes: maxBatchBytes, milliseconds: 100 },
    false,
    60_000,
  );
  hunter.start();
  await registered.promise;
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  let bytes = 0;
  let encodedBytes = 0;
  for (let at = 0; bytes < wantedBytes; at = (at + 1) % chunks.length) {
    const chunk = chunks[at];
    if (chunk === undefined) throw new Error(`${capture} holds no packets`);
    bytes += chunk.bytes;
    encodedBytes += bytesOf(chunk);
    await sink.write(chunk);
  }
  await sink.close();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const { packets } = hunter.outbox.acknowledged;
  return { packets, bytes, encodedBytes, seconds, cpuSeconds: (user + system) / 1e6 };
}
