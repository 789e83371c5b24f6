/** Lets all who ask for a sync at the same time share one. */
export class GroupSync {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: PromiseWithResolvers<void> | undefined;

  /**
   * Begins with nothing to do.
   * @param sync forces to disk what was written when it is called; never rejects, and never runs twice at a time
   */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Resolves when a sync has ended that began after this call. */
  run(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    return (this.#next ??= Promise.withResolvers()).promise;
  }

  /** Whether one is under way. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  #start(): Promise<void> {
    return this.#running = this.#sync().then(() => {
      this.#running = undefined;
      const next = this.#next;
      this.#next = undefined;
      // At once: who calls now would begin another one beside it.
      if (next !== undefined) void this.#start().then(next.resolve);
    });
  }
}
