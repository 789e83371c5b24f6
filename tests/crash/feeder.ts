/** What the worker is told. */
export interface FeederOrder {
  readonly interfaceName: string;
  /** Frames per second. */
  readonly rate: number;
  /** `[frames sent, told to end]`. */
  readonly shared: SharedArrayBuffer;
}

/** Sends numbered frames on an interface at an even pace, in a thread of its own. */
export class Feeder {
  readonly #shared = new SharedArrayBuffer(8);
  readonly #state = new Int32Array(this.#shared);
  readonly #worker = new Worker(new URL("feeder_worker.ts", import.meta.url), { type: "module" });

  /** Starts at once. @param rate frames per second */
  constructor(interfaceName: string, rate: number) {
    this.#worker.postMessage({ interfaceName, rate, shared: this.#shared } satisfies FeederOrder);
  }

  /** Frames sent so far; their numbers are below this. */
  get sent(): number {
    return Atomics.load(this.#state, 0);
  }

  /** Ends it; resolves with how many were sent. */
  async end(): Promise<number> {
    const ended = new Promise<number>((resolve) => this.#worker.onmessage = ({ data }) => resolve(data));
    Atomics.store(this.#state, 1, 1);
    const sent = await ended;
    this.#worker.terminate();
    return sent;
  }
}
