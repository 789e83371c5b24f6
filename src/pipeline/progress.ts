import type { KernelCounters } from "../capture/source.ts";
import type { EngineCounters } from "../engine/engine.ts";
import type { Traffic } from "../engine/traffic.ts";

/** How far a capture thread has come. */
export interface Progress {
  /** Those of the engine of this thread, since it was created. */
  readonly engine: EngineCounters;
  /** Bytes taken from the files so far, as they are stored; 0 for a live capture. */
  readonly inputBytes: number;
  /** Sum over the live interfaces; undefined for files. */
  readonly kernel: KernelCounters | undefined;
  /** Kept packets that a sink failed to write and, of a live capture, those dropped because a sink was not ready. */
  readonly droppedBySinks: number;
  /** Times that the capture thread broke down and was started again. */
  readonly restarts: number;
  /** What was read by protocol when it was last looked at; undefined where the plan does not ask for it. */
  readonly traffic?: Traffic;
}

/** Nothing captured yet. */
export const noProgress: Progress = {
  engine: {},
  inputBytes: 0,
  kernel: undefined,
  droppedBySinks: 0,
  restarts: 0,
};

/** The figures of two captures together. */
export function sumOf(one: Progress, other: Progress): Progress {
  const names = new Set([...Object.keys(one.engine), ...Object.keys(other.engine)]);
  const { kernel } = one;
  return {
    engine: Object.fromEntries(
      [...names].map((name) => [name, (one.engine[name] ?? 0) + (other.engine[name] ?? 0)]),
    ),
    inputBytes: one.inputBytes + other.inputBytes,
    kernel: kernel === undefined || other.kernel === undefined ? kernel ?? other.kernel : {
      received: kernel.received + other.kernel.received,
      dropped: kernel.dropped + other.kernel.dropped,
      interfaceDropped: kernel.interfaceDropped + other.kernel.interfaceDropped,
    },
    droppedBySinks: one.droppedBySinks + other.droppedBySinks,
    restarts: one.restarts + other.restarts,
    ...trafficOf(one.traffic, other.traffic),
  };
}

/** Both together; the addresses are those of `other`. */
function trafficOf(one: Traffic | undefined, other: Traffic | undefined): Pick<Progress, "traffic"> {
  if (one === undefined || other === undefined) {
    const traffic = one ?? other;
    return traffic === undefined ? {} : { traffic };
  }
  const protocols = new Map(one.protocols.map((row) => [row.protocol, row]));
  for (const row of other.protocols) {
    const { packets, bytes, flows } = protocols.get(row.protocol) ?? { packets: 0, bytes: 0, flows: 0 };
    protocols.set(row.protocol, {
      protocol: row.protocol,
      packets: packets + row.packets,
      bytes: bytes + row.bytes,
      flows: flows + row.flows,
    });
  }
  // Flows that were in the table of a thread that broke down ended with it.
  const flows = {
    total: one.flows.total + other.flows.total,
    active: other.flows.active,
    expired: one.flows.expired + one.flows.active + other.flows.expired,
    restarted: one.flows.restarted + other.flows.restarted,
    evicted: one.flows.evicted + other.flows.evicted,
  };
  return { traffic: { flows, protocols: [...protocols.values()], top_talkers: other.top_talkers } };
}

/** How a capture thread ended. */
export interface CaptureEnd {
  /** The last counters. */
  readonly progress: Progress;
  /** What was read, by protocol and by address; after a breakdown, what the last thread read. */
  readonly traffic: Traffic;
  /** Inputs that could not be read. */
  readonly failures: number;
}
