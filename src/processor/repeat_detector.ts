/** Runs of hunters that are remembered; the one that was silent longest is forgotten first. */
const maxRuns = 4_096;

/**
 * Tells a batch that is sent again, after a connection was lost, from a new one. A hunter sends in order of sequence
 * and counts on for as long as its process runs, so the highest sequence per run is all that must be remembered.
 */
export class RepeatDetector {
  /** Highest sequence taken, by run; the run heard last is last. */
  readonly #taken = new Map<string, bigint>();

  /** Whether the batch was taken before. */
  isRepeat(runId: string, sequence: bigint): boolean {
    return sequence !== 0n && sequence <= (this.#taken.get(runId) ?? 0n);
  }

  /** Remembers that the batch was taken. */
  taken(runId: string, sequence: bigint): void {
    const highest = this.#taken.get(runId) ?? 0n;
    this.#taken.delete(runId);
    this.#taken.set(runId, sequence > highest ? sequence : highest);
    if (this.#taken.size > maxRuns) this.#taken.delete(this.#taken.keys().next().value as string);
  }
}
