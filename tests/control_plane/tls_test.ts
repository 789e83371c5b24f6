import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import { channelSecurity, type SecuritySettings } from "../../src/hunter/credentials.ts";
import { serverSecurity, type ServerSecuritySettings } from "../../src/processor/server_credentials.ts";
import { OperatorError } from "../../src/runtime/operator_error.ts";
import { configureLog } from "../../src/telemetry/log.ts";
import {
  authority,
  canMakeCertificates,
  certificate,
  file,
  openssl,
  pair,
  sign,
  testWithCertificates as test,
} from "./certificates.ts";
import { eventually, plainText, startHunter, startProcessor } from "./loopback.ts";

async function makeCertificates(): Promise<void> {
  await Promise.all([authority("ca"), authority("other")]);
  await certificate("server", "ca", "DNS:localhost,IP:127.0.0.1");
  await certificate("elsewhere", "ca", "DNS:elsewhere.example,IP:192.0.2.1");
  await certificate("client", "ca", "DNS:client");
  await certificate("stranger", "other", "DNS:stranger");
  await certificate("six", "ca", "IP:::1");
  await certificate("ending", "ca", "DNS:ending", [-day, 5 * day]);
  await certificate("expired", "ca", "IP:127.0.0.1", [-2 * day, -day]);
  await certificate("early", "ca", "IP:127.0.0.1", [day, 2 * day]);
  await openssl("pkey", "-in", "server.key", "-aes128", "-passout", "pass:x", "-out", "locked.key");
  await openssl("genpkey", "-algorithm", "ed25519", "-out", "edwards.key");
  await openssl("req", "-new", "-key", "edwards.key", "-subj", "/CN=edwards", "-out", "edwards.csr");
  await sign("edwards", "ca", "IP:127.0.0.1");
  await openssl("genrsa", "-out", "rsa.key", "2048");
  await openssl("req", "-new", "-key", "rsa.key", "-subj", "/CN=rsa", "-out", "rsa.csr");
  await sign("rsa", "ca", "IP:127.0.0.1");
  await Deno.writeTextFile(file("empty.txt"), "\nsecret\n");
  await Deno.writeTextFile(
    file("broken.pem"),
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  );
  await Deno.writeTextFile(
    file("broken.key"),
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
  );
}

const day = 86_400_000;

if (canMakeCertificates) await makeCertificates();

const secure = { ...plainText, insecure: false };
const trusting: SecuritySettings = { ...secure, tlsCa: file("ca.pem") };

/** Connects once; the line that the hunter tells of it. */
async function attempt(port: number, settings: SecuritySettings, host = "127.0.0.1"): Promise<string> {
  const security = () => channelSecurity(settings, `${host}:${port}`);
  const { hunter, lines } = startHunter(port, { host, security });
  await eventually("an outcome", () => lines.some((line) => /registered|trying again/.test(line)));
  await hunter.stop();
  return lines[1] ?? "";
}

test("the server's certificate is verified, by name and by address", async () => {
  const { processor, port, sink } = await startProcessor({
    security: { insecure: false, ...pair("server") },
  });
  const cases: [string, SecuritySettings, string, RegExp][] = [
    ["address", trusting, "127.0.0.1", /registered/],
    ["name", trusting, "localhost", /registered/],
    ["not verified", { ...secure, tlsSkipVerify: true }, "127.0.0.1", /registered/],
    [
      "wrong CA",
      { ...secure, tlsCa: file("other.pem") },
      "127.0.0.1",
      /UNAVAILABLE: .*not from the CA in --tls-ca/,
    ],
    ["plain text", plainText, "127.0.0.1", /UNAVAILABLE/],
  ];
  for (const [what, settings, host, line] of cases) {
    assert.match(await attempt(port, settings, host), line, what);
  }
  const { hunter, send } = startHunter(port, {
    security: () => channelSecurity(trusting, `127.0.0.1:${port}`),
  });
  send("over TLS");
  assert.equal((await hunter.stop()).batches, 0);
  assert.deepEqual(sink.texts, ["over TLS"]);
  await processor.stop();
});

test("a certificate for another host is refused, by name and by address", async () => {
  const { processor, port } = await startProcessor({ security: { insecure: false, ...pair("elsewhere") } });
  for (const host of ["127.0.0.1", "localhost"]) {
    assert.match(await attempt(port, trusting, host), /certificate is for another name/, host);
  }
  await processor.stop();
});

test("the name to verify can be another one, and be an address", async () => {
  const { processor, port } = await startProcessor({ security: { insecure: false, ...pair("elsewhere") } });
  const cases: [string, RegExp][] = [
    ["elsewhere.example", /registered/],
    ["192.0.2.1", /registered/],
    ["other.example", /certificate is for another name/],
    ["192.0.2.2", /certificate is for another name/],
  ];
  for (const [tlsServerName, line] of cases) {
    assert.match(await attempt(port, { ...trusting, tlsServerName }), line, tlsServerName);
  }
  await processor.stop();
});

test("a processor at an IPv6 address is verified by it", async () => {
  for (
    const [name, line] of [["six", /registered/], ["server", /certificate is for another name/]] as const
  ) {
    const { processor, port } = await startProcessor({
      listen: "[::1]:0",
      security: { insecure: false, ...pair(name) },
    });
    assert.match(await attempt(port, trusting, "[::1]"), line, name);
    await processor.stop();
  }
});

test("certificates outside of their validity are refused on both sides", async () => {
  for (const [name, what] of [["expired", /expired/i], ["early", /not.?yet.?valid/i]] as const) {
    const { processor, port } = await startProcessor({ security: { insecure: false, ...pair(name) } });
    const line = await attempt(port, trusting);
    assert.match(line, what);
    assert.match(line, /check the certificate's validity and this machine's clock; this lasts until/);
    await processor.stop();
    const mutual = await startProcessor({
      security: { insecure: false, ...pair("server"), tlsCa: file("ca.pem"), tlsClientAuth: true },
    });
    assert.match(
      await attempt(mutual.port, { ...trusting, ...pair(name) }),
      /the certificate in --tls-cert (expired on|is valid only from) .*; this lasts until/,
    );
    await mutual.processor.stop();
  }
});

test("keys of all kinds that are in use do their work", async () => {
  for (const name of ["edwards", "rsa"]) {
    const security = { insecure: false, ...pair(name), tlsCa: file("ca.pem"), tlsClientAuth: true };
    const { processor, port } = await startProcessor({ security });
    assert.match(await attempt(port, { ...trusting, ...pair(name) }), /registered/, name);
    await processor.stop();
  }
});

test("mutual TLS takes clients of the CA only", async () => {
  const { processor, port } = await startProcessor({
    security: { insecure: false, ...pair("server"), tlsCa: file("ca.pem"), tlsClientAuth: true },
  });
  assert.match(await attempt(port, { ...trusting, ...pair("client") }), /registered/);
  assert.match(await attempt(port, trusting), /wants a client certificate: add --tls-cert/);
  assert.match(await attempt(port, { ...trusting, ...pair("stranger") }), /UNAVAILABLE/);
  assert.equal(processor.counters.hunters, 1);
  await processor.stop();
});

test("each side warns of certificates that end soon, and shows when", async () => {
  const lines: string[] = [];
  configureLog({ json: false, write: (line) => lines.push(line), variable: () => undefined });
  try {
    const { processor, port } = await startProcessor({
      security: { insecure: false, ...pair("server"), tlsCa: file("ca.pem"), tlsClientAuth: true },
    });
    const { hunter } = startHunter(port, {
      security: () => channelSecurity({ ...trusting, ...pair("ending") }, `127.0.0.1:${port}`),
    });
    await eventually("a registration", () => hunter.connection.state === "connected");
    const { certificates } = hunter.connection;
    assert.deepEqual(certificates.map(({ role, subject }) => [role, subject]), [
      ["own", "CN=ending"],
      ["ca", "CN=ca"],
      ["peer", "CN=server"],
    ]);
    const daysLeft = certificates.map(({ notAfterMs }) => Math.round((notAfterMs - Date.now()) / day));
    assert.deepEqual(daysLeft, [5, 90, 90]);
    assert.deepEqual(processor.certificates.map(({ subject }) => subject), ["CN=server", "CN=ca"]);
    const warnings = lines.filter((line) => line.includes("expires on"));
    assert.equal(warnings.length, 2, warnings.join());
    assert.match(
      warnings[0] ?? "",
      /the certificate CN=ending in --tls-cert expires on \S+, in [45] days: renew/,
    );
    assert.match(
      warnings[1] ?? "",
      /the certificate CN=ending of hunter hunter-1 expires on \S+, in [45] days/,
    );
    await hunter.stop();
    await processor.stop();
  } finally {
    configureLog({ json: false, write: () => {}, variable: () => undefined });
  }
});

test("neither side speaks less than TLS 1.3", async () => {
  const { processor, port } = await startProcessor({ security: { insecure: false, ...pair("server") } });
  const connect = (version: string) =>
    openssl("s_client", version, "-alpn", "h2", "-connect", `127.0.0.1:${port}`);
  assert.match(await connect("-tls1_2"), /alert protocol version/);
  assert.match(await connect("-tls1_3"), /TLSv1\.3/);
  await processor.stop();
  const old = new Deno.Command("openssl", {
    args: [
      "s_server",
      "-tls1_2",
      "-alpn",
      "h2",
      "-accept",
      "127.0.0.1:0",
      "-cert",
      "server.pem",
      "-key",
      "server.key",
    ],
    cwd: file(""),
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const oldPort = await acceptedPort(old.stdout);
  assert.match(await attempt(oldPort, trusting), /TLS 1\.3 is needed on both sides/);
  await old.stdin.close();
  old.kill();
  await old.status;
});

test("a processor without TLS is recognised", async () => {
  const { processor, port } = await startProcessor();
  assert.match(await attempt(port, trusting), /does not speak TLS: try --insecure/);
  await processor.stop();
});

test("settings that cannot work are refused with what is wrong", () => {
  const client = (settings: Partial<SecuritySettings>) => () =>
    channelSecurity({ ...secure, ...settings }, "processor:55555");
  const server = (settings: Partial<ServerSecuritySettings>) => () =>
    serverSecurity({ ...secure, ...settings });
  const cases: [() => unknown, RegExp][] = [
    [client({}), /needs --tls-ca/],
    [client({ tlsCa: file("missing.pem") }), /--tls-ca: cannot read .*missing\.pem/],
    [client({ tlsCa: file("server.ext") }), /--tls-ca: .*server\.ext is no PEM file/],
    [client({ tlsCa: file("ca.key") }), /--tls-ca: .*ca\.key holds no certificate/],
    [client({ tlsCa: file("broken.pem") }), /--tls-ca: .*broken\.pem: certificate 1 cannot be read/],
    [
      client({ ...trusting, ...pair("client"), tlsKey: file("server.key") }),
      /--tls-key: the key in .*server\.key is not the one of the certificate in .*client\.pem/,
    ],
    [client({ ...trusting, ...pair("server"), tlsKey: file("locked.key") }), /locked\.key is encrypted/],
    [
      client({ ...trusting, ...pair("server"), tlsKey: file("broken.key") }),
      /no private key that can be used/,
    ],
    [client({ ...trusting, apiKey: "with blank" }), /--api-key: a key is made of/],
    [client({ ...trusting, apiKeyFile: file("missing.txt") }), /--api-key-file: cannot read/],
    [client({ ...trusting, apiKeyFile: file("empty.txt") }), /--api-key-file: the first line .* is empty/],
    [client({ insecure: true, apiKey: "secret" }), /an API key is not sent in plain text/],
    [server({ ...pair("server"), tlsKey: file("client.key") }), /is not the one of the certificate/],
    [client({ tlsSkipVerify: true, tlsCert: file("client.pem") }), /add --tls-key/],
    [client({ tlsSkipVerify: true, tlsKey: file("client.key") }), /add --tls-cert/],
    [server({}), /needs --tls-cert and --tls-key/],
    [server({ ...pair("server"), tlsClientAuth: true }), /--tls-client-auth needs --tls-ca/],
  ];
  for (const [act, message] of cases) {
    assert.throws(
      act,
      (error) => error instanceof OperatorError && error.exitCode === 2 && message.test(error.message),
      String(message),
    );
  }
});

/** The port that `openssl s_server` says it listens on. What it says later goes nowhere, but is read. */
async function acceptedPort(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<number> {
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const found = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(text);
    if (found !== null) {
      void (async () => {
        while (!(await reader.read()).done);
      })();
      return Number(found[1]);
    }
    const { value, done } = await reader.read();
    assert.ok(!done, text);
    text += value;
  }
}
