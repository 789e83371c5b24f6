/** Lets one waiter sleep until something may have changed. A wake-up while nobody waits is kept for the next wait. */
export class Wake {
  #woken = false;
  #resolve: (() => void) | undefined;

  /** Ends the wait, now or when it begins. */
  wake(): void {
    this.#woken = true;
    this.#resolve?.();
  }

  /** Resolves at the next {@link wake}, or after `milliseconds`. One waiter at a time. */
  async wait(milliseconds?: number): Promise<void> {
    if (!this.#woken) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        if (milliseconds !== undefined) timer = setTimeout(resolve, milliseconds);
      });
      clearTimeout(timer);
      this.#resolve = undefined;
    }
    this.#woken = false;
  }
}
