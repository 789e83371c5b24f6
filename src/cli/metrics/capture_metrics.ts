import { noTraffic } from "../../engine/traffic.ts";
import type { Progress } from "../../pipeline/progress.ts";
import { counter, gauge, type Metric } from "../../telemetry/metric.ts";
import { captureDropReasons, captureDrops } from "../drop_reasons.ts";

/** What is told of a capture. */
export interface CaptureView {
  /** Its counters; undefined before the first ones. */
  readonly progress: () => Progress | undefined;
  /** True when nothing is captured, though it should be. */
  readonly failed: () => boolean;
}

/** More protocols than the engine has names for. */
const maxProtocols = 256;
/** More counters than the engine has. */
const maxEngineCounters = 128;
/** Protocols, and counters of the engine, come under the engine's own fixed names; a packet cannot make new ones. */
const byProtocol = { name: "protocol", values: maxProtocols };
const byReason = { name: "reason", values: maxEngineCounters };

const rejections = [
  "rejected_by_mode",
  "rejected_fragments",
  "rejected_by_bpf",
  "rejected_by_filters",
  "fragment_duplicates",
] as const;

/** Counters of the engine that have a metric of their own. */
const told: ReadonlySet<string> = new Set([
  "packets",
  "bytes",
  "kept",
  "kept_bytes",
  "detected_flows",
  "rejected_without_bpf_program",
  ...rejections,
  ...captureDropReasons,
]);

/** Packets on their way from the wire to the sinks. */
export function captureMetrics(view: CaptureView): Metric[] {
  const engine = (name: string) => view.progress()?.engine[name] ?? 0;
  const traffic = () => view.progress()?.traffic ?? noTraffic;
  /** Counters of the engine that are told by rule, so that a new one is not forgotten. */
  const rest = (belongs: (name: string) => boolean) =>
    Object.fromEntries(
      Object.entries(view.progress()?.engine ?? {}).filter(([name]) => !told.has(name) && belongs(name)),
    );
  const isEviction = (name: string) => name.endsWith("_evictions");
  const isBytes = (name: string) => name.endsWith("_bytes");
  return [
    counter({
      name: "caracal_captured_packets_total",
      help: "Packets read",
      unit: "packets",
      read: () => engine("packets"),
    }),
    counter({
      name: "caracal_captured_bytes_total",
      help: "Captured bytes of the packets read",
      unit: "bytes",
      read: () => engine("bytes"),
    }),
    counter({
      name: "caracal_kept_packets_total",
      help: "Packets that mode and filters kept",
      unit: "packets",
      read: () => engine("kept"),
    }),
    counter({
      name: "caracal_kept_bytes_total",
      help: "Captured bytes of the packets kept",
      unit: "bytes",
      read: () => engine("kept_bytes"),
    }),
    counter({
      name: "caracal_rejected_packets_total",
      help: "Packets that were not asked for or came again, by what left them out",
      unit: "packets",
      label: byReason,
      read: () => Object.fromEntries(rejections.map((name) => [rejectionName(name), engine(name)])),
    }),
    counter({
      name: "caracal_kernel_received_packets_total",
      help: "Packets that the kernel's capture filter let pass",
      unit: "packets",
      read: () => view.progress()?.kernel?.received ?? 0,
    }),
    counter({
      name: "caracal_input_bytes_total",
      help: "Bytes taken from capture files, as they are stored",
      unit: "bytes",
      read: () => view.progress()?.inputBytes ?? 0,
    }),
    counter({
      name: "caracal_dropped_packets_total",
      help: "Packets lost before the sinks, by reason",
      unit: "packets",
      label: { name: "reason", values: captureDropReasons },
      read: () => captureDrops(view.progress()),
    }),
    counter({
      name: "caracal_engine_events_total",
      help: "What the engine counts of packets, messages, fragments and streams, by the name of its counter",
      label: byReason,
      read: () => rest((name) => !isEviction(name) && !isBytes(name)),
    }),
    counter({
      name: "caracal_engine_event_bytes_total",
      help: "What the engine counts in bytes, by the name of its counter",
      unit: "bytes",
      label: byReason,
      read: () => rest(isBytes),
    }),
    counter({
      name: "caracal_table_evictions_total",
      help: "Entries that gave way to others in a full table",
      label: { name: "table", values: maxEngineCounters },
      read: () =>
        Object.fromEntries(
          Object.entries(rest(isEviction)).map(([name, count]) => [name.replace(/_evictions$/, ""), count]),
        ),
    }),
    gauge({
      name: "caracal_active_flows",
      help: "Flows in the table; a snapshot as old as those of the protocols",
      unit: "flows",
      read: () => view.progress()?.traffic?.flows.active,
    }),
    counter({
      name: "caracal_ended_flows_total",
      help: "Flows that left the table, by how",
      unit: "flows",
      label: { name: "reason", values: ["expired", "restarted", "evicted"] },
      read: () => {
        const { expired, restarted, evicted } = traffic().flows;
        return { expired, restarted, evicted };
      },
    }),
    counter({
      name: "caracal_detected_flows_total",
      help: "Flows whose protocol was recognised",
      unit: "flows",
      read: () => engine("detected_flows"),
    }),
    counter({
      name: "caracal_protocol_packets_total",
      help: "Packets by protocol, looked at every five seconds, less often with many flows",
      unit: "packets",
      label: byProtocol,
      read: growing(() => traffic().protocols.map(({ protocol, packets }) => [protocol, packets])),
    }),
    counter({
      name: "caracal_protocol_bytes_total",
      help: "Captured bytes by protocol, looked at every five seconds, less often with many flows",
      unit: "bytes",
      label: byProtocol,
      read: growing(() => traffic().protocols.map(({ protocol, bytes }) => [protocol, bytes])),
    }),
    counter({
      name: "caracal_capture_restarts_total",
      help: "Times that the capture thread broke down and was started again",
      read: () => view.progress()?.restarts ?? 0,
    }),
    counter({
      name: "caracal_signalling_dropped_bytes_total",
      help: "What capture threads told each other of calls, and one did not hear since it did not keep up",
      unit: "bytes",
      read: () => view.progress()?.signallingDropped ?? 0,
    }),
    gauge({
      name: "caracal_capture_failed",
      help: "1 when an input cannot be read, or not any longer",
      read: () => view.failed() ? 1 : 0,
    }),
  ];
}

/** The filters that a capture was told to apply. */
export function filterMetric(counts: () => { readonly inForce: number; readonly refused: number }): Metric {
  return gauge({
    name: "caracal_filters",
    help: "Filters in force, and filters that were refused",
    label: { name: "state", values: ["in_force", "refused"] },
    read: () => ({ in_force: counts().inForce, refused: counts().refused }),
  });
}

/** As the summary names it. */
function rejectionName(name: typeof rejections[number]): string {
  return name === "fragment_duplicates" ? "duplicates" : name.replace(/^rejected_(by_)?/, "");
}

/**
 * Never goes back: what a flow carried before it was recognised moves from one protocol to another, and Prometheus would
 * take a counter that shrinks for a process that was started anew.
 */
function growing(read: () => readonly (readonly [string, number])[]): () => ReadonlyMap<string, number> {
  const highest = new Map<string, number>();
  return () => {
    for (const [name, value] of read()) highest.set(name, Math.max(value, highest.get(name) ?? 0));
    return highest;
  };
}
