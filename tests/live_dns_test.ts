import assert from "node:assert/strict";
import { fixture, fixtureObstacle, portsOf, readCapture } from "./end_to_end/capture_file.ts";
import { type PacketLine, packetsSoFar, summaryIn, sumOf } from "./end_to_end/output.ts";
import {
  type Child,
  type ChildOptions,
  command,
  eventually,
  Folder,
  linesOf,
  missingCommand,
  pause,
  start,
} from "./end_to_end/program.ts";
import { libpcapObstacle } from "./live/libpcap_library.ts";
import { startProcessor } from "./live/live_node.ts";
import { NameServer, nameServerObstacle } from "./live/name_server.ts";
import { namespaceObstacle, NetworkNamespace } from "./live/namespace.ts";

const obstacle = libpcapObstacle() ?? await namespaceObstacle();
if (obstacle !== undefined) console.log(`live DNS tests are skipped: ${obstacle}`);

function liveTest(name: string, missing: string | undefined, fn: () => Promise<void>): void {
  if (missing !== undefined) console.log(`"live DNS: ${name}" is skipped: ${missing}`);
  Deno.test({ name: `live DNS: ${name}`, ignore: (obstacle ?? missing) !== undefined, fn });
}

/** Starts a child in a namespace. */
function inside(namespace: NetworkNamespace, options: ChildOptions = {}): ChildOptions {
  return { ...options, through: ["ip", "netns", "exec", namespace.name] };
}

/** Two machines: the one with the server and the hunter, and the one with the clients and the processor. */
interface Network extends AsyncDisposable {
  /** Has `wire` (192.0.2.53, 2001:db8::53), where DNS goes, and `side` (198.51.100.1). */
  readonly server: NetworkNamespace;
  /** Has `wire` (192.0.2.1, 2001:db8::1) and `side` (198.51.100.2). */
  readonly client: NetworkNamespace;
}

async function makeNetwork(): Promise<Network> {
  const stack = new AsyncDisposableStack();
  try {
    const server = stack.use(await NetworkNamespace.create());
    const client = stack.use(await NetworkNamespace.create());
    await server.run("ip", "link", "del", "va");
    await client.run("ip", "link", "del", "va");
    for (const name of ["wire", "side"]) {
      const peer = ["type", "veth", "peer", "name", name, "netns", client.name];
      await server.run("ip", "link", "add", name, ...peer);
    }
    for (const [side, last, own] of [[server, 53, 1], [client, 1, 2]] as const) {
      await side.run("sysctl", "-qw", "net.ipv6.conf.wire.disable_ipv6=0");
      await side.run("ip", "address", "add", `192.0.2.${last}/24`, "dev", "wire");
      await side.run("ip", "address", "add", `2001:db8::${last}/64`, "dev", "wire", "nodad");
      await side.run("ip", "address", "add", `198.51.100.${own}/24`, "dev", "side");
      for (const name of ["wire", "side", "lo"]) await side.run("ip", "link", "set", name, "up");
    }
    return { server, client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Waits until `ask` is seen: from then on, capture has begun. */
async function untilSeen(capture: Child, output: Child, ask: (name: string) => Promise<void>): Promise<void> {
  const seen = () => packetsSoFar(output.stdout).some(({ dns }) => dns?.query_name.startsWith("begun"));
  for (let tries = 0; !seen(); tries++) {
    assert.ok(tries < 40 && capture.running, capture.stderr);
    await ask(`begun${tries}`);
    await pause(100);
  }
}

const ways = [["@192.0.2.53", "+notcp"], ["@192.0.2.53", "+tcp"], ["@2001:db8::53", "+notcp"], [
  "@2001:db8::53",
  "+tcp",
]] as const;

liveTest(
  "every message between a DNS server and its clients arrives once",
  nameServerObstacle(),
  async () => {
    await using network = await makeNetwork();
    await using _ = await NameServer.start(network.server, ["192.0.2.53", "2001:db8::53"]);
    using folder = new Folder();

    const filters = folder.file("filters.yaml", "filters: []\n");
    await using processor = start(
      [
        "process",
        "--insecure",
        "--id",
        "central",
        "--listen",
        "198.51.100.2:5555",
        "--json",
        "--filter-file",
        filters,
      ],
      {
        ...inside(network.client),
        permissions: ["--allow-net", `--allow-read=${folder.path}`],
        limitMs: 60_000,
      },
    );
    await processor.said(/listening on/);
    await using hunter = start(
      ["hunt", "dns", "-i", "wire", "-P", "198.51.100.2:5555", "--insecure", "--id", "edge", "--json"],
      { ...inside(network.server), permissions: ["--allow-ffi", "--allow-net"], limitMs: 60_000 },
    );
    await hunter.said(/registered with central/);
    const ask = async (...words: string[]) => {
      await command(["dig", "+tries=1", "+time=2", ...words], inside(network.client));
    };
    await untilSeen(hunter, processor, (name) => ask("@192.0.2.53", `${name}.w.example.test`));

    // Each question has a name of its own, so that it can be told apart from all others.
    const perWay = 60;
    const names: string[] = [];
    await Promise.all(ways.map(async ([server, transport], way) => {
      const types = ["A", "AAAA", "TXT"];
      const questions = Array.from(
        { length: perWay },
        (_, at) => `n${way}-${at}.w.example.test ${types[at % 3]}`,
      );
      names.push(...questions.map((question) => question.split(" ")[0] ?? ""));
      await ask(server, transport, "-f", folder.file(`questions${way}`, questions.join("\n") + "\n"));
    }));
    const messages = (name: string): PacketLine[] =>
      packetsSoFar(processor.stdout).filter(({ dns }) => dns?.query_name === name);
    await eventually("all messages arrive", () => names.every((name) => messages(name).length >= 2));

    // What the processor is told now goes for what comes next.
    const before = hunter.stderr.length;
    folder.file(
      "filters.yaml",
      'filters:\n  - { id: wanted, type: dns_domain, pattern: "*-wanted.w.example.test" }\n',
    );
    await hunter.said(/1 filter in force/, before);
    await pause(300);
    await ask("@192.0.2.53", "a-wanted.w.example.test");
    await ask("@192.0.2.53", "b-other.w.example.test");
    await ask("@2001:db8::53", "c-wanted.w.example.test");
    await eventually("the wanted ones arrive", () => messages("c-wanted.w.example.test").length >= 2);

    const hunted = await hunter.interrupt();
    assert.equal(hunted.code, 0, hunted.stderr);
    const processed = await processor.interrupt();
    assert.equal(processed.code, 0, processed.stderr);
    const summary = summaryIn(hunted.stderr);
    assert.equal(sumOf(summary.drops), 0, JSON.stringify(summary.drops));
    assert.equal(linesOf(processed.stdout).length, summary.kept);

    for (const name of names) {
      const [query, response, ...rest] = messages(name);
      assert.ok(
        query?.dns && response?.dns && rest.length === 0,
        `${name}: ${messages(name).length} messages`,
      );
      const way = ways[Number(name[1])];
      assert.deepEqual([query.dns.is_response, response.dns.is_response], [false, true], name);
      assert.equal(response.dns.transaction_id, query.dns.transaction_id);
      assert.equal(response.dns.correlated_query, true, name);
      assert.ok(Number(response.dns.query_response_time_ms) < 2_000, name);
      assert.equal(response.dns.answer_count, 1, name);
      assert.ok(query.timestamp <= response.timestamp, name);
      assert.equal(query.transport, way?.[1] === "+tcp" ? "TCP" : "UDP", name);
      assert.equal(`@${query.dst_ip}`, way?.[0], name);
      assert.deepEqual([query.dst_port, response.src_port], [53, 53], name);
      assert.deepEqual([response.src_ip, response.dst_ip, response.dst_port], [
        query.dst_ip,
        query.src_ip,
        query.src_port,
      ]);
      assert.equal(query.interface_name, "wire");
      assert.equal(query.hunter_id, "edge");
    }
    for (const name of ["a-wanted.w.example.test", "c-wanted.w.example.test"]) {
      assert.deepEqual(messages(name).map(({ matched_filter_ids }) => matched_filter_ids), [["wanted"], [
        "wanted",
      ]]);
    }
    assert.deepEqual(messages("b-other.w.example.test"), []);
  },
);

const replay = missingCommand("tcpreplay") === undefined
  ? fixtureObstacle("dns.pcap")
  : "tcpreplay is not installed";

/** A namespace whose `va` and `vb` take the frames of a loopback capture. */
async function makeWire(): Promise<NetworkNamespace> {
  const namespace = await NetworkNamespace.create();
  for (const name of ["va", "vb"]) await namespace.run("ip", "link", "set", name, "mtu", "65535");
  await namespace.run("ip", "link", "set", "lo", "up");
  return namespace;
}

/** Sends a capture into `va`, and says how many packets were sent. */
async function send(namespace: NetworkNamespace, ...args: string[]): Promise<number> {
  const { stdout } = await command(
    ["tcpreplay", "-i", "va", ...args, fixture("dns.pcap")],
    inside(namespace),
  );
  const [, sent] = /Successful packets: +([0-9]+)/.exec(stdout) ?? [];
  const [, failed] = /Failed packets: +([0-9]+)/.exec(stdout) ?? [];
  assert.equal(failed, "0", stdout);
  const [rate] = /[0-9.]+ pps/.exec(stdout) ?? [];
  console.log(`tcpreplay sent ${sent} packets at ${rate}`);
  return Number(sent);
}

/** Packets that `vb` has received, by the kernel's own count. */
async function receivedBy(namespace: NetworkNamespace): Promise<number> {
  const [link] = JSON.parse(await namespace.run("ip", "-json", "-statistics", "link", "show", "vb"));
  return link.stats64.rx.packets;
}

const burst = ["--loop", "200", "--topspeed", "--preload-pcap"];
/** The kernel can hold the whole burst: on a machine that is busy, the capture may come late. */
const roomForBurst = ["--pcap-buffer-size", String(128 << 20)];

/** Waits until somebody captures in the namespace; nothing is lost from then on. */
async function captureBegun(namespace: NetworkNamespace, capture: Child): Promise<void> {
  // One line per packet socket, below a heading.
  while (linesOf(await namespace.run("cat", "/proc/net/packet")).length < 2) {
    assert.ok(capture.running, capture.stderr);
    await pause(50);
  }
  await pause(500);
}

for (const mode of [["--json", "--quiet"], ["--json", "--quiet", "-w", "FILE"]]) {
  liveTest(`a burst at top speed: sniff ${mode.join(" ")} sees all that was sent`, replay, async () => {
    await using namespace = await makeWire();
    using folder = new Folder();
    const path = folder.file("out.pcap");
    await using sniff = start([
      "sniff",
      "-i",
      "vb",
      ...roomForBurst,
      ...mode.map((word) => word === "FILE" ? path : word),
    ], {
      ...inside(namespace),
      permissions: ["--allow-ffi", `--allow-write=${path}`],
    });
    await captureBegun(namespace, sniff);
    const sent = await send(namespace, ...burst);
    assert.equal(await receivedBy(namespace), sent);
    await pause(1_000);
    const { code, stderr } = await sniff.interrupt();
    assert.equal(code, 0, stderr);
    const summary = summaryIn(stderr);
    assert.equal(sumOf(summary.drops), 0, JSON.stringify(summary.drops));
    assert.deepEqual([summary.packets, summary.kept], [sent, sent]);
    if (!mode.includes("-w")) return;
    const frames = readCapture(fixture("dns.pcap")).records.map(({ frame }) => frame);
    const written = readCapture(path).records;
    assert.equal(written.length, sent);
    assert.ok(written.every(({ frame }, at) => sameBytes(frame, frames[at % frames.length])));
  });
}

function sameBytes(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return one.length === other?.length && one.every((byte, at) => byte === other[at]);
}

liveTest("a burst at top speed: a hunter delivers all that was sent", replay, async () => {
  await using namespace = await makeWire();
  using folder = new Folder();
  const path = folder.file("out.pcap");
  await using processor = await startProcessor(namespace, folder);
  await using hunter = start(
    [
      "hunt",
      "dns",
      "-i",
      "vb",
      ...roomForBurst,
      "-P",
      "127.0.0.1:5555",
      "--insecure",
      "--id",
      "edge",
      "--json",
    ],
    { ...inside(namespace), permissions: ["--allow-ffi", "--allow-net"] },
  );
  await hunter.said(/registered with central/);
  await captureBegun(namespace, hunter);
  const sent = await send(namespace, ...burst);
  await pause(1_000);
  const { code, stderr } = await hunter.interrupt();
  assert.equal(code, 0, stderr);
  const processed = await processor.interrupt();
  assert.equal(processed.code, 0, processed.stderr);
  const summary = summaryIn(stderr);
  assert.equal(sumOf(summary.drops), 0, JSON.stringify(summary.drops));

  const all = readCapture(fixture("dns.pcap")).records;
  const frames = all.filter(({ frame }) => portsOf(frame).includes(53)).map(({ frame }) => frame);
  const expected = sent / all.length * frames.length;
  assert.equal(summary.kept, expected);
  assert.equal(summary.delivery?.acknowledged, expected);
  assert.equal(summaryIn(processed.stderr).packets, expected);
  const written = readCapture(path).records;
  assert.equal(written.length, expected);
  assert.ok(written.every(({ frame }, at) => sameBytes(frame, frames[at % frames.length])));
});

liveTest("an interface that goes down and up again is captured on", replay, async () => {
  await using namespace = await makeWire();
  await using sniff = start(["sniff", "dns", "-i", "vb", ...roomForBurst, "--format", "text"], {
    ...inside(namespace),
    permissions: ["--allow-ffi"],
  });
  const lines = () => linesOf(sniff.stdout.subarray(0, sniff.stdout.lastIndexOf(0x0a) + 1)).length;
  await captureBegun(namespace, sniff);
  await send(namespace, "--limit", "10");
  await sniff.until("ten packets", () => lines() === 10);
  await namespace.run("ip", "link", "set", "vb", "down");
  await sniff.said(/vb went down: waiting for it/);
  await namespace.run("ip", "link", "set", "vb", "up");
  await sniff.said(/vb is up again/);
  await send(namespace, "--limit", "10");
  await sniff.until("ten more packets", () => lines() === 20);
  const { code, stderr } = await sniff.interrupt();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^0 dropped$/m);
});

liveTest("neither a tap nor a hunter captures what goes between them", undefined, async () => {
  await using namespace = await makeWire();
  await namespace.run("ip", "link", "set", "lo", "up");
  const permissions = ["--allow-ffi", "--allow-net"];
  const address = "127.0.0.1:5556";
  await using tap = start(
    ["tap", "-i", "lo", "--insecure", "--listen", address, "--id", "tap", "--quiet", "--json"],
    { ...inside(namespace), permissions },
  );
  await tap.said(/listening on/);
  const hunt = ["hunt", "-i", "lo", "-P", address, "--insecure", "--id", "edge", "--json"];
  await using hunter = start([...hunt, "--no-filter-policy", "allow"], {
    ...inside(namespace),
    permissions,
  });
  await hunter.said(/registered with tap/);
  // What the hunter would capture of its own traffic, it would send, and so capture again.
  await pause(2_000);
  const hunted = await hunter.interrupt();
  const tapped = await tap.interrupt();
  assert.deepEqual([hunted.code, tapped.code], [0, 0], hunted.stderr + tapped.stderr);
  assert.deepEqual([summaryIn(hunted.stderr).packets, summaryIn(tapped.stderr).packets], [0, 0]);
});
