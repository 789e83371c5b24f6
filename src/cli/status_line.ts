import { writeToStandardError } from "../telemetry/log.ts";

/** To the start of the line, and erase it. */
const ERASE = "\r\x1b[K";

/** Lines for the operator, and below them one line that changes and leaves nothing behind. */
export class StatusLine {
  readonly #write: (text: string) => void;
  #shown = false;

  /** Shows nothing yet; `write` takes text for the terminal. */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Writes whole lines where the status was; the next {@link show} puts it below them. */
  print(lines: string): void {
    this.#write(this.#shown ? ERASE + lines : lines);
    this.#shown = false;
  }

  /** Replaces the status. It must fit into one line of the terminal. */
  show(status: string): void {
    this.#write(ERASE + status);
    this.#shown = true;
  }

  /** Takes the status away. */
  clear(): void {
    if (this.#shown) this.print("");
  }
}

/** Standard error of this process. All that is written there while a status may be shown goes through it. */
export const standardError: StatusLine = new StatusLine(writeToStandardError);
