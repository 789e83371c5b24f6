import { lookup } from "node:dns/promises";
import { exclusionExpression } from "../../capture/bpf.ts";
import type { Settings } from "../../config/settings.ts";
import { maxBatchBytes } from "../../delivery/batcher.ts";
import { defaultWindow, maxQueueBytes } from "../../delivery/outbox.ts";
import type { Filter, NoFilterPolicy } from "../../engine/filter.ts";
import { channelSecurity } from "../../hunter/credentials.ts";
import { Hunter } from "../../hunter/hunter.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { hostName } from "../../runtime/host_name.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { GrpcSink } from "../../sinks/grpc_sink.ts";
import { logger } from "../../telemetry/log.ts";
import {
  captureFigures,
  capturePlan,
  filterTypesOf,
  localSinks,
  nodeFilters,
  nodeId,
  outputsOf,
} from "./capture.ts";
import { runPipeline } from "./run_pipeline.ts";
import { runWithProcessor } from "./tap.ts";

const log = logger("hunter");

/** `hunt`: capture, and stream to a processor; to the embedded one where none is named. */
export async function hunt(settings: Settings): Promise<ExitCode> {
  if (settings.processor === undefined) {
    log.info("no processor is named, so the embedded one is used (name one with --processor host:port)");
    return await runWithProcessor(settings, undefined);
  }
  return await huntFor(settings, settings.processor);
}

async function huntFor(settings: Settings, processor: string): Promise<ExitCode> {
  const live = settings.readFiles.length === 0;
  const policy = settings.noFilterPolicy ?? (settings.protocol === "all" ? "deny" : "allow");
  const id = nodeId(settings);
  const exclusion = live ? await processorExclusion(processor) : "";
  let pipeline: Pipeline | undefined;
  let failed = false;
  const hunter = new Hunter({
    processor,
    security: () => channelSecurity(settings, processor),
    identity: {
      id,
      hostname: hostName() ?? id,
      interfaces: live ? settings.interfaces : settings.readFiles,
      filterTypes: filterTypesOf(settings),
      bufferBytes: maxQueueBytes,
    },
    limits: {
      queue: {
        batches: settings.batchQueueSize,
        packets: settings.bufferSize + settings.batchQueueSize * settings.batchSize,
        bytes: maxQueueBytes,
      },
      window: defaultWindow,
    },
    figures: () => captureFigures(pipeline, failed),
    onFilters: (filters) => pipeline && applyFilters(pipeline, settings, filters, policy, exclusion),
  });
  if (policy === "deny") {
    log.warn(
      "--no-filter-policy is deny: nothing is forwarded until the processor sends a filter (allow forwards everything)",
    );
  }
  const sink = new GrpcSink(hunter, {
    packets: settings.batchSize,
    bytes: maxBatchBytes,
    milliseconds: settings.batchTimeoutMs,
  }, live);
  const sinks = [
    sink,
    ...(settings.writeFile === undefined ? [] : await localSinks({ ...settings, quiet: true })),
  ];
  const filters = nodeFilters(settings, [], policy, exclusion);
  return await runPipeline(settings, capturePlan(settings, outputsOf(sinks), filters), sinks, {
    started(started) {
      pipeline = started;
      hunter.start();
    },
    stopping: () => sink.interrupt(),
    failed: () => failed = true,
    lost: () => ({
      queue_full: [...hunter.outbox.queue.dropped.values()].reduce((sum, amount) => sum + amount.packets, 0),
      refused_by_processor: hunter.outbox.refused.packets,
      undelivered: sink.undelivered?.packets ?? 0,
    }),
    delivery: () => ({
      acknowledged: hunter.outbox.acknowledged.packets,
      batches: hunter.outbox.acknowledged.batches,
    }),
  });
}

/** Puts what the processor sent in force: in the engine at once, and in the kernel where its expression changed. */
function applyFilters(
  pipeline: Pipeline,
  settings: Settings,
  filters: readonly Filter[],
  policy: NoFilterPolicy,
  exclusion: string,
): void {
  const { engine, bpf } = nodeFilters(settings, filters, policy, exclusion);
  pipeline.setFilters(engine);
  pipeline.setBpf(bpf);
  log.info(`${filters.length} ${filters.length === 1 ? "filter" : "filters"} in force`);
}

/** Keeps the traffic with the processor out of the capture. */
async function processorExclusion(processor: string): Promise<string> {
  const { hostname, port } = new URL(`tcp://${processor}`);
  try {
    const found = await lookup(hostname.replace(/^\[|\]$/g, ""), { all: true });
    return exclusionExpression(found.map(({ address }) => address), Number(port));
  } catch {
    // The name may be known later; until then nothing is sent there.
    return "";
  }
}
