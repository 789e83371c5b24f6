import type { KernelCounters } from "../capture/source.ts";
import type { EngineCounters } from "../engine/engine.ts";

/** How far a capture thread has come. */
export interface Progress {
  /** Those of the engine of this thread, since it was created. */
  readonly engine: EngineCounters;
  /** Sum over the live interfaces; undefined for files. */
  readonly kernel: KernelCounters | undefined;
  /** Kept packets of a live capture that were dropped because a sink was not ready. */
  readonly droppedBySinks: number;
  /** Times that the capture thread broke down and was started again. */
  readonly restarts: number;
}

/** Nothing captured yet. */
export const noProgress: Progress = { engine: {}, kernel: undefined, droppedBySinks: 0, restarts: 0 };

/** The figures of two captures together. */
export function sumOf(one: Progress, other: Progress): Progress {
  const names = new Set([...Object.keys(one.engine), ...Object.keys(other.engine)]);
  const { kernel } = one;
  return {
    engine: Object.fromEntries(
      [...names].map((name) => [name, (one.engine[name] ?? 0) + (other.engine[name] ?? 0)]),
    ),
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
  /** Inputs that could not be read. */
  readonly failures: number;
}
