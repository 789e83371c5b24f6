/** What several captures of one interface say of the same event comes within this time, ms. */
const SPREAD_MS = 10_000;

/** Lines of captures beside each other: what each of them says about one event is told once. */
export class LinesOfMany<T> {
  readonly #now: () => number;
  /** Lines of late, oldest first, and who said them since. */
  readonly #late = new Map<string, { readonly at: number; readonly speakers: Set<T> }>();

  /** `now` is a clock, ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether that is to be told: not if another one said it of late, and this one says it for the first time since. */
  isNews(line: string, speaker: T): boolean {
    const now = this.#now();
    for (const [old, { at }] of this.#late) {
      if (now - at < SPREAD_MS) break;
      this.#late.delete(old);
    }
    const said = this.#late.get(line);
    if (said !== undefined && !said.speakers.has(speaker)) {
      said.speakers.add(speaker);
      return false;
    }
    this.#late.delete(line);
    this.#late.set(line, { at: now, speakers: new Set([speaker]) });
    return true;
  }
}
