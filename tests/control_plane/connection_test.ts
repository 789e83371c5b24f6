import "../../src/runtime/environment.ts";
import { status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { channelSecurity } from "../../src/hunter/credentials.ts";
import type { Hunter } from "../../src/hunter/hunter.ts";
import type { ProcessorWishes } from "../../src/hunter/registration.ts";
import {
  FilterType,
  type HunterRegistration,
  type RegistrationResponse,
} from "../../src/proto/management_messages.ts";
import { configureLog } from "../../src/telemetry/log.ts";
import manifest from "../../deno.json" with { type: "json" };
import {
  eventually,
  Link,
  type PacketCall,
  plainText,
  quick,
  startHunter,
  startProcessor,
  startScript,
  welcoming,
} from "./loopback.ts";

type Reply = (error: { code: status; details: string } | null, response?: RegistrationResponse) => void;
type Registration = { request: HunterRegistration };

/** Waits so long that a test sees one of them begin. */
const patient = { ...quick, backoff: { firstMs: 60_000, longestMs: 600_000, stableMs: 10_000 } };
const accepted: RegistrationResponse = {
  accepted: true,
  error: "",
  assigned_id: "",
  filters: [],
  config: null,
};

const registering = (
  RegisterHunter: (call: Registration, reply: Reply) => void,
): UntypedServiceImplementation => ({
  ...welcoming,
  RegisterHunter: RegisterHunter as never,
});

/** How long the hunter waits now, ms. */
function waitOf(hunter: Hunter): number {
  const { nextAttemptInMs, forMs } = hunter.connection;
  return (nextAttemptInMs ?? NaN) + forMs;
}

Deno.test("a hunter registers with what it is, and is known by the name that it is assigned", async () => {
  let registration: HunterRegistration | undefined;
  const ids: string[] = [];
  const named = (call: { request: { hunter_id: string } }) => ids.push(call.request.hunter_id);
  const { server, port } = await startScript({
    data: { StreamPackets: (call: PacketCall) => call.resume() },
    management: {
      ...registering((call, reply) => {
        registration = call.request;
        reply(null, { ...accepted, assigned_id: "edge-7" });
      }),
      Heartbeat: (call: { on(event: "data", listener: (beat: { hunter_id: string }) => void): void }) =>
        call.on("data", ({ hunter_id }) => ids.push(hunter_id)),
      GetFilters: (
        call: { request: { hunter_id: string } },
        reply: (error: null, response: { filters: [] }) => void,
      ) => {
        named(call);
        reply(null, { filters: [] });
      },
      SubscribeFilters: named as never,
    },
  });
  const { hunter } = startHunter(port, { id: "edge" });
  await eventually("three calls", () => ids.length >= 3);
  assert.deepEqual(registration, {
    hunter_id: "edge",
    hostname: "edge",
    interfaces: ["eth0", "eth1"],
    version: manifest.version,
    capabilities: {
      filter_types: ["bpf", "ip_address", "dns_domain"],
      max_buffer_size: 2_048_000n,
      gpu_acceleration: false,
      af_xdp: false,
    },
  });
  assert.deepEqual(new Set(ids), new Set(["edge-7"]));
  await hunter.stop();
  server.forceShutdown();
});

const failures: readonly [code: keyof typeof status, permanent: boolean][] = [
  ["UNAUTHENTICATED", true],
  ["PERMISSION_DENIED", true],
  ["UNIMPLEMENTED", true],
  ["INVALID_ARGUMENT", true],
  ["RESOURCE_EXHAUSTED", true],
  ["UNAVAILABLE", false],
  ["INTERNAL", false],
  ["UNKNOWN", false],
  ["DEADLINE_EXCEEDED", false],
];

for (const [code, permanent] of failures) {
  Deno.test(`a registration that fails with ${code} is tried again ${permanent ? "much " : ""}later`, async () => {
    const { server, port } = await startScript({
      management: registering((_call, reply) => reply({ code: status[code], details: "because" })),
    });
    const { hunter, lines } = startHunter(port, { timings: patient });
    await eventually(
      "a failure",
      () => hunter.connection.state === "waiting" && hunter.connection.attempts > 0,
    );
    const { attempts, connections, failures, lastError, breaker } = hunter.connection;
    assert.deepEqual([attempts, connections, [...failures], breaker], [1, 0, [[code, 1]], "closed"]);
    assert.match(lastError, new RegExp(`${code}: because`));
    assert.equal(lines.at(-1)?.includes("this lasts until somebody changes something"), permanent);
    const [least, most] = permanent ? [300_000, 600_000] : [6_000, 60_000];
    assert.ok(waitOf(hunter) >= least && waitOf(hunter) <= most, String(waitOf(hunter)));
    await hunter.stop();
    server.forceShutdown();
  });
}

Deno.test("who has mended what was wrong need not wait", async () => {
  let refuse = true;
  const { server, port } = await startScript({
    data: { StreamPackets: (call: PacketCall) => call.resume() },
    management: registering((_call, reply) => reply(null, { ...accepted, accepted: !refuse })),
  });
  const { hunter } = startHunter(port, { timings: patient });
  await eventually(
    "a failure",
    () => hunter.connection.state === "waiting" && hunter.connection.attempts > 0,
  );
  refuse = false;
  hunter.retry();
  await eventually("a registration", () => hunter.connection.state === "connected");
  hunter.retry();
  assert.equal(hunter.connection.attempts, 2);
  server.forceShutdown();
  await eventually("a loss", () => hunter.connection.state === "waiting");
  assert.equal(hunter.connection.attempts, 2);
  await hunter.stop(0);
});

Deno.test("a refused registration and one that is too large are permanent, too", async () => {
  const pattern = "x".repeat(11 * 1_048_576);
  const huge = {
    id: "f",
    type: FilterType.FILTER_BPF,
    pattern,
    target_hunters: [],
    enabled: true,
    description: "",
  };
  const cases: [RegistrationResponse, RegExp][] = [
    [{ ...accepted, accepted: false, error: "not you" }, /registration refused: not you; this lasts/],
    [{ ...accepted, filters: [huge] }, /RESOURCE_EXHAUSTED: .*larger than max .*; this lasts/],
  ];
  for (const [response, line] of cases) {
    const { server, port } = await startScript({
      management: registering((_call, reply) => reply(null, response)),
    });
    const { hunter, lines } = startHunter(port, { timings: patient });
    await eventually("a failure", () => lines.length > 1);
    assert.match(lines.at(-1) ?? "", line);
    await hunter.stop();
    server.forceShutdown();
  }
});

Deno.test("a processor that accepts connections and says nothing is given up, and nothing is left open", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let opened = 0;
  let open = 0;
  const accepting = (async () => {
    for await (const connection of listener) {
      opened += 1;
      open += 1;
      void (async () => {
        try {
          const bytes = new Uint8Array(1_000);
          while (await connection.read(bytes) !== null);
        } catch {
          // Reset.
        }
        connection.close();
        open -= 1;
      })();
    }
  })();
  const { port } = listener.addr;
  const tls = { ...plainText, insecure: false, tlsSkipVerify: true };
  for (const settings of [plainText, tls]) {
    opened = 0;
    const { hunter } = startHunter(port, {
      security: () => channelSecurity(settings, `127.0.0.1:${port}`),
      timings: { ...patient, deadlineMs: 100 },
    });
    await eventually("a failure", () => hunter.connection.failures.get("DEADLINE_EXCEEDED") === 1);
    assert.ok(opened > 0);
    await eventually("all are closed", () => open === 0);
    void hunter.stop();
  }
  listener.close();
  await accepting;
});

Deno.test("a processor that takes registrations on one connection only is given up", async () => {
  const { server, port } = await startScript({ management: welcoming });
  const silent: Deno.Conn[] = [];
  const front = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    let count = 0;
    for await (const near of front) {
      count += 1;
      if (count > 1) {
        silent.push(near);
        continue;
      }
      const far = await Deno.connect({ port });
      const carry = (from: Deno.Conn, to: Deno.Conn) => from.readable.pipeTo(to.writable).catch(() => {});
      void carry(near, far);
      void carry(far, near);
    }
  })();
  const { hunter, lines } = startHunter(front.addr.port, { timings: { ...patient, deadlineMs: 200 } });
  await eventually("a failure", () => lines.length > 1);
  assert.match(lines.at(-1) ?? "", /UNAVAILABLE: no second connection within 200 ms/);
  assert.equal(hunter.connection.connections, 0);
  await hunter.stop();
  front.close();
  for (const connection of silent) connection.close();
  await serving;
  server.forceShutdown();
});

Deno.test("a processor that answers no heartbeat, or acknowledges nothing, is left", async () => {
  const mute = { ...welcoming, Heartbeat: (call: { resume(): void }) => call.resume() };
  const deaf = { StreamPackets: (call: PacketCall) => call.resume() };
  const cases: [string, UntypedServiceImplementation, RegExp][] = [
    ["heartbeat", mute, /DEADLINE_EXCEEDED: no answer to heartbeats for 0\.3 s/],
    ["packets", welcoming, /none of 1 batches was acknowledged for 0\.[3-9] s/],
  ];
  for (const [what, management, line] of cases) {
    const { server, port } = await startScript({ data: deaf, management });
    const { hunter, lines, send } = startHunter(port, {
      timings: { ...patient, silenceMs: 300, ackTimeoutMs: 300, closingMs: 100 },
    });
    if (what === "packets") send("a packet");
    await eventually("a loss", () => lines.some((line) => line.includes("trying again")));
    assert.match(lines.at(-1) ?? "", line, what);
    assert.equal(hunter.outbox.undelivered.packets, what === "packets" ? 1 : 0);
    void hunter.stop(0);
    server.forceShutdown();
    await hunter.stop();
  }
});

Deno.test("silence is no fault where nothing is owed", async () => {
  const { processor, port } = await startProcessor();
  const { hunter, lines } = startHunter(port, { timings: { ...quick, silenceMs: 300, ackTimeoutMs: 300 } });
  await eventually("a registration", () => hunter.connection.state === "connected");
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.deepEqual([hunter.connection.connections, lines.length], [1, 2]);
  await hunter.stop();
  await processor.stop();
});

Deno.test("what a processor wishes is passed on, within bounds; 0 is no wish", async () => {
  const none = {
    batchSize: undefined,
    batchTimeoutMs: undefined,
    reconnectIntervalMs: undefined,
    maxReconnectAttempts: undefined,
  };
  const cases: [[number, number, number, number] | null, ProcessorWishes][] = [
    [null, none],
    [[0, 0, 0, 0], none],
    [[64, 100, 5, 0], { ...none, batchSize: 64, batchTimeoutMs: 100, reconnectIntervalMs: 5_000 }],
    [[4_294_967_295, 4_294_967_295, 4_294_967_295, 4_294_967_295], {
      batchSize: 100_000,
      batchTimeoutMs: 60_000,
      reconnectIntervalMs: 3_600_000,
      maxReconnectAttempts: 4_294_967_295,
    }],
  ];
  for (const [sent, expected] of cases) {
    const config = sent && {
      batch_size: sent[0],
      batch_timeout_ms: sent[1],
      reconnect_interval_sec: sent[2],
      max_reconnect_attempts: sent[3],
      processor_id: "central",
    };
    const { server, port } = await startScript({
      data: { StreamPackets: (call: PacketCall) => call.resume() },
      management: registering((_call, reply) => reply(null, { ...accepted, config })),
    });
    let wishes: ProcessorWishes | undefined;
    const { hunter } = startHunter(port, { onWishes: (told) => wishes = told });
    await eventually("a registration", () => hunter.connection.state === "connected");
    assert.deepEqual(wishes, expected);
    assert.equal(hunter.connection.processorId, sent && "central" || "");
    void hunter.stop(0);
    server.forceShutdown();
    await hunter.stop();
  }
});

Deno.test("a limit of attempts that the processor set ends the hunter", async () => {
  const { server, port } = await startScript({
    data: { StreamPackets: (call: PacketCall) => call.resume() },
    management: registering((_call, reply) =>
      reply(null, {
        ...accepted,
        config: {
          batch_size: 0,
          batch_timeout_ms: 0,
          reconnect_interval_sec: 0,
          max_reconnect_attempts: 3,
          processor_id: "central",
        },
      })
    ),
  });
  const given = Promise.withResolvers<void>();
  const { hunter, lines, send } = startHunter(port, { onGivenUp: given.resolve });
  await eventually("a registration", () => hunter.connection.state === "connected");
  server.forceShutdown();
  send("a packet");
  await given.promise;
  const { state, attempts, connections, processorId } = hunter.connection;
  assert.deepEqual([state, attempts, connections, processorId], ["stopped", 4, 1, "central"]);
  assert.match(
    lines.at(-1) ?? "",
    /given up after 3 failed attempts, the most that the processor allows \(max_reconnect_attempts\)/,
  );
  assert.equal((await hunter.stop()).packets, 1);
});

Deno.test("the breaker opens after five failures, tries once, and closes when that works", async () => {
  const log: string[] = [];
  configureLog({ json: false, write: (line) => log.push(line), variable: () => undefined });
  const { processor, port } = await startProcessor();
  const link = new Link(1);
  try {
    const { hunter } = startHunter(link.port, {
      timings: { ...quick, breaker: { failures: 5, openMs: 400 } },
    });
    const states: string[] = [];
    await eventually("an open breaker", () => {
      const { breaker, attempts } = hunter.connection;
      if (breaker !== states.at(-1)) states.push(breaker);
      if (breaker === "open") assert.equal(attempts, 5);
      return breaker === "open";
    });
    const { breakerOpenings, state } = hunter.connection;
    assert.deepEqual([states, breakerOpenings, state], [["closed", "open"], 1, "waiting"]);
    assert.ok(waitOf(hunter) >= 350, String(waitOf(hunter)));
    assert.equal(
      log.filter((line) => /5 attempts in a row failed; circuit breaker open, none for 0\.4 s/.test(line))
        .length,
      1,
    );
    await eventually("a failed try", () => hunter.connection.breakerOpenings === 2);
    assert.equal(hunter.connection.attempts, 6);
    link.target = port;
    await eventually("a registration", () => hunter.connection.state === "connected");
    assert.deepEqual([hunter.connection.breaker, hunter.connection.attempts], ["closed", 7]);
    await hunter.stop();
  } finally {
    configureLog({ json: false, write: () => {}, variable: () => undefined });
    await link.close();
    await processor.stop();
  }
});

Deno.test("a processor that complains of pings gets fewer of them", async () => {
  const log: string[] = [];
  configureLog({ json: false, write: (line) => log.push(line), variable: () => undefined });
  const server = http2.createServer({});
  const complaint = Buffer.from("too_many_pings");
  server.on(
    "stream",
    (stream) => stream.session?.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, complaint),
  );
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
  );
  const { hunter } = startHunter(port, { timings: { ...quick, deadlineMs: 300 } });
  await eventually("two complaints", () => log.some((line) => line.includes("one every 120 s now")));
  assert.ok(
    log.some((line) => /closed the connection because of too many pings; one every 60 s now/.test(line)),
  );
  await hunter.stop();
  server.close();
  configureLog({ json: false, write: () => {}, variable: () => undefined });
});
