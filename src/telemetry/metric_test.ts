import assert from "node:assert/strict";
import { counter, gauge, type Metric, oneHot, type Reading } from "./metric.ts";

const help = "A figure";

Deno.test("a name says whether it is a counter, and its unit", () => {
  const read = () => 0;
  for (
    const make of [
      () => counter({ name: "caracal_packets", help, read }),
      () => gauge({ name: "caracal_packets_total", help, read }),
      () => gauge({ name: "caracal_Packets", help, read }),
      () => gauge({ name: "caracal-packets", help, read }),
      () => counter({ name: "caracal_read_total", help, unit: "bytes", read }),
    ]
  ) {
    assert.throws(make);
  }
  counter({ name: "caracal_read_bytes_total", help, unit: "bytes", read });
});

function labelled(values: readonly string[] | number, read: () => Reading): Metric {
  return gauge({ name: "caracal_of", help, label: { name: "kind", values }, read });
}

const shown = (metric: Metric) => metric.samples().map(({ labels, value }) => `${labels.kind} ${value}`);

Deno.test("values of a label beyond its bound are summed up as other", () => {
  const read = () => ({ a: 1, evil: 2, b: 3, worse: 4 });
  assert.deepEqual(shown(labelled(["a", "b"], read)), ["a 1", "other 6", "b 3"]);
  assert.deepEqual(shown(labelled(2, read)), ["a 1", "evil 2", "other 7"]);
  assert.deepEqual(shown(labelled(0, read)), ["other 10"]);
});

Deno.test("hostile values make no more series, and known ones keep theirs", () => {
  let round = 0;
  const metric = labelled(3, () => new Map(Array.from({ length: 1000 }, (_, at) => [`${round}-${at}`, 1])));
  const first = shown(metric);
  assert.deepEqual(first, ["0-0 1", "0-1 1", "0-2 1", "other 997"]);
  for (round = 1; round < 100; round++) assert.deepEqual(shown(metric), ["other 1000"]);
  round = 0;
  assert.deepEqual(shown(metric), first);
});

Deno.test("what is unknown has no series", () => {
  for (const value of [undefined, NaN, Infinity]) {
    assert.deepEqual(gauge({ name: "caracal_unknown", help, read: () => value }).samples(), []);
  }
});

Deno.test("one of several states is 1", () => {
  assert.deepEqual(oneHot(["a", "b"], "b"), { a: 0, b: 1 });
  assert.deepEqual(oneHot(["a", "b"], "c"), { a: 0, b: 0 });
});
