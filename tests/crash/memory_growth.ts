/** Tells memory that leaks from memory that has found a new level. */

/** The first part of a run in which memory may find its level. */
export const WARM_UP = 0.25;
/** The rest is cut into so many parts. What leaks grows in all of them; a new high-water mark is in one or two. */
const PARTS = 7;

/** What was seen of a process at one time. */
export interface Sample {
  readonly minute: number;
  readonly mebibytes: number;
}

/** Growth of the line that fits the samples best (least squares), MiB per minute. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (pick: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length;
  const [minute, mebibytes] = [mean((sample) => sample.minute), mean((sample) => sample.mebibytes)];
  let [covariance, variance] = [0, 0];
  for (const sample of samples) {
    covariance += (sample.minute - minute) * (sample.mebibytes - mebibytes);
    variance += (sample.minute - minute) ** 2;
  }
  return covariance / variance;
}

/** The middle one of some numbers. */
function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[numbers.length >> 1] ?? NaN;
}

/** Growth of the lowest samples of the parts (Theil and Sen: the median slope between two of them), MiB per minute. */
function growthOfLowest(parts: readonly (readonly Sample[])[]): number {
  const lowest = parts.map((part) =>
    part.reduce((low, sample) => sample.mebibytes < low.mebibytes ? sample : low)
  );
  return median(
    lowest.flatMap((from, at) =>
      lowest.slice(at + 1).map((to) => (to.mebibytes - from.mebibytes) / (to.minute - from.minute))
    ),
  );
}

/**
 * How fast memory grows, MiB per minute: within most of the parts, and from part to part. A leak does both; a new level
 * does not grow within parts, and what a collector lets pile up for some minutes does not grow from part to part.
 */
export function growthOf(samples: readonly Sample[]): number {
  const steady = samples.slice(Math.floor(samples.length * WARM_UP));
  const length = Math.ceil(steady.length / PARTS);
  const parts = Array.from({ length: PARTS }, (_, part) => steady.slice(part * length, (part + 1) * length));
  return Math.min(median(parts.map(slopeOf)), growthOfLowest(parts));
}
