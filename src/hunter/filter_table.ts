import type { Filter } from "../engine/filter.ts";
import { sameFilter } from "../proto/filter_message.ts";

/** Changes that come within this time are reported together, ms. */
const coalescingMs = 20;

/** The filters that the processor has put in force. It outlives connections. */
export class FilterTable {
  readonly #filters = new Map<string, Filter>();
  readonly #changed: (filters: readonly Filter[]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins empty; `changed` is told all filters, soon after one or several of them changed. */
  constructor(changed: (filters: readonly Filter[]) => void) {
    this.#changed = changed;
  }

  /** Filters in it, disabled ones included. */
  get size(): number {
    return this.#filters.size;
  }

  /** Makes `filters` the filters in force, except that those with an id in `keep` stay as they are. */
  replaceAll(filters: readonly Filter[], keep: ReadonlySet<string> = new Set()): void {
    const wanted = new Set(filters.map((filter) => filter.id));
    for (const id of [...this.#filters.keys()]) {
      if (!wanted.has(id) && !keep.has(id)) this.remove(id);
    }
    for (const filter of filters) {
      if (!keep.has(filter.id)) this.put(filter);
    }
  }

  /** Adds a filter, or replaces the one with its id. */
  put(filter: Filter): void {
    const known = this.#filters.get(filter.id);
    if (known !== undefined && sameFilter(known, filter)) return;
    this.#filters.set(filter.id, filter);
    this.#report();
  }

  /** Removes a filter, if it is there. */
  remove(id: string): void {
    if (this.#filters.delete(id)) this.#report();
  }

  /** Reports at once what would be reported soon. */
  flush(): void {
    if (this.#timer === undefined) return;
    this.stop();
    this.#changed([...this.#filters.values()]);
  }

  /** Reports nothing more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #report(): void {
    this.#timer ??= setTimeout(() => this.flush(), coalescingMs);
  }
}
