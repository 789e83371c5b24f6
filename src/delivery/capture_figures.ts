/** The counters of the capture, in packets, since the process started. */
export interface CaptureFigures {
  /** Packets captured. */
  readonly captured: number;
  /** Packets that passed the filters. */
  readonly matched: number;
  /** Packets lost before they reached a sink, those that the kernel dropped included. */
  readonly dropped: number;
  /** True when nothing is captured, though it should be. */
  readonly failed: boolean;
  /** Filters in force, and filters that were refused; undefined before capture has begun. */
  readonly filters?: { readonly active: number; readonly refused: number };
}
