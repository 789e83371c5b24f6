import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import { Channel } from "../../src/hunter/channel.ts";
import { channelSecurity, type SecuritySettings } from "../../src/hunter/credentials.ts";
import { managementService } from "../../src/proto/services.ts";
import { TlsMaterialStore } from "../../src/proto/tls_material.ts";
import { configureLog } from "../../src/telemetry/log.ts";
import {
  authority,
  canMakeCertificates,
  certificate,
  file,
  openssl,
  pair,
  testWithCertificates as test,
} from "./certificates.ts";
import { eventually, Link, numbered, plainText, startHunter, startProcessor } from "./loopback.ts";

async function makeCertificates(): Promise<void> {
  await Promise.all([authority("ca"), authority("next")]);
  const here = "DNS:localhost,IP:127.0.0.1";
  await Promise.all([
    certificate("first", "ca", here),
    certificate("second", "ca", here),
    certificate("third", "next", here),
    certificate("old-client", "ca", "DNS:client"),
    certificate("new-client", "next", "DNS:client"),
  ]);
  await Deno.writeTextFile(
    file("both.pem"),
    await Deno.readTextFile(file("ca.pem")) + await Deno.readTextFile(file("next.pem")),
  );
}

if (canMakeCertificates) await makeCertificates();

const put = (from: string, to: string) => Deno.copyFile(file(from), file(to));
const secure: SecuritySettings = { ...plainText, insecure: false };
const client = (name: string, ca: string): SecuritySettings => ({
  ...secure,
  ...pair(name),
  tlsCa: file(ca),
});

/** The settings of files NAME.pem, NAME.key and NAME-ca.pem, filled with others. */
async function changeable(name: string, certificate: string, ca: string) {
  await Promise.all([
    put(`${certificate}.pem`, `${name}.pem`),
    put(`${certificate}.key`, `${name}.key`),
    put(ca, `${name}-ca.pem`),
  ]);
  return { ...pair(name), tlsCa: file(`${name}-ca.pem`) };
}

/** One call over a connection of its own; the subject of the processor's certificate, or why it failed. */
async function meet(port: number, settings: SecuritySettings): Promise<string> {
  const address = `127.0.0.1:${port}`;
  const security = channelSecurity(settings, address);
  const channel = new Channel(address, security);
  try {
    await channel.unary(managementService.GetTopology, {}, 5_000);
    return security.certificates.find(({ role }) => role === "peer")?.subject ?? "no certificate";
  } catch (error) {
    return String(error);
  } finally {
    channel.close();
  }
}

test("certificates and authority are exchanged under a running stream", async () => {
  const files = await changeable("live", "first", "ca.pem");
  const { processor, port, sink } = await startProcessor({
    security: { insecure: false, ...files, tlsClientAuth: true },
  });
  const { hunter, send } = startHunter(port, {
    security: () => channelSecurity(client("old-client", "both.pem"), `127.0.0.1:${port}`),
  });
  const sent: string[] = [];
  let going = true;
  const load = (async () => {
    for (let at = 0; going; at++) {
      const texts = numbered(`batch-${at}`, 20);
      sent.push(...texts);
      send(...texts);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  await eventually("packets", () => sink.texts.length > 100);
  assert.equal(await meet(port, client("old-client", "both.pem")), "CN=first");

  // Half of a pair is no pair.
  await put("second.pem", "live.pem");
  processor.refreshFiles();
  assert.equal(await meet(port, client("old-client", "both.pem")), "CN=first");
  await put("second.key", "live.key");
  processor.refreshFiles();
  assert.equal(await meet(port, client("old-client", "both.pem")), "CN=second");

  await changeable("live", "third", "next.pem");
  processor.refreshFiles();
  assert.deepEqual(processor.certificates.map(({ role, subject }) => [role, subject]), [
    ["own", "CN=third"],
    ["ca", "CN=next"],
  ]);
  assert.match(await meet(port, client("old-client", "both.pem")), /UNAVAILABLE/);
  assert.match(await meet(port, { ...secure, tlsCa: file("both.pem") }), /UNAVAILABLE/);
  assert.match(await meet(port, client("new-client", "ca.pem")), /not from the CA in --tls-ca/);
  assert.equal(await meet(port, client("new-client", "both.pem")), "CN=third");
  assert.match(
    await openssl("s_client", "-tls1_2", "-alpn", "h2", "-connect", `127.0.0.1:${port}`),
    /alert protocol version/,
  );

  // All this time, the first connection has gone on.
  const before = sink.texts.length;
  await eventually("more packets", () => sink.texts.length > before + 100);
  going = false;
  await load;
  assert.deepEqual([hunter.connection.connections, [...hunter.connection.failures]], [1, []]);
  assert.equal((await hunter.stop()).batches, 0);
  assert.deepEqual(sink.texts, sent);
  await processor.stop();
});

test("a hunter's next connection has the new certificates, and so have reconnects of gRPC's own", async () => {
  const { processor, port } = await startProcessor({
    security: { insecure: false, ...pair("first"), tlsCa: file("both.pem"), tlsClientAuth: true },
  });
  const strict = await startProcessor({
    security: { insecure: false, ...pair("third"), tlsCa: file("next.pem"), tlsClientAuth: true },
  });
  const link = new Link(port);
  const files = await changeable("edge", "old-client", "ca.pem");
  const address = `127.0.0.1:${link.port}`;
  const security = channelSecurity({ ...secure, ...files }, address);
  const { hunter } = startHunter(link.port, { security: () => security });
  const channel = new Channel(address, security);
  const call = () => channel.unary(managementService.GetTopology, {}, 5_000).then(() => "answered", String);
  const peer = () => security.certificates.find(({ role }) => role === "peer")?.subject;
  await eventually("a registration", () => hunter.connection.state === "connected");
  assert.deepEqual([await call(), peer()], ["answered", "CN=first"]);

  await changeable("edge", "new-client", "next.pem");
  // Only the new client certificate is admitted there, and only the new authority verifies it.
  link.target = strict.port;
  link.cut();
  await eventually("a registration with the new certificates", () => hunter.connection.connections === 2);
  assert.equal(peer(), "CN=third");
  assert.equal(await call(), "answered");
  await hunter.stop();
  channel.close();
  await link.close();
  await Promise.all([processor.stop(), strict.processor.stop()]);
});

test("what is wrong with changed files is told once, at the second look", async () => {
  const files = await changeable("watched", "first", "ca.pem");
  const store = new TlsMaterialStore(files);
  const lines: string[] = [];
  configureLog({ json: false, write: (line) => lines.push(line), variable: () => undefined });
  const look = (times: number) => {
    lines.length = 0;
    const changes = Array.from({ length: times }, () => store.refresh());
    return [changes.filter((changed) => changed).length, ...lines];
  };
  try {
    assert.deepEqual(look(2), [0]);
    await put("second.pem", "watched.pem");
    assert.deepEqual(look(1), [0]);
    const [changes, ...told] = look(5);
    assert.deepEqual([changes, told.length], [0, 1]);
    assert.match(String(told[0]), /warning: --tls-key: .* is not the one of the certificate .* stay in use/);
    assert.equal(store.certificates[0]?.subject, "CN=first");
    await put("second.key", "watched.key");
    assert.match(
      look(1).join(" "),
      /^1 .*the TLS files changed: new connections use them \(CN=second, until/,
    );
    await Deno.remove(file("watched.key"));
    assert.match(look(3).join(" "), /^0 .*--tls-key: cannot read .*stay in use\n$/);
    await put("second.key", "watched.key");
    assert.deepEqual(look(1), [0]);
    await Deno.writeTextFile(file("watched-ca.pem"), "");
    assert.match(look(2).join(" "), /^0 .*is no PEM file/);
    assert.equal(store.certificates[0]?.subject, "CN=second");
  } finally {
    configureLog({ json: false, write: () => {}, variable: () => undefined });
  }
});
