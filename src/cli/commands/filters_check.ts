import { libpcap } from "../../capture/libpcap.ts";
import type { Settings } from "../../config/settings.ts";
import { Engine } from "../../engine/engine.ts";
import type { Filter } from "../../engine/filter.ts";
import { engineModule } from "../../engine/module.js";
import { chooseBackend } from "../../matching/choose_backend.ts";
import {
  examineFilters,
  type FileFilter,
  type FileProblem,
  readFilterFile,
} from "../../processor/filter_file.ts";
import { type ExitCode, messageOf, OperatorError } from "../../runtime/operator_error.ts";
import { print } from "../../sinks/byte_output.ts";
import { logger } from "../../telemetry/log.ts";
import { hintsFor } from "../filter_check/hints.ts";
import { type CheckReport, reportAsJson, reportAsText } from "../filter_check/report.ts";
import { TextSearch } from "../filter_check/text_search.ts";
import { type PatternOptions, refusalsOf, Trial } from "../filter_check/trial.ts";

const log = logger("filters");

/** `filters check`: explains a filter file, and tries it on captures. Exit code 1 when anything is wrong with it. */
export async function checkFilters(settings: Settings): Promise<ExitCode> {
  const { filterFile: path = "", hunter, trialFiles, json } = settings;
  const source = readFilterFile(path, "filters check");
  if (source === undefined) throw new OperatorError(`${path}: there is no such filter file`);
  Engine.load(engineModule);
  const file = examineFilters(source);
  const filters = file.filters.filter(({ filter: { targetHunters } }) =>
    hunter === undefined || targetHunters.length === 0 || targetHunters.includes(hunter)
  );
  const { refusals, unchecked } = judge(filters, settings);
  const refused = new Set(refusals.map(({ id }) => id));
  const accepted = filters.filter(({ filter }) => !refused.has(filter.id));
  const usable = accepted.filter(({ filter }) =>
    filter.enabled &&
    !(filter.type === "bpf" && unchecked.length > 0)
  );
  const found = trialFiles.length === 0
    ? undefined
    : await tryOn(trialFiles, usable.map(({ filter }) => filter), settings);
  const report: CheckReport = {
    path,
    filters: accepted,
    problems: [...file.problems, ...refusals].toSorted((one, other) => one.line - other.line)
      .map(({ line, reason }) => ({ line, reason })),
    hints: hintsFor(accepted),
    unchecked,
    trial: found?.trial,
    textPackets: found?.textPackets,
    backend: found?.backend,
  };
  const lines = json ? [reportAsJson(report)] : reportAsText(report);
  await print(lines.map((line) => `${line}\n`).join(""));
  return report.problems.length > 0 || (report.trial?.failures.length ?? 0) > 0 ? 1 : 0;
}

interface Refusal extends FileProblem {
  readonly id: string;
}

/** What the engine and libpcap say against filters. */
function judge(
  filters: readonly FileFilter[],
  patterns: PatternOptions,
): { refusals: Refusal[]; unchecked: string[] } {
  const kernel = filters.filter(({ filter }) => filter.type === "bpf");
  const obstacle = kernel.length === 0 ? undefined : libpcapObstacle();
  const judged = obstacle === undefined ? filters : filters.filter(({ filter }) => filter.type !== "bpf");
  const reasons = refusalsOf(judged.map(({ filter }) => filter), patterns);
  const refusals = judged.flatMap(({ filter, line }) => {
    const reason = reasons.get(filter.id);
    return reason === undefined ? [] : [{ line, id: filter.id, reason: `filter ${filter.id}: ${reason}` }];
  });
  return { refusals, unchecked: obstacle === undefined ? [] : [`BPF filters are not checked: ${obstacle}`] };
}

/** Why BPF filters cannot be compiled here. */
function libpcapObstacle(): string | undefined {
  try {
    libpcap("compiling them");
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function tryOn(
  paths: readonly string[],
  filters: readonly Filter[],
  settings: Settings,
): Promise<Required<Pick<CheckReport, "trial" | "textPackets" | "backend">>> {
  const backend = await chooseBackend(settings.gpuBackend, settings.gpuBatchSize, log);
  try {
    const search = await TextSearch.create(filters, backend);
    const trial = new Trial(filters, search, settings);
    for (const path of paths) await trial.run(path);
    search?.close();
    return { trial, textPackets: search?.packets, backend: search === undefined ? undefined : backend };
  } finally {
    backend.close();
  }
}
