/** Our hunter with lippycat's processor, and lippycat's hunter and command line with our processor. */
import assert from "node:assert/strict";
import { filterTypeNames } from "../../src/engine/filter.ts";
import { authority, certificate, file } from "../control_plane/certificates.ts";
import {
  type CaptureRecord,
  dnsRecords,
  fixture,
  fixtureObstacle,
  readCapture,
} from "../end_to_end/capture_file.ts";
import { namesIn, sniffed, summaryIn, sumOf } from "../end_to_end/output.ts";
import { Child, files, Folder, missingCommand, pause, start } from "../end_to_end/program.ts";
import { libpcapObstacle } from "../live/libpcap_library.ts";
import { inside, namespaceWithLoopback, numberedRecords, numberOf, send } from "../live/live_node.ts";
import { namespaceObstacle, type NetworkNamespace } from "../live/namespace.ts";
import { address, Lippycat, lippycatObstacle, type ShownHunter } from "./lippycat.ts";

const missing = missingCommand("openssl", "tcpdump");
const obstacle = lippycatObstacle() ?? libpcapObstacle() ?? await namespaceObstacle() ??
  fixtureObstacle("dns.pcap") ?? (missing === undefined ? undefined : `${missing} is not installed`);
if (obstacle !== undefined) console.log(`tests with lippycat are skipped: ${obstacle}`);

/** A namespace and a folder of a test's own. */
interface Place {
  readonly namespace: NetworkNamespace;
  readonly folder: Folder;
  readonly lippycat: Lippycat;
}

function test(name: string, fn: (place: Place) => Promise<void>): void {
  Deno.test({
    name: `lippycat: ${name}`,
    ignore: obstacle !== undefined,
    fn: async () => {
      await using namespace = await namespaceWithLoopback();
      using folder = new Folder();
      await fn({ namespace, folder, lippycat: new Lippycat(namespace, folder) });
    },
  });
}

/** Our hunter `edge`, in the namespace. */
function hunt(
  { namespace }: Place,
  args: readonly string[],
  security: readonly string[] = ["--insecure"],
): Child {
  return start(
    ["hunt", ...args, "-P", address, "--id", "edge", "--json", ...security],
    inside(namespace, { permissions: [...files, "--allow-net"], limitMs: 90_000 }),
  );
}

/** Our processor, in the namespace. It writes all packets to the file `name`. */
async function process(
  { namespace, folder }: Place,
  name: string,
  args: readonly string[] = ["--insecure"],
): Promise<Child> {
  const filters = folder.file("filters.yaml");
  const processor = start(
    ["process", "--listen", address, "--id", "central", "-w", folder.file(name), "--filter-file", filters]
      .concat(
        ["--quiet", "--json"],
        args,
      ),
    inside(namespace, { permissions: ["--allow-net", "--allow-read", "--allow-write"], limitMs: 90_000 }),
  );
  await processor.said(/listening on/);
  return processor;
}

async function interrupt(child: Child): Promise<void> {
  const { code, stderr } = await child.interrupt();
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /PCAP write queue full/, "lippycat dropped packets that it had acknowledged");
}

/** The records as lippycat stores them: its capture files have microseconds. */
function inMicroseconds(records: readonly CaptureRecord[]): unknown[] {
  return records.map(({ timeNs, originalLength, frame }) => ({
    timeUs: timeNs / 1000n,
    originalLength,
    frame: new Uint8Array(frame),
  }));
}

const recordsIn = (path: string) => readCapture(path).records;

/** Waits for a change of the filters to reach the capture, wherever it runs. */
const settling = () => pause(1_000);

test("every packet of a file arrives at its processor, unchanged", async (place) => {
  const { folder, lippycat } = place;
  await using processor = await lippycat.process("out.pcap");
  await using hunter = hunt(place, ["dns", "-r", fixture("dns.pcap"), "--insecure"], []);
  const { code, stderr } = await hunter.ended();
  assert.equal(code, 0, stderr);
  assert.equal(summaryIn(stderr).delivery?.acknowledged, dnsRecords().length);
  await interrupt(processor);
  assert.deepEqual(inMicroseconds(recordsIn(folder.file("out.pcap"))), inMicroseconds(dnsRecords()));
});

test("every packet of an interface arrives at its processor, and it shows our hunter as it is", async (place) => {
  const { namespace, folder, lippycat } = place;
  await using processor = await lippycat.process("out.pcap");
  const tcpdump = ["tcpdump", "-i", "vb", "-B", "16384", "-w", folder.file("tcpdump.pcap")];
  await using witness = new Child(tcpdump, inside(namespace, {}));
  await witness.said(/listening on/);
  await using hunter = hunt(place, ["-i", "vb", "--no-filter-policy", "allow"]);
  await hunter.said(/registered with central/);
  await settling();
  const records = numberedRecords(0, 20_000);
  await send(namespace, records, 10_000);

  const packets = records.length;
  const shown = await lippycat.hunterOnce(
    "all packets are counted",
    ({ stats }) => stats?.packets_forwarded === packets,
  );
  const { hunter_id, hostname, status, interfaces, capabilities, stats } = shown;
  assert.deepEqual({ hunter_id, hostname, status, interfaces, types: capabilities?.filter_types }, {
    hunter_id: "edge",
    hostname: Deno.hostname(),
    status: "healthy",
    interfaces: ["vb"],
    types: [...filterTypeNames],
  });
  assert.deepEqual([stats?.packets_captured, stats?.packets_matched], [packets, packets]);
  assert.equal(stats?.packets_dropped ?? 0, 0);
  assert.ok(
    (stats?.memory_rss_bytes ?? 0) > 10_000_000 && (stats?.cpu_percent ?? -1) >= 0,
    JSON.stringify(stats),
  );
  assert.ok((capabilities?.max_buffer_size ?? 0) > 0);
  const listed = await lippycat.ask("list", "hunters") as ShownHunter[];
  assert.deepEqual(listed.map((one) => one.hunter_id), ["edge"]);
  const { total_hunters, healthy_hunters, total_packets_received } = await lippycat.ask(
    "show",
    "status",
  ) as Record<
    string,
    number
  >;
  assert.deepEqual([total_hunters, healthy_hunters, total_packets_received], [1, 1, packets]);

  await interrupt(witness);
  await interrupt(hunter);
  assert.equal(sumOf(summaryIn(hunter.stderr).drops), 0, hunter.stderr);
  await lippycat.hunterOnce("it said goodbye", ({ status }) => status === "stopping");
  await interrupt(processor);
  const arrived = recordsIn(folder.file("out.pcap"));
  assert.deepEqual(arrived.map(({ frame }) => numberOf(frame)), records.map(({ frame }) => numberOf(frame)));
  // The kernel gives a packet one time, whoever captures it.
  assert.deepEqual(inMicroseconds(arrived), inMicroseconds(recordsIn(folder.file("tcpdump.pcap"))));
});

test("filters set at its processor reach our hunter", async (place) => {
  const { namespace, folder, lippycat } = place;
  await using processor = await lippycat.process("out.pcap");
  await lippycat.ask("set", "filter", "--id", "k", "--type", "bpf", "--pattern", "udp port 53");
  await using hunter = hunt(place, ["-i", "vb"]);
  await hunter.said(/1 filter in force/);
  await settling();
  const phases: { ports: readonly number[]; wanted: string }[] = [];
  /** Sends to three ports. */
  const expect = async (...ports: number[]) => {
    const first = phases.length * 1000;
    for (const port of [53, 54, 55]) await send(namespace, numberedRecords(first + port, 1, port));
    phases.push({ ports, wanted: String(phases.length) });
    await settling();
  };
  const change = async (said: RegExp, ...words: string[]) => {
    const before = hunter.stderr.length;
    await lippycat.ask(...words);
    await hunter.said(said, before);
    await settling();
  };
  const set = (
    id: string,
    type: string,
    pattern: string,
  ) => ["set", "filter", "--id", id, "--type", type, "--pattern", pattern];
  await expect(53);
  await change(/1 filter in force/, ...set("k", "bpf", "udp port 54"));
  await expect(54);
  await change(/2 filters in force/, ...set("a", "ip_address", "192.0.2.0/24"));
  await expect(54);
  await change(/filter k .*is refused/, ...set("k", "bpf", "udp port 54 and ("));
  await expect(54);
  const warned = await lippycat.hunterOnce("the refusal is told", ({ status }) => status === "warning");
  assert.equal(warned.stats?.active_filters, 2);
  await change(/2 filters in force/, ...set("k", "bpf", "udp port 55"));
  await expect(55);
  await lippycat.hunterOnce("all is well again", ({ status }) => status === "healthy");
  await change(/1 filter in force/, "rm", "filter", "--id", "k");
  await expect(53, 54, 55);
  await change(/1 filter in force/, ...set("a", "ip_address", "192.0.2.9"));
  await expect();
  await change(/0 filters in force/, "rm", "filter", "--id", "a");
  await expect();
  const { stats } = await lippycat.hunterOnce(
    "no filter is left",
    ({ stats }) => (stats?.active_filters ?? 0) === 0,
  );
  assert.equal(stats?.packets_matched, phases.flatMap(({ ports }) => ports).length);
  await interrupt(hunter);
  await interrupt(processor);
  const arrived = recordsIn(folder.file("out.pcap")).map(({ frame }) => numberOf(frame));
  assert.deepEqual(arrived, phases.flatMap(({ ports }, phase) => ports.map((port) => phase * 1000 + port)));
});

/** DNS over UDP: what makes sense without what came before. `web` are those with a name that begins with `www.`. */
async function dnsTraffic(): Promise<
  { all: CaptureRecord[]; web: CaptureRecord[]; webResponses: CaptureRecord[] }
> {
  const known = await sniffed(fixture("dns.pcap"));
  const packets = dnsRecords().flatMap((record, at) => {
    const line = known[at];
    return line?.transport === "UDP" ? [{ record, line }] : [];
  });
  const web = packets.filter(({ line }) => namesIn(line).some((name) => /^www\./i.test(name)));
  const recordsOf = (some: typeof packets) => some.map(({ record }) => record);
  const traffic = {
    all: recordsOf(packets),
    web: recordsOf(web),
    webResponses: recordsOf(web.filter(({ line }) => line.dns?.is_response)),
  };
  assert.ok(traffic.webResponses.length > 0 && traffic.web.length < traffic.all.length);
  return traffic;
}

/** Frames as text, to be compared and searched. */
function textsOf(records: readonly CaptureRecord[]): string[] {
  return records.map(({ frame }) => frame.toHex());
}

test("domain filters set at its processor reach our hunter for DNS", async (place) => {
  const { namespace, folder, lippycat } = place;
  await using processor = await lippycat.process("out.pcap");
  await using hunter = hunt(place, ["dns", "-i", "vb"]);
  await hunter.said(/registered with central/);
  await settling();
  const { all, web } = await dnsTraffic();
  await send(namespace, all);
  await settling();
  await lippycat.ask("set", "filter", "--id", "web", "--type", "dns_domain", "--pattern", "www.*");
  await hunter.said(/1 filter in force/);
  await settling();
  await send(namespace, all);
  await settling();
  const before = hunter.stderr.length;
  await lippycat.ask("rm", "filter", "--id", "web");
  await hunter.said(/0 filters in force/, before);
  await settling();
  await send(namespace, all);
  await settling();
  const shown = await lippycat.hunterOnce("the hunter is there", () => true);
  assert.deepEqual(shown.capabilities?.filter_types, ["bpf", "ip_address", "dns_domain"]);
  await interrupt(hunter);
  await interrupt(processor);
  assert.deepEqual(textsOf(recordsIn(folder.file("out.pcap"))), textsOf([...all, ...web, ...all]));
});

test("its processor is stopped and started again under load: nothing is missing", async (place) => {
  const { namespace, folder, lippycat } = place;
  const packets = 60_000;
  let processor = await lippycat.process("1.pcap", "--enable-detection=false");
  await using stack = new AsyncDisposableStack();
  stack.defer(() => processor[Symbol.asyncDispose]());
  await using hunter = hunt(place, ["-i", "vb", "--no-filter-policy", "allow"]);
  await hunter.said(/registered with central/);
  await settling();
  const sending = send(namespace, numberedRecords(0, packets), 6_000);
  for (const name of ["2.pcap", "3.pcap"]) {
    await pause(2_000);
    // Under load it may end with "send on closed channel", after its file is closed, and before it acknowledges.
    await processor.interrupt();
    await pause(500);
    const before = hunter.stderr.length;
    processor = await lippycat.process(name, "--enable-detection=false");
    await hunter.said(/registered with central/, before);
  }
  await sending;
  await settling();
  await interrupt(hunter);
  await interrupt(processor);
  const { drops, kept } = summaryIn(hunter.stderr);
  assert.deepEqual([kept, sumOf(drops)], [packets, 0], JSON.stringify(drops));
  const arrived = ["1.pcap", "2.pcap", "3.pcap"].map((name) =>
    recordsIn(folder.file(name)).map(({ frame }) => numberOf(frame))
  );
  assert.ok(arrived.every((numbers) => numbers.length > 0));
  const missing = packets - new Set(arrived.flat()).size;
  assert.equal(missing, 0, `missing; ${arrived.map(({ length }) => length).join(" + ")} arrived`);
});

if (obstacle === undefined) {
  await authority("ca");
  for (const name of ["server", "client"]) await certificate(name, "ca", "DNS:localhost,IP:127.0.0.1");
}
const flagsOf = (name: string) => ["--tls-cert", file(`${name}.pem`), "--tls-key", file(`${name}.key`)];
/** Flags for TLS. */
const tls = { trust: ["--tls-ca", file("ca.pem")], server: flagsOf("server"), client: flagsOf("client") };

for (const mutual of [false, true]) {
  const over = mutual ? "mutual TLS" : "TLS";
  test(`our hunter and its processor over ${over}`, async (place) => {
    const { folder, namespace } = place;
    const { trust, server, client: own } = tls;
    const client = mutual ? [...trust, ...own] : trust;
    const lippycat = new Lippycat(namespace, folder, client);
    const demand = mutual ? ["--tls-client-auth", ...trust] : [];
    await using processor = await lippycat.process("out.pcap", ...server, ...demand);
    if (mutual) {
      await using stranger = hunt(place, ["dns", "-r", fixture("dns.pcap")], trust);
      await stranger.said(/trying again/);
    }
    await lippycat.ask("set", "filter", "--id", "all", "--type", "dns_domain", "--pattern", "*");
    await using hunter = hunt(place, ["dns", "-r", fixture("dns.pcap")], client);
    const { code, stderr } = await hunter.ended();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /1 filter in force/);
    await interrupt(processor);
    assert.equal(recordsIn(folder.file("out.pcap")).length, summaryIn(stderr).kept);
    assert.ok(summaryIn(stderr).kept > 0);
  });

  test(`its hunter and our processor over ${over}`, async (place) => {
    const { folder, namespace } = place;
    const { trust, server, client } = tls;
    const lippycat = new Lippycat(namespace, folder, mutual ? [...trust, ...client] : trust);
    const demand = mutual ? ["--tls-client-auth", ...trust] : [];
    await using processor = await process(place, "out.pcap", [...server, ...demand]);
    await using hunter = await lippycat.hunt(["--no-filter-policy", "allow"]);
    await send(namespace, numberedRecords(0, 500), 1_000);
    await lippycat.hunterOnce("all packets are counted", ({ stats }) => stats?.packets_forwarded === 500);
    await interrupt(hunter);
    await interrupt(processor);
    assert.equal(recordsIn(folder.file("out.pcap")).length, 500);
  });
}

test("its processor knows our hunter by its API key", async (place) => {
  const { folder, lippycat } = place;
  const { trust, server } = tls;
  const keys =
    "    keys:\n      - { key: right-key, role: hunter }\n      - { key: other-role, role: subscriber }\n";
  const configuration = folder.file("lc.yaml", `security:\n  api_keys:\n    enabled: true\n${keys}`);
  await using processor = await lippycat.process(
    "out.pcap",
    "--config",
    configuration,
    ...server,
    "--api-key-auth",
  );
  const file = folder.file("key", "right-key\n");
  const dns = ["dns", "-r", fixture("dns.pcap")];
  for (const key of [[], ["--api-key", "wrong-key"], ["--api-key", "other-role"]]) {
    await using stranger = hunt(place, dns, [...trust, ...key]);
    await stranger.said(/UNAUTHENTICATED.*trying again/);
  }
  await using hunter = hunt(place, dns, [...trust, "--api-key-file", file]);
  const { code, stderr } = await hunter.ended();
  assert.equal(code, 0, stderr);
  await interrupt(processor);
  assert.equal(recordsIn(folder.file("out.pcap")).length, dnsRecords().length);
});

test("its hunter sends to our processor, which shows it as it is", async (place) => {
  const { namespace, folder, lippycat } = place;
  await using processor = await process(place, "out.pcap");
  await using hunter = await lippycat.hunt(["--no-filter-policy", "allow"]);
  const records = numberedRecords(0, 5_000);
  await send(namespace, records, 5_000);
  const shown = await lippycat.hunterOnce(
    "all packets are counted",
    ({ stats }) => stats?.packets_forwarded === records.length,
  );
  assert.deepEqual(
    {
      id: shown.hunter_id,
      status: shown.status,
      interfaces: shown.interfaces,
      types: shown.capabilities?.filter_types,
    },
    { id: "edge", status: "healthy", interfaces: ["vb"], types: ["bpf", "ip_address"] },
  );
  await interrupt(hunter);
  await interrupt(processor);
  const arrived = recordsIn(folder.file("out.pcap"));
  // Several of its capture threads may change the order; it sends the time of conversion.
  const sorted = arrived.map(({ frame }) => new Uint8Array(frame)).sort((a, b) => numberOf(a) - numberOf(b));
  assert.deepEqual(sorted, records.map(({ frame }) => frame));
});

test("filters of our filter file reach its hunter", async (place) => {
  const { namespace, folder, lippycat } = place;
  const hold = (...filters: string[]) =>
    folder.file("filters.yaml", "filters:\n" + filters.map((filter) => `  - { ${filter} }\n`).join(""));
  hold('id: a, type: ip_address, pattern: "192.0.2.2"');
  await using processor = await process(place, "out.pcap");
  await using hunter = await lippycat.hunt([]);
  const expected: number[] = [];
  let first = 0;
  const expect = async (...ports: number[]) => {
    await settling();
    for (const port of [53, 54]) await send(namespace, numberedRecords(first + port, 1, port));
    expected.push(...ports.map((port) => first + port));
    first += 1000;
    await settling();
  };
  await expect(53, 54);
  hold('id: a, type: ip_address, pattern: "192.0.2.2"', 'id: k, type: bpf, pattern: "udp port 54"');
  await expect(54);
  hold('id: a, type: ip_address, pattern: "192.0.2.2"', 'id: k, type: bpf, pattern: "udp port 53"');
  await expect(53);
  hold('id: a, type: ip_address, pattern: "192.0.2.9"');
  await expect();
  await interrupt(hunter);
  await interrupt(processor);
  assert.deepEqual(recordsIn(folder.file("out.pcap")).map(({ frame }) => numberOf(frame)), expected);
});

test("its hunter for DNS obeys domain filters of our processor", async (place) => {
  const { namespace, folder, lippycat } = place;
  await using processor = await process(place, "out.pcap");
  await using hunter = await lippycat.hunt(["dns"]);
  const { all, web, webResponses } = await dnsTraffic();
  await lippycat.ask("set", "filter", "--id", "web", "--type", "dns_domain", "--pattern", "www.*");
  await settling();
  await send(namespace, all, 1_000);
  await settling();
  await interrupt(hunter);
  await interrupt(processor);
  const arrived = textsOf(recordsIn(folder.file("out.pcap")));
  // It does not find the names of queries.
  assert.deepEqual(textsOf(webResponses).filter((frame) => !arrived.includes(frame)), []);
  assert.deepEqual(arrived.filter((frame) => !textsOf(web).includes(frame)), []);
});

for (const security of ["plain text", "TLS"]) {
  test(`its command line with our processor, over ${security}`, async (place) => {
    const { folder, namespace } = place;
    let flags = ["--insecure"], client = flags;
    if (security === "TLS") ({ server: flags, trust: client } = tls);
    const lippycat = new Lippycat(namespace, folder, client);
    await using processor = await process(place, "out.pcap", flags);
    await using hunter = hunt(place, ["dns", "-i", "vb"], client);
    await hunter.said(/registered with central/);
    const filter = { id: "web", type: "dns_domain", pattern: "www.*", enabled: true };
    await lippycat.ask("set", "filter", "--id", "web", "--type", "dns_domain", "--pattern", "www.*");
    await hunter.said(/1 filter in force/);
    assert.deepEqual(await lippycat.ask("list", "filters"), [filter]);
    assert.deepEqual(await lippycat.ask("show", "filter", "--id", "web"), filter);
    assert.match(Deno.readTextFileSync(folder.file("filters.yaml")), /id: "web"/);
    const shown = await lippycat.hunterOnce(
      "the filter is counted",
      ({ stats }) => stats?.active_filters === 1,
    );
    assert.deepEqual([shown.status, shown.interfaces], ["healthy", ["vb"]]);
    const listed = await lippycat.ask("list", "hunters") as ShownHunter[];
    assert.deepEqual(listed.map(({ hunter_id }) => hunter_id), ["edge"]);
    const status = await lippycat.ask("show", "status") as Record<string, unknown>;
    assert.deepEqual([status.processor_id, status.total_hunters, status.total_filters], ["central", 1, 1]);
    assert.match(JSON.stringify(await lippycat.ask("show", "topology")), /"edge"/);
    const before = hunter.stderr.length;
    await lippycat.ask("rm", "filter", "--id", "web");
    await hunter.said(/0 filters in force/, before);
    assert.deepEqual(await lippycat.ask("list", "filters"), []);
    await interrupt(hunter);
    await interrupt(processor);
  });
}
