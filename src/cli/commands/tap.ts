import type { Settings } from "../../config/settings.ts";
import { Engine } from "../../engine/engine.ts";
import { engineModule } from "../../engine/module.js";
import type { Filter } from "../../engine/filter.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { Processor } from "../../processor/processor.ts";
import { serverCredentials } from "../../processor/server_credentials.ts";
import { hostName } from "../../runtime/host_name.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { ProcessorSink } from "../../sinks/processor_sink.ts";
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
import { batchDecoder } from "./process.ts";
import { runPipeline } from "./run_pipeline.ts";

const log = logger("processor");

/** `tap`: capture, with a processor in the same process. */
export async function tap(settings: Settings): Promise<ExitCode> {
  const secured = settings.insecure || settings.tlsCert !== undefined || settings.tlsKey !== undefined;
  if (!secured) {
    log.info("not listening for hunters and clients: that needs --tls-cert and --tls-key, or --insecure");
  }
  return await runWithProcessor(settings, secured ? settings.listen : undefined);
}

/** Capture into a processor of this process's own, that listens on `listen`, or serves this process alone. */
export async function runWithProcessor(settings: Settings, listen: string | undefined): Promise<ExitCode> {
  // Who names no filters and no policy wants to see what is there.
  const policy = settings.noFilterPolicy ?? "allow";
  const id = nodeId(settings, settings.command);
  const live = settings.readFiles.length === 0;
  let pipeline: Pipeline | undefined;
  let pushed: readonly Filter[] = [];
  let failed = false;
  const sinks = await localSinks(settings);
  Engine.load(engineModule);
  const processor = new Processor({
    id,
    listen,
    credentials: () => serverCredentials(settings),
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
      onFilters: (filters) => {
        pushed = filters;
        if (pipeline === undefined) return;
        const changed = nodeFilters(settings, filters, policy, "");
        pipeline.setFilters(changed.engine);
        pipeline.setBpf(changed.bpf);
      },
    },
    // The pipeline hears of it from its own sink, and ends the run.
    onSinkFailure: () => {},
  });
  await processor.start();
  const sink = new ProcessorSink(processor);
  const plan = capturePlan(settings, outputsOf([sink]), nodeFilters(settings, pushed, policy, ""));
  return await runPipeline(settings, plan, [sink], {
    started: (started) => pipeline = started,
    failed: () => failed = true,
    ended: () => processor.stop(),
  });
}
