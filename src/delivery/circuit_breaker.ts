/** `closed`: attempts are made; `open`: none is made for a while; `half-open`: one is made to see. */
export type BreakerState = "closed" | "open" | "half-open";

/** When a circuit breaker opens, and for how long. */
export interface BreakerLimits {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** Time that it stays open, ms. */
  readonly openMs: number;
}

/** The program's own limits. */
export const defaultBreaker: BreakerLimits = { failures: 5, openMs: 30_000 };

/**
 * Holds attempts back that are bound to fail. It knows when the next one may be made, and is asked before waiting: no
 * attempt is ever refused, so none is counted that was not made.
 *
 * Who waits for the longer of this and the program's backoff tries a dead processor at 0, 1, 3, 7, 15, 45, 77 s and
 * every 60 s from there where the jitter is always longest, at 0, 0.1, 0.3, 0.7, 1.5 s and every 30 s where it is
 * always shortest.
 */
export class CircuitBreaker {
  readonly #limits: BreakerLimits;
  readonly #now: () => number;
  #failures = 0;
  #openUntil: number | undefined;
  #trying = false;
  #openings = 0;

  /** Begins closed; `now` is a clock that never goes back, ms. */
  constructor(limits: BreakerLimits = defaultBreaker, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Open until the next attempt begins, also when its time has passed. */
  get state(): BreakerState {
    return this.#openUntil === undefined ? "closed" : this.#trying ? "half-open" : "open";
  }

  /** Times that it opened, again after a failed try included. */
  get openings(): number {
    return this.#openings;
  }

  /** Time until an attempt may be made, ms; 0 when it may be made now. */
  get remainingMs(): number {
    return Math.max(0, (this.#openUntil ?? 0) - this.#now());
  }

  /** An attempt begins. */
  begin(): void {
    this.#trying = true;
  }

  /** The attempt succeeded: closed. */
  succeeded(): void {
    this.#trying = false;
    this.#failures = 0;
    this.#openUntil = undefined;
  }

  /** The attempt failed: open, when it was the one after a time of being open, or one too many in a row. */
  failed(): void {
    this.#trying = false;
    this.#failures += 1;
    if (this.#openUntil === undefined && this.#failures < this.#limits.failures) return;
    this.#openUntil = this.#now() + this.#limits.openMs;
    this.#openings += 1;
  }
}
