/** Time, for what a spool does later. */
export interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
  /** Calls `action` after `milliseconds`, unless the function that is returned is called before. */
  after(milliseconds: number, action: () => void): () => void;
}

/** The machine's. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
