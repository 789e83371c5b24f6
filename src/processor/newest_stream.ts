/** Runs of hunters that are remembered; the one that was silent longest is forgotten first. */
const maxRuns = 4_096;

/**
 * Which stream each run of a hunter sends on. What an old one still brings, from its buffers or from a network that
 * comes back, is not to be taken once the hunter has gone on elsewhere: a restarted hunter sends the same packets in
 * batches of other boundaries.
 */
export class NewestStream {
  /** Numbers of streams by run; the run heard last is last. */
  readonly #newest = new Map<string, number>();

  /**
   * Notes that a batch came over a stream; false when the run has sent over a newer one.
   * @param stream its number, in the order in which streams were opened
   */
  isCurrent(runId: string, stream: number): boolean {
    if (stream < (this.#newest.get(runId) ?? 0)) return false;
    this.#newest.delete(runId);
    this.#newest.set(runId, stream);
    if (this.#newest.size > maxRuns) this.#newest.delete(this.#newest.keys().next().value as string);
    return true;
  }
}
