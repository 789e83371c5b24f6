import type { Settings } from "../../config/settings.ts";
import { Engine } from "../../engine/engine.ts";
import { engineModule } from "../../engine/module.js";
import { defaultStreamOptions } from "../../engine/stream_options.ts";
import type { BatchDecoder } from "../../processor/batch_decoder.ts";
import { BatchEngines } from "../../processor/batch_engines.ts";
import { Processor, type ProcessorCounters } from "../../processor/processor.ts";
import { serverSecurity } from "../../processor/server_credentials.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { OutputClosed } from "../../sinks/byte_output.ts";
import type { Sink } from "../../pipeline/sink.ts";
import { logger } from "../../telemetry/log.ts";
import { processorMetrics } from "../metrics/processor_metrics.ts";
import type { Run } from "../run.ts";
import { StopSignals } from "../stop_signals.ts";
import { localSinks, nodeId, outputsOf, PIECE_BYTES } from "./capture.ts";
import { apiKeysOf } from "./live_api_keys.ts";
import { Monitoring, sinkReadiness } from "./monitoring.ts";

const STATISTICS_MS = 5_000;

const log = logger("processor");

/** `process`: take packets from hunters, until a signal. */
export async function process(run: Run): Promise<ExitCode> {
  const { settings } = run;
  const sinks = await localSinks(settings);
  let sinkFailure: unknown;
  let listening = false;
  const ended = Promise.withResolvers<unknown>();
  Engine.load(engineModule);
  const processor: Processor = new Processor({
    id: nodeId(settings, "processor"),
    listen: settings.listen,
    security: () => serverSecurity(settings),
    apiKeys: () => apiKeysOf(run),
    maxHunters: settings.maxHunters,
    maxSubscribers: settings.maxSubscribers,
    filterFile: settings.filterFile,
    decoder: batchDecoder(settings, sinks),
    sinks,
    onSinkFailure: (error) => {
      sinkFailure = error;
      ended.resolve(error);
    },
  });
  const signals = new StopSignals(() => ended.resolve(undefined));
  const started = performance.now();
  let statistics: ReturnType<typeof setInterval> | undefined;
  try {
    await using _monitoring = await Monitoring.start(settings, {
      metrics: processorMetrics(() => processor.counters),
      readiness: [
        { name: "listening", problem: () => listening ? undefined : "not listening for hunters yet" },
        sinkReadiness(() => sinkFailure),
      ],
    });
    run.alsoReread(() => processor.refreshFiles());
    await processor.start();
    listening = true;
    run.opened();
    if (settings.stats) statistics = logStatistics(processor);
    const failure = await ended.promise;
    if (failure !== undefined && !(failure instanceof OutputClosed)) throw failure;
  } finally {
    clearInterval(statistics);
    await processor.stop();
    signals.close();
  }
  const seconds = Math.round(performance.now() - started) / 1000;
  const { counters } = processor;
  if (settings.jsonSummary) console.error(JSON.stringify(processorSummary(counters, seconds)));
  else log.info(`ended after ${seconds} s: ${statisticsLine(counters)}`);
  return 0;
}

/** Engines that render what the sinks of a processor need. */
export function batchDecoder(settings: Settings, sinks: readonly Sink[]): BatchDecoder {
  return new BatchEngines({
    ...defaultStreamOptions,
    // Calls are numbered by each engine for itself: the files are for those that are captured here.
    outputs: outputsOf(sinks).filter((kind) => kind !== "callPcap"),
    protocol: "all",
    dnsPorts: settings.dnsPorts,
    udpOnly: false,
    detectTunneling: settings.detectTunneling,
    batchPackets: settings.batchSize,
    batchBytes: PIECE_BYTES,
    limit: 0,
  });
}

/** The counters with names as in the other summaries. */
function processorSummary(counters: ProcessorCounters, seconds: number): Record<string, number> {
  const { packets, bytes, batches, repeats, malformed, unwritable, filters, subscriberDrops } = counters;
  return {
    ...{ packets, bytes, seconds, batches, repeats, malformed, filters },
    ...{ unwritable_link_types: unwritable, subscriber_drops: subscriberDrops },
  };
}

/** A line every few seconds in which something came in. */
function logStatistics(processor: Processor): ReturnType<typeof setInterval> {
  let told = "";
  return setInterval(() => {
    const line = statisticsLine(processor.counters);
    if (line !== told) log.info(line);
    told = line;
  }, STATISTICS_MS);
}

function statisticsLine(counters: ProcessorCounters): string {
  const { hunters, packets, bytes, batches, repeats, malformed, unwritable, subscribers, subscriberDrops } =
    counters;
  return `hunters ${hunters}, packets ${packets} (${bytes} bytes) in ${batches} batches, repeated ${repeats}, ` +
    `malformed ${malformed}, subscribers ${subscribers} (batches missed ${subscriberDrops})` +
    (unwritable === 0 ? "" : `, left out of the capture file ${unwritable} (other link types)`);
}
