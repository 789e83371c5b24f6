import { dnsExpression, type KernelFilterParts } from "../../capture/bpf.ts";
import { compileForFiles, maxSnapLength } from "../../capture/bpf_program.ts";
import { voipFilterParts } from "../../capture/voip_bpf.ts";
import type { Settings } from "../../config/settings.ts";
import type { Filter, NoFilterPolicy } from "../../engine/filter.ts";
import type { CaptureFilters, FilterRefusal, FilterReport } from "../../pipeline/capture_filters.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { sameFilter } from "../../proto/filter_message.ts";
import { logger } from "../../telemetry/log.ts";

const log = logger("filters");

/** Refused filters that are named at once; of the others it is said how many there are. */
const maxNamed = 20;

/**
 * Brings what the operator, the processor and the node itself want to filter together, hands it to the capture, and
 * tells the operator what became of it.
 */
export class FilterControl {
  #capture: CaptureFilters;
  #pipeline: Pipeline | undefined;
  /** What the pipeline was made with. */
  #planned: CaptureFilters | undefined;
  /** Version of the filters that came last from the processor. */
  #latest = 0;
  /** The version that the operator was told of last. */
  #told = 0;
  #refused: readonly FilterRefusal[] = [];

  /**
   * Throws OperatorError when the operator's own expression (`--filter`) does not compile.
   * @param exclusion keeps the node's own traffic out of a live capture; may be empty
   */
  constructor(settings: Settings, policy: NoFilterPolicy, exclusion = "") {
    this.check(settings);
    this.#capture = { version: 0, filters: [], ...wishesOf(settings, policy, exclusion) };
  }

  /** Throws OperatorError when the operator's expression in `settings` does not compile. */
  check(settings: Settings): void {
    const { filter, readFiles } = settings;
    if (filter !== "") compileForFiles(filter, maxSnapLength);
    const { mode } = modeParts(settings);
    if (readFiles.length > 0 && mode !== "") {
      compileForFiles(mode, maxSnapLength, "--sip-port, --rtp-port-range or --udp-only on a capture file");
    }
  }

  /** Puts other wishes of the operator in force, which {@link check} has passed. */
  configure(settings: Settings, policy: NoFilterPolicy): void {
    this.#set({ ...this.#capture, ...wishesOf(settings, policy, this.#capture.kernel.exclusion) });
  }

  /** For the plan of the pipeline that is attached next. */
  get capture(): CaptureFilters {
    return this.#planned = this.#capture;
  }

  /** Filters that hold, and filters that should and do not. */
  get counts(): { readonly inForce: number; readonly refused: number } {
    const report = this.#pipeline?.filterReport;
    return { inForce: report?.active ?? 0, refused: report?.refused.length ?? 0 };
  }

  /** From now on, changes go to `pipeline`. */
  attach(pipeline: Pipeline): void {
    this.#pipeline = pipeline;
    if (this.#capture !== this.#planned) pipeline.setFilters(this.#capture);
  }

  /** Takes the filters of the processor. Those that cannot be used are refused, and the others hold. */
  setFilters(filters: readonly Filter[]): void {
    this.#set({ ...this.#capture, filters });
    this.#latest = this.#capture.version;
  }

  /** Takes another expression for the node's own traffic. */
  setExclusion(exclusion: string): void {
    const { kernel } = this.#capture;
    if (kernel.exclusion !== exclusion) this.#set({ ...this.#capture, kernel: { ...kernel, exclusion } });
  }

  /** Tells the operator what became of the filters: how many are in force, and once each which are not, and why. */
  tell({ version, active, refused }: FilterReport): void {
    const told = new Map(this.#refused.map(({ filter }) => [filter.id, filter]));
    const untold = refused.filter(({ filter }) => {
      const known = told.get(filter.id);
      return known === undefined || !sameFilter(known, filter);
    });
    for (const { filter, reason, standIn } of untold.slice(0, maxNamed)) {
      const instead = standIn === undefined ? "" : `; "${standIn.pattern}" stays in force in its place`;
      log.warn(`filter ${filter.id} (${filter.type} "${filter.pattern}") is refused: ${reason}${instead}`);
    }
    const more = untold.length - maxNamed;
    if (more > 0) log.warn(`${more} more ${more === 1 ? "filter is" : "filters are"} refused`);
    this.#refused = refused;
    if (version < this.#latest || this.#told === this.#latest) return;
    this.#told = this.#latest;
    log.info(`${active} ${active === 1 ? "filter" : "filters"} in force`);
  }

  #set(capture: CaptureFilters): void {
    this.#capture = { ...capture, version: capture.version + 1 };
    this.#pipeline?.setFilters(this.#capture);
  }
}

/** What the operator and the node itself want. */
function wishesOf(
  settings: Settings,
  policy: NoFilterPolicy,
  exclusion: string,
): Omit<CaptureFilters, "version" | "filters"> {
  const { filter, readFiles, domains, sipUsers } = settings;
  // A file has none of the node's own traffic.
  const live = readFiles.length === 0;
  return {
    noFilterPolicy: policy,
    localDomains: domains,
    localSipUsers: sipUsers,
    kernel: { ...modeParts(settings), base: filter, exclusion: live ? exclusion : "" },
  };
}

/** What the mode lets through. */
function modeParts(settings: Settings): Pick<KernelFilterParts, "mode" | "portless" | "fragments"> {
  const { protocol, readFiles, dnsPorts, udpOnly } = settings;
  if (protocol === "voip") {
    const { sipPorts, rtpPortRanges, sipUdpOnly, espNull, espHeuristic } = settings;
    // Reading files, the engine leaves TCP out itself: that alone is no reason to need libpcap.
    const udpOnly = sipUdpOnly && (readFiles.length === 0 || sipPorts.length + rtpPortRanges.length > 0);
    const ports = { sipPorts, rtpPortRanges, udpOnly, esp: espNull || espHeuristic };
    return { ...voipFilterParts(ports), fragments: false };
  }
  // In files, the engine itself keeps to the ports of DNS.
  const mode = readFiles.length === 0 && protocol === "dns" ? dnsExpression(dnsPorts, udpOnly) : "";
  return { mode, fragments: mode !== "" };
}
