import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import { channelSecurity, type SecuritySettings } from "../../src/hunter/credentials.ts";
import { serverSecurity, type ServerSecuritySettings } from "../../src/processor/server_credentials.ts";
import { OperatorError } from "../../src/runtime/operator_error.ts";
import { eventually, plainText, startHunter, startProcessor } from "./loopback.ts";

const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const file = (name: string) => `${folder}/${name}`;

async function openssl(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("openssl", { args, cwd: folder, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  assert.ok(success || args[0] === "s_client", decoder.decode(stderr));
  return decoder.decode(stdout) + decoder.decode(stderr);
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

async function authority(name: string): Promise<void> {
  await openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.pem`,
    "-subj",
    `/CN=${name}`,
  );
}

async function certificate(name: string, issuer: string, subjects: string): Promise<void> {
  await openssl("req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
  await Deno.writeTextFile(file(`${name}.ext`), `subjectAltName=${subjects}\n`);
  const signed = ["-CA", `${issuer}.pem`, "-CAkey", `${issuer}.key`, "-extfile", `${name}.ext`];
  await openssl("x509", "-req", "-in", `${name}.csr`, ...signed, "-out", `${name}.pem`);
}

const test = await hasOpenssl() ? Deno.test : Deno.test.ignore;

async function hasOpenssl(): Promise<boolean> {
  try {
    await openssl("version");
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.warn(
      "skipped: the TLS tests make their certificates with the program openssl, which is not installed",
    );
    return false;
  }
}

async function makeCertificates(): Promise<void> {
  await Promise.all([authority("ca"), authority("other")]);
  await certificate("server", "ca", "DNS:localhost,IP:127.0.0.1");
  await certificate("elsewhere", "ca", "DNS:elsewhere.example,IP:192.0.2.1");
  await certificate("client", "ca", "DNS:client");
  await certificate("stranger", "other", "DNS:stranger");
}

if (test === Deno.test) await makeCertificates();

const pair = (name: string) => ({ tlsCert: file(`${name}.pem`), tlsKey: file(`${name}.key`) });
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
    cwd: folder,
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
    [client({ tlsSkipVerify: true, tlsCert: file("client.pem") }), /add --tls-key/],
    [client({ tlsSkipVerify: true, tlsKey: file("client.key") }), /add --tls-cert/],
    [server({}), /needs --tls-cert and --tls-key/],
    [server({ ...pair("server"), tlsClientAuth: true }), /--tls-client-auth needs --tls-ca/],
  ];
  for (const [act, message] of cases) {
    assert.throws(
      act,
      (error) => error instanceof OperatorError && message.test(error.message),
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
