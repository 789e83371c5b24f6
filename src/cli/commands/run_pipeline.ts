import type { Settings } from "../../config/settings.ts";
import type { Run } from "../run.ts";
import type { CapturePlan } from "../../pipeline/capture_plan.ts";
import { noTraffic } from "../../engine/traffic.ts";
import { Pipeline } from "../../pipeline/pipeline.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { OutputClosed } from "../../sinks/byte_output.ts";
import type { Sink } from "../../pipeline/sink.ts";
import { logger } from "../../telemetry/log.ts";
import { StopSignals } from "../stop_signals.ts";
import { ProgressBar, totalBytes } from "../progress_bar.ts";
import { standardError } from "../status_line.ts";
import { callCounts, summarize, summaryText } from "../summary.ts";
import { terminalColumns } from "../terminal_width.ts";
import type { FilterControl } from "./filter_control.ts";

const log = logger("capture");

/** Time between two reports where they move a progress bar, ms. */
const BAR_REPORT_MS = 200;

/** What a command adds to the plain run of a pipeline. */
export interface RunHooks {
  /** Called with the pipeline before it runs. */
  started?(pipeline: Pipeline): void;
  /** Called when a signal asks the run to end. */
  stopping?(): void;
  /** Called when capture has ended and the sinks are closed: stop what else the command runs. */
  ended?(): Promise<void>;
  /** An input cannot be read. */
  failed?(): void;
  /** True when not everything was delivered: the run has failed. */
  incomplete?(): boolean;
  /** Packets lost behind the pipeline, by reason. */
  lost?(): Readonly<Record<string, number>>;
  /** What became of the packets meant for a processor elsewhere. */
  delivery?(): Readonly<Record<string, number>>;
}

/**
 * Runs a pipeline until its input ends, a signal stops it or a sink fails, then prints the summary. Throws the sink's failure
 * after that. Exit code 1 when an input could not be read, or the capture did not end in time.
 */
export async function runPipeline(
  run: Run,
  plan: CapturePlan,
  filters: FilterControl,
  sinks: readonly Sink[],
  hooks: RunHooks = {},
): Promise<ExitCode> {
  const { settings } = run;
  const started = performance.now();
  let failure: unknown;
  const bar = showsProgress(settings)
    ? new ProgressBar(
      { line: standardError, columns: terminalColumns, now: () => performance.now() },
      await totalBytes(settings.readFiles),
    )
    : undefined;
  const pipeline = new Pipeline(
    bar === undefined ? plan : { ...plan, reportMs: BAR_REPORT_MS },
    sinks,
    {
      opened() {
        try {
          run.opened();
          if (run.becameUser !== undefined) pipeline.cannotReopen(`now that user ${run.becameUser} runs it`);
        } catch (error) {
          failure ??= error;
          pipeline.stop();
        }
      },
      notice: (line) => log.warn(line),
      failed: (line) => {
        log.error(line);
        hooks.failed?.();
      },
      filtersSet: (report) => filters.tell(report),
      progress: (progress) => bar?.update(progress),
    },
    settings.singleThread,
    settings.shutdownTimeoutMs,
    settings.workers,
  );
  const signals = new StopSignals(() => {
    pipeline.stop();
    hooks.stopping?.();
  });
  try {
    filters.attach(pipeline);
    hooks.started?.(pipeline);
    await pipeline.run();
  } catch (error) {
    failure ??= error;
  }
  bar?.clear();
  try {
    await hooks.ended?.();
  } catch (error) {
    failure ??= error;
  }
  signals.close();
  // `| head` took what it wanted.
  const hasFailed = failure !== undefined && !(failure instanceof OutputClosed);
  const { end } = pipeline;
  const progress = end?.progress ?? (hasFailed ? undefined : pipeline.progress);
  // Of a run that failed after it began, on a full disk say, it is told how far it came.
  if (progress !== undefined && !(hasFailed && progress.engine.packets === 0)) {
    const seconds = (performance.now() - started) / 1000;
    const traffic = end?.traffic ?? noTraffic;
    const calls = settings.protocol === "voip" ? callCounts(progress) : undefined;
    const summary = summarize(progress, traffic, seconds, hooks.lost?.(), hooks.delivery?.(), calls);
    const width = Deno.stderr.isTerminal() ? terminalColumns() : Infinity;
    try {
      await printSummary(settings.jsonSummary ? JSON.stringify(summary) + "\n" : summaryText(summary, width));
    } catch (error) {
      // Of two failures the first counts: standard error may be closed.
      if (!hasFailed) throw error;
    }
  }
  if (hasFailed) throw failure;
  const refused = progress?.engine.refused_inputs ?? 0;
  return (end?.failures ?? 0) > 0 || refused > 0 || hooks.incomplete?.() === true ? 1 : 0;
}

/** Only where there is somebody to see it, and it does not get between packets. */
function showsProgress({ readFiles, quiet, command, processor }: Settings): boolean {
  const printsPackets = !quiet && !(command === "hunt" && processor !== undefined);
  return readFiles.length > 0 && Deno.stderr.isTerminal() && !(printsPackets && Deno.stdout.isTerminal());
}

async function printSummary(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await Deno.stderr.write(rest));
}
