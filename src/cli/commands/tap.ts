import { exclusionExpression } from "../../capture/own_traffic.ts";
import { listInterfaces } from "../../capture/interfaces.ts";
import type { Settings } from "../../config/settings.ts";
import { Engine } from "../../engine/engine.ts";
import { engineModule } from "../../engine/module.js";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { Processor } from "../../processor/processor.ts";
import { serverSecurity } from "../../processor/server_credentials.ts";
import { hostName } from "../../runtime/host_name.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { ProcessorSink } from "../../sinks/processor_sink.ts";
import { logger } from "../../telemetry/log.ts";
import type { Run } from "../run.ts";
import { captureFigures, capturePlan, filterTypesOf, localSinks, nodeId, outputsOf } from "./capture.ts";
import { captureMetrics, filterMetric } from "../metrics/capture_metrics.ts";
import { processorMetrics } from "../metrics/processor_metrics.ts";
import { FilterControl } from "./filter_control.ts";
import { captureHealth, captureReadiness, Monitoring, sinkReadiness } from "./monitoring.ts";
import { batchDecoder } from "./process.ts";
import { apiKeysOf } from "./live_api_keys.ts";
import { followFilters } from "./follow_filters.ts";
import { runPipeline } from "./run_pipeline.ts";

const log = logger("processor");

/** `tap`: capture, with a processor in the same process. */
export async function tap(run: Run): Promise<ExitCode> {
  const { settings } = run;
  const secured = settings.insecure || settings.tlsCert !== undefined || settings.tlsKey !== undefined;
  if (!secured) {
    log.info("not listening for hunters and clients: that needs --tls-cert and --tls-key, or --insecure");
  }
  return await runWithProcessor(run, secured ? settings.listen : undefined);
}

/** Capture into a processor of this process's own, that listens on `listen`, or serves this process alone. */
export async function runWithProcessor(run: Run, listen: string | undefined): Promise<ExitCode> {
  const { settings } = run;
  // Who names no filters and no policy wants to see what is there.
  const policyOf = ({ noFilterPolicy }: Settings) => noFilterPolicy ?? "allow";
  const id = nodeId(settings, settings.command);
  const live = settings.readFiles.length === 0;
  const filters = new FilterControl(
    settings,
    policyOf(settings),
    live && listen !== undefined ? ownTraffic(listen) : "",
  );
  followFilters(run, filters, policyOf);
  let pipeline: Pipeline | undefined;
  let failed = false;
  let sinkFailure: unknown;
  const sinks = await localSinks(settings);
  Engine.load(engineModule);
  const processor: Processor = new Processor({
    id,
    listen,
    security: () => serverSecurity(settings),
    apiKeys: () => apiKeysOf(run),
    maxHunters: settings.maxHunters,
    maxSubscribers: settings.maxSubscribers,
    filterFile: settings.filterFile,
    decoder: batchDecoder(settings, sinks),
    sinks,
    local: {
      hostname: hostName() ?? id,
      interfaces: live ? settings.interfaces : settings.readFiles,
      filterTypes: filterTypesOf(settings),
      figures: () => captureFigures(pipeline, failed),
      onFilters: (pushed) => filters.setFilters(pushed),
    },
    onSinkFailure: (error) => {
      sinkFailure ??= error;
      pipeline?.stop();
    },
  });
  await using _monitoring = await Monitoring.start(settings, {
    metrics: [
      ...captureMetrics({ progress: () => pipeline?.progress, failed: () => failed }),
      filterMetric(() => filters.counts),
      ...processorMetrics(() => processor.counters),
    ],
    health: [captureHealth(settings, () => pipeline)],
    readiness: [captureReadiness(() => pipeline, () => failed), sinkReadiness(() => sinkFailure)],
  });
  run.alsoReread(() => processor.refreshFiles());
  await processor.start();
  const sink = new ProcessorSink(processor);
  return await runPipeline(run, capturePlan(settings, outputsOf([sink]), filters), filters, [sink], {
    started(started) {
      pipeline = started;
    },
    failed: () => failed = true,
    async ended() {
      await processor.stop();
      if (sinkFailure !== undefined) throw sinkFailure;
    },
  });
}

/** The traffic of those who connect to `listen`, seen from this machine: to be kept out of its capture. */
function ownTraffic(listen: string): string {
  const colon = listen.lastIndexOf(":");
  const addresses = listInterfaces().flatMap((one) => one.addresses.map(({ ip }) => ip));
  return exclusionExpression(addresses, Number(listen.slice(colon + 1)));
}
