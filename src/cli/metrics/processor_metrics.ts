import type { ProcessorCounters } from "../../processor/processor.ts";
import { hunterStatusNames } from "../../proto/hunter_status.ts";
import { counter, gauge, type Metric } from "../../telemetry/metric.ts";

/** What a processor takes in and hands out. */
export function processorMetrics(counters: () => ProcessorCounters): Metric[] {
  return [
    gauge({
      name: "caracal_processor_hunters",
      help: "Hunters registered, by what they said last; error also for those that have fallen silent",
      label: { name: "status", values: hunterStatusNames },
      read: () => counters().huntersByStatus,
    }),
    counter({
      name: "caracal_processor_packets_total",
      help: "Packets taken, from hunters and from this process's own capture",
      unit: "packets",
      read: () => counters().packets,
    }),
    counter({
      name: "caracal_processor_bytes_total",
      help: "Bytes of frames in the packets taken",
      unit: "bytes",
      read: () => counters().bytes,
    }),
    counter({
      name: "caracal_processor_batches_total",
      help: "Batches taken from hunters, without duplicates and probes",
      unit: "batches",
      read: () => counters().batches,
    }),
    counter({
      name: "caracal_processor_rejected_batches_total",
      help: "Batches not taken, by reason: sent before (duplicate), or unreadable (malformed)",
      unit: "batches",
      label: { name: "reason", values: ["duplicate", "malformed"] },
      read: () => ({ duplicate: counters().repeats, malformed: counters().malformed }),
    }),
    counter({
      name: "caracal_processor_unwritable_packets_total",
      help: "Packets left out of the capture file, because it began with another link type",
      unit: "packets",
      read: () => counters().unwritable,
    }),
    gauge({
      name: "caracal_processor_subscribers",
      help: "Clients watching",
      read: () => counters().subscribers,
    }),
    counter({
      name: "caracal_processor_missed_batches_total",
      help: "Batches that slow clients missed",
      unit: "batches",
      read: () => counters().subscriberDrops,
    }),
    gauge({
      name: "caracal_processor_filters",
      help: "Filters loaded",
      read: () => counters().filters,
    }),
    counter({
      name: "caracal_processor_refused_calls_total",
      help: "Calls that were refused or failed, by gRPC status code",
      label: { name: "code", values: 17 },
      read: () => counters().refusedCalls,
    }),
  ];
}
