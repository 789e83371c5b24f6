import { lookup } from "node:dns/promises";
import { exclusionExpression } from "../../capture/bpf.ts";
import type { Settings } from "../../config/settings.ts";
import { maxBatchBytes } from "../../delivery/batcher.ts";
import { backlogMessageBytes, defaultWindow, maxQueueBytes } from "../../delivery/outbox.ts";
import { channelSecurity } from "../../hunter/credentials.ts";
import { heedBatchWishes } from "../../hunter/batch_wishes.ts";
import { Hunter } from "../../hunter/hunter.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { hostName } from "../../runtime/host_name.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { GrpcSink } from "../../sinks/grpc_sink.ts";
import { logger } from "../../telemetry/log.ts";
import { captureFigures, capturePlan, filterTypesOf, localSinks, nodeId, outputsOf } from "./capture.ts";
import { StopSignals } from "../stop_signals.ts";
import { FilterControl } from "./filter_control.ts";
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
  const filters = new FilterControl(settings, policy, live ? await processorExclusion(processor) : "");
  let pipeline: Pipeline | undefined;
  let failed = false;
  let givenUp = false;
  let wishLines: readonly string[] = [];
  const registered = Promise.withResolvers<void>();
  const hunter = new Hunter({
    processor,
    security: channelSecurity(settings, processor),
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
      messageBytes: backlogMessageBytes,
    },
    figures: () => captureFigures(pipeline, failed),
    onFilters: (pushed) => {
      const inForce = filters.setFilters(pushed);
      log.info(`${inForce} ${inForce === 1 ? "filter" : "filters"} in force`);
    },
    onWishes: (wishes) => {
      const { limits, lines } = heedBatchWishes(settings, wishes);
      sink.setLimits(limits);
      // The same wishes come with each reconnect.
      if (lines.join() !== wishLines.join()) { for (const line of lines) log.info(line); }
      wishLines = lines;
    },
    onGivenUp: () => {
      givenUp = true;
      pipeline?.stop();
      sink.interrupt();
    },
    onState: (state) => {
      if (state !== "connected") return;
      registered.resolve();
      // Its name may not have been known before, or stand for another address now.
      if (live) void processorExclusion(processor).then((exclusion) => filters.setExclusion(exclusion));
    },
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
  hunter.start();
  // A live capture does not wait. A file does, so that the processor's filters hold for all of it.
  if (!live && !await waitUnlessStopped(registered.promise)) {
    await sink.close();
    log.error(`stopped before ${hunter.name} was reached: nothing was read`);
    return 1;
  }
  return await runPipeline(settings, capturePlan(settings, outputsOf(sinks), filters), sinks, {
    started(started) {
      pipeline = started;
      filters.attach(started);
    },
    stopping: () => sink.interrupt(),
    failed: () => failed = true,
    lost: () => ({
      queue_full: [...hunter.outbox.queue.dropped.values()].reduce((sum, amount) => sum + amount.packets, 0),
      refused_by_processor: hunter.outbox.refused.packets,
      undelivered: sink.undelivered?.packets ?? 0,
    }),
    incomplete: () => givenUp || (sink.undelivered?.packets ?? 0) > 0 || hunter.outbox.refused.packets > 0,
    delivery: () => ({
      acknowledged: hunter.outbox.acknowledged.packets,
      batches: hunter.outbox.acknowledged.batches,
    }),
  });
}

/** Waits for `event`; false when a stop signal came before it. */
async function waitUnlessStopped(event: Promise<void>): Promise<boolean> {
  const stop = Promise.withResolvers<void>();
  const signals = new StopSignals(() => stop.resolve());
  await Promise.race([event, stop.promise]);
  signals.close();
  return !signals.received;
}

/** Keeps the traffic with the processor out of the capture. */
async function processorExclusion(processor: string): Promise<string> {
  const { hostname, port } = new URL(`tcp://${processor}`);
  try {
    const found = await lookup(hostname.replace(/^\[|\]$/g, ""), { all: true });
    return exclusionExpression(found.map(({ address }) => address), Number(port));
  } catch {
    // It is asked for again once there is a connection.
    return "";
  }
}
