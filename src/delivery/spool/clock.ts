/** Time, for what a spool does later. */
export interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
  /** Milliseconds since 1970, as the machine's clock is set: it may go back. */
  wallNow(): number;
  /** Calls `action` after `milliseconds`, unless the function that is returned is called before. */
  after(milliseconds: number, action: () => void): () => void;
}

/** The machine's. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
