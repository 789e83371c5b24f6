import "./http2_sessions.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";

Deno.test("a session that a peer closes while idle outlives the bytes that say so", async () => {
  const server = http2.createServer((_request, response) => void response.end());
  const destroyedWhileReceiving: boolean[] = [];
  const closed = new Promise<void>((resolve) =>
    server.on("session", (session) => {
      let leaving = false;
      session.on("goaway", () => leaving = true);
      session.socket.on("data", () => {
        if (leaving) destroyedWhileReceiving.push(session.destroyed);
      });
      session.on("close", resolve);
    })
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const request = client.request({ ":path": "/" });
  request.resume();
  await once(request, "close");
  client.close();
  await closed;
  assert.deepEqual(destroyedWhileReceiving, [false]);
  server.close();
  await once(server, "close");
});
