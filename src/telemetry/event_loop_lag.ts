/** Time between two looks, ms. */
const intervalMs = 500;
/** Looks that are remembered: those of ten seconds. */
const remembered = 20;

/** How late timers come on this thread: what blocks its event loop delays all that the program does beside capture. */
export class EventLoopLag {
  readonly #recent: number[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #last = performance.now();

  /** Looks from now on, until {@link stop}; does not keep the process running. */
  constructor() {
    this.#timer = setInterval(() => this.#look(), intervalMs);
    Deno.unrefTimer(this.#timer);
  }

  /** The longest delay of the last ten seconds, ms. */
  get longestMs(): number {
    return Math.max(0, ...this.#recent);
  }

  /** Looks no longer. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    this.#recent.push(now - this.#last - intervalMs);
    this.#last = now;
    if (this.#recent.length > remembered) this.#recent.shift();
  }
}
