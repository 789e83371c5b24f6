import type { ServerWritableStream } from "@grpc/grpc-js";
import type { Filter } from "../engine/filter.ts";
import { filterMessage, sameFilter } from "../proto/filter_message.ts";
import { type FilterRequest, type FilterUpdate, FilterUpdateType } from "../proto/management_messages.ts";
import type { FilterStore } from "./filter_store.ts";

/** A SubscribeFilters stream. */
export type FilterCall = ServerWritableStream<FilterRequest, FilterUpdate>;

type Change = readonly [FilterUpdateType, Filter];

/**
 * Keeps one subscribed hunter in step with the filter store: what it was sent is remembered and compared, so a slow
 * hunter costs no queue, and a filter that comes within its reach by a change arrives as an addition.
 */
export class FilterFeed {
  /** The subscribed hunter. */
  readonly hunterId: string;
  readonly #call: FilterCall;
  readonly #store: FilterStore;
  readonly #sent = new Map<string, Filter>();
  /** What is left to send; undefined when nothing is. */
  #left: Iterator<Change, undefined> | undefined;
  /** The first of it. */
  #next: Change | undefined;

  /** Sends what is in force now. */
  constructor(call: FilterCall, store: FilterStore) {
    this.hunterId = call.request.hunter_id;
    this.#call = call;
    this.#store = store;
    call.on("drain", () => this.#send());
    this.update();
  }

  /** Sends what has changed since the last time; false when nothing has. */
  update(): boolean {
    // What was left is among the changes.
    this.#left = this.#changes();
    this.#next = undefined;
    return this.#send();
  }

  /** Sends as much of what is left as the stream takes; false when nothing was. */
  #send(): boolean {
    let changed = false;
    while (this.#left !== undefined && !this.#call.writableEnded) {
      this.#next ??= this.#left.next().value;
      if (this.#next === undefined) {
        this.#left = undefined;
        break;
      }
      if (this.#call.writableNeedDrain || this.#call.destroyed) return true;
      changed = true;
      const [type, filter] = this.#next;
      this.#next = undefined;
      if (type === FilterUpdateType.UPDATE_DELETE) this.#sent.delete(filter.id);
      else this.#sent.set(filter.id, filter);
      this.#call.write({ update_type: type, filter: filterMessage(filter) });
    }
    return changed;
  }

  *#changes(): Generator<Change, undefined> {
    const wanted = new Map(this.#store.forHunter(this.hunterId).map((filter) => [filter.id, filter]));
    for (const filter of [...this.#sent.values()]) {
      // A hunter that keeps one list per type would miss half of a change of type.
      if (wanted.get(filter.id)?.type !== filter.type) yield [FilterUpdateType.UPDATE_DELETE, filter];
    }
    for (const filter of wanted.values()) {
      const sent = this.#sent.get(filter.id);
      if (sent === undefined) yield [FilterUpdateType.UPDATE_ADD, filter];
      else if (!sameFilter(sent, filter)) yield [FilterUpdateType.UPDATE_MODIFY, filter];
    }
    return undefined;
  }
}
