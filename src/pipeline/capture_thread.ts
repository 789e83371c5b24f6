import type { Chunk } from "../engine/chunk.ts";
import type { CaptureFilters, FilterReport } from "./capture_filters.ts";
import type { CaptureEnd, Progress } from "./progress.ts";

/** What a capture tells while it runs. */
export interface CaptureListener {
  /** All inputs are open; told again by a thread that takes the place of one that broke down. */
  opened(): void;
  /** A line for the operator: an interface went down, a file is cut short, ... */
  notice(line: string): void;
  /** An input that cannot be read, or not any longer. */
  failed(line: string): void;
  /** The filters told last are in force, but for those that the report names. */
  filtersSet(report: FilterReport): void;
  /** The counters so far, about every `reportMs` of the plan. */
  progress(progress: Progress): void;
  /** What those beside it must know of the calls seen here; told before the packets that it comes from. */
  signalling?(bytes: Uint8Array<ArrayBuffer>): void;
}

/** Gives a chunk to where it goes. Resolves with the buffers in it that nobody reads any more, to be used again. */
export type Deliver = (chunk: Chunk) => Promise<ArrayBuffer[]>;

/** Source and engine behind one interface, whether they run in a worker or in this thread. */
export interface CaptureThread {
  /** Captures until the files are read, or until {@link stop}. Rejects when nothing can be captured. */
  run(): Promise<CaptureEnd>;
  /** Ends the run after what has been read so far. */
  stop(): void;
  /** What is open is all there will be: a thread that breaks down is not replaced, for this `reason`. */
  cannotReopen(reason: string): void;
  /** Swaps the filters between two blocks, those of the kernel too, and tells the listener what became of them. */
  setFilters(filters: CaptureFilters): void;
}

/** A capture that shares its interfaces with others. */
export interface SharingCaptureThread extends CaptureThread {
  /** Of each input, the number of the fan-out group that it is in; empty before they are open. */
  readonly fanoutGroups: readonly (number | undefined)[];
  /** Takes what another one told; drops it, and counts that, where it does not keep up. */
  hear(signalling: Uint8Array<ArrayBuffer>): void;
}
