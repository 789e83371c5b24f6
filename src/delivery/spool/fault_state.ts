import { messageOf } from "../../runtime/operator_error.ts";

/** A disk is taken for well again when it has not failed for this long, ms: one that is nearly full fails now and then. */
const calmMs = 10_000;

/** Tells the operator once when the disk begins to fail, and once when it is well again. */
export class FaultState {
  readonly #folder: string;
  readonly #tell: (line: string) => void;
  readonly #now: () => number;
  #lastFault: number | undefined;

  /** Begins well. */
  constructor(folder: string, tell: (line: string) => void, now: () => number) {
    this.#folder = folder;
    this.#tell = tell;
    this.#now = now;
  }

  /**
   * The disk failed.
   * @param what what could not be done: `a batch could not be written`
   */
  failed(what: string, error: unknown): void {
    const isNew = this.#lastFault === undefined;
    this.#lastFault = this.#now();
    if (isNew) this.#tell(`disk buffer ${this.#folder}: ${what} (${messageOf(error)}); it is tried again`);
  }

  /** A write or sync went well. */
  worked(): void {
    if (this.#lastFault === undefined || this.#now() - this.#lastFault < calmMs) return;
    this.#lastFault = undefined;
    this.#tell(`disk buffer ${this.#folder}: the disk works again`);
  }
}
