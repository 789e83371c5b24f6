/** Signals that end a run; on Windows only the first can be listened for. */
const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

/**
 * Calls `stop` on the first stop signal. Nobody listens for the second: it ends the process as it ends any, also while
 * this thread is stuck in a call, and the exit code is 128 and the signal's number.
 */
export class StopSignals {
  readonly #listener: () => void;
  #closed = false;

  /** Listens from now on, until {@link close}. */
  constructor(stop: () => void) {
    this.#listener = () => {
      this.close();
      stop();
    };
    for (const signal of signals) Deno.addSignalListener(signal, this.#listener);
  }

  /** Listens no longer; a signal then ends the process. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const signal of signals) Deno.removeSignalListener(signal, this.#listener);
  }
}
