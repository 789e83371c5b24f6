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
  /** Kept packets of a live capture that were dropped because a sink was not ready. */
  readonly droppedBySinks: number;
  /** Times that the capture thread broke down and was started again. */
  readonly restarts: number;
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
  };
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
