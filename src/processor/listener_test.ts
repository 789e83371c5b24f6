import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Settings } from "node:http2";
import { ServerCredentials } from "@grpc/grpc-js";
import { listen, newServer, shutDown } from "./listener.ts";

Deno.test("a client is told how many calls it may have under way", async () => {
  const server = newServer();
  const port = await listen(server, "127.0.0.1:0", ServerCredentials.createInsecure());
  const client = connect(`http://127.0.0.1:${port}`);
  const [settings] = await once(client, "remoteSettings") as [Settings];
  client.close();
  await shutDown(server);
  assert.equal(settings.maxConcurrentStreams, 1_024);
});
