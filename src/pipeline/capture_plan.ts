import type { FanoutGroup } from "../capture/fanout.ts";
import type { EngineOptions } from "../engine/engine.ts";
import type { Filter } from "../engine/filter.ts";
import type { CaptureFilters } from "./capture_filters.ts";

/** A capture file, or `-` for standard input. */
export interface FilePlan {
  /** Tells it from an interface. */
  readonly kind: "file";
  /** As the operator gave it; `-` for standard input. */
  readonly path: string;
}

/** A live interface. */
export interface InterfacePlan {
  /** Tells it from a file. */
  readonly kind: "interface";
  /** As libpcap knows it; `any` for all interfaces. */
  readonly name: string;
  /** Also capture frames that are addressed to other machines. */
  readonly promiscuous: boolean;
  /** Packets are cut to this many bytes. */
  readonly snapLength: number;
  /** Kernel buffer, bytes. */
  readonly bufferSize: number;
  /** Longest time that the kernel holds packets back, ms. */
  readonly timeoutMs: number;
  /** The group of captures that share its packets; all packets where there is none. */
  readonly fanoutGroup?: FanoutGroup;
}

/** The plan of a capture whose interfaces are in these fan-out groups, in their order. */
export function inGroups(plan: CapturePlan, groups: readonly (FanoutGroup | undefined)[]): CapturePlan {
  const inputs = plan.inputs.map((input, at) => {
    const fanoutGroup = groups[at];
    return fanoutGroup === undefined ? input : { ...input, fanoutGroup };
  });
  return { ...plan, inputs };
}

/** What one capture thread is to do. Plain data: it is posted to the worker. */
export interface CapturePlan {
  /** Files are read one after the other; interfaces are captured together. Not mixed. */
  readonly inputs: readonly (FilePlan | InterfacePlan)[];
  /** How the engine of this thread works; fixed for the run. */
  readonly engine: EngineOptions;
  /** Filters at the start; they may be swapped during the run. */
  readonly filters: CaptureFilters;
  /** Versions that were in force, of those of `filters` that may be refused. */
  readonly standIns: readonly Filter[];
  /** Time between two reports of the counters, ms. */
  readonly reportMs: number;
  /** Now and then, a report has the traffic by protocol, too. */
  readonly reportsTraffic: boolean;
}
