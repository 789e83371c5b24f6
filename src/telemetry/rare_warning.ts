import type { Log } from "./log.ts";

/** Time between two lines about the same thing, ms. */
const everyMs = 10_000;

/** A warning that the other side can cause at any rate: written now and then, and the rest counted. */
export class RareWarning {
  readonly #log: Pick<Log, "warn">;
  #writtenAt = -Infinity;
  #unwritten = 0;

  /** Writes to `log`. */
  constructor(log: Pick<Log, "warn">) {
    this.#log = log;
  }

  /** Writes or counts `line`; `nowMs` is the time of a clock that nobody sets. */
  warn(line: string, nowMs: number): void {
    if (nowMs - this.#writtenAt < everyMs) {
      this.#unwritten += 1;
      return;
    }
    const others = this.#unwritten === 0 ? "" : ` (and ${this.#unwritten} more since the last such line)`;
    this.#log.warn(line + others);
    this.#writtenAt = nowMs;
    this.#unwritten = 0;
  }
}
