import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isFinalListenFailure, listenFailure, listenTargets } from "../runtime/listen_address.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";
import { type HealthCheck, healthReport } from "./health.ts";
import type { Metric } from "./metric.ts";
import { type PrometheusText, prometheusText } from "./prometheus_text.ts";

/** What is shown. */
export interface MonitoringPages {
  /** Of `/metrics`. */
  readonly metrics: readonly Metric[];
  /** Of `/healthz`: should the process be started anew? */
  readonly health: readonly HealthCheck[];
  /** Of `/readyz`: does it do its work now? */
  readonly readiness: readonly HealthCheck[];
}

/** Nobody needs more at once; those beyond are closed. */
const maxConnections = 16;
/** A request must be complete after this time, ms. */
const requestMs = 5_000;
/** How often connections are looked at for that, ms. */
const checkMs = 1_000;
/** Request line and header fields together, bytes. */
const maxHeaderBytes = 8_192;

const json = "application/json; charset=utf-8";

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Serves `/metrics`, `/healthz` and `/readyz` over plain HTTP. */
export class MonitoringServer {
  readonly #server: Server;
  /** Where it listens: `host:port`, without a host where that is all addresses. */
  readonly address: string;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /**
   * Listens on `listen` (`host:port`; an empty host means all addresses, port 0 any). Throws OperatorError when that is
   * not possible.
   */
  static async start(listen: string, pages: MonitoringPages): Promise<MonitoringServer> {
    const targets = listenTargets(listen);
    for (const host of targets) {
      requirePermission({ name: "net", host }, `listening on ${listen} (--metrics-listen)`);
    }
    const [{ createServer }, text] = await Promise.all([import("node:http"), prometheusText(pages.metrics)]);
    const server = createServer({
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: checkMs,
      maxHeaderSize: maxHeaderBytes,
      keepAlive: false,
    }, (request, response) => {
      void answer(request, pages, text).then((found) => send(request, response, found));
    });
    server.maxConnections = maxConnections;
    let failure: unknown;
    for (const target of targets) {
      try {
        const port = await bind(server, target);
        return new MonitoringServer(server, listen.replace(/:0$/, `:${port}`));
      } catch (error) {
        failure = error;
        if (isFinalListenFailure(error)) break;
      }
    }
    throw new OperatorError(`cannot listen on ${listen} (--metrics-listen): ${listenFailure(failure)}`);
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(
  request: IncomingMessage,
  pages: MonitoringPages,
  text: PrometheusText,
): Promise<Answer> {
  const path = request.url?.replace(/\?.*$/s, "");
  try {
    if (path !== "/metrics" && path !== "/healthz" && path !== "/readyz") {
      return plain(404, "only /metrics, /healthz and /readyz are here\n");
    }
    if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "only GET and HEAD\n");
    if (path === "/metrics") return { status: 200, type: text.contentType, body: await text.render() };
    const report = healthReport(path === "/healthz" ? pages.health : pages.readiness);
    return { status: report.status === "ok" ? 200 : 503, type: json, body: `${JSON.stringify(report)}\n` };
  } catch (error) {
    return plain(500, `${messageOf(error)}\n`);
  }
}

function plain(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body };
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  const bytes = new TextEncoder().encode(body);
  response.writeHead(status, {
    "content-type": type,
    "content-length": bytes.length,
    "cache-control": "no-store",
    connection: "close",
    ...(status === 405 ? { allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

/** Listens on `target`, `host:port`; resolves with the port. */
function bind(server: Server, target: string): Promise<number> {
  const colon = target.lastIndexOf(":");
  const host = target.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: Number(target.slice(colon + 1)), host }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
