import type { Counter, Gauge } from "prom-client";
import type { Metric } from "./metric.ts";

/** Renders metrics in Prometheus' text format. The library behind it is loaded by {@link prometheusText}. */
export interface PrometheusText {
  /** Value of the Content-Type header. */
  readonly contentType: string;
  /** All metrics as they are now. */
  render(): Promise<string>;
}

/** Makes the text of `metrics`, whose names must differ. */
export async function prometheusText(metrics: readonly Metric[]): Promise<PrometheusText> {
  const { Counter, Gauge, Registry } = await import("prom-client");
  const registry = new Registry();
  for (const metric of metrics) {
    const options = {
      name: metric.name,
      help: metric.help,
      labelNames: [...metric.labelNames],
      registers: [registry],
    };
    if (metric.kind === "counter") {
      new Counter({
        ...options,
        collect() {
          refill(this, metric, (labels, value) => this.inc(labels, value));
        },
      });
    } else {
      new Gauge({
        ...options,
        collect() {
          refill(this, metric, (labels, value) => this.set(labels, value));
        },
      });
    }
  }
  return { contentType: registry.contentType, render: () => registry.metrics() };
}

/** Puts the values of now in the place of those of the last time. */
function refill(
  target: Counter | Gauge,
  metric: Metric,
  put: (labels: Record<string, string>, value: number) => void,
): void {
  target.reset();
  const samples = metric.samples();
  // A metric without labels is 0 after a reset, which is not the same as unknown.
  if (samples.length === 0 && metric.labelNames.length === 0) target.remove();
  for (const { labels, value } of samples) put(labels, value);
}
