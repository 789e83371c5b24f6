/**
 * The way to Deno's own OpenTelemetry exporter, which `OTEL_DENO=true` turns on. It reads its settings itself, so that
 * no permission is needed for them.
 *
 * @module
 */
import type { Metric, MetricUnit } from "./metric.ts";

/** Units as UCUM writes them, as OpenTelemetry asks. */
const ucum: Readonly<Record<MetricUnit, string>> = {
  bytes: "By",
  seconds: "s",
  packets: "{packet}",
  batches: "{batch}",
  flows: "{flow}",
  cores: "{core}",
};

/** Name of the instruments' and spans' scope. */
const scope = "caracal";

/** Whether Deno exports telemetry: only then has it registered itself where the API looks for an implementation. */
export function isTelemetryExported(): boolean {
  return Symbol.for("opentelemetry.js.api.1") in globalThis;
}

/** From now on, `metrics` are exported with Deno's own, under the names that Prometheus has for them. */
export async function exportMetrics(metrics: readonly Metric[], version: string): Promise<void> {
  if (!isTelemetryExported()) return;
  const { metrics: api } = await import("@opentelemetry/api");
  const meter = api.getMeter(scope, version);
  for (const metric of metrics) {
    const options = {
      description: metric.help,
      ...(metric.unit === undefined ? {} : { unit: ucum[metric.unit] }),
    };
    const instrument = metric.kind === "counter"
      ? meter.createObservableCounter(metric.name, options)
      : meter.createObservableGauge(metric.name, options);
    instrument.addCallback((result) => {
      for (const { labels, value } of metric.samples()) result.observe(value, { ...labels });
    });
  }
}

/** Does `work` inside a span, which is marked as failed when it rejects; only `work` where nothing is exported. */
export async function inSpan<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (!isTelemetryExported()) return await work();
  const { trace, SpanStatusCode } = await import("@opentelemetry/api");
  return await trace.getTracer(scope).startActiveSpan(name, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}
