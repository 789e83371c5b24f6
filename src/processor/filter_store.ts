import type { Filter, FilterTypeName } from "../engine/filter.ts";

/** Types that a hunter gets when it never said what it can do. */
const basicTypes: readonly string[] = ["bpf", "ip_address"] satisfies FilterTypeName[];

/** The filters of this processor, and who gets which. */
export class FilterStore {
  readonly #filters = new Map<string, Filter>();
  readonly #typesOf: (hunterId: string) => readonly string[];
  /** Ids that the filter file named last; the others came over the API. */
  #inFile: ReadonlySet<string> = new Set();
  readonly #listeners = new Set<() => void>();

  /** Begins empty; `typesOf` gives the filter types that a hunter announced, or none. */
  constructor(typesOf: (hunterId: string) => readonly string[]) {
    this.#typesOf = typesOf;
  }

  /** Filters in it. */
  get size(): number {
    return this.#filters.size;
  }

  /** All filters, in the order of their first appearance. */
  all(): Filter[] {
    return [...this.#filters.values()];
  }

  /** The filter with that id. */
  get(id: string): Filter | undefined {
    return this.#filters.get(id);
  }

  /** The filters that a hunter is to have: meant for it, and of a type that it applies. */
  forHunter(hunterId: string): Filter[] {
    const announced = this.#typesOf(hunterId);
    const types = announced.length === 0 ? basicTypes : announced;
    return this.all().filter((filter) =>
      types.includes(filter.type) &&
      (filter.targetHunters.length === 0 || filter.targetHunters.includes(hunterId))
    );
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Adds a filter, or replaces the one with its id. */
  put(filter: Filter): void {
    this.#filters.set(filter.id, filter);
    this.#changed();
  }

  /** Removes a filter; false when there is none with that id. */
  delete(id: string): boolean {
    const found = this.#filters.delete(id);
    if (found) this.#changed();
    return found;
  }

  /** The filter file has this content now. Filters that it no longer names go; those it never named stay. */
  replaceFileFilters(filters: readonly Filter[]): void {
    const named = new Set(filters.map((filter) => filter.id));
    for (const id of this.#inFile) {
      if (!named.has(id)) this.#filters.delete(id);
    }
    for (const filter of filters) this.#filters.set(filter.id, filter);
    this.#inFile = named;
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
