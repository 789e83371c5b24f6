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
}
