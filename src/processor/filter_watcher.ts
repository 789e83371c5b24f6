import type { Filter } from "../engine/filter.ts";
import { messageOf } from "../runtime/operator_error.ts";
import { isGranted } from "../runtime/permissions.ts";
import { logger } from "../telemetry/log.ts";
import { parseFilters, readFilterFile } from "./filter_file.ts";

/** A change is taken up this long after it was noticed: files are seldom written in one go. Milliseconds. */
const settlingMs = 100;
/** The file is looked at this often where no change was noticed: folders cannot always be watched. Milliseconds. */
const pollMs = 2_000;

const log = logger("processor");

/**
 * Follows a filter file. Editors and configuration managers replace files rather than write them, so it is the folder
 * that is watched, and the file's text that is compared. A version that cannot be used is reported, and the last good
 * one stays in force.
 */
export class FilterWatcher {
  readonly #path: string;
  readonly #changed: (filters: readonly Filter[]) => void;
  readonly #poll: ReturnType<typeof setInterval>;
  #text: string | undefined;
  #problem: string | undefined;
  #events: Deno.FsWatcher | undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;

  /**
   * Reads the file and begins to follow it. Throws OperatorError when there is one that cannot be used.
   * @param changed takes the file's filters, now and after each change
   */
  constructor(path: string, changed: (filters: readonly Filter[]) => void) {
    this.#path = path;
    this.#changed = changed;
    this.#text = readFilterFile(path);
    if (this.#text === undefined) log.info(`there is no filter file ${path} yet`);
    changed(parseFilters(this.#text ?? "", path));
    this.#poll = setInterval(() => this.#look(), pollMs);
    void this.#follow();
  }

  /** Follows no longer. */
  close(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#settling);
    this.#events?.close();
  }

  async #follow(): Promise<void> {
    const folder = this.#path.replace(/[^/\\]*$/, "") || ".";
    if (!isGranted({ name: "read", path: folder })) return;
    try {
      this.#events = Deno.watchFs(folder, { recursive: false });
      for await (const event of this.#events) {
        if (event.kind === "access") continue;
        this.#settling ??= setTimeout(() => {
          this.#settling = undefined;
          this.#look();
        }, settlingMs);
      }
    } catch (error) {
      log.debug(`${folder} cannot be watched: ${messageOf(error)}`);
    }
  }

  #look(): void {
    try {
      const text = readFilterFile(this.#path);
      // While a file is being replaced there is none.
      if (text === undefined || text === this.#text) return;
      this.#text = text;
      const filters = parseFilters(text, this.#path);
      this.#changed(filters);
      this.#problem = undefined;
      log.info(`${this.#path}: ${filters.length} filters read`);
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#problem) log.error(`${problem}; the filters stay as they were`);
      this.#problem = problem;
    }
  }
}
