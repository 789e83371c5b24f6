import { lookup } from "node:dns/promises";
import { exclusionExpression } from "../../capture/own_traffic.ts";
import type { Settings } from "../../config/settings.ts";
import { dropReasons, type OutboxFigures } from "../../delivery/outbox_figures.ts";
import { DiskSpool } from "../../delivery/spool/disk_spool.ts";
import type { OutboxStorage } from "../../delivery/spooled_backlog.ts";
import { backlogMessageBytes, defaultWindow, maxQueueBytes } from "../../delivery/outbox.ts";
import { channelSecurity } from "../../hunter/credentials.ts";
import { noWishes, wishLines } from "../../hunter/batch_wishes.ts";
import { Hunter } from "../../hunter/hunter.ts";
import { requireProcessorAccess } from "../../hunter/processor_permission.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { hostName } from "../../runtime/host_name.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { GrpcSink } from "../../sinks/grpc_sink.ts";
import { logger } from "../../telemetry/log.ts";
import type { Run } from "../run.ts";
import { captureFigures, capturePlan, filterTypesOf, localSinks, nodeId, outputsOf } from "./capture.ts";
import { StopSignals } from "../stop_signals.ts";
import { captureMetrics, filterMetric } from "../metrics/capture_metrics.ts";
import { connectionMetrics } from "../metrics/connection_metrics.ts";
import { deliveryMetrics } from "../metrics/delivery_metrics.ts";
import { captureHealth, captureReadiness, deliveryReadiness, Monitoring } from "./monitoring.ts";
import { FilterControl } from "./filter_control.ts";
import { followFilters } from "./follow_filters.ts";
import { batcherLimits, queueLimits } from "./live_parts.ts";
import { runPipeline } from "./run_pipeline.ts";
import { runWithProcessor } from "./tap.ts";

const log = logger("hunter");

/** What each new connection looks up. */
const connectionSettings = [
  ...["insecure", "tlsCa", "tlsCert", "tlsKey", "tlsServerName", "tlsSkipVerify"] as const,
  ...["apiKey", "apiKeyFile"] as const,
];

/** `hunt`: capture, and stream to a processor; to the embedded one where none is named. */
export async function hunt(run: Run): Promise<ExitCode> {
  const { settings } = run;
  if (settings.processor === undefined) {
    log.info("no processor is named, so the embedded one is used (name one with --processor host:port)");
    if (settings.diskBuffer) {
      log.warn("--disk-buffer does nothing here: nothing waits for the embedded processor");
    }
    return await runWithProcessor(run, undefined);
  }
  return await huntFor(run, settings.processor);
}

async function huntFor(run: Run, processor: string): Promise<ExitCode> {
  const { settings } = run;
  await requireProcessorAccess(processor);
  const live = settings.readFiles.length === 0;
  const policyOf = ({ noFilterPolicy, protocol }: Settings) =>
    noFilterPolicy ?? (protocol === "all" ? "deny" : "allow");
  const policy = policyOf(settings);
  const id = nodeId(settings);
  const filters = new FilterControl(settings, policy, live ? await processorExclusion(processor) : "");
  followFilters(run, filters, policyOf);
  let security = channelSecurity(settings, processor);
  run.follow({
    settings: connectionSettings,
    check: (next) => void channelSecurity(next, processor),
    apply: (next) => security = channelSecurity(next, processor),
  });
  run.alsoReread(() => {
    security.refresh();
    hunter.retry();
  });
  let pipeline: Pipeline | undefined;
  let failed = false;
  let givenUp = false;
  let wishes = noWishes;
  const reached = Promise.withResolvers<boolean | undefined>();
  const storage = settings.diskBuffer ? openStorage(settings, live) : undefined;
  const hunter = new Hunter({
    processor,
    get security() {
      return security;
    },
    identity: {
      id,
      hostname: hostName() ?? id,
      interfaces: live ? settings.interfaces : settings.readFiles,
      filterTypes: filterTypesOf(settings),
      bufferBytes: maxQueueBytes + (storage?.limitBytes ?? 0),
    },
    limits: {
      queue: queueLimits(run),
      window: defaultWindow,
      messageBytes: backlogMessageBytes,
    },
    storage,
    figures: () => captureFigures(pipeline, failed),
    onFilters: (pushed) => filters.setFilters(pushed),
    onWishes: (wished) => {
      const lines = wishLines(run.now, wished);
      // The same wishes come with each reconnect.
      if (lines.join() !== wishLines(run.now, wishes).join()) lines.forEach((line) => log.info(line));
      wishes = wished;
    },
    onGivenUp: () => {
      givenUp = true;
      reached.resolve(undefined);
      pipeline?.stop();
      sink.interrupt();
    },
    onState: (state) => {
      // With a disk buffer, a file need not wait for its processor, unless it is for the filters to let anything through.
      if (state === "waiting" && storage !== undefined && policy === "allow") reached.resolve(false);
      if (state !== "connected") return;
      reached.resolve(true);
      // Its name may not have been known before, or stand for another address now.
      if (live) void processorExclusion(processor).then((exclusion) => filters.setExclusion(exclusion));
    },
  });
  if (policy === "deny") {
    log.warn(
      "--no-filter-policy is deny: nothing is forwarded until the processor sends a filter (allow forwards everything)",
    );
  }
  const sink = new GrpcSink(hunter, batcherLimits(run, () => wishes), live, settings.shutdownTimeoutMs);
  const sinks = [
    sink,
    ...(settings.writeFile === undefined ? [] : await localSinks({ ...settings, quiet: true })),
  ];
  await using _monitoring = await Monitoring.start(settings, {
    metrics: [
      ...captureMetrics({ progress: () => pipeline?.progress, failed: () => failed }),
      filterMetric(() => filters.counts),
      ...deliveryMetrics(() => hunter.outbox.figures),
      ...connectionMetrics(() => hunter.connection, () => hunter.heartbeats),
    ],
    health: [captureHealth(settings, () => pipeline)],
    readiness: [
      captureReadiness(() => pipeline, () => failed),
      deliveryReadiness(() => hunter.connection, () => hunter.outbox.figures),
    ],
  });
  hunter.start();
  // A live capture does not wait. A file does, so that the processor's filters hold for all of it.
  const isReached = live || await unlessStopped(reached.promise);
  if (isReached === undefined) {
    sink.interrupt();
    await sink.close();
    log.error(`stopped before ${hunter.name} was reached: nothing was read`);
    return 1;
  }
  if (!isReached) {
    log.warn(`${hunter.name} is not reached: its filters are unknown, and the disk buffer takes all`);
  }
  return await runPipeline(run, capturePlan(settings, outputsOf(sinks), filters), filters, sinks, {
    started(started) {
      pipeline = started;
    },
    stopping: () => sink.interrupt(),
    failed: () => failed = true,
    lost: () => {
      const { dropped } = hunter.outbox;
      return Object.fromEntries(dropReasons.map((reason) => [reason, dropped[reason].packets]));
    },
    incomplete: () => {
      const { undelivered, refused_by_processor } = hunter.outbox.dropped;
      return givenUp || undelivered.packets > 0 || refused_by_processor.packets > 0;
    },
    delivery: () => deliveryCounts(hunter.outbox.figures),
  });
}

/** The disk buffer. Throws OperatorError when it cannot be used. */
function openStorage(settings: Settings, live: boolean): OutboxStorage {
  const limitBytes = settings.diskBufferMaxMb * 1_048_576;
  const spool = DiskSpool.open(settings.diskBufferDir, {
    maxBytes: limitBytes,
    // Reading a file waits for room instead.
    whenFull: live ? settings.diskBufferFull : "drop-newest",
    sync: settings.diskBufferSync,
    syncIntervalMs: settings.diskBufferSyncIntervalMs,
    onFault: (line) => log.warn(line),
  });
  return { spool, mode: settings.diskBufferMode, sync: settings.diskBufferSync, limitBytes };
}

function deliveryCounts({ acknowledged, resent, spool, dropped }: OutboxFigures): Record<string, number> {
  // Of damaged records, the number of packets may be unknown.
  const damaged = dropped.spool_corrupt.batches;
  return {
    acknowledged: acknowledged.packets,
    batches: acknowledged.batches,
    resent: resent.packets,
    ...(spool === undefined ? {} : {
      on_disk: spool.held.packets,
      not_kept: spool.notKept.packets,
    }),
    ...(damaged === 0 ? {} : { damaged_batches: damaged }),
  };
}

/** Waits for `event`; undefined when a stop signal came before it. */
async function unlessStopped<T>(event: Promise<T>): Promise<T | undefined> {
  const stop = Promise.withResolvers<undefined>();
  const signals = new StopSignals(() => stop.resolve(undefined));
  const result = await Promise.race([event, stop.promise]);
  signals.close();
  return result;
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
