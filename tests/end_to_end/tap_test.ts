import "../../src/runtime/environment.ts";
import { Client, credentials, type MethodDefinition } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { codecOf } from "../../src/proto/contract.ts";
import type { PacketBatch } from "../../src/proto/data_messages.ts";
import type * as management from "../../src/proto/management_messages.ts";
import { dataService, managementService } from "../../src/proto/services.ts";
import { dnsRecords, fileHeader, fixture, fixtureObstacle, recordOf } from "./capture_file.ts";
import { sniffed, summaryIn } from "./output.ts";
import { concatenated, eventually, linesOf, start } from "./program.ts";

const obstacle = fixtureObstacle("dns.pcap");
if (obstacle !== undefined) console.log(`the test of tap is skipped: ${obstacle}`);

Deno.test({
  name: "tap answers clients, and SIGINT ends it",
  ignore: obstacle !== undefined,
  fn: async () => {
    await using tap = start(
      ["tap", "dns", "-r", "-", "--listen", "127.0.0.1:0", "--insecure", "--id", "edge", "--json"],
      { permissions: ["--allow-net"], fed: true },
    );
    const [, address = ""] = await tap.said(/listening on (127\.0\.0\.1:[0-9]+)/);
    const client = new Client(address, credentials.createInsecure());
    const batches: PacketBatch[] = [];
    const decode = codecOf<PacketBatch>("lippycat.data.PacketBatch").decode;
    const { SubscribePackets } = dataService;
    const subscription = client.makeServerStreamRequest(
      SubscribePackets.path,
      SubscribePackets.requestSerialize,
      SubscribePackets.responseDeserialize,
      { hunter_ids: [], bpf_filter: "", client_id: "watcher", has_hunter_filter: false },
    );
    subscription.on("data", (bytes: Uint8Array) => batches.push(decode(bytes)));
    const ended = new Promise<void>((resolve) =>
      subscription.on("error", () => resolve()).on("end", () => resolve())
    );
    try {
      await tap.said(/watcher.* connected/);
      const records = dnsRecords();
      await tap.feed(concatenated([fileHeader(1), ...records.map(recordOf)]));
      const packets = () => batches.flatMap((batch) => batch.packets);
      await eventually("all packets are seen", () => packets().length >= records.length);
      assert.deepEqual(
        packets().map((packet) => ({ timeNs: packet.timestamp_ns, frame: new Uint8Array(packet.data) })),
        records.map(({ timeNs, frame }) => ({ timeNs, frame: new Uint8Array(frame) })),
      );
      const known = await sniffed(fixture("dns.pcap"));
      packets().forEach(({ metadata }, at) => {
        const line = known[at];
        assert.ok(line && metadata);
        const { protocol, src_ip, dst_ip, src_port, dst_port, transport, info } = line;
        const { dns: _, details: __, sip: ___, rtp: ____, email: _____, ...rest } = metadata;
        assert.deepEqual({ ...rest }, { protocol, src_ip, dst_ip, src_port, dst_port, transport, info });
        assert.equal(metadata.dns?.query_name, line.dns?.query_name);
      });

      const status: management.StatusResponse = await ask(client, managementService.GetHunterStatus, {
        hunter_id: "",
      });
      assert.deepEqual(status.hunters.map(({ hunter_id }) => hunter_id), ["edge"]);
      assert.equal(status.processor_stats?.total_packets_received, BigInt(records.length));
      const list: management.ListHuntersResponse = await ask(
        client,
        managementService.ListAvailableHunters,
        {},
      );
      assert.deepEqual(list.hunters.map(({ hunter_id }) => hunter_id), ["edge"]);
      const none: management.StatusResponse = await ask(client, managementService.GetHunterStatus, {
        hunter_id: "another",
      });
      assert.deepEqual(none.hunters, []);

      const { code, stdout, stderr } = await tap.interrupt();
      assert.equal(code, 0, stderr);
      assert.equal(summaryIn(stderr).kept, records.length);
      assert.equal(linesOf(stdout).length, records.length);
      await ended;
    } finally {
      client.close();
    }
  },
});

/** A call of a client. */
function ask<Request, Response>(
  client: Client,
  method: MethodDefinition<Request, Response>,
  request: Request,
): Promise<Response> {
  const { path, requestSerialize, responseDeserialize } = method;
  const options = { deadline: Date.now() + 10_000 };
  return new Promise((resolve, reject) =>
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      options,
      (error, response) => response === undefined ? reject(error) : resolve(response),
    )
  );
}
