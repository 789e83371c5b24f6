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

/** How fast memory grows for most of the time, MiB per minute. */
export function growthOf(samples: readonly Sample[]): number {
  const steady = samples.slice(Math.floor(samples.length * WARM_UP));
  const length = Math.ceil(steady.length / PARTS);
  const slopes = Array.from(
    { length: PARTS },
    (_, part) => slopeOf(steady.slice(part * length, (part + 1) * length)),
  );
  return slopes.toSorted((one, other) => one - other)[PARTS >> 1] ?? NaN;
}
