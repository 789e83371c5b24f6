import type { Settings } from "../../config/settings.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { capturePlan, localSinks, outputsOf } from "./capture.ts";
import { FilterControl } from "./filter_control.ts";
import { runPipeline } from "./run_pipeline.ts";

/** `sniff`: capture or read, and show here. */
export async function sniff(settings: Settings): Promise<ExitCode> {
  const filters = new FilterControl(settings, settings.noFilterPolicy ?? "allow");
  const sinks = await localSinks(settings);
  return await runPipeline(settings, capturePlan(settings, outputsOf(sinks), filters), filters, sinks);
}
