/** How long to wait between attempts. */
export interface BackoffLimits {
  /** Bound of the first wait, ms; it doubles with every further failure. */
  readonly firstMs: number;
  /** Largest bound, ms. */
  readonly longestMs: number;
  /** Time that a connection must have held for its loss to count as a first failure, ms. */
  readonly stableMs: number;
}

/** The program's own limits. */
export const defaultBackoff: BackoffLimits = { firstMs: 1_000, longestMs: 60_000, stableMs: 10_000 };

/** No wait is shorter than this part of its bound, so that jitter never makes a tight loop. */
const shortestPart = 0.1;
/** Where trying again hardly helps, the wait is at least this part of the longest one. */
const shortestPermanentPart = 0.5;

/**
 * Waits between attempts: exponential with full jitter, so that hunters that lost their processor together do not
 * come back together.
 */
export class Backoff {
  #limits: BackoffLimits;
  readonly #random: () => number;
  #failures = 0;

  /** Begins without failures; `random` gives numbers from 0 to below 1. */
  constructor(limits: BackoffLimits = defaultBackoff, random: () => number = Math.random) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Bound of the first wait from now on, ms; at most the longest one. */
  set firstMs(firstMs: number) {
    this.#limits = { ...this.#limits, firstMs: Math.min(firstMs, this.#limits.longestMs) };
  }

  /**
   * The wait after one more failure, ms.
   * @param heldMs how long the connection held that failed now; 0 when there was none
   * @param permanent true when the same attempt is bound to fail again until somebody changes something
   */
  next(heldMs: number, permanent: boolean): number {
    const { firstMs, longestMs, stableMs } = this.#limits;
    if (heldMs >= stableMs) this.#failures = 0;
    this.#failures += 1;
    const bound = permanent
      ? longestMs
      : Math.min(longestMs, firstMs * 2 ** Math.min(this.#failures - 1, 30));
    const shortest = bound * (permanent ? shortestPermanentPart : shortestPart);
    return Math.round(shortest + this.#random() * (bound - shortest));
  }
}
