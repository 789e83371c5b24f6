/**
 * Metrics and health of running programs, as Prometheus and an OpenTelemetry collector get them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type MetricFamily, parseMetrics } from "../prometheus_format.ts";
import { dnsRecords, fixture, fixtureObstacle } from "./capture_file.ts";
import { type Child, command, missingCommand, pause, start } from "./program.ts";

const dns = fixture("dns.pcap");
const absent = fixtureObstacle("dns.pcap");
if (absent !== undefined) console.log(`tests of monitoring are skipped: ${absent}`);

const listen = ["--metrics-listen", "127.0.0.1:0"];
const hunterPermissions = ["--allow-ffi", "--allow-net", `--allow-read=${dns}`];
/** Longer than anything here takes, ms. */
const patienceMs = 20_000;

/** Where a program serves its metrics. */
async function monitoringOf(child: Child): Promise<string> {
  const [, address = ""] = await child.said(/\/metrics, \/healthz and \/readyz on (127\.0\.0\.1:[0-9]+)/);
  return `http://${address}`;
}

async function metricsOf(base: string): Promise<Map<string, MetricFamily>> {
  const response = await fetch(`${base}/metrics`);
  assert.equal(response.status, 200);
  return parseMetrics(await response.text());
}

/** The value of a series, which must be there. */
function value(families: ReadonlyMap<string, MetricFamily>, name: string, labels = ""): number {
  return families.get(name)?.series.get(labels) ?? assert.fail(`no ${name}{${labels}}`);
}

/** Asks until `holds`; the last answer. */
async function until<T>(what: string, ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    assert.ok(Date.now() < deadline, `never happened: ${what}; last: ${JSON.stringify(answer)}`);
    await pause(50);
  }
}

async function health(
  base: string,
  path: string,
): Promise<{ status: number; reasons: Record<string, string> }> {
  const response = await fetch(`${base}${path}`);
  const { status, reasons } = await response.json();
  assert.equal(status, response.status === 200 ? "ok" : "failing");
  return { status: response.status, reasons };
}

/** A processor with metrics, on a port of its own. */
function startProcessor(port = 0): Child {
  return start(
    ["process", "--insecure", "--id", "central", "--listen", `127.0.0.1:${port}`, "--quiet", ...listen],
    {
      permissions: ["--allow-net"],
      limitMs: 60_000,
    },
  );
}

Deno.test({
  name: "monitoring: hunt and process count the same packets, and hunt is ready once it is registered",
  ignore: absent !== undefined,
  fn: async () => {
    // A port that nobody listens on.
    const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = probe.addr;
    probe.close();
    // Standard input stays open, so that the run does not end by itself.
    await using hunter = start(
      ["hunt", "dns", "-r", "-", "-P", `127.0.0.1:${port}`, "--insecure", "--id", "edge", ...listen],
      { permissions: hunterPermissions, fed: true, limitMs: 60_000 },
    );
    const edge = await monitoringOf(hunter);
    const waiting = await until(
      "a failed attempt is the reason",
      () => health(edge, "/readyz"),
      ({ reasons }) => /UNAVAILABLE|refused|reach/i.test(reasons.delivery ?? ""),
    );
    assert.equal(waiting.status, 503);
    assert.equal((await health(edge, "/healthz")).status, 200);

    await using processor = startProcessor(port);
    const central = await monitoringOf(processor);
    await until("the processor is ready", () => health(central, "/readyz"), ({ status }) => status === 200);
    await hunter.feed(Deno.readFileSync(dns));
    const packets = dnsRecords().length;
    const hunting = await until(
      "all packets are acknowledged",
      () => metricsOf(edge),
      (page) => value(page, "caracal_delivery_acknowledged_packets_total") === packets,
    );
    assert.equal(value(hunting, "caracal_connection_state", 'state="connected"'), 1);
    assert.equal(value(hunting, "caracal_connections_total"), 1);
    assert.ok(value(hunting, "caracal_connection_failures_total", 'code="UNAVAILABLE"') >= 1);
    assert.equal(value(hunting, "caracal_delivery_held_packets", 'place="in_flight"'), 0);
    assert.equal(value(hunting, "caracal_delivery_dropped_packets_total", 'reason="queue_full_packets"'), 0);
    assert.ok(value(hunting, "process_resident_memory_bytes") > 1e6);
    assert.ok(value(hunting, "process_cpu_seconds_total") > 0);

    const processing = await metricsOf(central);
    assert.equal(value(processing, "caracal_processor_packets_total"), packets);
    assert.equal(value(processing, "caracal_processor_hunters", 'status="healthy"'), 1);
    assert.equal(value(processing, "caracal_processor_rejected_batches_total", 'reason="duplicate"'), 0);

    await hunter.closeInput();
    assert.equal((await hunter.ended()).code, 0, hunter.stderr);
    await until(
      "the processor hears the goodbye",
      () => metricsOf(central),
      (page) => value(page, "caracal_processor_hunters", 'status="stopping"') === 1,
    );
    assert.equal((await processor.interrupt()).code, 0, processor.stderr);
  },
});

Deno.test({
  name: "monitoring: tap counts packets, protocols and flows of what it reads",
  ignore: absent !== undefined,
  fn: async () => {
    await using tap = start(["tap", "-r", "-", "--id", "here", "--quiet", ...listen], {
      permissions: ["--allow-net"],
      fed: true,
    });
    const base = await monitoringOf(tap);
    const capture = Deno.readFileSync(dns);
    await tap.feed(capture);
    // Counters are told when more is read, once a second: a record in pieces keeps it reading.
    const packets = dnsRecords().length;
    const record = capture.slice(24, 24 + 16 + new DataView(capture.buffer, 24 + 8, 4).getUint32(0, true));
    const page = await until(
      "all packets are counted",
      async () => {
        await tap.feed(record);
        return await metricsOf(base);
      },
      (found) => value(found, "caracal_captured_packets_total") >= packets,
    );
    assert.ok(value(page, "caracal_protocol_packets_total", 'protocol="DNS"') >= packets / 2);
    assert.ok(value(page, "caracal_active_flows") > 0);
    assert.ok(value(page, "caracal_engine_events_total", 'reason="dns_messages"') > 0);
    assert.equal(value(page, "caracal_dropped_packets_total", 'reason="kernel"'), 0);
    assert.equal((await health(base, "/readyz")).status, 200);
    await tap.closeInput();
    assert.equal((await tap.ended()).code, 0, tap.stderr);
  },
});

const noPromtool = missingCommand("promtool");
if (noPromtool !== undefined) {
  console.log("the check of metrics with promtool is skipped: it is not installed");
}

Deno.test({
  name: "monitoring: promtool has nothing to say against the format",
  ignore: noPromtool !== undefined,
  fn: async () => {
    await using processor = startProcessor();
    const base = await monitoringOf(processor);
    const text = await (await fetch(`${base}/metrics`)).text();
    await command(["promtool", "check", "metrics"], { input: new TextEncoder().encode(text) });
  },
});

Deno.test("monitoring: a port that is taken ends the program with the reason", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${taken.addr.port}`;
  await using processor = start(
    ["process", "--insecure", "--id", "central", "-l", "127.0.0.1:0", "--metrics-listen", address],
    { permissions: ["--allow-net"] },
  );
  const { code, stderr } = await processor.ended();
  assert.equal(code, 1, stderr);
  assert.ok(stderr.includes(`cannot listen on ${address} (--metrics-listen): another program listens there`));
});

/** Takes what an exporter sends (OTLP over HTTP, JSON), for as long as it is not disposed of. */
class Collector implements AsyncDisposable {
  readonly metrics = new Map<string, number>();
  readonly spans = new Set<string>();
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const body = await request.json();
    for (const { scopeMetrics = [] } of body.resourceMetrics ?? []) this.#takeMetrics(scopeMetrics);
    for (const { scopeSpans = [] } of body.resourceSpans ?? []) {
      for (const { scope, spans } of scopeSpans) {
        for (const { name } of spans) if (scope.name === "caracal") this.spans.add(name);
      }
    }
    return Response.json({}, { status: /^\/v1\/(metrics|traces|logs)$/.test(pathname) ? 200 : 404 });
  });

  get endpoint(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  #takeMetrics(scopes: readonly ScopeMetrics[]): void {
    for (const { scope, metrics } of scopes) {
      if (scope.name !== "caracal") continue;
      for (const { name, sum, gauge } of metrics) {
        for (const { asDouble, asInt, attributes } of (sum ?? gauge)?.dataPoints ?? []) {
          const labels = attributes.map(({ key, value }) => `${key}="${value.stringValue}"`).join();
          this.metrics.set(`${name}{${labels}}`, Number(asDouble ?? asInt));
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** As much of OTLP's `ScopeMetrics` as is looked at. */
interface ScopeMetrics {
  readonly scope: { readonly name: string };
  readonly metrics: readonly { readonly name: string; readonly sum?: Points; readonly gauge?: Points }[];
}

interface Points {
  readonly dataPoints: readonly {
    readonly asDouble?: number;
    readonly asInt?: string;
    readonly attributes: readonly {
      readonly key: string;
      readonly value: { readonly stringValue: string };
    }[];
  }[];
}

Deno.test({
  name: "monitoring: Deno's exporter sends the same metrics to a collector, and spans",
  ignore: absent !== undefined,
  fn: async () => {
    await using collector = new Collector();
    await using processor = startProcessor();
    const [, address = ""] = await processor.said(/listening on (127\.0\.0\.1:[0-9]+)/);
    await using hunter = start(
      ["hunt", "dns", "-r", "-", "-P", address, "--insecure", "--id", "edge"],
      {
        permissions: hunterPermissions,
        fed: true,
        env: {
          OTEL_DENO: "true",
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
          OTEL_METRIC_EXPORT_INTERVAL: "200",
        },
      },
    );
    await hunter.feed(Deno.readFileSync(dns));
    const packets = dnsRecords().length;
    await until(
      "the collector has what was acknowledged",
      () => Promise.resolve(collector.metrics.get("caracal_delivery_acknowledged_packets_total{}")),
      (acknowledged) => acknowledged === packets,
    );
    assert.equal(collector.metrics.get('caracal_connection_state{state="connected"}'), 1);
    assert.equal(collector.metrics.get('caracal_dropped_packets_total{reason="kernel"}'), 0);
    await hunter.closeInput();
    assert.equal((await hunter.ended()).code, 0, hunter.stderr);
    await until("spans", () => Promise.resolve([...collector.spans].sort()), (spans) => spans.length >= 2);
    assert.deepEqual([...collector.spans].sort(), ["register", "stop"]);
  },
});
