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
}

/** How a capture thread ended. */
export interface CaptureEnd {
  /** The last counters. */
  readonly progress: Progress;
  /** Inputs that could not be read. */
  readonly failures: number;
}
