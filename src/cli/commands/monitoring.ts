import type { Settings } from "../../config/settings.ts";
import type { ConnectionFigures } from "../../hunter/connection_figures.ts";
import type { OutboxFigures } from "../../delivery/outbox_figures.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { messageOf } from "../../runtime/operator_error.ts";
import type { EventLoopLag } from "../../telemetry/event_loop_lag.ts";
import type { HealthCheck } from "../../telemetry/health.ts";
import { logger } from "../../telemetry/log.ts";
import type { Metric } from "../../telemetry/metric.ts";
import type { MonitoringServer } from "../../telemetry/monitoring_server.ts";
import { exportMetrics, isTelemetryExported } from "../../telemetry/open_telemetry.ts";
import denoConfig from "../../../deno.json" with { type: "json" };

/** A main thread that was blocked for so long does not do its work, ms. */
const LONGEST_BLOCK_MS = 5_000;
/** A live capture tells its counters every second; one that has not for so long hangs, ms. */
const LONGEST_SILENCE_MS = 30_000;

const log = logger("monitoring");

/** What a command shows of itself. */
export interface MonitoredParts {
  /** Its own; those of every process come by themselves. */
  readonly metrics: readonly Metric[];
  /** Should the process be started anew? */
  readonly health?: readonly HealthCheck[];
  /** Does it do its work now? */
  readonly readiness: readonly HealthCheck[];
}

/** Whether somebody can read metrics. */
export function isMonitored(settings: Pick<Settings, "metricsListen">): boolean {
  return settings.metricsListen !== undefined || isTelemetryExported();
}

/** The figures of a process for Prometheus and OpenTelemetry, for as long as it is not disposed of. */
export class Monitoring implements AsyncDisposable {
  readonly #server: MonitoringServer | undefined;
  readonly #lag: EventLoopLag | undefined;

  private constructor(server?: MonitoringServer, lag?: EventLoopLag) {
    this.#server = server;
    this.#lag = lag;
  }

  /** Listens on `--metrics-listen`, and exports where Deno does; nothing of it where neither is asked for. */
  static async start(settings: Settings, parts: MonitoredParts): Promise<Monitoring> {
    if (!isMonitored(settings)) return new Monitoring();
    const { EventLoopLag } = await import("../../telemetry/event_loop_lag.ts");
    const { processMetrics } = await import("../../telemetry/process_metrics.ts");
    const { SystemSampler } = await import("../../telemetry/system_metrics.ts");
    const lag = new EventLoopLag();
    const build = { version: denoConfig.version, deno: Deno.version.deno, command: settings.command };
    const metrics = [...processMetrics(build, new SystemSampler(), lag), ...parts.metrics];
    const eventLoop: HealthCheck = {
      name: "event_loop",
      problem: () =>
        lag.longestMs > LONGEST_BLOCK_MS
          ? `the main thread was blocked for ${(lag.longestMs / 1000).toFixed(1)} s within the last seconds`
          : undefined,
    };
    await exportMetrics(metrics, denoConfig.version);
    if (settings.metricsListen === undefined) return new Monitoring(undefined, lag);
    const { MonitoringServer } = await import("../../telemetry/monitoring_server.ts");
    const server = await MonitoringServer.start(settings.metricsListen, {
      metrics,
      health: [eventLoop, ...parts.health ?? []],
      readiness: parts.readiness,
    });
    log.info(`/metrics, /healthz and /readyz on ${server.address}`);
    return new Monitoring(server, lag);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lag?.stop();
    await this.#server?.close();
  }
}

/** Whether a capture thread still tells its counters. */
export function captureHealth(settings: Settings, pipeline: () => Pipeline | undefined): HealthCheck {
  return {
    name: "capture_thread",
    problem() {
      const silentMs = pipeline()?.silentMs;
      if (settings.readFiles.length > 0 || silentMs === undefined || silentMs < LONGEST_SILENCE_MS) {
        return undefined;
      }
      return `the capture thread has told nothing for ${Math.round(silentMs / 1000)} s`;
    },
  };
}

/** Whether packets are captured. */
export function captureReadiness(pipeline: () => Pipeline | undefined, failed: () => boolean): HealthCheck {
  return {
    name: "capture",
    problem() {
      if (failed()) return "an input cannot be read: see the log";
      return pipeline()?.progress === undefined ? "the capture is not open yet" : undefined;
    },
  };
}

/** Whether what is captured has somewhere to go: to the processor, or to disk for as long as there is room. */
export function deliveryReadiness(
  connection: () => ConnectionFigures,
  outbox: () => OutboxFigures,
): HealthCheck {
  return {
    name: "delivery",
    problem() {
      const { state, lastError } = connection();
      if (state === "connected") return undefined;
      const unregistered = `not registered with the processor (${state})${lastError && `: ${lastError}`}`;
      const { spool } = outbox();
      if (spool === undefined) return unregistered;
      if (spool.faulty) return `${unregistered}; and the disk buffer cannot be written or read`;
      return spool.full ? `${unregistered}; and the disk buffer is full` : undefined;
    },
  };
}

/** Whether what comes in can be stored. */
export function sinkReadiness(failure: () => unknown): HealthCheck {
  return {
    name: "sinks",
    problem() {
      const reason = failure();
      return reason === undefined ? undefined : `packets cannot be stored: ${messageOf(reason)}`;
    },
  };
}
