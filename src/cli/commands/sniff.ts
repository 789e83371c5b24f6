import type { Settings } from "../../config/settings.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { capturePlan, localSinks, nodeFilters, outputsOf } from "./capture.ts";
import { runPipeline } from "./run_pipeline.ts";

/** `sniff`: capture or read, and show here. */
export async function sniff(settings: Settings): Promise<ExitCode> {
  const sinks = await localSinks(settings);
  const filters = nodeFilters(settings, [], settings.noFilterPolicy ?? "allow", "");
  return await runPipeline(settings, capturePlan(settings, outputsOf(sinks), filters), sinks);
}
