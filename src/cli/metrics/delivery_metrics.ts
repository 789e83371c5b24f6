import type { Amount } from "../../delivery/batch.ts";
import { dropReasons, type OutboxFigures } from "../../delivery/outbox_figures.ts";
import { counter, gauge, type Metric, type MetricUnit, oneHot } from "../../telemetry/metric.ts";

/** Where batches are. */
const places = ["memory", "in_flight", "disk"] as const;
const flowStates: readonly OutboxFigures["flow"]["state"][] = ["continue", "slow", "paused"];

/** Batches on their way to a processor elsewhere. */
export function deliveryMetrics(figures: () => OutboxFigures): Metric[] {
  const held = (unit: keyof Amount) => () => {
    const { waiting, inFlight, spool } = figures();
    return { memory: waiting[unit], in_flight: inFlight[unit], disk: spool?.held[unit] ?? 0 };
  };
  const units: readonly (MetricUnit & keyof Amount)[] = ["batches", "packets", "bytes"];
  return [
    ...units.map((unit) =>
      gauge({
        name: `caracal_delivery_held_${unit}`,
        help:
          "What the processor has not acknowledged, by where it is; what is on disk may be in memory, too",
        unit,
        label: { name: "place", values: places },
        read: held(unit),
      })
    ),
    ...units.map((unit) =>
      counter({
        name: `caracal_delivery_acknowledged_${unit}_total`,
        help: "What the processor has acknowledged",
        unit,
        read: () => figures().acknowledged[unit],
      })
    ),
    ...units.map((unit) =>
      counter({
        name: `caracal_delivery_resent_${unit}_total`,
        help: "What was sent again after a connection was lost",
        unit,
        read: () => figures().resent[unit],
      })
    ),
    ...units.map((unit) =>
      counter({
        name: `caracal_delivery_dropped_${unit}_total`,
        help: "What will never be delivered, by reason",
        unit,
        label: { name: "reason", values: dropReasons },
        read: () =>
          Object.fromEntries(dropReasons.map((reason) => [reason, figures().dropped[reason][unit]])),
      })
    ),
    gauge({
      name: "caracal_delivery_memory_fill_ratio",
      help: "How full the memory is, of the bound that is nearest",
      read: () => figures().fillPercent / 100,
    }),
    gauge({
      name: "caracal_delivery_window_batches",
      help: "Batches that may be in flight now",
      unit: "batches",
      read: () => figures().window.batches,
    }),
    gauge({
      name: "caracal_delivery_window_bytes",
      help: "Bytes that may be in flight now",
      unit: "bytes",
      read: () => figures().window.bytes,
    }),
    gauge({
      name: "caracal_delivery_flow",
      help: "1 for what the processor asked for last, 0 for the others",
      label: { name: "state", values: flowStates },
      read: () => oneHot(flowStates, figures().flow.state),
    }),
    gauge({
      name: "caracal_delivery_flow_seconds",
      help: "For how long the processor has asked for that",
      unit: "seconds",
      read: () => figures().flow.forMs / 1000,
    }),
    gauge({
      name: "caracal_spool_disk_bytes",
      help: "What the disk buffer takes on disk; none without a disk buffer",
      unit: "bytes",
      read: () => figures().spool?.diskBytes,
    }),
    gauge({
      name: "caracal_spool_limit_bytes",
      help: "What the disk buffer may take on disk; none without a disk buffer",
      unit: "bytes",
      read: () => figures().spool?.limitBytes,
    }),
    gauge({
      name: "caracal_spool_faulty",
      help:
        "1 from a refused write or sync of the disk buffer until a write succeeds, and while it cannot be read",
      read: () => figures().spool === undefined ? undefined : Number(figures().spool?.faulty),
    }),
    counter({
      name: "caracal_spool_not_kept_packets_total",
      help: "Packets that went on in memory alone, because the disk refused them",
      unit: "packets",
      read: () => figures().spool?.notKept.packets ?? 0,
    }),
  ];
}
