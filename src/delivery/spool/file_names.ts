/**
 * The names of a spool's files. Apart from what the files hold, since other parts of the program only go by names.
 *
 * @module
 */
const suffix = ".segment";
/** A name that claims more is somebody else's: following it would leave no numbers to go on with. */
const maxFirst = (1n << 63n) - 1n;
const namePattern = new RegExp(`^(\\d{20})\\${suffix}$`);

/** The file name of the segment that begins with `first`; names sort as sequences do. */
export function segmentName(first: bigint): string {
  return `${String(first).padStart(20, "0")}${suffix}`;
}

/** The first sequence of the segment named so; undefined when that is no segment's name. */
export function firstOfName(name: string): bigint | undefined {
  const digits = namePattern.exec(name)?.[1];
  const first = digits === undefined ? undefined : BigInt(digits);
  return first !== undefined && first <= maxFirst ? first : undefined;
}

/** The names of a spool's small files. */
export const stateFiles = {
  /** The spool's UUID, and the first sequence of its next run. */
  identity: "spool",
  /** The last acknowledged sequence. */
  cursor: "cursor",
  /** Locked by the process that uses the folder; its content is that process's id. */
  lock: "lock",
} as const;

/** Ends the names of what is written before it takes its name. */
export const temporarySuffix = ".tmp";
/** Ends the names of what a repair took out of a segment. */
export const damagedSuffix = ".damaged";

const ownSuffixes = new RegExp(`(\\${temporarySuffix}|\\${damagedSuffix})$`);
const stateFileNames: readonly string[] = Object.values(stateFiles);

/** Whether spools make files of that name. What else is in a folder is somebody else's. */
export function isSpoolFile(name: string): boolean {
  const made = name.replace(ownSuffixes, "");
  return firstOfName(made) !== undefined || stateFileNames.includes(made);
}
