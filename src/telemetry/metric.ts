/** A figure of this process by name, read when somebody asks: one definition for Prometheus and for OpenTelemetry. */

/** `counter` only grows, until the process ends; `gauge` goes up and down. */
export type MetricKind = "counter" | "gauge";

/** What is counted or measured. Prometheus has it in the name, too. */
export type MetricUnit = "bytes" | "seconds" | "packets" | "batches" | "flows" | "cores";

/**
 * The values that a label may have: these, or as many different ones as come first. Whatever else comes is summed up
 * under {@link otherValue}, so that no traffic can make more series.
 */
export type LabelBound = readonly string[] | number;

/** The value of a label that stands for all beyond its bound. */
export const otherValue = "other";

/** What a metric shows now: one number, or numbers by value of its label; undefined when nothing is known. */
export type Reading = number | Readonly<Record<string, number>> | ReadonlyMap<string, number> | undefined;

/** How a metric is made. */
export interface MetricOptions {
  /** In Prometheus' form: `caracal_captured_packets_total`. */
  readonly name: string;
  /** One sentence without a full stop. */
  readonly help: string;
  /** What is counted; left out for numbers of other things. */
  readonly unit?: MetricUnit;
  /** The one label of {@link Reading}s by value. */
  readonly label?: { readonly name: string; readonly values: LabelBound };
  /** Labels with one value for as long as the process runs. */
  readonly constants?: Readonly<Record<string, string>>;
  /** Reads the value. Must be quick, and must not throw. */
  readonly read: () => Reading;
}

/** One series of a metric, now. */
export interface Sample {
  /** Labels by name. */
  readonly labels: Readonly<Record<string, string>>;
  /** A finite number. */
  readonly value: number;
}

/** A named figure. */
export class Metric {
  /** Whether it only grows. */
  readonly kind: MetricKind;
  /** In Prometheus' form. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** What is counted. */
  readonly unit: MetricUnit | undefined;
  /** Names of all its labels. */
  readonly labelNames: readonly string[];
  readonly #label: MetricOptions["label"];
  readonly #constants: Readonly<Record<string, string>>;
  readonly #read: () => Reading;
  /** Values of the label that have a series of their own. */
  readonly #values: Set<string>;
  readonly #bound: number;

  /** Throws where the name is none, or contradicts the kind or the unit. */
  constructor(kind: MetricKind, options: MetricOptions) {
    const { name, help, unit, label, constants = {}, read } = options;
    const stem = kind === "counter" ? name.replace(/_total$/, "") : name;
    if (!/^[a-z]+(_[a-z0-9]+)*$/.test(name) || (kind === "counter") !== name.endsWith("_total")) {
      throw new Error(`${name} is no name of a ${kind}`);
    }
    if (unit !== undefined && !stem.includes(unit)) {
      throw new Error(`${name} does not name its unit, ${unit}`);
    }
    this.kind = kind;
    this.name = name;
    this.help = help;
    this.unit = unit;
    this.labelNames = [...Object.keys(constants), ...(label === undefined ? [] : [label.name])];
    this.#label = label;
    this.#constants = constants;
    this.#read = read;
    const known = typeof label?.values === "object" ? label.values : [];
    this.#values = new Set(known);
    this.#bound = typeof label?.values === "number" ? label.values : known.length;
  }

  /** Its series now; what is not finite has none. */
  samples(): Sample[] {
    const reading = this.#read();
    if (reading === undefined) return [];
    if (typeof reading === "number") return finite([{ labels: this.#constants, value: reading }]);
    const label = this.#label;
    if (label === undefined) throw new Error(`${this.name} has no label, and values by label`);
    const sums = new Map<string, number>();
    for (const [value, amount] of reading instanceof Map ? reading : Object.entries(reading)) {
      const shown = this.#shown(value);
      sums.set(shown, (sums.get(shown) ?? 0) + amount);
    }
    return finite([...sums].map(([value, amount]) => ({
      labels: { ...this.#constants, [label.name]: value },
      value: amount,
    })));
  }

  /** The value itself as long as there is room for it. */
  #shown(value: string): string {
    if (this.#values.has(value)) return value;
    if (this.#values.size >= this.#bound) return otherValue;
    this.#values.add(value);
    return value;
  }
}

/** A figure that only grows. */
export function counter(options: MetricOptions): Metric {
  return new Metric("counter", options);
}

/** A figure that goes up and down. */
export function gauge(options: MetricOptions): Metric {
  return new Metric("gauge", options);
}

/** 1 for `now` and 0 for all others of `states`. */
export function oneHot(states: readonly string[], now: string): Record<string, number> {
  return Object.fromEntries(states.map((state) => [state, state === now ? 1 : 0]));
}

function finite(samples: Sample[]): Sample[] {
  return samples.filter(({ value }) => Number.isFinite(value));
}
