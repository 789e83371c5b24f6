import type { Clock } from "../../src/delivery/spool/clock.ts";

/** Time that goes on when it is told to. */
export class ManualClock implements Clock {
  #now = 0;
  /** Milliseconds since 1970, as the clock was set when it began. */
  wallStart = 1_700_000_000_000;
  #timers = new Map<() => void, number>();

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.wallStart + this.#now;
  }

  after(milliseconds: number, action: () => void): () => void {
    const timer = () => action();
    this.#timers.set(timer, this.#now + milliseconds);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass, and all happen that was waiting for it. */
  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const [timer, due] of [...this.#timers]) {
      if (due <= this.#now && this.#timers.delete(timer)) timer();
    }
  }

  /** Forgets what was to happen: the process ended. */
  clear(): void {
    this.#timers.clear();
  }
}
