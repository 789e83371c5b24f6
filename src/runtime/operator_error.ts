/** Exit codes of the program: 0 done, 1 failed, 2 wrong usage. */
export type ExitCode = 0 | 1 | 2;

/**
 * A failure that the operator can do something about. Its message names what was wrong, where (file, flag,
 * byte offset, peer) and what to do; it is printed as one line, without a stack.
 */
export class OperatorError extends Error {
  /** Class name, as a printed error shows it. */
  override readonly name = "OperatorError";

  /** `exitCode` is 1 when the run failed, 2 when the command line or the configuration is wrong. */
  constructor(message: string, readonly exitCode: 1 | 2 = 1) {
    super(message);
  }
}

/** The text of any thrown value, for a message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
