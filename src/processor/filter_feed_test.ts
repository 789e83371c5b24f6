import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Filter } from "../engine/filter.ts";
import { type FilterUpdate, FilterUpdateType } from "../proto/management_messages.ts";
import { type FilterCall, FilterFeed } from "./filter_feed.ts";
import { FilterStore } from "./filter_store.ts";

/** A stream that takes a few updates at once. */
class SlowCall extends EventEmitter {
  readonly request = { hunter_id: "h" };
  readonly writableEnded = false;
  readonly destroyed = false;
  readonly written: FilterUpdate[] = [];
  #room = 3;

  get writableNeedDrain(): boolean {
    return this.#room === 0;
  }

  write(update: FilterUpdate): void {
    assert.ok(this.#room > 0, "more than the stream takes");
    this.#room--;
    this.written.push(update);
  }

  drain(): void {
    this.#room = 3;
    this.emit("drain");
  }
}

function filter(id: string, pattern = "x"): Filter {
  return { id, type: "sip_user", pattern, targetHunters: [], enabled: true, description: "" };
}

const { UPDATE_ADD, UPDATE_MODIFY, UPDATE_DELETE } = FilterUpdateType;

Deno.test("a slow hunter gets all filters, looked through once per change, not once per drain", () => {
  let looks = 0;
  const store = new FilterStore(() => (looks++, ["sip_user"]));
  store.replaceFileFilters(Array.from({ length: 100 }, (_, number) => filter(`f${number}`)));
  const call = new SlowCall();
  const feed = new FilterFeed(call as unknown as FilterCall, store);
  while (call.written.length < 100) call.drain();
  assert.equal(looks, 1);
  assert.deepEqual(
    call.written.map((update) => [update.update_type, update.filter?.id]),
    Array.from({ length: 100 }, (_, number) => [UPDATE_ADD, `f${number}`]),
  );
  assert.equal(feed.update(), false);
});

Deno.test("what changes while updates wait goes out as it is then", () => {
  const store = new FilterStore(() => ["sip_user"]);
  store.replaceFileFilters(["a", "b", "c", "d", "e", "f", "g", "h"].map((id) => filter(id)));
  const call = new SlowCall();
  const feed = new FilterFeed(call as unknown as FilterCall, store);
  store.delete("a");
  store.put(filter("b", "y"));
  store.put(filter("e", "y"));
  store.delete("f");
  assert.equal(feed.update(), true);
  for (let round = 0; round < 5; round++) call.drain();
  assert.deepEqual(
    call.written.map(({ update_type, filter }) => [update_type, filter?.id, filter?.pattern]),
    [
      [UPDATE_ADD, "a", "x"],
      [UPDATE_ADD, "b", "x"],
      [UPDATE_ADD, "c", "x"],
      [UPDATE_DELETE, "a", "x"],
      [UPDATE_MODIFY, "b", "y"],
      [UPDATE_ADD, "d", "x"],
      [UPDATE_ADD, "e", "y"],
      [UPDATE_ADD, "g", "x"],
      [UPDATE_ADD, "h", "x"],
    ],
  );
  assert.equal(feed.update(), false);
});
