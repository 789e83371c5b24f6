import "../runtime/environment.ts";
import assert from "node:assert/strict";
import type { Amount } from "../delivery/batch.ts";
import type { Outbox } from "../delivery/outbox.ts";
import { type DropReason as DeliveryDropReason, dropReasons } from "../delivery/outbox_figures.ts";
import { noTraffic } from "../engine/traffic.ts";
import { Reporter } from "../hunter/reporter.ts";
import { noProgress, type Progress } from "../pipeline/progress.ts";
import type { Metric } from "../telemetry/metric.ts";
import { allDropReasons, captureDrops, type DropReason, lostBeforeSinks } from "./drop_reasons.ts";
import { captureMetrics } from "./metrics/capture_metrics.ts";
import { deliveryMetrics } from "./metrics/delivery_metrics.ts";
import { outboxFigures } from "../../tests/hunter_figures.ts";
import { summarize } from "./summary.ts";
import { summaryCounters } from "./summary_counters.ts";

const packets = 7;

/** A run that lost packets for one reason. */
interface Run {
  readonly progress: Progress;
  readonly dropped: Readonly<Record<DeliveryDropReason, Amount>>;
}

function runThatLost(reason: DropReason): Run {
  const counterName = reason === "no_bpf_program" ? "rejected_without_bpf_program" : reason;
  return {
    progress: {
      ...noProgress,
      engine: Object.fromEntries(
        [...summaryCounters, "call_buffer_full"].map((name) => [name, name === counterName ? packets : 0]),
      ),
      kernel: {
        received: 0,
        dropped: reason === "kernel" ? packets : 0,
        interfaceDropped: reason === "interface" ? packets : 0,
      },
      droppedBySinks: reason === "sinks" ? packets : 0,
    },
    dropped: Object.fromEntries(
      dropReasons.map((one) => [one, { batches: 0, packets: one === reason ? packets : 0, bytes: 0 }]),
    ) as Run["dropped"],
  };
}

/** Reasons with packets, as a metric has them. */
function reasonsIn(metrics: readonly Metric[], name: string): string[] {
  const metric = metrics.find((one) => one.name === name) ?? assert.fail(name);
  return metric.samples().filter(({ value }) => value > 0).map(({ labels, value }) => {
    assert.equal(value, packets);
    return labels.reason ?? "";
  });
}

for (const reason of allDropReasons) {
  Deno.test(`packets dropped for ${reason}: in summary, metrics and heartbeat`, () => {
    const { progress, dropped } = runThatLost(reason);
    const lost = Object.fromEntries(dropReasons.map((one) => [one, dropped[one].packets]));
    const { drops } = summarize(progress, noTraffic, 1, lost);
    assert.deepEqual(Object.keys(drops), allDropReasons);
    assert.deepEqual(Object.entries(drops).filter(([, count]) => count > 0), [[reason, packets]]);

    const metrics = [
      ...captureMetrics({ progress: () => progress, failed: () => false }),
      ...deliveryMetrics(() => ({ ...outboxFigures, dropped })),
    ];
    assert.deepEqual([
      ...reasonsIn(metrics, "caracal_dropped_packets_total"),
      ...reasonsIn(metrics, "caracal_delivery_dropped_packets_total"),
    ], [reason]);

    const none = { batches: 0, packets: 0, bytes: 0 };
    const outbox = { acknowledged: none, undelivered: none, dropped, figures: outboxFigures } as Outbox;
    const figures = { captured: 0, matched: 0, dropped: lostBeforeSinks(progress), failed: false };
    const { stats } = new Reporter(() => figures, outbox, () => 0, 1000).report();
    // What only the capture file cannot hold reaches the processor.
    assert.equal(stats.packets_dropped, reason === "unwritable_link_types" ? 0n : BigInt(packets));
  });
}

Deno.test("drops of an engine without the counter are an error, and 0 before it counted", () => {
  assert.throws(() => captureDrops({ ...noProgress, engine: { packets: 1 } }), /no counter/);
  assert.equal(lostBeforeSinks(undefined), 0);
});
