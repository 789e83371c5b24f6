/** Where in a payload a pattern must stand. */
export type PatternKind = "contains" | "prefix" | "suffix" | "equals";

/** {@link PatternKind} by the number that automata and shaders have for it: bit 0 at the start, bit 1 at the end. */
export const patternKinds = ["contains", "prefix", "suffix", "equals"] as const satisfies PatternKind[];

/** Longest text of a pattern, bytes. */
export const maxPatternBytes = 1_024;

/** A text to find. Letters of ASCII match in either case; all other bytes only themselves. */
export interface Pattern {
  /** 1 to {@link maxPatternBytes} bytes; nothing in it is special. */
  readonly text: Uint8Array;
  /** Where it must stand. */
  readonly kind: PatternKind;
}

/** Payloads back to back. */
export interface PayloadBatch {
  /** All payloads, without anything between them. */
  readonly bytes: Uint8Array;
  /** Where each payload ends in `bytes`, ascending; the first begins at 0. */
  readonly ends: Uint32Array;
}

/** Which patterns a batch of payloads holds. */
export interface Matches {
  /** Where the numbers of each payload end in `patterns`. */
  readonly ends: Uint32Array;
  /** Numbers of patterns, from 0, in the order they were compiled in; each once per payload, ascending. */
  readonly patterns: Uint32Array;
}

/** A set of patterns, ready to be looked for. */
export interface PatternMatcher {
  /** Looks for all patterns in all payloads, however many. Only one call at a time. */
  match(batch: PayloadBatch): Promise<Matches>;
  /** Gives its memory back; safe to call twice. */
  close(): void;
}

/** Something that can look for many patterns at once. All backends give the same answers. */
export interface PatternBackend {
  /** As in `--gpu-backend`. */
  readonly name: "cpu-simd" | "webgpu";
  /** What it runs on, for people. */
  readonly device: string;
  /**
   * Makes a set ready; several may be in use at once. Throws OperatorError that names the pattern when one is empty or
   * too long, or when the set needs more memory than there is for it.
   */
  compile(patterns: readonly Pattern[]): Promise<PatternMatcher>;
  /** Gives the device back; its matchers must not be used any more. Safe to call twice. */
  close(): void;
}

/** Collects the {@link Matches} of payload after payload. */
export class MatchCollector {
  readonly #ends: Uint32Array;
  /** By pattern: the payload, counted from 1, that it was found in last. */
  readonly #seen: Uint32Array;
  #patterns = new Uint32Array(256);
  #length = 0;
  #payload = 0;
  #start = 0;

  /** For that many payloads and patterns. */
  constructor(payloads: number, patterns: number) {
    this.#ends = new Uint32Array(payloads);
    this.#seen = new Uint32Array(patterns);
  }

  /** The payload at hand holds `pattern`. May be said more than once. */
  add(pattern: number): void {
    if (this.#seen[pattern] === this.#payload + 1) return;
    this.#seen[pattern] = this.#payload + 1;
    if (this.#length === this.#patterns.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#patterns);
      this.#patterns = larger;
    }
    this.#patterns[this.#length++] = pattern;
  }

  /** Goes on to the next payload. */
  next(): void {
    if (this.#length > this.#start + 1) this.#patterns.subarray(this.#start, this.#length).sort();
    this.#ends[this.#payload++] = this.#start = this.#length;
  }

  /** All that was collected. */
  matches(): Matches {
    return { ends: this.#ends, patterns: this.#patterns.slice(0, this.#length) };
  }
}
