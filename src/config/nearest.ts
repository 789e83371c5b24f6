/**
 * The candidate that a mistyped word most likely meant: one that ends with it as a whole part, else the one with
 * the fewest edits (insert, delete, replace, swap neighbours). A third of the word's last part may be edited, and one
 * character always.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  const lastPart = word.slice(word.lastIndexOf(".") + 1);
  let fewest = Math.max(1, Math.floor(lastPart.length / 3)) + 1;
  for (const candidate of candidates) {
    if (candidate.endsWith(`.${word}`)) return candidate;
    const edits = editDistance(word, candidate);
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
}

/** `; did you mean x?`, or nothing. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const found = nearest(word, candidates);
  return found === undefined ? "" : `; did you mean ${found}?`;
}

function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const current = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let edits = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        edits = Math.min(edits, beforePrevious[j - 2]! + 1);
      }
      current.push(edits);
    }
    [beforePrevious, previous] = [previous, current];
  }
  return previous[to.length]!;
}
