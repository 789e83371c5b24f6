import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { parseMetrics } from "../../tests/prometheus_format.ts";
import { OperatorError } from "../runtime/operator_error.ts";
import { gauge } from "./metric.ts";
import { MonitoringServer } from "./monitoring_server.ts";

let ready: string | undefined;

async function served<T>(work: (server: MonitoringServer) => Promise<T>): Promise<T> {
  const server = await MonitoringServer.start("127.0.0.1:0", {
    metrics: [gauge({ name: "caracal_one", help: "One", read: () => 1 })],
    health: [{ name: "event_loop", problem: () => undefined }],
    readiness: [{ name: "capture", problem: () => ready }],
  });
  try {
    return await work(server);
  } finally {
    await server.close();
  }
}

async function ask(
  server: MonitoringServer,
  path: string,
  method = "GET",
): Promise<[number, string, string]> {
  const response = await fetch(`http://${server.address}${path}`, { method });
  return [response.status, response.headers.get("content-type") ?? "", await response.text()];
}

Deno.test("pages of the monitoring server", () =>
  served(async (server) => {
    const [status, type, text] = await ask(server, "/metrics");
    assert.deepEqual([status, type], [200, "text/plain; version=0.0.4; charset=utf-8"]);
    assert.deepEqual([...parseMetrics(text).keys()], ["caracal_one"]);
    assert.deepEqual(await ask(server, "/metrics?name=x"), [status, type, text]);
    assert.deepEqual(await ask(server, "/metrics", "HEAD"), [status, type, ""]);
    const json = "application/json; charset=utf-8";
    assert.deepEqual(await ask(server, "/healthz"), [200, json, '{"status":"ok","reasons":{}}\n']);
    assert.deepEqual(await ask(server, "/readyz"), [200, json, '{"status":"ok","reasons":{}}\n']);
    ready = "the capture is not open yet";
    const failing = '{"status":"failing","reasons":{"capture":"the capture is not open yet"}}\n';
    assert.deepEqual(await ask(server, "/readyz"), [503, json, failing]);
    assert.equal((await ask(server, "/healthz"))[0], 200);
    ready = undefined;
  }));

Deno.test("other paths and methods are refused", () =>
  served(async (server) => {
    for (const path of ["/", "/metrics/", "/metric", "/METRICS", "/../metrics/x", "//metrics"]) {
      assert.equal((await ask(server, path))[0], 404, path);
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const response = await fetch(`http://${server.address}/healthz`, { method });
      assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET, HEAD"], method);
      await response.body?.cancel();
    }
  }));

/** Sends `text` on a connection of its own; what comes back until the server closes it. */
async function raw(server: MonitoringServer, text: string): Promise<string> {
  const [hostname = "", port] = server.address.split(":");
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(text)).catch(() => {});
  let answer = "";
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) return answer;
    answer += new TextDecoder().decode(buffer.subarray(0, length));
  }
}

Deno.test("a connection serves one request, and ends", () =>
  served(async (server) => {
    const request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    const answer = await raw(server, request + request);
    assert.equal(answer.match(/HTTP\/1\.1 200/g)?.length, 1);
    assert.match(answer, /^connection: close\r$/im);
  }));

Deno.test("connections that are slow, silent, too many or too large are closed", () =>
  served(async (server) => {
    const head = "GET /healthz HTTP/1.1\r\nHost: x\r\n";
    assert.doesNotMatch(await raw(server, `${head}X: ${"a".repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 200/);
    assert.doesNotMatch(await raw(server, "\0\x01\x02 no HTTP\r\n\r\n"), /^HTTP\/1\.1 200/);
    // Sixteen that never end take all the room; all of them, and those beyond, are closed before long.
    const flood = Array.from({ length: 20 }, (_, at) => raw(server, at % 2 === 0 ? head : ""));
    assert.equal((await Promise.all(flood)).some((answer) => answer.startsWith("HTTP/1.1 200")), false);
    assert.equal((await ask(server, "/healthz"))[0], 200);
  }));

Deno.test("where it cannot listen, the reason is told", () =>
  served(async (server) => {
    const start = (listen: string) =>
      MonitoringServer.start(listen, { metrics: [], health: [], readiness: [] });
    await assert.rejects(
      start(server.address),
      new OperatorError(
        `cannot listen on ${server.address} (--metrics-listen): another program listens there: ` +
          "stop it, or choose another port",
      ),
    );
    await assert.rejects(start("192.0.2.1:0"), /this machine has no such address/);
  }));

Deno.test({
  name: "without permission to listen, the flag to add is named",
  permissions: { net: ["127.0.0.1:1"] },
  fn: () =>
    assert.rejects(
      MonitoringServer.start("127.0.0.1:9", { metrics: [], health: [], readiness: [] }),
      /add --allow-net=127\.0\.0\.1:9 to the deno command/,
    ),
});
