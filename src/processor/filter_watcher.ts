import type { Filter } from "../engine/filter.ts";
import { messageOf } from "../runtime/operator_error.ts";
import { isGranted } from "../runtime/permissions.ts";
import { logger } from "../telemetry/log.ts";
import { type ParsedFilters, parseFilters, readFilterFile } from "./filter_file.ts";

/** A file must have held still for so long before it is read: files are seldom written in one go. Milliseconds. */
const settlingMs = 200;
/** The file is looked at although the folder has been changing for so long: other files may be in it. Milliseconds. */
const mostSettlingMs = 2_000;
/** Refused filters that are named at once; of the others it is said how many there are. */
const maxNamed = 20;
/** The file is looked at this often where no change was noticed: folders cannot always be watched. Milliseconds. */
const pollMs = 2_000;

const log = logger("processor");

/**
 * Follows a filter file. Editors and configuration managers replace files rather than write them, so it is the folder
 * that is watched, and the file's text that is compared. A file that is still being written is waited for. A version
 * that cannot be used is reported, and the last good one stays in force; so it is with a filter whose pattern cannot be
 * used, while the others are put in force.
 */
export class FilterWatcher {
  readonly #path: string;
  readonly #changed: (filters: readonly Filter[]) => void;
  readonly #poll: ReturnType<typeof setInterval>;
  #text: string | undefined;
  /** What it asked for at last, stand-ins included. */
  #filters: readonly Filter[] = [];
  /** What the file looked like from outside at the last look; undefined when there was none. */
  #seen: string | undefined;
  /** It was there, and is gone: that was told. */
  #isGone = false;
  #problem: string | undefined;
  #events: Deno.FsWatcher | undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;
  /** The first of the changes that the next look is for, ms. */
  #changedAt: number | undefined;

  /**
   * Reads the file and begins to follow it. Throws OperatorError when there is one that cannot be used.
   * @param changed takes the file's filters, now and after each change
   */
  constructor(path: string, changed: (filters: readonly Filter[]) => void) {
    this.#path = path;
    this.#changed = changed;
    this.#text = readFilterFile(path);
    if (this.#text === undefined) log.info(`there is no filter file ${path} yet`);
    this.#seen = outsideOf(path);
    this.#take(parseFilters(this.#text ?? "", path));
    this.#poll = setInterval(() => {
      if (this.#settling === undefined) this.#look();
    }, pollMs);
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
      const name = nameOf(this.#path);
      for await (const { kind, paths } of this.#events) {
        // What is written to other files says nothing, but one that takes another's place may be what a link leads to.
        const isOther = kind === "modify" && !paths.some((path) => nameOf(path) === name);
        if (kind !== "access" && !isOther) this.#lookLater();
      }
    } catch (error) {
      log.debug(`${folder} cannot be watched: ${messageOf(error)}`);
    }
  }

  /** Looks when nothing has changed for a while. */
  #lookLater(): void {
    const now = performance.now();
    this.#changedAt ??= now;
    if (this.#settling !== undefined && now - this.#changedAt > mostSettlingMs - settlingMs) return;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#settling = this.#changedAt = undefined;
      this.#look();
    }, settlingMs);
  }

  #look(): void {
    try {
      const outside = outsideOf(this.#path);
      if (outside !== this.#seen) {
        this.#seen = outside;
        return this.#lookLater();
      }
      const text = readFilterFile(this.#path);
      if (outsideOf(this.#path) !== outside) return this.#lookLater();
      if (text === undefined) return this.#tellThatItIsGone();
      this.#isGone = false;
      if (text === this.#text) return;
      this.#text = text;
      const parsed = parseFilters(text, this.#path);
      this.#problem = undefined;
      this.#take(parsed);
      const { filters: { length: read }, refused: { length: refused } } = parsed;
      log.info(
        read + refused === 0
          ? `${this.#path} has no filters: none is in force from it`
          : `${this.#path}: ${read} ${read === 1 ? "filter" : "filters"} read` +
            (refused > 0 ? `, ${refused} refused` : ""),
      );
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#problem) log.error(`${problem}; the filters stay as they were`);
      this.#problem = problem;
    }
  }

  /** Puts filters in force, and tells which are refused. */
  #take({ filters, refused }: ParsedFilters): void {
    const ids = new Set(refused.map((problem) => problem.refused));
    const standIns = this.#filters.filter(({ id }) => ids.has(id));
    for (const { line, reason, refused: id } of refused.slice(0, maxNamed)) {
      const standIn = standIns.find((filter) => filter.id === id);
      const instead = standIn === undefined ? "" : `; "${standIn.pattern}" stays in force in its place`;
      log.warn(`${this.#path}:${line}: ${reason}; the filter is refused${instead}`);
    }
    const more = refused.length - maxNamed;
    if (more > 0) {
      log.warn(`${this.#path}: and ${more} more ${more === 1 ? "filter is" : "filters are"} refused`);
    }
    this.#filters = standIns.length === 0 ? filters : [...filters, ...standIns];
    this.#changed(this.#filters);
  }

  #tellThatItIsGone(): void {
    if (this.#text === undefined || this.#isGone) return;
    this.#isGone = true;
    log.warn(`${this.#path} is gone; the filters stay as they were`);
  }
}

/** The last part of a path. */
function nameOf(path: string): string {
  return path.replace(/^.*[/\\]/, "");
}

/** Which file it is, its size and when it was written; undefined when there is none. */
function outsideOf(path: string): string | undefined {
  try {
    const { dev, ino, size, mtime } = Deno.statSync(path);
    return [dev, ino, size, mtime?.getTime()].join(" ");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
