import type { Filter } from "../engine/filter.ts";
import { messageOf } from "../runtime/operator_error.ts";
import { isGranted } from "../runtime/permissions.ts";
import { logger } from "../telemetry/log.ts";
import { parseFilters, readFilterFile } from "./filter_file.ts";

/** Changes are taken up when the folder has been quiet for this long, ms. */
const quietMs = 100;
/** Where the folder cannot be watched, the file is looked at this often, ms. */
const pollMs = 1_000;

const log = logger("processor");

/**
 * Follows a filter file. Editors and configuration managers replace files rather than write them, so it is the folder
 * that is watched, and the file's text that is compared. A version that cannot be used is reported, and the last good
 * one stays in force.
 */
export class FilterWatcher {
  readonly #path: string;
  readonly #changed: (filters: readonly Filter[]) => void;
  #text: string | undefined;
  #events: Deno.FsWatcher | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param changed takes the file's filters, first from {@link start} */
  constructor(path: string, changed: (filters: readonly Filter[]) => void) {
    this.#path = path;
    this.#changed = changed;
  }

  /** Reads the file and begins to follow it. Throws OperatorError when there is one that cannot be used. */
  start(): void {
    this.#text = readFilterFile(this.#path);
    if (this.#text === undefined) log.info(`there is no filter file ${this.#path} yet`);
    this.#changed(parseFilters(this.#text ?? "", this.#path));
    const folder = this.#path.replace(/[^/\\]*$/, "") || ".";
    if (isGranted({ name: "read", path: folder })) {
      try {
        this.#events = Deno.watchFs(folder, { recursive: false });
        void this.#follow(this.#events);
        return;
      } catch (error) {
        log.debug(`${folder} cannot be watched: ${messageOf(error)}`);
      }
    }
    this.#poll();
  }

  /** Follows no longer. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#events?.close();
  }

  async #follow(events: Deno.FsWatcher): Promise<void> {
    for await (const event of events) {
      if (event.kind === "access") continue;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#look(), quietMs);
    }
  }

  #poll(): void {
    this.#timer = setTimeout(() => {
      this.#look();
      if (!this.#closed) this.#poll();
    }, pollMs);
  }

  #look(): void {
    let text: string | undefined;
    try {
      text = readFilterFile(this.#path);
      // While a file is being replaced there is none.
      if (text === undefined || text === this.#text) return;
      const filters = parseFilters(text, this.#path);
      this.#changed(filters);
      log.info(`${this.#path}: ${filters.length} filters read`);
    } catch (error) {
      log.error(`${messageOf(error)}; the filters stay as they were`);
    }
    this.#text = text;
  }
}
