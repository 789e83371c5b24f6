import { dnsExpression, type KernelExpression, kernelExpression } from "../../capture/bpf.ts";
import { compileForFiles } from "../../capture/bpf_program.ts";
import type { Settings } from "../../config/settings.ts";
import type { FilterSettings, RefusedFilter } from "../../engine/engine.ts";
import type { Filter, NoFilterPolicy } from "../../engine/filter.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { messageOf } from "../../runtime/operator_error.ts";
import { logger } from "../../telemetry/log.ts";

const log = logger("filters");

/** Largest snapshot length of libpcap, bytes. */
const MAXIMUM_SNAPLEN = 262_144;

/**
 * Brings what the operator, the processor and the node itself want to filter together, and puts it in force: in the
 * engine between two blocks, in the kernel only where its expression changed.
 */
export class FilterControl {
  #settings: Settings;
  #policy: NoFilterPolicy;
  #exclusion: string;
  #filters: readonly Filter[] = [];
  #pipeline: Pipeline | undefined;
  #bpf: KernelExpression;

  /**
   * Throws OperatorError when the operator's own expression (`--filter`) does not compile.
   * @param exclusion keeps the node's own traffic out of a live capture; may be empty
   */
  constructor(settings: Settings, policy: NoFilterPolicy, exclusion = "") {
    this.check(settings);
    this.#settings = settings;
    this.#policy = policy;
    this.#exclusion = exclusion;
    this.#bpf = this.#expression();
  }

  /** Throws OperatorError when the operator's expression in `settings` does not compile. */
  check({ filter }: Settings): void {
    if (filter !== "") compileForFiles(filter, MAXIMUM_SNAPLEN);
  }

  /** Puts other wishes of the operator in force, which {@link check} has passed. */
  configure(settings: Settings, policy: NoFilterPolicy): void {
    this.#settings = settings;
    this.#policy = policy;
    this.#pipeline?.setFilters(this.engine);
    this.#updateKernel();
  }

  /** For the kernel, or for the records of files. */
  get bpf(): KernelExpression {
    return this.#bpf;
  }

  /** For the engine. */
  get engine(): FilterSettings {
    return { filters: this.#filters, noFilterPolicy: this.#policy, localDomains: this.#settings.domains };
  }

  /** From now on, changes go to `pipeline`, which was made with what was in force. */
  attach(pipeline: Pipeline): void {
    this.#pipeline = pipeline;
  }

  /**
   * Takes the filters of the processor. A BPF expression that does not compile is refused, and the others hold.
   * @returns how many are in force
   */
  setFilters(filters: readonly Filter[]): number {
    const refused: RefusedFilter[] = [];
    this.#filters = filters.filter((filter) => {
      const reason = filter.enabled ? bpfProblem(filter) : undefined;
      if (reason !== undefined) refused.push({ filter, reason });
      return reason === undefined;
    });
    reportRefused(refused);
    this.#pipeline?.setFilters(this.engine);
    this.#updateKernel();
    return this.#filters.filter(({ enabled }) => enabled).length;
  }

  /** Takes another expression for the node's own traffic. */
  setExclusion(exclusion: string): void {
    this.#exclusion = exclusion;
    this.#updateKernel();
  }

  #updateKernel(): void {
    const bpf = this.#expression();
    if (bpf.text === this.#bpf.text) return;
    this.#bpf = bpf;
    this.#pipeline?.setBpf(bpf);
  }

  #expression(): KernelExpression {
    const { filter, readFiles, protocol, dnsPorts, udpOnly } = this.#settings;
    const pushed = this.#filters.filter((one) => one.type === "bpf" && one.enabled).map((one) => one.pattern);
    if (readFiles.length > 0) {
      // The engine itself keeps to the mode's ports, and a file has none of the node's own traffic.
      const parts = { mode: "", base: filter, pushed, exclusion: "", fragments: false };
      const { withoutVlan } = kernelExpression(parts);
      return { text: withoutVlan, withoutVlan };
    }
    const mode = protocol === "dns" ? dnsExpression(dnsPorts, udpOnly) : "";
    return kernelExpression({
      mode,
      base: filter,
      pushed,
      exclusion: this.#exclusion,
      fragments: mode !== "",
    });
  }
}

/** Tells the operator which filters are not used, and why. */
export function reportRefused(refused: readonly RefusedFilter[]): void {
  for (const { filter, reason } of refused) {
    log.warn(`filter ${filter.id} (${filter.type} "${filter.pattern}") is not used: ${reason}`);
  }
}

/** What is wrong with a BPF filter; undefined when nothing is, or it is of another type. */
function bpfProblem(filter: Filter): string | undefined {
  if (filter.type !== "bpf") return undefined;
  if (filter.pattern.trim() === "") return "the expression is empty";
  try {
    compileForFiles(filter.pattern, MAXIMUM_SNAPLEN);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
