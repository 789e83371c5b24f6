/** Signals that end a run; on Windows only the first can be listened for. */
const signals: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Exit code of a process that a second signal ended at once: 128 + SIGINT, as shells say it. */
const FORCED_EXIT = 130;

/** Calls `stop` on the first stop signal, and ends the process on the second. */
export class StopSignals {
  readonly #listener: () => void;
  #received = false;

  /** Listens from now on, until {@link close}. */
  constructor(stop: () => void) {
    this.#listener = () => {
      if (this.#received) Deno.exit(FORCED_EXIT);
      this.#received = true;
      stop();
    };
    for (const signal of signals) Deno.addSignalListener(signal, this.#listener);
  }

  /** Whether one came. */
  get received(): boolean {
    return this.#received;
  }

  /** Listens no longer. */
  close(): void {
    for (const signal of signals) Deno.removeSignalListener(signal, this.#listener);
  }
}
