import type { KernelCounters } from "../capture/source.ts";
import type { EngineCounters } from "../engine/engine.ts";
import type { FlowCounts, ProtocolTraffic, Talker, Traffic } from "../engine/traffic.ts";

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
  /** Bytes that other threads told, and that this one did not hear since it did not keep up. */
  readonly signallingDropped: number;
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
  signallingDropped: 0,
};

/** The figures of a capture, and of the one that took its place. */
export function sumOf(one: Progress, other: Progress): Progress {
  return { ...countsOf(one, other), ...trafficOf(one.traffic, other.traffic) };
}

/** The figures of captures that run beside each other on the same interfaces. */
export function sideBySide(captures: readonly Progress[]): Progress {
  const traffics = captures.flatMap(({ traffic }) => traffic ?? []);
  const counts = captures.reduce((one, other) => {
    const sum = countsOf(one, other);
    if (sum.kernel === undefined) return sum;
    // The interface drops packets before anybody gets them, and tells it everybody.
    const interfaceDropped = Math.max(one.kernel?.interfaceDropped ?? 0, other.kernel?.interfaceDropped ?? 0);
    return { ...sum, kernel: { ...sum.kernel, interfaceDropped } };
  }, noProgress);
  return { ...counts, ...(traffics.length === 0 ? {} : { traffic: trafficSideBySide(traffics) }) };
}

/** What captures that run beside each other read; the addresses are those that each of them saw most of. */
export function trafficSideBySide(traffics: readonly Traffic[]): Traffic {
  const protocols = traffics.reduce<readonly ProtocolTraffic[]>(
    (sum, { protocols }) => protocolsOf(sum, protocols),
    [],
  );
  const talkers = new Map<string, Talker>();
  for (const { address, packets, bytes } of traffics.flatMap(({ top_talkers }) => top_talkers)) {
    const sum = talkers.get(address);
    talkers.set(address, {
      address,
      packets: packets + (sum?.packets ?? 0),
      bytes: bytes + (sum?.bytes ?? 0),
    });
  }
  const most = Math.max(0, ...traffics.map(({ top_talkers }) => top_talkers.length));
  const total = (name: keyof FlowCounts) => traffics.reduce((sum, { flows }) => sum + flows[name], 0);
  return {
    flows: {
      total: total("total"),
      active: total("active"),
      expired: total("expired"),
      restarted: total("restarted"),
      evicted: total("evicted"),
    },
    protocols: mostFirst(protocols),
    top_talkers: mostFirst([...talkers.values()]).slice(0, most),
  };
}

function mostFirst<T extends { readonly bytes: number }>(rows: readonly T[]): T[] {
  return rows.toSorted((one, other) => other.bytes - one.bytes);
}

/** What the kernel counted for two interfaces, or for one at two times; undefined where it counted for neither. */
export function sumOfKernel(
  one: KernelCounters | undefined,
  other: KernelCounters | undefined,
): KernelCounters | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    received: one.received + other.received,
    dropped: one.dropped + other.dropped,
    interfaceDropped: one.interfaceDropped + other.interfaceDropped,
  };
}

function countsOf(one: Progress, other: Progress): Omit<Progress, "traffic"> {
  const names = new Set([...Object.keys(one.engine), ...Object.keys(other.engine)]);
  return {
    engine: Object.fromEntries(
      [...names].map((name) => [name, (one.engine[name] ?? 0) + (other.engine[name] ?? 0)]),
    ),
    inputBytes: one.inputBytes + other.inputBytes,
    kernel: sumOfKernel(one.kernel, other.kernel),
    droppedBySinks: one.droppedBySinks + other.droppedBySinks,
    restarts: one.restarts + other.restarts,
    signallingDropped: one.signallingDropped + other.signallingDropped,
  };
}

/** Both together; the addresses are those of `other`. */
function trafficOf(one: Traffic | undefined, other: Traffic | undefined): Pick<Progress, "traffic"> {
  if (one === undefined || other === undefined) {
    const traffic = one ?? other;
    return traffic === undefined ? {} : { traffic };
  }
  // Flows that were in the table of a thread that broke down ended with it.
  const flows = {
    total: one.flows.total + other.flows.total,
    active: other.flows.active,
    expired: one.flows.expired + one.flows.active + other.flows.expired,
    restarted: one.flows.restarted + other.flows.restarted,
    evicted: one.flows.evicted + other.flows.evicted,
  };
  const protocols = protocolsOf(one.protocols, other.protocols);
  return { traffic: { flows, protocols, top_talkers: other.top_talkers } };
}

function protocolsOf(one: readonly ProtocolTraffic[], other: readonly ProtocolTraffic[]): ProtocolTraffic[] {
  const protocols = new Map(one.map((row) => [row.protocol, row]));
  for (const row of other) {
    const { packets, bytes, flows } = protocols.get(row.protocol) ?? { packets: 0, bytes: 0, flows: 0 };
    protocols.set(row.protocol, {
      protocol: row.protocol,
      packets: packets + row.packets,
      bytes: bytes + row.bytes,
      flows: flows + row.flows,
    });
  }
  return [...protocols.values()];
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
