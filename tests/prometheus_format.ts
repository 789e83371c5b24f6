/**
 * A strict reader of Prometheus' text format 0.0.4 (prometheus.io, "Exposition formats"), with the rules that promtool
 * checks for names.
 *
 * @module
 */
import assert from "node:assert/strict";

/** One metric with its series. */
export interface MetricFamily {
  readonly type: string;
  readonly help: string;
  /** Values by labels, as they are written; the empty text where there are none. */
  readonly series: ReadonlyMap<string, number>;
}

const label = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"`;
const sample = new RegExp(String.raw`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(${label}(?:,${label})*)\})? (\S+)$`);

/** Reads a page; fails with the line that is wrong. */
export function parseMetrics(text: string): Map<string, MetricFamily> {
  assert.ok(text.endsWith("\n"), "the last line is not ended");
  const families = new Map<string, { type: string; help: string; series: Map<string, number> }>();
  let name = "";
  for (const line of text.split("\n").slice(0, -1)) {
    if (line === "") continue;
    const [, help, helpText = ""] = /^# HELP (\S+) (.+)$/.exec(line) ?? [];
    if (help !== undefined) {
      assert.ok(!families.has(help), `${help} comes twice`);
      families.set(name = help, { type: "", help: helpText, series: new Map() });
      continue;
    }
    const family = families.get(name);
    assert.ok(family !== undefined, `before any HELP: ${line}`);
    const [, typed, type = ""] = /^# TYPE (\S+) (counter|gauge)$/.exec(line) ?? [];
    if (typed !== undefined) {
      assert.equal(typed, name, "TYPE follows another HELP");
      assert.equal(family.type, "", "two types");
      assert.equal(type === "counter", name.endsWith("_total"), `${name} is a ${type}`);
      family.type = type;
      continue;
    }
    const [, of, labels = "", value = ""] = sample.exec(line) ?? assert.fail(`no sample: ${line}`);
    assert.equal(of, name, `a sample of ${of} among those of ${name}`);
    assert.notEqual(family.type, "", `${name} has no type`);
    assert.ok(!family.series.has(labels), `a series comes twice: ${line}`);
    const number = Number(value);
    assert.ok(Number.isFinite(number), `no number: ${line}`);
    assert.ok(family.type !== "counter" || number >= 0, `a counter below 0: ${line}`);
    family.series.set(labels, number);
  }
  return families;
}

/** The number of series on a page. */
export function seriesOf(families: ReadonlyMap<string, MetricFamily>): number {
  return [...families.values()].reduce((sum, { series }) => sum + series.size, 0);
}
