import type { Filter } from "../engine/filter.ts";
import { filterOf, sameFilter } from "../proto/filter_message.ts";
import type { Filter as FilterMessage } from "../proto/management_messages.ts";
import { logger } from "../telemetry/log.ts";

/** Filters in force, and ids of refused ones, at most. */
const maxFilters = 100_000;
/** Changes that come within this time are reported together, ms. */
const coalescingMs = 20;

const log = logger("hunter");

/** The filters that the processor has put in force. It outlives connections. */
export class FilterTable {
  readonly #filters = new Map<string, Filter>();
  /** Ids whose last version could not be taken. */
  readonly #refused = new Set<string>();
  readonly #changed: (filters: readonly Filter[]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins empty; `changed` is told all filters, soon after one or several of them changed. */
  constructor(changed: (filters: readonly Filter[]) => void) {
    this.#changed = changed;
  }

  /** Filters refused: of a type that is not known here, or one too many. */
  get refused(): number {
    return this.#refused.size;
  }

  /** Makes `filters` the filters in force, except that those with an id in `keep` stay as they are. */
  replaceAll(filters: readonly FilterMessage[], keep: ReadonlySet<string> = new Set()): void {
    const wanted = new Set(filters.map((filter) => filter.id));
    for (const id of [...this.#filters.keys(), ...this.#refused]) {
      if (!wanted.has(id) && !keep.has(id)) this.remove(id);
    }
    for (const filter of filters) {
      if (!keep.has(filter.id)) this.put(filter);
    }
  }

  /** Adds a filter, or replaces the one with its id, unless it cannot be taken. */
  put(message: FilterMessage): void {
    const { id, type } = message;
    const filter = filterOf(message);
    const isOneTooMany = this.#filters.size >= maxFilters && !this.#filters.has(id);
    if (filter === undefined || isOneTooMany) {
      const reason = isOneTooMany
        ? `${maxFilters} are in force, and that is the most`
        : `type ${type} is not known here`;
      const instead = this.#filters.has(id) ? "; the version before it stays in force" : "";
      if (!this.#refused.has(id)) log.warn(`filter ${id} is refused: ${reason}${instead}`);
      if (this.#refused.size < maxFilters) this.#refused.add(id);
      return;
    }
    this.#refused.delete(id);
    const known = this.#filters.get(filter.id);
    if (known !== undefined && sameFilter(known, filter)) return;
    this.#filters.set(filter.id, filter);
    this.#report();
  }

  /** Removes a filter, if it is there. */
  remove(id: string): void {
    this.#refused.delete(id);
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
