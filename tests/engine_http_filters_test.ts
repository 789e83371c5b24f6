/** Which packets of HTTP connections the filters for hosts keep. */
import assert from "node:assert/strict";
import type { Filter } from "../src/engine/filter.ts";
import { engine, packetsOf, runOn } from "./engine_run.ts";
import { back, ends, pcapFile, record, tcpFrame } from "./frames.ts";

const START = 1_700_000_000_000_000_000n;
const client = ends({ destinationPort: 80 });
const host: Filter = {
  id: "host",
  type: "http_host",
  pattern: "*.example",
  enabled: true,
  targetHunters: [],
  description: "",
};

/** A segment: who sends it, what, and how many bytes in front of it are missing from the capture. */
type Sent = readonly ["client" | "server", text: string, missing?: number];

/** Numbers of the segments that are kept, a millisecond apart. */
function kept(segments: readonly Sent[], between = client): number[] {
  const next = { client: 1000, server: 5000 };
  const records = segments.map(([side, text, missing = 0], at) => {
    const sequence = next[side] + missing;
    next[side] = sequence + text.length;
    const there = side === "client" ? between : back(between);
    return record(tcpFrame(new TextEncoder().encode(text), there, sequence), START + BigInt(at) * 1_000_000n);
  });
  using made = engine({ filters: { filters: [host], noFilterPolicy: "deny" } });
  const { json } = runOn(made, pcapFile(records, { nanoseconds: true }));
  return packetsOf(json).map((packet) => Number((BigInt(String(packet.timestamp_ns)) - START) / 1_000_000n));
}

function request(line: string, fields = "", name = "a.example"): string {
  return `${line} HTTP/1.1\r\nHost: ${name}\r\n${fields}\r\n`;
}

const trap = request("GET /trap");
const other = request("GET /", "", "b.test");

Deno.test("http_host: requests of every form, in the packet that completes them", () => {
  const proxy = ends({ destinationPort: 3128 });
  const connect = "CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n";
  const absolute = "GET HTTP://A.example/ HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const text of [request("GET /"), request("GET   /"), connect, absolute]) {
    assert.deepEqual(kept([["client", text]], proxy), [0], text);
    assert.deepEqual(kept([["client", other], ["client", text.slice(0, 9)], ["client", text.slice(9)]]), [2]);
  }
});

Deno.test("http_host: a request that comes with the header of a proxy", () => {
  const header = "PROXY TCP4 192.0.2.9 192.0.2.8 5000 80\r\n";
  assert.deepEqual(kept([["client", header + request("GET /")], ["client", request("GET /")]]), [0, 1]);
  assert.deepEqual(kept([["client", header + other], ["client", request("GET /")]]), [1]);
});

Deno.test("http_host: what is in a body, or comes from a server, is no request", () => {
  const found = "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n";
  assert.deepEqual(kept([["client", other], ["server", found], ["server", trap]]), []);
  // Picked up in the middle: the port says whose they are.
  assert.deepEqual(kept([["server", trap], ["client", trap]]), [1]);
  const chunked = request("POST /", "Transfer-Encoding: chunked\r\n", "b.test");
  const chunk = `${trap.length.toString(16)}\r\n`;
  assert.deepEqual(
    kept([["client", chunked + chunk], ["client", trap], ["client", "\r\n0\r\n\r\n"], ["client", trap]]),
    [3],
  );
});

Deno.test("http_host: behind a hole of the capture, a request is judged by itself, and a body is none", () => {
  const post = request("POST /", `Content-Length: ${300 + trap.length}\r\n`, "b.test");
  assert.deepEqual(
    kept([["client", other], ["client", post], ["client", trap, 300], ["client", trap], ["client", trap]]),
    [3, 4],
  );
});
