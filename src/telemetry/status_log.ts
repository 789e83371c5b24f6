import type { Log } from "./log.ts";

/** Changes beyond the first are told at most this often, ms: a status that flaps must not fill the log. */
const intervalMs = 30_000;

/** Writes a line when the status of something changed. */
export class StatusLog {
  readonly #log: Log;
  readonly #now: () => number;
  /** What was told last. */
  #told: string;
  #toldAt = -Infinity;

  /** Nothing is told while the status stays `initial`; `now` is a clock, ms. */
  constructor(log: Log, initial: string, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#told = initial;
    this.#now = now;
  }

  /**
   * The status is this now; to be called now and then, also when it did not change.
   * @param reason why, one line; undefined where all is well
   */
  note(status: string, reason: string | undefined): void {
    if (status === this.#told) return;
    const now = this.#now();
    if (now - this.#toldAt < intervalMs) return;
    const line = `status ${this.#told} -> ${status}${reason === undefined ? "" : `: ${reason}`}`;
    if (reason === undefined) this.#log.info(line);
    else this.#log.warn(line);
    this.#told = status;
    this.#toldAt = now;
  }
}
