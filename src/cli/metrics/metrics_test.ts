import "../../runtime/environment.ts";
import assert from "node:assert/strict";
import { parseMetrics, seriesOf } from "../../../tests/prometheus_format.ts";
import { Engine } from "../../engine/engine.ts";
import { engineModule } from "../../engine/module.js";
import { BatchEngines } from "../../processor/batch_engines.ts";
import { defaultStreamOptions } from "../../engine/stream_options.ts";
import { noTraffic, type Traffic } from "../../engine/traffic.ts";
import type { ConnectionFigures } from "../../hunter/connection_figures.ts";
import { noProgress, type Progress, sumOf } from "../../pipeline/progress.ts";
import { Processor } from "../../processor/processor.ts";
import { HunterRegistry } from "../../processor/hunter_registry.ts";
import { HunterStatus } from "../../proto/management_messages.ts";
import type { Metric } from "../../telemetry/metric.ts";
import { prometheusText } from "../../telemetry/prometheus_text.ts";
import { captureMetrics, filterMetric } from "./capture_metrics.ts";
import { connectionMetrics } from "./connection_metrics.ts";
import { deliveryMetrics } from "./delivery_metrics.ts";
import { processorMetrics } from "./processor_metrics.ts";
import { connectionFigures, outboxFigures } from "../../../tests/hunter_figures.ts";

Engine.load(engineModule);
const engine = new BatchEngines({
  ...defaultStreamOptions,
  outputs: [],
  protocol: "all",
  dnsPorts: [53],
  udpOnly: false,
  detectTunneling: true,
  batchPackets: 64,
  batchBytes: 1 << 20,
  limit: 0,
});

/** Distinct values, none of them 0. */
const counters = Object.fromEntries(Object.keys(engine.counters()).map((name, at) => [name, 1000 + at]));
const counted: Progress = { ...noProgress, engine: counters };

function traffic(...rows: readonly (readonly [protocol: string, packets: number])[]): Traffic {
  const protocols = rows.map(([protocol, packets]) => ({
    protocol,
    packets,
    bytes: packets * 100,
    flows: 1,
  }));
  return { ...noTraffic, protocols };
}

function ofCapture(progress: () => Progress | undefined): Metric[] {
  return captureMetrics({ progress, failed: () => false });
}

function values(metrics: readonly Metric[], name: string): Record<string, number> {
  const metric = metrics.find((one) => one.name === name) ?? assert.fail(name);
  return Object.fromEntries(
    metric.samples().map(({ labels, value }) => [Object.values(labels).join(), value]),
  );
}

Deno.test("every counter of the engine is told once", () => {
  const told = ofCapture(() => counted).flatMap((metric) => metric.samples()).map(({ value }) => value);
  for (const [name, value] of Object.entries(counters)) {
    assert.equal(told.filter((one) => one === value).length, 1, name);
  }
});

Deno.test("protocols never go back, also over a restart of the capture thread", () => {
  let progress: Progress = { ...noProgress, traffic: traffic(["UDP", 10], ["DNS", 5]) };
  const metrics = ofCapture(() => progress);
  const packets = () => values(metrics, "caracal_protocol_packets_total");
  assert.deepEqual(packets(), { UDP: 10, DNS: 5 });
  progress = { ...noProgress, traffic: traffic(["UDP", 4], ["DNS", 12]) };
  assert.deepEqual(packets(), { UDP: 10, DNS: 12 });
  progress = sumOf(progress, { ...noProgress, traffic: traffic(["DNS", 1], ["TLS", 2]) });
  assert.deepEqual(packets(), { UDP: 10, DNS: 13, TLS: 2 });
});

Deno.test("flows of a capture thread that broke down have ended", () => {
  const flows = { total: 10, active: 4, expired: 3, restarted: 2, evicted: 1 };
  const before: Progress = { ...noProgress, traffic: { ...noTraffic, flows } };
  assert.deepEqual(sumOf(before, before).traffic?.flows, {
    total: 20,
    active: 4,
    expired: 10,
    restarted: 4,
    evicted: 2,
  });
});

Deno.test("the first certificate of a role that ends is told", () => {
  const of = (role: "own" | "peer" | "ca", notAfterMs: number) => ({
    role,
    subject: "CN=x",
    notBeforeMs: 0,
    notAfterMs,
  });
  const certificates = [of("ca", 9_000), of("ca", 5_000), of("own", 7_000)];
  const metrics = connectionMetrics(
    () => ({ ...connectionFigures, certificates }),
    () => ({ status: HunterStatus.STATUS_WARNING, count: 3 }),
  );
  assert.deepEqual(values(metrics, "caracal_certificate_expiry_timestamp_seconds"), { ca: 5, own: 7 });
  assert.deepEqual(values(metrics, "caracal_hunter_status"), {
    healthy: 0,
    warning: 1,
    error: 0,
    stopping: 0,
  });
});

/** A whole page of everything, as a strict reader sees it. */
async function pageOf(metrics: readonly Metric[]): Promise<ReturnType<typeof parseMetrics>> {
  return parseMetrics(await (await prometheusText(metrics)).render());
}

Deno.test("the number of series is bounded, whatever the traffic and the other side say", async () => {
  let round = 0;
  const many = (name: string) => Array.from({ length: 2000 }, (_, at) => `${name}-${round}-${at}`);
  const registry = new HunterRegistry(5000);
  const failures = () => new Map(many("CODE").map((code) => [code, 1]));
  const connection = (): ConnectionFigures => ({ ...connectionFigures, failures: failures() });
  const processor = new Processor({
    id: "central",
    listen: undefined,
    security: () => assert.fail("it does not listen"),
    maxHunters: 5000,
    maxSubscribers: 0,
    filterFile: undefined,
    decoder: engine,
    sinks: [],
    onSinkFailure: () => {},
  });
  const metrics = [
    ...ofCapture(() => ({
      ...counted,
      engine: { ...counters, ...Object.fromEntries(many("counter").map((name) => [name, 1])) },
      traffic: traffic(...many("protocol").map((name) => [name, 1] as const)),
    })),
    filterMetric(() => ({ inForce: 1, refused: 0 })),
    ...deliveryMetrics(() => outboxFigures),
    ...connectionMetrics(connection, () => ({ status: HunterStatus.STATUS_HEALTHY, count: 0 })),
    ...processorMetrics(() => ({
      ...processor.counters,
      huntersByStatus: registry.countByStatus(),
      refusedCalls: failures(),
    })),
  ];
  const sizes: number[] = [];
  for (round = 0; round < 5; round++) {
    for (const id of many("hunter")) {
      if (registry.size < 5000) {
        registry.register(
          { hunter_id: id, hostname: id, interfaces: [id], version: id, capabilities: null },
          id,
        );
      }
      registry.report({ hunter_id: id, timestamp_ns: 0n, status: round as HunterStatus, stats: null });
    }
    const page = await pageOf(metrics);
    assert.ok(![...page.values()].some(({ series }) => [...series.keys()].join().includes("hunter-")));
    sizes.push(seriesOf(page));
  }
  // The first round has taken all the room that there is: what comes later is summed up.
  const [first = 0] = sizes;
  assert.ok(first < 1000, `${first} series`);
  assert.ok(sizes.every((size) => size <= first), `series by round: ${sizes}`);
});
