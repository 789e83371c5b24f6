import { OperatorError } from "../runtime/operator_error.ts";
import {
  MatchCollector,
  type Matches,
  maxPatternBytes,
  type Pattern,
  patternKinds,
  type PayloadBatch,
} from "./pattern_backend.ts";

/** Set in a transition whose target ends a pattern. */
export const outputFlag = 0x8000_0000;

/**
 * A set of patterns as one deterministic automaton (Aho and Corasick, 1975, with the failure links resolved): one
 * look-up per byte, whatever the number of patterns. Plain arrays of 32-bit words, so that a shader reads them, too.
 */
export interface Automaton {
  /** Patterns in it. */
  readonly patternCount: number;
  /** Longest pattern, bytes; 0 without patterns. */
  readonly longest: number;
  /** By byte: its column in `transitions`. Both cases of a letter have the same, as have all bytes of no pattern. */
  readonly classes: Uint8Array;
  /** Columns, and words per state. */
  readonly classCount: number;
  /** By state and class: the offset of the next state's row, with {@link outputFlag}. Row 0 is the start. */
  readonly transitions: Uint32Array;
  /**
   * By state number (row offset by `classCount`), two words: where its patterns end in `outputs`, and the number of the
   * next shorter state that ends a pattern, 0 for none. Its patterns begin where those of the state before it end.
   */
  readonly stateOutputs: Uint32Array;
  /** Numbers of patterns, those of one state together. */
  readonly outputs: Uint32Array;
  /** By pattern: its length in bytes times 4, and the number of its kind in {@link patternKinds}. */
  readonly shapes: Uint32Array;
}

/** Bytes of the arrays of an automaton. */
export function bytesOf({ transitions, stateOutputs, outputs, shapes }: Automaton): number {
  return transitions.byteLength + stateOutputs.byteLength + outputs.byteLength + shapes.byteLength;
}

/**
 * Builds the automaton of `patterns`.
 *
 * Throws OperatorError when a pattern is empty or too long, and before any of it is made when one of its arrays would
 * have more than `maxBytes` bytes.
 */
export function buildAutomaton(patterns: readonly Pattern[], maxBytes: number): Automaton {
  const texts = patterns.map(({ text }, number) => foldedText(text, number));
  const order = Uint32Array.from(texts.keys()).sort((one, other) => compare(texts[one]!, texts[other]!));
  const classes = classesOf(texts);
  const classCount = Math.max(...classes) + 1;
  const stateCount = countStates(texts, order);
  const tableBytes = stateCount * classCount * 4;
  if (tableBytes > maxBytes) {
    const inMib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new OperatorError(
      `${patterns.length} patterns need an automaton of ${inMib(tableBytes)} (${stateCount} states), and ` +
        `${inMib(maxBytes)} is the most there is room for: use fewer or shorter patterns, or another backend`,
    );
  }
  const transitions = new Uint32Array(stateCount * classCount);
  const endStates = growTrie(texts, order, classes, classCount, transitions);
  const { stateOutputs, outputs } = listOutputs(endStates, stateCount);
  resolveFailures(transitions, classCount, stateOutputs);
  return {
    patternCount: patterns.length,
    longest: texts.reduce((longest, text) => Math.max(longest, text.length), 0),
    classes,
    classCount,
    transitions,
    stateOutputs,
    outputs,
    shapes: Uint32Array.from(patterns, ({ text, kind }) => text.length * 4 + patternKinds.indexOf(kind)),
  };
}

/** Walks over payloads one after the other. */
export function walk(automaton: Automaton, { bytes, ends }: PayloadBatch): Matches {
  const collector = new MatchCollector(ends.length, automaton.patternCount);
  let start = 0;
  for (const end of ends) {
    walkPayload(automaton, bytes, start, end, collector);
    collector.next();
    start = end;
  }
  return collector.matches();
}

/** Walks over the payload `bytes[start..end]`, and adds what it holds to `found`. */
export function walkPayload(
  automaton: Automaton,
  bytes: Uint8Array,
  start: number,
  end: number,
  found: MatchCollector,
): void {
  const { classes, classCount, transitions } = automaton;
  let row = 0;
  for (let at = start; at < end; at++) {
    const next = transitions[row + classes[bytes[at]!]!]!;
    row = next & ~outputFlag;
    if (next >= outputFlag) addOutputs(automaton, row / classCount, at + 1 - start, end - start, found);
  }
}

/** Adds the patterns that end in `state`, behind `walked` of a payload's `length` bytes. */
function addOutputs(
  { stateOutputs, outputs, shapes }: Automaton,
  state: number,
  walked: number,
  length: number,
  found: MatchCollector,
): void {
  for (let one = state; one !== 0; one = stateOutputs[2 * one + 1]!) {
    const outputsEnd = stateOutputs[2 * one]!;
    for (let at = stateOutputs[2 * one - 2]!; at < outputsEnd; at++) {
      const pattern = outputs[at]!;
      const shape = shapes[pattern]!;
      if ((shape & 1) !== 0 && shape >> 2 !== walked) continue;
      if ((shape & 2) !== 0 && length !== walked) continue;
      found.add(pattern);
    }
  }
}

/** The text with the letters of ASCII in lower case. */
function foldedText(text: Uint8Array, number: number): Uint8Array {
  if (text.length === 0) throw new OperatorError(`pattern ${number + 1} is empty`);
  if (text.length > maxPatternBytes) {
    throw new OperatorError(`pattern ${number + 1} has more than ${maxPatternBytes} bytes`);
  }
  return text.map(folded);
}

/** A byte with the letters of ASCII in lower case. */
export function folded(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

function compare(one: Uint8Array, other: Uint8Array): number {
  const at = sharedLength(one, other);
  return (one[at] ?? -1) - (other[at] ?? -1);
}

/** Bytes at the start that are the same in both. */
function sharedLength(one: Uint8Array, other: Uint8Array): number {
  const most = Math.min(one.length, other.length);
  let at = 0;
  while (at < most && one[at] === other[at]) at++;
  return at;
}

/** Bytes that no pattern holds share class 0. */
function classesOf(texts: readonly Uint8Array[]): Uint8Array {
  const used = new Uint8Array(256);
  for (const text of texts) for (const byte of text) used[byte] = 1;
  const classes = new Uint8Array(256);
  let count = 1;
  for (let byte = 0; byte < 256; byte++) if (used[byte] === 1) classes[byte] = count++;
  for (let byte = 0; byte < 256; byte++) classes[byte] = classes[folded(byte)]!;
  return classes;
}

/** States of the trie of the sorted texts, the start included. */
function countStates(texts: readonly Uint8Array[], order: Uint32Array): number {
  let count = 1;
  let before: Uint8Array | undefined;
  for (const number of order) {
    const text = texts[number]!;
    count += text.length - (before === undefined ? 0 : sharedLength(before, text));
    before = text;
  }
  return count;
}

/** Fills the trie's transitions, as state numbers; 0 is no transition. The state where each pattern ends. */
function growTrie(
  texts: readonly Uint8Array[],
  order: Uint32Array,
  classes: Uint8Array,
  classCount: number,
  transitions: Uint32Array,
): Uint32Array {
  const endStates = new Uint32Array(texts.length);
  let states = 1;
  for (const number of order) {
    let state = 0;
    for (const byte of texts[number]!) {
      const at = state * classCount + classes[byte]!;
      if (transitions[at] === 0) transitions[at] = states++;
      state = transitions[at]!;
    }
    endStates[number] = state;
  }
  return endStates;
}

/** Sorts the patterns by the state where they end. */
function listOutputs(
  endStates: Uint32Array,
  stateCount: number,
): Pick<Automaton, "stateOutputs" | "outputs"> {
  const stateOutputs = new Uint32Array(2 * stateCount);
  for (const state of endStates) stateOutputs[2 * state]!++;
  for (let state = 1; state < stateCount; state++) stateOutputs[2 * state]! += stateOutputs[2 * state - 2]!;
  const outputs = new Uint32Array(endStates.length);
  const free = new Uint32Array(stateCount);
  for (let state = 1; state < stateCount; state++) free[state] = stateOutputs[2 * state - 2]!;
  endStates.forEach((state, pattern) => outputs[free[state]!++] = pattern);
  return { stateOutputs, outputs };
}

/**
 * Goes through the trie breadth-first, gives each state the transitions that it lacks from the longest shorter state
 * that is a suffix of it, and turns state numbers into flagged row offsets.
 */
function resolveFailures(transitions: Uint32Array, classCount: number, stateOutputs: Uint32Array): void {
  const stateCount = stateOutputs.length / 2;
  const failures = new Uint32Array(stateCount);
  const queue = new Uint32Array(stateCount);
  let queued = 1;
  for (let next = 0; next < queued; next++) {
    const state = queue[next]!;
    const row = state * classCount;
    const failureRow = failures[state]! * classCount;
    for (let column = 0; column < classCount; column++) {
      const child = transitions[row + column]!;
      const instead = state === 0 ? 0 : transitions[failureRow + column]!;
      if (child === 0) {
        transitions[row + column] = instead;
        continue;
      }
      failures[child] = instead;
      stateOutputs[2 * child + 1] = endsPattern(stateOutputs, instead)
        ? instead
        : stateOutputs[2 * instead + 1]!;
      queue[queued++] = child;
    }
  }
  for (let at = 0; at < transitions.length; at++) {
    const state = transitions[at]!;
    const hasOutput = endsPattern(stateOutputs, state) || stateOutputs[2 * state + 1] !== 0;
    transitions[at] = state * classCount + (hasOutput ? outputFlag : 0);
  }
}

/** Whether a pattern is all that leads to `state`. */
function endsPattern(stateOutputs: Uint32Array, state: number): boolean {
  return state !== 0 && stateOutputs[2 * state]! > stateOutputs[2 * state - 2]!;
}
