import type { Progress } from "../pipeline/progress.ts";
import { isGranted } from "../runtime/permissions.ts";
import { grouped, waitText } from "./number_text.ts";
import type { StatusLine } from "./status_line.ts";

/** A run that is shorter than this shows no progress, ms. */
const DELAY_MS = 1000;
/** Time between two drawings, ms. */
const REDRAW_MS = 200;
/** Terminals narrower than this have no room for the bar itself, characters. */
const NARROWEST_BAR = 10;

/** Where and when progress is shown. */
export interface ProgressView {
  /** Takes the drawings. */
  readonly line: Pick<StatusLine, "show" | "clear">;
  /** Width of the terminal, characters. */
  columns(): number;
  /** A clock that never goes back, ms. */
  now(): number;
}

/** How far the reading of files has come, on the status line of a terminal. */
export class ProgressBar {
  readonly #view: ProgressView;
  readonly #total: number | undefined;
  readonly #startedMs: number;
  #drawnMs = -Infinity;
  /** A damaged gzip file is read again in part. */
  #furthest = 0;

  /** Starts its clock. `totalBytes` is what all files have together; undefined when that is not known. */
  constructor(view: ProgressView, totalBytes: number | undefined) {
    this.#view = view;
    this.#total = totalBytes;
    this.#startedMs = view.now();
  }

  /** Takes the latest counters, and draws them unless it did so a moment ago. */
  update({ engine, inputBytes }: Progress): void {
    this.#furthest = Math.max(this.#furthest, inputBytes);
    const now = this.#view.now();
    const elapsedMs = now - this.#startedMs;
    if (elapsedMs < DELAY_MS || now - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = now;
    this.#view.line.show(this.#text(engine.packets ?? 0, elapsedMs / 1000));
  }

  /** Takes the drawing away. */
  clear(): void {
    this.#view.line.clear();
  }

  #text(packets: number, seconds: number): string {
    // A terminal wraps a line that fills it.
    const room = this.#view.columns() - 1;
    const count = `${grouped(packets)} packets`;
    const rate = `${grouped(Math.round(packets / seconds))} packets/s`;
    const total = this.#total ?? 0;
    if (total === 0) return longestFitting(room, [[count, rate], [count]]);
    // A file may have grown since it was measured.
    const share = Math.min(1, this.#furthest / total);
    const percent = `${String(Math.floor(100 * share)).padStart(3)} %`;
    const wait = share > 0 ? [`${waitText(seconds * (1 - share) / share)} left`] : [];
    const counts = [count, rate, ...wait].join(", ");
    const bar = room - percent.length - counts.length - " [] ".length;
    if (bar < NARROWEST_BAR) {
      return longestFitting(room, [[percent, count, rate, ...wait], [percent, count, ...wait], [percent]]);
    }
    const filled = Math.floor(bar * share);
    return `${percent} [${"=".repeat(filled)}${" ".repeat(bar - filled)}] ${counts}`;
  }
}

/** The first of `choices`, longest first, that fits; nothing where none does. */
function longestFitting(room: number, choices: readonly string[][]): string {
  return choices.map((parts) => parts.join(", ")).find((text) => text.length <= room) ?? "";
}

/** Bytes of all files; undefined when one of them is standard input, a pipe, a device, or cannot be looked at. */
export async function totalBytes(paths: readonly string[]): Promise<number | undefined> {
  if (paths.some((path) => path === "-" || !isGranted({ name: "read", path }))) return undefined;
  try {
    const files = await Promise.all(paths.map((path) => Deno.stat(path)));
    return files.every(({ isFile }) => isFile) ? files.reduce((sum, { size }) => sum + size, 0) : undefined;
  } catch {
    // Who reads the file says what is wrong with it.
    return undefined;
  }
}
