import type { KernelExpression } from "../capture/bpf.ts";
import type { FilterSettings, RefusedFilter } from "../engine/engine.ts";
import type { CaptureEnd, Progress } from "./progress.ts";

/** What a capture tells while it runs. */
export interface CaptureListener {
  /** A line for the operator: an interface went down, a file is cut short, ... */
  notice(line: string): void;
  /** An input that cannot be read, or not any longer. */
  failed(line: string): void;
  /** Filters that were not taken. */
  refused(filters: readonly RefusedFilter[]): void;
  progress(progress: Progress): void;
}

/** Source and engine behind one interface, whether they run in a worker or in this thread. */
export interface CaptureThread {
  run(): Promise<CaptureEnd>;
  stop(): void;
  setFilters(filters: FilterSettings): void;
  setBpf(expression: KernelExpression): void;
}
