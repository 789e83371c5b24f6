import "../../src/runtime/environment.ts";
import { Buffer } from "node:buffer";
import { status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { Channel } from "../../src/hunter/channel.ts";
import { channelSecurity, type SecuritySettings } from "../../src/hunter/credentials.ts";
import { RpcFailure } from "../../src/hunter/rpc_failure.ts";
import { ApiKeys } from "../../src/processor/api_keys.ts";
import { dataService, managementService } from "../../src/proto/services.ts";
import { OperatorError } from "../../src/runtime/operator_error.ts";
import { configureLog } from "../../src/telemetry/log.ts";
import {
  authority,
  canMakeCertificates,
  certificate,
  file,
  pair,
  testWithCertificates as test,
} from "./certificates.ts";
import { eventually, plainText, startHunter, startProcessor } from "./loopback.ts";

if (canMakeCertificates) {
  await authority("ca");
  await certificate("server", "ca", "IP:127.0.0.1");
}

const keys = [
  { key: "hunter-key", role: "hunter", description: "edge" },
  { key: "subscriber-key", role: "subscriber", description: "" },
  { key: "admin-key", role: "admin", description: "operators" },
] as const;
const inFile = [{ key: "file-key", role: "hunter", description: "" }];

const start = (apiKeys: () => ApiKeys) =>
  startProcessor({ security: { insecure: false, ...pair("server") }, apiKeys });
const known = () => new ApiKeys({ apiKeyAuth: true, apiKeys: keys, apiKeysFile: undefined });
const settings = (more: Partial<SecuritySettings>): SecuritySettings => ({
  ...plainText,
  insecure: false,
  tlsCa: file("ca.pem"),
  ...more,
});

function channelWith(port: number, apiKey: string | undefined): Channel {
  const address = `127.0.0.1:${port}`;
  return new Channel(address, channelSecurity(settings({ apiKey }), address));
}

const methods = { ...dataService, ...managementService };

/** The status of one call; OK for a stream that goes on when a later call on its connection has been answered. */
async function statusOf(channel: Channel, name: keyof typeof methods): Promise<string> {
  const { path, requestStream, responseStream } = methods[name];
  const method = { ...methods[name], requestSerialize: () => Buffer.alloc(0) } as never;
  if (!responseStream) {
    try {
      await channel.unary(method, {}, 5_000);
      return "OK";
    } catch (error) {
      assert.ok(error instanceof RpcFailure, path);
      return status[error.code];
    }
  }
  const call = requestStream ? channel.duplexStream(method) : channel.serverStream(method, {});
  call.on("data", () => {});
  call.on("error", () => {});
  const end = await Promise.race([
    new Promise<string>((resolve) => call.on("status", ({ code }) => resolve(status[code]))),
    later(channel).then(() => "OK"),
  ]);
  call.cancel();
  return end;
}

async function later(channel: Channel): Promise<void> {
  await channel.unary(managementService.GetTopology, {}, 5_000).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 20));
}

test("each method is for its roles, and nobody calls one without a key", async () => {
  const { processor, port } = await start(known);
  const forHunters: (keyof typeof methods)[] = [
    "StreamPackets",
    "RegisterHunter",
    "RegisterProcessor",
    "Heartbeat",
    "GetFilters",
    "SubscribeFilters",
  ];
  const forAdmins: (keyof typeof methods)[] = [
    "UpdateFilter",
    "DeleteFilter",
    "UpdateFilterOnProcessor",
    "DeleteFilterOnProcessor",
  ];
  const names = Object.keys(methods) as (keyof typeof methods)[];
  for (const key of [undefined, "", "wrong", "hunter-key", "subscriber-key", "admin-key"]) {
    const channel = channelWith(port, key || undefined);
    const admitted = async (name: keyof typeof methods) =>
      await statusOf(channel, name) !== "UNAUTHENTICATED";
    await channel.connect(5_000, new AbortController().signal);
    const results = await Promise.all(names.map(admitted));
    const expected = names.filter((name) =>
      key === "admin-key" || (key === "hunter-key" && forHunters.includes(name)) ||
      (key === "subscriber-key" && !forHunters.includes(name) && !forAdmins.includes(name))
    );
    assert.deepEqual(names.filter((_, index) => results[index]), expected, String(key));
    channel.close();
  }
  await processor.stop();
});

test("a hunter with its key works, and one without is told what to do, rarely", async () => {
  const { processor, port, sink } = await start(known);
  const address = `127.0.0.1:${port}`;
  await Deno.writeTextFile(file("key.txt"), "hunter-key\nsecond line\n");
  for (const more of [{ apiKey: "hunter-key" }, { apiKeyFile: file("key.txt") }]) {
    const { hunter, send } = startHunter(port, { security: () => channelSecurity(settings(more), address) });
    send("with a key");
    await eventually("packets", () => sink.texts.length > 0);
    assert.equal((await hunter.stop()).batches, 0);
    assert.deepEqual(sink.texts.splice(0), ["with a key"]);
  }
  for (const apiKey of [undefined, "wrong-key-wrong-key", "subscriber-key"]) {
    const security = () => channelSecurity(settings({ apiKey }), address);
    const { hunter, lines } = startHunter(port, { security, id: "refused" });
    await eventually("a refusal", () => lines.some((line) => line.includes("trying again")));
    assert.match(lines[1] ?? "", /UNAUTHENTICATED: authentication failed; .*--api-key.*; this lasts until/);
    assert.equal(hunter.connection.failures.get("UNAUTHENTICATED"), 1);
    await hunter.stop();
    assert.ok(!lines.some((line) => line.includes("-key-wrong") || line.includes("subscriber-key")));
  }
  assert.equal(processor.counters.unauthenticated >= 3, true);
  await processor.stop();
});

test("a hunter's key file is read for each connection, and a bad one changes nothing", async () => {
  await Deno.writeTextFile(file("changing.txt"), "one\n");
  const security = channelSecurity(settings({ apiKeyFile: file("changing.txt") }), "127.0.0.1:1");
  const after = async (text: string) => {
    await Deno.writeTextFile(file("changing.txt"), text);
    return security.apiKey();
  };
  assert.equal(security.apiKey(), "one");
  assert.equal(await after("\uFEFF two \r\n"), "two");
  assert.equal(await after("\n"), "two");
  assert.equal(await after("with blank\n"), "two");
  await Deno.remove(file("changing.txt"));
  assert.equal(security.apiKey(), "two");
});

test("a processor's file of keys is joined with those of the configuration, and may change", async () => {
  const path = file("keys.yaml");
  const write = (value: unknown) => Deno.writeTextFile(path, JSON.stringify(value));
  await write(inFile);
  const apiKeys = new ApiKeys({ apiKeyAuth: true, apiKeys: keys, apiKeysFile: path });
  const register = managementService.RegisterHunter.path;
  const admits = (key: string) => apiKeys.problemOf(key, register) === undefined;
  assert.deepEqual(["hunter-key", "file-key", "new-key"].map(admits), [true, true, false]);
  await write([{ key: "new-key", role: "admin" }]);
  apiKeys.refresh();
  assert.deepEqual(["hunter-key", "file-key", "new-key"].map(admits), [true, false, true]);
  for (const bad of ["[", "- key: x\n", "- {key: new-key, role: king}\n"]) {
    await Deno.writeTextFile(path, bad);
    apiKeys.refresh();
    assert.deepEqual(["hunter-key", "new-key"].map(admits), [true, true]);
  }
  const bad = (settings: ConstructorParameters<typeof ApiKeys>[0]) => () => new ApiKeys(settings);
  const cases: [() => ApiKeys, RegExp][] = [
    [bad({ apiKeyAuth: true, apiKeys: [], apiKeysFile: undefined }), /--api-key-auth: there are no keys/],
    [bad({ apiKeyAuth: true, apiKeys: [], apiKeysFile: path }), /keys\.yaml: entry 1: role: must be one of/],
    [bad({ apiKeyAuth: true, apiKeys: [], apiKeysFile: `${path}x` }), /--api-keys-file: cannot read/],
  ];
  for (const [act, message] of cases) {
    assert.throws(
      act,
      (error) => error instanceof OperatorError && error.exitCode === 2 && message.test(error.message),
      String(message),
    );
  }
});

test("refused calls are counted each, logged at a bounded rate, and no key is in the log", async () => {
  const lines: string[] = [];
  configureLog({ json: false, write: (line) => lines.push(line), variable: () => "DEBUG" });
  try {
    const { processor, port } = await start(known);
    const channel = channelWith(port, "secret-of-somebody");
    for (let call = 0; call < 50; call++) {
      assert.equal(await statusOf(channel, "GetFilters"), "UNAUTHENTICATED");
    }
    assert.equal(processor.counters.unauthenticated, 50);
    const refusals = lines.filter((line) => line.includes("was refused"));
    assert.equal(refusals.length, 1);
    assert.match(refusals[0]!, /GetFilters by 127\.0\.0\.1:\d+ was refused: its API key is not known/);
    assert.ok(!lines.some((line) => line.includes("secret-of-somebody")));
    channel.close();
    await processor.stop();
  } finally {
    configureLog({ json: false, write: () => {}, variable: () => undefined });
  }
});
