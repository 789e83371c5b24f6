import type { Chunk } from "../engine/chunk.ts";
import type { CaptureFilters, FilterReport } from "./capture_filters.ts";
import type { CapturePlan } from "./capture_plan.ts";
import type { CaptureEnd, Progress } from "./progress.ts";

/** Chunks that may be under way from a worker to the main thread. */
export const CREDITS = 4;
/** Bytes of signalling that may be under way from the main thread to a worker. What does not fit is dropped. */
export const SIGNALLING_BYTES = 8 << 20;

/** What the main thread sends to a capture worker. */
export type ToWorker =
  | { readonly kind: "start"; readonly module: WebAssembly.Module; readonly plan: CapturePlan }
  /** One more chunk may be sent. The buffers of one that was sent come back. */
  | { readonly kind: "credit"; readonly buffers: readonly ArrayBuffer[] }
  | { readonly kind: "filters"; readonly filters: CaptureFilters }
  /** What another worker told of the calls that it saw. */
  | { readonly kind: "signalling"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "stop" };

/** What a capture worker sends to the main thread. */
export type FromWorker =
  | { readonly kind: "chunk"; readonly chunk: Chunk }
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "opened"; readonly fanoutGroups: readonly (number | undefined)[] }
  | { readonly kind: "notice"; readonly line: string }
  | { readonly kind: "input-failed"; readonly line: string }
  | { readonly kind: "filters-set"; readonly report: FilterReport }
  /** What other workers must know of the calls seen here. */
  | { readonly kind: "signalling"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** So many bytes of other workers' signalling were taken. */
  | { readonly kind: "heard"; readonly bytes: number }
  | { readonly kind: "end"; readonly end: CaptureEnd }
  /** The run failed as a whole; with an exit code when the operator can do something about it. */
  | { readonly kind: "failed"; readonly message: string; readonly exitCode: 1 | 2 | undefined };
