import type { EventLoopLag } from "./event_loop_lag.ts";
import { counter, gauge, type Metric } from "./metric.ts";
import type { SystemSampler } from "./system_metrics.ts";

/** What a process says of itself; the names that begin with `process_` are those that all exporters use. */
export function processMetrics(
  build: Readonly<Record<string, string>>,
  system: SystemSampler,
  lag: EventLoopLag,
): Metric[] {
  const startedMs = Date.now() - performance.now();
  return [
    gauge({
      name: "caracal_build_info",
      help: "Always 1; the labels say which program runs",
      constants: build,
      read: () => 1,
    }),
    counter({
      name: "process_cpu_seconds_total",
      help: "Processor time used, user and system",
      unit: "seconds",
      read: () => system.sample().cpuSeconds,
    }),
    gauge({
      name: "process_resident_memory_bytes",
      help: "Resident memory",
      unit: "bytes",
      read: () => system.sample().memoryRssBytes,
    }),
    gauge({
      name: "process_start_time_seconds",
      help: "When the process started, since 1970",
      unit: "seconds",
      read: () => startedMs / 1000,
    }),
    gauge({
      name: "caracal_uptime_seconds",
      help: "Time since the start, by a clock that nobody sets",
      unit: "seconds",
      read: () => performance.now() / 1000,
    }),
    gauge({
      name: "caracal_memory_limit_bytes",
      help: "Memory that control groups allow; 0 for no limit, or where it may not be read",
      unit: "bytes",
      read: () => system.sample().memoryLimitBytes,
    }),
    gauge({
      name: "caracal_cpu_limit_cores",
      help: "Processor time per time that control groups allow; 0 for no limit, or where it may not be read",
      unit: "cores",
      read: () => system.sample().cpuLimitCores,
    }),
    gauge({
      name: "caracal_event_loop_lag_seconds",
      help: "Longest delay of the main thread in the last ten seconds",
      unit: "seconds",
      read: () => lag.longestMs / 1000,
    }),
  ];
}
