import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { parseMetrics } from "../../tests/prometheus_format.ts";
import { counter, gauge } from "./metric.ts";
import { prometheusText } from "./prometheus_text.ts";

Deno.test("values of now, with nothing left of those before", async () => {
  let packets: number | undefined = 5;
  let reasons: Record<string, number> = { kernel: 1, sinks: 2 };
  const text = await prometheusText([
    counter({
      name: "caracal_dropped_packets_total",
      help: "Packets dropped",
      label: { name: "reason", values: 10 },
      read: () => reasons,
    }),
    gauge({ name: "caracal_waiting_packets", help: "Packets waiting", read: () => packets }),
  ]);
  assert.equal(text.contentType, "text/plain; version=0.0.4; charset=utf-8");
  const page = async () =>
    Object.fromEntries(
      [...parseMetrics(await text.render())].map(([name, { series }]) => [name, [...series]]),
    );
  assert.deepEqual(await page(), {
    caracal_dropped_packets_total: [['reason="kernel"', 1], ['reason="sinks"', 2]],
    caracal_waiting_packets: [["", 5]],
  });
  packets = undefined;
  reasons = { sinks: 3 };
  assert.deepEqual(await page(), {
    caracal_dropped_packets_total: [['reason="sinks"', 3]],
    caracal_waiting_packets: [],
  });
});

Deno.test("help and labels are escaped", async () => {
  const text = await prometheusText([
    gauge({
      name: "caracal_hostile",
      help: "a\nb \\ c",
      label: { name: "reason", values: 10 },
      read: () => ({ 'quote" slash\\ line\n}': 1 }),
    }),
  ]);
  const { help, series } = parseMetrics(await text.render()).get("caracal_hostile") ?? assert.fail();
  assert.equal(help, "a\\nb \\\\ c");
  assert.deepEqual([...series], [['reason="quote\\" slash\\\\ line\\n}"', 1]]);
});
