import type { Chunk } from "../engine/chunk.ts";
import type { CaptureFilters, FilterReport } from "./capture_filters.ts";
import type { CapturePlan } from "./capture_plan.ts";
import type { CaptureEnd, Progress } from "./progress.ts";

/** Chunks that may be under way from a worker to the main thread. */
export const CREDITS = 4;

/** What the main thread sends to a capture worker. */
export type ToWorker =
  | { readonly kind: "start"; readonly module: WebAssembly.Module; readonly plan: CapturePlan }
  /** One more chunk may be sent. */
  | { readonly kind: "credit" }
  | { readonly kind: "filters"; readonly filters: CaptureFilters }
  | { readonly kind: "stop" };

/** What a capture worker sends to the main thread. */
export type FromWorker =
  | { readonly kind: "chunk"; readonly chunk: Chunk }
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "opened" }
  | { readonly kind: "notice"; readonly line: string }
  | { readonly kind: "input-failed"; readonly line: string }
  | { readonly kind: "filters-set"; readonly report: FilterReport }
  | { readonly kind: "end"; readonly end: CaptureEnd }
  /** The run failed as a whole; with an exit code when the operator can do something about it. */
  | { readonly kind: "failed"; readonly message: string; readonly exitCode: 1 | 2 | undefined };
