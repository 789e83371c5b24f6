import type { Settings } from "../../config/settings.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import type { Run } from "../run.ts";
import { capturePlan, localSinks, outputsOf } from "./capture.ts";
import { FilterControl } from "./filter_control.ts";
import { followFilters } from "./follow_filters.ts";
import { runPipeline } from "./run_pipeline.ts";

/** `sniff`: capture or read, and show here. */
export async function sniff(run: Run): Promise<ExitCode> {
  const { settings } = run;
  const policyOf = ({ noFilterPolicy }: Settings) => noFilterPolicy ?? "allow";
  const filters = new FilterControl(settings, policyOf(settings));
  followFilters(run, filters, policyOf);
  const sinks = await localSinks(settings);
  return await runPipeline(run, capturePlan(settings, outputsOf(sinks), filters), filters, sinks);
}
