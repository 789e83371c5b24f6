import assert from "node:assert/strict";
import { type Filter, FilterType } from "../proto/management_messages.ts";
import { FilterTable } from "./filter_table.ts";

const filter = (id: string, pattern = "192.0.2.1"): Filter => ({
  id,
  type: FilterType.FILTER_IP_ADDRESS,
  pattern,
  target_hunters: [],
  enabled: true,
  description: "",
});

Deno.test("more filters than a hunter takes are refused and counted, and those in force can be changed", () => {
  let told: readonly { readonly id: string; readonly pattern: string }[] = [];
  const table = new FilterTable((filters) => told = filters);
  for (let number = 0; number < 100_002; number += 1) table.put(filter(`f${number}`));
  table.put(filter("f0", "192.0.2.2"));
  table.flush();
  assert.equal(told.length, 100_000);
  assert.equal(told[0]?.pattern, "192.0.2.2");
  assert.equal(table.refused, 2);
  table.remove("f1");
  table.put(filter("f100001"));
  assert.equal(table.refused, 1);
  table.stop();
});
