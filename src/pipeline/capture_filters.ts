import {
  type KernelExpression,
  kernelExpression,
  type KernelFilterParts,
  matchesNothing,
} from "../capture/bpf.ts";
import { compileForFiles, compileProblem, fileLinkTypes, maxSnapLength } from "../capture/bpf_program.ts";
import type { FilterSettings, RefusedFilter } from "../engine/engine.ts";
import type { Filter, NoFilterPolicy } from "../engine/filter.ts";

/** BPF filters of a processor at most: libpcap's time grows faster than the square of the joined ones. */
const maxPushed = 64;
/** Text of these, joined, at most, bytes. */
const maxPushedBytes = 16_384;
/** What joins an expression to the next one: `(` and `) or `. */
const joiningBytes = 6;

/** All that decides which packets a capture keeps. Plain data: it is posted to the worker. */
export interface CaptureFilters extends FilterSettings {
  /** Of two sets the later one has the higher number. */
  readonly version: number;
  /** The node's own BPF expressions. Those of the processor are among `filters`. */
  readonly kernel: Omit<KernelFilterParts, "pushed">;
}

/** What became of the filters that a capture was told last. */
export interface FilterReport {
  /** {@link CaptureFilters.version} of what the capture was told. */
  readonly version: number;
  /** Enabled filters in force. */
  readonly active: number;
  /** Filters that are not used. */
  readonly refused: readonly FilterRefusal[];
}

/** A filter that is not used. */
export interface FilterRefusal extends RefusedFilter {
  /** The version of it that stays in force in its place; undefined where there was none. */
  readonly standIn: Filter | undefined;
}

/**
 * Judges filters for a capture, and keeps the last good version of each. A filter that cannot be used never takes
 * the others, or its own earlier version, out of force.
 */
export class FilterJudge {
  /** Enabled ones by id, as they were put in force last. */
  #inForce: ReadonlyMap<string, Filter>;
  /** What libpcap says against an expression on a link type, by both. Holds what the last set needed. */
  #problems = new Map<string, string | undefined>();

  /** `standIns` are versions that an earlier thread of this capture had in force. */
  constructor(standIns: readonly Filter[]) {
    this.#inForce = byId(standIns);
  }

  /**
   * Chooses the filters to put in force.
   *
   * @param linkTypes those of the capture; a BPF filter must fit one of them, and matches nothing on the others
   * @param apply puts a set in force and tells which of it cannot be; called again without those, or with the versions
   *   of them that were in force
   * @returns the set, and what became of the wanted ones
   *
   * Yields where `apply` does, and between its own steps.
   */
  *settle(
    wanted: readonly Filter[],
    linkTypes: readonly number[],
    apply: (filters: readonly Filter[]) => Generator<void, readonly RefusedFilter[]>,
  ): Generator<void, { filters: readonly Filter[]; report: Omit<FilterReport, "version"> }> {
    const refusals = new Map<string, FilterRefusal>();
    let filters = wanted;
    for (;;) {
      // Before any is compiled: what is too much must not cost anything.
      const excess = tooMuch(filters);
      const misfits = excess.length > 0
        ? excess
        : filters.filter(({ type }) => type === "bpf").flatMap((filter) => this.#misfit(filter, linkTypes));
      yield;
      // One that does not compile must not reach the kernel, where all expressions are one.
      const bad = misfits.length > 0 ? misfits : yield* apply(filters);
      if (bad.length === 0) break;
      const standIns = new Map<Filter, Filter | undefined>();
      for (const { filter, reason } of bad) {
        const first = refusals.get(filter.id);
        const standIn = first === undefined ? this.#inForce.get(filter.id) : undefined;
        standIns.set(filter, standIn);
        refusals.set(filter.id, { ...first ?? { filter, reason }, standIn });
      }
      filters = filters.flatMap((filter) => {
        if (!standIns.has(filter)) return [filter];
        const standIn = standIns.get(filter);
        return standIn === undefined ? [] : [standIn];
      });
    }
    yield;
    this.#inForce = byId(filters);
    yield;
    const needed = new Set(
      [...wanted, ...filters].flatMap(({ type, pattern }) => type === "bpf" ? [pattern] : []),
    );
    for (const key of this.#problems.keys()) {
      if (!needed.has(key.slice(key.indexOf(" ") + 1))) this.#problems.delete(key);
    }
    return { filters, report: { active: enabled(filters), refused: [...refusals.values()] } };
  }

  /** The expression for an interface of that link type. */
  expressionFor(
    linkType: number,
    kernel: CaptureFilters["kernel"],
    filters: readonly Filter[],
  ): KernelExpression {
    const all = filters.filter(({ type, enabled }) => type === "bpf" && enabled).map(({ pattern }) =>
      pattern
    );
    const pushed = all.filter((pattern) => this.#problem(linkType, pattern) === undefined);
    if (pushed.length < all.length && pushed.length === 0) return matchesNothing;
    return kernelExpression({ ...kernel, pushed });
  }

  /** The programs that apply the expressions to the records of files, by link type; none when all records pass. */
  programsFor(
    kernel: CaptureFilters["kernel"],
    filters: readonly Filter[],
  ): ReadonlyMap<number, Uint8Array> {
    const asks = kernel.mode !== "" || kernel.base !== "" ||
      filters.some(({ type, enabled }) => type === "bpf" && enabled);
    if (!asks) return new Map();
    return compileForFiles((linkType) => this.expressionFor(linkType, kernel, filters), maxSnapLength);
  }

  #misfit(filter: Filter, linkTypes: readonly number[]): readonly RefusedFilter[] {
    if (!filter.enabled) return [];
    if (filter.pattern.trim() === "") return [{ filter, reason: "the expression is empty" }];
    let reason: string | undefined;
    for (const linkType of linkTypes) {
      const problem = this.#problem(linkType, filter.pattern);
      if (problem === undefined) return [];
      reason ??= problem;
    }
    return reason === undefined ? [] : [{ filter, reason }];
  }

  #problem(linkType: number, pattern: string): string | undefined {
    const key = `${linkType} ${pattern}`;
    if (!this.#problems.has(key)) {
      this.#problems.set(key, compileProblem(linkType, { text: pattern, withoutVlan: pattern }));
    }
    return this.#problems.get(key);
  }
}

/** The link types that a file may have; unknown until it is read. */
export const linkTypesOfFiles: readonly number[] = fileLinkTypes;

/** The enabled BPF filters that do not fit within the bounds behind those before them. */
function tooMuch(filters: readonly Filter[]): readonly RefusedFilter[] {
  let [count, bytes] = [0, 0];
  return filters.flatMap((filter) => {
    if (filter.type !== "bpf" || !filter.enabled) return [];
    if (count === maxPushed) return [{ filter, reason: `more than ${maxPushed} BPF filters` }];
    const length = new TextEncoder().encode(filter.pattern).length + joiningBytes;
    if (bytes + length > maxPushedBytes) {
      return [{ filter, reason: `the BPF filters are longer than ${maxPushedBytes} bytes together` }];
    }
    count += 1;
    bytes += length;
    return [];
  });
}

function byId(filters: readonly Filter[]): ReadonlyMap<string, Filter> {
  return new Map(filters.filter(({ enabled }) => enabled).map((filter) => [filter.id, filter]));
}

/** The policy speaks where no filter is asked for. Where all were refused, nothing must pass that nobody asked for. */
export function policyFor(wanted: CaptureFilters, usable: readonly Filter[]): NoFilterPolicy {
  return enabled(wanted.filters) > 0 && enabled(usable) === 0 ? "deny" : wanted.noFilterPolicy;
}

/** How many of them are to be in force. */
export function enabled(filters: readonly Filter[]): number {
  return filters.filter(({ enabled }) => enabled).length;
}
