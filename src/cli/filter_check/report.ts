import type { FileFilter, FileProblem } from "../../processor/filter_file.ts";
import { grouped } from "../number_text.ts";
import { printable } from "../printable_text.ts";
import type { Hint } from "./hints.ts";
import { meaningOf } from "./pattern_reading.ts";
import type { Sighting, Trial } from "./trial.ts";

/** All that a check found. */
export interface CheckReport {
  /** The filter file. */
  readonly path: string;
  /** Those looked at and not refused, in the order of the file. */
  readonly filters: readonly FileFilter[];
  /** What keeps filters from being used. */
  readonly problems: readonly FileProblem[];
  /** What may not be meant. */
  readonly hints: readonly Hint[];
  /** What could not be looked at, and why. */
  readonly unchecked: readonly string[];
  /** Undefined when there was no capture to try. */
  readonly trial: Trial | undefined;
  /** Packets that hold a filter's text, by its id; undefined when nothing was searched. */
  readonly textPackets: ReadonlyMap<string, number> | undefined;
  /** What searched for texts; undefined when nothing did. */
  readonly backend: { readonly name: string; readonly device: string } | undefined;
}

/** The report for people, in lines. */
export function reportAsText(report: CheckReport): string[] {
  const { path, filters, problems, hints, unchecked, trial } = report;
  const remarks = [
    ...filters.map((one) => ({ line: one.line, text: filterText(one) })),
    ...problems.map(({ line, reason }) => ({ line, text: `error: ${reason}` })),
    ...hints.map(({ line, id, text }) => ({ line, text: `hint: ${id}: ${text}` })),
  ];
  const disabled = filters.filter(({ filter }) => !filter.enabled).length;
  const counts = [
    count(filters.length, "filter"),
    ...disabled === 0 ? [] : [`${grouped(disabled)} disabled`],
    count(problems.length, "error"),
    ...hints.length === 0 ? [] : [count(hints.length, "hint")],
  ];
  const lines = [
    ...remarks.toSorted((one, other) => one.line - other.line).map(({ line, text }) =>
      `${path}:${line}: ${text}`
    ),
    ...unchecked,
    ...trial === undefined ? [] : ["", ...trialLines(report, trial), ""],
    `${path}: ${counts.join(", ")}`,
  ];
  return lines.map(printable);
}

function filterText({ filter }: FileFilter): string {
  const parts = [
    `${filter.id}: ${filter.type}: ${meaningOf(filter)}`,
    ...filter.enabled ? [] : ["disabled"],
    filter.targetHunters.length === 0 ? "for all hunters" : `for ${filter.targetHunters.join(", ")}`,
  ];
  return parts.join("; ");
}

function trialLines({ filters, textPackets }: CheckReport, trial: Trial): string[] {
  const lines: string[] = [];
  const captures =
    new Set([...trial.tallies.values()].flatMap(({ first }) => first.map(({ capture }) => capture))).size;
  for (const { filter: { id } } of filters) {
    const tally = trial.tallies.get(id);
    if (tally === undefined) continue;
    const elsewhere = textPackets?.get(id) ?? 0;
    lines.push(
      tally.packets > 0
        ? `${id}: ${count(tally.packets, "packet")}, ${count(tally.bytes, "byte")}`
        : elsewhere > 0
        ? `${id}: no packet; its text is in ${count(elsewhere, "packet")}, where this type does not look`
        : `${id}: no packet`,
      ...tally.first.map((sighting) => sightingText(sighting, captures > 1)),
    );
  }
  const { packets, matched, kept, notices, failures } = trial;
  lines.push(
    `${count(packets, "packet")} read: ${grouped(matched)} matched, ${
      grouped(packets - matched)
    } matched by no filter`,
  );
  if (kept !== matched) {
    lines.push(`a hunter keeps ${grouped(kept)} of them: those that a BPF filter and another one match`);
  }
  return [...lines, ...notices, ...failures.map((line) => `error: ${line}`)];
}

function sightingText(sighting: Sighting, namesCapture: boolean): string {
  const { capture, packet, timestamp, source, destination, protocol, info } = sighting;
  const number = `${packet ?? "?"}${namesCapture ? ` of ${capture}` : ""}`;
  const way = source === "" && destination === "" ? "" : `${source} > ${destination}`;
  return ["  packet", number, timestamp, way, protocol, info].filter((part) => part !== "").join(" ");
}

function count(number: number, thing: string): string {
  return `${grouped(number)} ${thing}${number === 1 ? "" : "s"}`;
}

/** The report for programs. */
export function reportAsJson(report: CheckReport): string {
  const { path, filters, problems, hints, unchecked, trial, textPackets, backend } = report;
  return JSON.stringify(
    {
      file: path,
      filters: filters.map(({ filter, line }) => {
        const tally = trial?.tallies.get(filter.id);
        return {
          line,
          id: filter.id,
          type: filter.type,
          pattern: filter.pattern,
          enabled: filter.enabled,
          target_hunters: filter.targetHunters,
          description: filter.description,
          explanation: meaningOf(filter),
          ...tally === undefined ? {} : {
            packets: tally.packets,
            bytes: tally.bytes,
            first: tally.first,
            ...textPackets === undefined ? {} : { packets_with_text: textPackets.get(filter.id) ?? 0 },
          },
        };
      }),
      problems,
      hints,
      unchecked,
      ...trial === undefined ? {} : {
        packets: trial.packets,
        matched: trial.matched,
        unmatched: trial.packets - trial.matched,
        kept: trial.kept,
        notices: trial.notices,
        failures: trial.failures,
      },
      ...backend === undefined ? {} : { backend },
    },
    null,
    2,
  );
}
