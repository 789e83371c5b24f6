import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import type { ClientReadableStream } from "@grpc/grpc-js";
import type { Filter } from "../../src/engine/filter.ts";
import type { Channel } from "../../src/hunter/channel.ts";
import type { SubscribeRequest } from "../../src/proto/data_messages.ts";
import { HunterStatus, NodeType } from "../../src/proto/management_messages.ts";
import { dataService, managementService } from "../../src/proto/services.ts";
import { OperatorError } from "../../src/runtime/operator_error.ts";
import { ProcessorSink } from "../../src/sinks/processor_sink.ts";
import {
  channelTo,
  eventually,
  Link,
  packetBatch,
  pieceOf,
  quick,
  startHunter,
  startProcessor,
} from "./loopback.ts";

const everyone: SubscribeRequest = {
  hunter_ids: [],
  bpf_filter: "",
  client_id: "",
  has_hunter_filter: false,
};

interface Watcher {
  readonly call: ClientReadableStream<Uint8Array>;
  readonly texts: string[];
  readonly hunters: Set<string>;
  readonly status: Promise<{ code: number; details: string }>;
}

function watch(client: Channel, request: Partial<SubscribeRequest> = {}): Watcher {
  const call = client.serverStream(dataService.SubscribePackets, { ...everyone, ...request });
  const texts: string[] = [];
  const hunters = new Set<string>();
  call.on("data", (bytes: Uint8Array) => {
    const batch = packetBatch.decode(bytes);
    hunters.add(batch.hunter_id);
    texts.push(...batch.packets.map(({ data }) => new TextDecoder().decode(data)));
  });
  call.on("error", () => {});
  const status = new Promise<{ code: number; details: string }>((resolve) => call.on("status", resolve));
  return { call, texts, hunters, status };
}

Deno.test("status, list and topology show the hunters as they described themselves", async () => {
  const { processor, port } = await startProcessor();
  const { hunter, send } = startHunter(port);
  send("a");
  await eventually("a batch", () => hunter.outbox.acknowledged.batches === 1);
  const client = channelTo(port);
  const ask = () => client.unary(managementService.GetHunterStatus, { hunter_id: "" }, 5_000);
  let status = await ask();
  for (let tries = 0; status.hunters[0]?.stats?.packets_forwarded !== 1n && tries < 500; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    status = await ask();
  }
  const [shown] = status.hunters;
  assert.equal(shown?.hunter_id, "hunter-1");
  assert.equal(shown.hostname, "edge");
  assert.deepEqual(shown.interfaces, ["eth0", "eth1"]);
  assert.match(shown.remote_addr, /^127\.0\.0\.1:\d+$/);
  assert.equal(shown.capabilities?.max_buffer_size, 2_048_000n);
  assert.deepEqual(shown.capabilities?.filter_types, ["bpf", "ip_address", "dns_domain"]);
  const { packets_captured, packets_matched, packets_forwarded, packets_dropped } = shown.stats ?? {};
  assert.deepEqual([packets_captured, packets_matched, packets_forwarded, packets_dropped], [
    10n,
    7n,
    1n,
    2n,
  ]);
  assert.ok((shown.stats?.memory_rss_bytes ?? 0n) > 1_000_000n);
  const stats = status.processor_stats;
  assert.deepEqual([stats?.total_hunters, stats?.total_packets_received, stats?.processor_id], [
    1,
    1n,
    "processor-1",
  ]);
  const nobody = await client.unary(managementService.GetHunterStatus, { hunter_id: "nobody" }, 5_000);
  assert.equal(nobody.hunters.length, 0);
  const list = await client.unary(managementService.ListAvailableHunters, {}, 5_000);
  assert.deepEqual(list.hunters.map((each) => [each.hunter_id, each.hostname]), [["hunter-1", "edge"]]);
  const { processor: node } = await client.unary(managementService.GetTopology, {}, 5_000);
  assert.deepEqual([node?.processor_id, node?.node_type, node?.reachable, node?.hunters.length], [
    "processor-1",
    NodeType.NODE_TYPE_PROCESSOR,
    true,
    1,
  ]);
  assert.equal(node?.address, `127.0.0.1:${port}`);
  await hunter.stop();
  const after = await client.unary(managementService.GetHunterStatus, { hunter_id: "hunter-1" }, 5_000);
  assert.equal(after.hunters[0]?.status, HunterStatus.STATUS_STOPPING);
  client.close();
  await processor.stop();
});

Deno.test("subscribers get the hunters that they ask for", async () => {
  const { processor, port } = await startProcessor();
  const client = channelTo(port);
  const all = watch(client);
  const none = watch(client, { has_hunter_filter: true });
  const one = watch(client, { has_hunter_filter: true, hunter_ids: ["one"] });
  await eventually("subscribed", () => processor.counters.subscribers === 3);
  const one1 = startHunter(port, { id: "one" });
  const two = startHunter(port, { id: "two" });
  one1.send("from one");
  two.send("from two");
  await eventually("both", () => all.texts.length === 2 && one.texts.length === 1);
  assert.deepEqual([...all.texts].sort(), ["from one", "from two"]);
  assert.deepEqual([...all.hunters].sort(), ["one", "two"]);
  assert.deepEqual(one.texts, ["from one"]);
  assert.deepEqual(none.texts, []);
  one.call.cancel();
  await eventually("unsubscribed", () => processor.counters.subscribers === 2);
  await Promise.all([one1.hunter.stop(), two.hunter.stop()]);
  await processor.stop();
  assert.deepEqual((await all.status).details, "the processor is stopping");
  client.close();
});

Deno.test("hunters and subscribers beyond the limit are refused", async () => {
  const { processor, port } = await startProcessor({ maxHunters: 1, maxSubscribers: 1 });
  const client = channelTo(port);
  const first = watch(client);
  await eventually("subscribed", () => processor.counters.subscribers === 1);
  const second = watch(client);
  assert.equal((await second.status).code, 8);
  const a = startHunter(port, { id: "a" });
  await eventually("the first", () => processor.counters.hunters === 1);
  const b = startHunter(port, {
    id: "b",
    timings: { ...quick, backoff: { ...quick.backoff, longestMs: 60_000 } },
  });
  await eventually("a refusal", () => b.lines.some((line) => line.includes("RESOURCE_EXHAUSTED")));
  assert.match(b.lines.join("\n"), /takes no more than 1 hunters/);
  await a.hunter.stop();
  await b.hunter.stop();
  first.call.cancel();
  client.close();
  await processor.stop();
});

Deno.test("a packet filter that cannot be applied is refused, not ignored", async () => {
  const { processor, port } = await startProcessor();
  const client = channelTo(port);
  const { code, details } = await watch(client, { bpf_filter: "udp port 53" }).status;
  assert.equal(code, 12);
  assert.match(details, /bpf_filter "udp port 53"/);
  client.close();
  await processor.stop();
});

Deno.test("a subscriber that does not read misses batches, and holds up nobody", async () => {
  const { processor, port, sink } = await startProcessor();
  const link = new Link(port);
  const client = channelTo(link.port);
  const slow = client.serverStream(dataService.SubscribePackets, everyone);
  slow.on("error", () => {});
  await eventually("subscribed", () => processor.counters.subscribers === 1);
  link.stall();
  const { hunter, send } = startHunter(port);
  const text = "x".repeat(500_000);
  for (let count = 0; count < 100; count++) send(text);
  await eventually("all taken", () => hunter.outbox.acknowledged.batches === 100);
  assert.equal(sink.texts.length, 100);
  assert.ok(processor.counters.subscriberDrops > 0);
  const dropped = processor.counters.subscriberDrops;
  link.cut();
  await eventually("unsubscribed", () => processor.counters.subscribers === 0);
  assert.equal(processor.counters.subscriberDrops, dropped, "drops are remembered");
  await hunter.stop();
  client.close();
  await link.close();
  await processor.stop();
});

Deno.test("what is captured in the same process is counted, stored and shown", async () => {
  const told: string[][] = [];
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(
    `${folder}/filters.yaml`,
    "filters:\n  - {id: d, type: dns_domain, pattern: a.example}\n  - {id: s, type: sip_user, pattern: alice}\n",
  );
  const { processor, port, sink } = await startProcessor({
    filterFile: `${folder}/filters.yaml`,
    local: {
      hostname: "tap",
      interfaces: ["eth9"],
      filterTypes: ["dns_domain"],
      figures: () => ({ captured: 5, matched: 4, dropped: 1, failed: false }),
      onFilters: (filters: readonly Filter[]) => told.push(filters.map(({ id }) => id)),
    },
  });
  assert.deepEqual(told, [["d"]]);
  const client = channelTo(port);
  const watcher = watch(client, { has_hunter_filter: true, hunter_ids: ["processor-1"] });
  await eventually("subscribed", () => processor.counters.subscribers === 1);
  const processorSink = new ProcessorSink(processor);
  assert.deepEqual([...processorSink.needs].sort(), ["json", "wire"]);
  const chunk = {
    packets: 3,
    bytes: 60,
    wire: [pieceOf("a", "b"), pieceOf("c")],
    json: new TextEncoder().encode("J\n"),
  };
  await processorSink.write(chunk);
  await processorSink.close();
  assert.deepEqual(sink.texts, ["J"]);
  await eventually("shown", () => watcher.texts.length === 3);
  assert.deepEqual(watcher.texts, ["a", "b", "c"]);
  const status = await client.unary(managementService.GetHunterStatus, { hunter_id: "" }, 5_000);
  assert.deepEqual(status.hunters.map(({ hunter_id, interfaces }) => [hunter_id, ...interfaces]), [
    ["processor-1", "eth9"],
  ]);
  assert.equal(status.processor_stats?.total_packets_received, 3n);
  assert.deepEqual([processor.counters.packets, processor.counters.bytes], [3, 60]);
  watcher.call.cancel();
  client.close();
  await processor.stop();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a sink that fails is reported, and its packets are not acknowledged", async () => {
  const failures: unknown[] = [];
  const { processor, port } = await startProcessor({
    sinks: [{
      name: "a full disk",
      needs: ["json"],
      write: () => Promise.reject(new OperatorError("the disk is full")),
      close: () => Promise.resolve(),
    }],
    onSinkFailure: (error) => failures.push(error),
  });
  const { hunter, lines, send } = startHunter(port);
  send("a");
  await eventually("the hunter hears of it", () => lines.some((line) => line.includes("the disk is full")));
  assert.equal(hunter.outbox.acknowledged.batches, 0);
  assert.ok(failures[0] instanceof OperatorError);
  assert.equal((await hunter.stop(1)).batches, 1);
  await processor.stop();
});

Deno.test("an address that cannot be listened on is named", async () => {
  const { processor, port } = await startProcessor();
  const cases: [string, RegExp][] = [
    [`127.0.0.1:${port}`, /cannot listen on 127\.0\.0\.1:\d+ \(--listen\): another program listens there/],
    ["192.0.2.1:0", /cannot listen on 192\.0\.2\.1:0 \(--listen\): this machine has no such address/],
  ];
  for (const [listen, message] of cases) {
    await assert.rejects(
      startProcessor({ listen }),
      (error) => error instanceof OperatorError && message.test(error.message),
      listen,
    );
  }
  await processor.stop();
});

Deno.test("an empty host means all addresses", async () => {
  const { processor, port } = await startProcessor({ listen: ":0" });
  for (const host of ["127.0.0.1", "[::1]"]) {
    const { hunter, send } = startHunter(port, { host });
    send(host);
    assert.equal((await hunter.stop()).batches, 0);
  }
  assert.equal(processor.counters.packets, 2);
  await processor.stop();
});
