import { exclusionExpression } from "../../capture/bpf.ts";
import { listInterfaces } from "../../capture/interfaces.ts";
import type { Settings } from "../../config/settings.ts";
import { Engine } from "../../engine/engine.ts";
import { engineModule } from "../../engine/module.js";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { Processor } from "../../processor/processor.ts";
import { serverCredentials } from "../../processor/server_credentials.ts";
import { hostName } from "../../runtime/host_name.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { ProcessorSink } from "../../sinks/processor_sink.ts";
import { logger } from "../../telemetry/log.ts";
import { captureFigures, capturePlan, filterTypesOf, localSinks, nodeId, outputsOf } from "./capture.ts";
import { FilterControl } from "./filter_control.ts";
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
  const filters = new FilterControl(settings, policy, live && listen !== undefined ? ownTraffic(listen) : "");
  let pipeline: Pipeline | undefined;
  let failed = false;
  let sinkFailure: unknown;
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
      onFilters: (pushed) => filters.setFilters(pushed),
    },
    onSinkFailure: (error) => {
      sinkFailure ??= error;
      pipeline?.stop();
    },
  });
  await processor.start();
  const sink = new ProcessorSink(processor);
  return await runPipeline(settings, capturePlan(settings, outputsOf([sink]), filters), filters, [sink], {
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
