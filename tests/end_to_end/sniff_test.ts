import assert from "node:assert/strict";
import {
  captureOf,
  fixture,
  fixtureObstacle,
  portsOf,
  readCapture,
  repeated,
  timestampOf,
} from "./capture_file.ts";
import { messagesIn, namesIn, type PacketLine, packetsIn, summaryIn, sumOf } from "./output.ts";
import { command, exists, Folder, linesOf, mainModule, missingCommand, run, textOf } from "./program.ts";

const obstacle = fixtureObstacle("dns.pcap", "dns.pcap.gz", "dns.pcapng", "dns-any.pcap", "dns-vlan.pcap");
if (obstacle !== undefined) console.log(`sniff tests are skipped: ${obstacle}`);

const dns = fixture("dns.pcap");
const readOnly = ["--allow-ffi", "--allow-read"];

function sniffTest(name: string, fn: () => Promise<void>, missing?: string): void {
  if (missing !== undefined) console.log(`"sniff: ${name}" is skipped: there is no ${missing}`);
  Deno.test({ name: `sniff: ${name}`, ignore: obstacle !== undefined || missing !== undefined, fn });
}

/** Standard output of a run that must be a success. */
async function output(args: readonly string[], input?: Uint8Array): Promise<Uint8Array> {
  const { code, stdout, stderr } = await run(["sniff", ...args], { permissions: readOnly, input });
  assert.equal(code, 0, stderr);
  return stdout;
}

async function packets(...args: string[]): Promise<PacketLine[]> {
  return packetsIn(await output(args));
}

/** What a run for DNS on these ports keeps of the fixture. */
function recordsOn(ports: readonly number[], capture = readCapture(dns)) {
  return capture.records.filter(({ frame }) => portsOf(frame).some((port) => ports.includes(port)));
}

const wireKeys = new Set([
  "timestamp",
  "timestamp_ns",
  "capture_length",
  "original_length",
  "interface_index",
  "interface_name",
  "link_type",
  "protocol",
  "src_ip",
  "dst_ip",
  "src_port",
  "dst_port",
  "transport",
  "info",
  "details",
  "dns",
  "matched_filter_ids",
]);

const dnsKeys = [
  "transaction_id",
  "is_response",
  "opcode",
  "response_code",
  "authoritative",
  "truncated",
  "recursion_desired",
  "recursion_available",
  "authenticated_data",
  "checking_disabled",
  "question_count",
  "answer_count",
  "authority_count",
  "additional_count",
  "query_name",
  "query_type",
  "query_class",
  "answers",
  "query_response_time_ms",
  "correlated_query",
  "tunneling_score",
  "entropy_score",
];

sniffTest("JSON has one object per kept packet, with the keys of the wire contract", async () => {
  const lines = linesOf(await output(["dns", "-r", dns, "--json"]));
  const records = recordsOn([53]);
  assert.equal(lines.length, records.length);
  lines.forEach((line, at) => {
    const packet = JSON.parse(line);
    const record = records[at];
    assert.ok(record);
    assert.equal(packet.timestamp, timestampOf(record.timeNs));
    assert.ok(line.includes(`"timestamp_ns":${record.timeNs},`), line);
    assert.equal(packet.capture_length, record.frame.length);
    assert.equal(packet.original_length, record.originalLength);
    assert.deepEqual([packet.src_port, packet.dst_port], portsOf(record.frame));
    for (const key of Object.keys(packet)) assert.ok(wireKeys.has(key), `key ${key}`);
    if (packet.dns !== undefined) assert.deepEqual(Object.keys(packet.dns), dnsKeys);
  });
});

sniffTest("DNS over UDP reads as in the independent truth", async () => {
  const truth = JSON.parse(await Deno.readTextFile(fixture("truth.json")));
  const { records } = readCapture(dns);
  const byTime = new Map((await packets("dns", "-r", dns, "--json")).map((line) => [line.timestamp, line]));
  let compared = 0;
  for (const message of truth.messages) {
    const record = records[message.frame - 1];
    if (message.file !== "dns.pcap" || message.layer !== "dns" || record === undefined) continue;
    const line = byTime.get(timestampOf(record.timeNs));
    // The truth does not count the sections of an update: they have other names (RFC 2136).
    if (line?.transport !== "UDP" || line.dns?.opcode === "UPDATE") continue;
    const where = `frame ${message.frame}`;
    assert.equal(line.protocol, "DNS", where);
    assert.equal(line.dns?.transaction_id, message.id, where);
    assert.equal(line.dns?.is_response, message.response === true, where);
    const counts = [line.dns?.question_count, line.dns?.answer_count, line.dns?.authority_count];
    assert.deepEqual([...counts, line.dns?.additional_count], message.counts, where);
    compared += 1;
  }
  assert.ok(compared > 100, `${compared} messages compared`);
});

sniffTest("text has one readable line per kept packet", async () => {
  const lines = linesOf(await output(["dns", "-r", dns, "--format", "text"]));
  const json = await packets("dns", "-r", dns);
  assert.equal(lines.length, json.length);
  lines.forEach((line, at) => {
    const packet = json[at];
    assert.ok(packet);
    assert.ok(line.startsWith(packet.timestamp.slice(0, 26)), line);
    assert.ok(line.includes(packet.src_ip) && line.includes(packet.dst_ip), line);
    assert.ok(packet.dns === undefined || line.includes(packet.info), `${line} lacks ${packet.info}`);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f]/);
  });
});

sniffTest("several files are read one after another", async () => {
  const names = ["dns.pcap", "dns-any.pcap", "dns.pcapng"].map(fixture);
  const all = await packets("dns", ...names.flatMap((name) => ["-r", name]));
  const each = await Promise.all(names.map((name) => packets("dns", "-r", name)));
  const times = (lines: readonly PacketLine[]) => lines.map(({ timestamp }) => timestamp);
  assert.deepEqual(times(all), times(each.flat()));
});

sniffTest("a file, a pipe, gzip, and gzip from a pipe give the same", async () => {
  const plain = textOf(await output(["dns", "-r", dns]));
  const read = Deno.readFileSync;
  assert.equal(textOf(await output(["dns", "-r", fixture("dns.pcap.gz")])), plain);
  assert.equal(textOf(await output(["dns", "-r", "-"], read(dns))), plain);
  assert.equal(textOf(await output(["dns", "-r", "-"], read(fixture("dns.pcap.gz")))), plain);
});

sniffTest("pcapng: as many packets as tcpdump reads, from two interfaces", async () => {
  const lines = await packets("-r", fixture("dns.pcapng"));
  assert.equal(lines.length, await tcpdumpCount(fixture("dns.pcapng"), ""));
  assert.ok(lines.some(({ dns }) => dns?.query_name === "www.example.test"));
}, missingCommand("tcpdump"));

sniffTest("the same output on two runs, and in one thread", async () => {
  for (const format of ["json", "text"]) {
    const args = ["dns", "-r", dns, "-r", fixture("dns-vlan.pcap"), "--format", format];
    const first = textOf(await output(args));
    assert.equal(textOf(await output(args)), first);
    assert.equal(textOf(await output([...args, "--single-thread"])), first);
  }
});

sniffTest("--quiet prints the summary only", async () => {
  const { code, stdout, stderr } = await run(["sniff", "dns", "-r", dns, "--quiet"], {
    permissions: readOnly,
  });
  assert.equal(code, 0);
  assert.equal(stdout.length, 0);
  const { records } = readCapture(dns);
  const bytes = records.reduce((sum, { frame }) => sum + frame.length, 0);
  const [total = "", kept = "", dropped] = linesOf(stderr);
  assert.ok(total.startsWith(`${records.length} packets, ${bytes.toLocaleString("en")} bytes in `), total);
  assert.ok(kept.startsWith(`${recordsOn([53]).length} kept`), kept);
  assert.equal(dropped, "0 dropped");
});

sniffTest("--json makes the summary one JSON object whose fields add up", async () => {
  const args = ["sniff", "dns", "-r", dns, "--json", "--filter", "udp"];
  const { stdout, stderr } = await run(args, { permissions: readOnly });
  assert.equal(linesOf(stderr).length, 1, stderr);
  const summary = summaryIn(stderr);
  const { records } = readCapture(dns);
  const lines = packetsIn(stdout);
  assert.equal(summary.packets, records.length);
  assert.equal(summary.bytes, records.reduce((sum, { frame }) => sum + frame.length, 0));
  assert.equal(summary.kept, lines.length);
  assert.equal(summary.kept_bytes, lines.reduce((sum, { capture_length }) => sum + capture_length, 0));
  assert.equal(summary.packets, summary.kept + sumOf(summary.rejected));
  assert.ok(Number(summary.rejected.mode) > 0 && Number(summary.rejected.bpf) > 0, stderr);
  assert.equal(sumOf(summary.drops), 0);
  const messages = lines.filter(({ dns }) => dns !== undefined);
  assert.equal(summary.dns.messages, messages.length);
  assert.equal(summary.dns.correlated, messages.filter(({ dns }) => dns?.correlated_query).length);
  assert.ok(summary.seconds > 0);
  const rate = (amount: number) => Math.abs(amount / summary.seconds);
  assert.ok(Math.abs(summary.packets_per_second - rate(summary.packets)) <= 1);
  assert.ok(Math.abs(summary.bits_per_second - rate(summary.bytes * 8)) <= 100);
});

sniffTest("the summary tells protocols, flows and top talkers, in both forms", async () => {
  const json = await run(["sniff", "-r", dns, "--json"], { permissions: readOnly });
  const { packets, bytes, protocols, top_talkers, flows, reassembly, tunnels } = summaryIn(json.stderr);
  assert.equal(protocols.reduce((sum, one) => sum + one.packets, 0), packets);
  assert.equal(protocols.reduce((sum, one) => sum + one.bytes, 0), bytes);
  assert.ok(protocols.some(({ protocol }) => protocol === "DNS"), json.stderr);
  assert.ok(top_talkers.length > 0 && top_talkers.length <= 10, json.stderr);
  assert.ok(Number(flows.total) > 0, json.stderr);
  assert.deepEqual(Object.keys(reassembly), [
    ...["fragments_merged", "datagrams_rebuilt"],
    ...["stream_segments", "stream_messages"],
  ]);
  assert.deepEqual(Object.keys(tunnels), ["packets", "vxlan_decapsulated", "esp_null_decapsulated"]);
  const { stderr } = await run(["sniff", "-r", dns, "--quiet"], { permissions: readOnly });
  const table = linesOf(stderr).map((line) => line.split(/ {2,}/));
  assert.deepEqual(table.find(([name]) => name === "protocol"), [
    "protocol",
    "packets",
    "bytes",
    "flows",
    "share",
  ]);
  for (const { protocol, packets, bytes, flows } of protocols.slice(0, 20)) {
    const row = table.find(([name]) => name === protocol);
    assert.deepEqual(row?.slice(1, 4), [packets, bytes, flows].map((count) => count.toLocaleString("en")));
  }
  for (const { address, packets, bytes } of top_talkers) {
    const row = table.find(([name]) => name === address);
    assert.deepEqual(row?.slice(1), [packets, bytes].map((count) => count.toLocaleString("en")));
  }
});

sniffTest("a symbolic link is read", async () => {
  using folder = new Folder();
  const link = folder.file("link.pcap");
  Deno.symlinkSync(dns, link);
  assert.equal(textOf(await output(["dns", "-r", link])), textOf(await output(["dns", "-r", dns])));
});

sniffTest("on a terminal, progress is shown while reading takes long, and then taken away", async () => {
  using folder = new Folder();
  const transcript = folder.file("transcript");
  const deno = [Deno.execPath(), "run", "--no-prompt", ...readOnly, mainModule, "sniff", "-r", "-", "-q"];
  const line = `(head -c 1000 ${dns}; sleep 2; tail -c +1001 ${dns}) | ${deno.join(" ")}`;
  await command(["script", "--quiet", "--command", line, transcript]);
  const shown = Deno.readTextFileSync(transcript);
  const [, progress = "", ...others] = shown.split("\r\x1b[K");
  assert.match(progress, /^\d+ packets, \d+ packets\/s$/);
  const end = others.at(-1) ?? "";
  assert.match(end, new RegExp(`^${readCapture(dns).records.length} packets, `));
}, missingCommand("script"));

sniffTest("-n stops after that many kept packets", async () => {
  const all = await packets("dns", "-r", dns);
  for (const count of [1, 7, 1000]) {
    const { code, stdout, stderr } = await run([
      "sniff",
      "dns",
      "-r",
      dns,
      "-r",
      dns,
      "-n",
      `${count}`,
      "--json",
    ], {
      permissions: readOnly,
    });
    assert.equal(code, 0, stderr);
    const lines = packetsIn(stdout);
    assert.equal(lines.length, Math.min(count, 2 * all.length));
    assert.deepEqual(
      lines.slice(0, all.length),
      all.slice(0, count).map((line, at) => ({ ...lines[at], ...line })),
    );
    assert.equal(summaryIn(stderr).kept, lines.length);
  }
});

async function tcpdumpCount(path: string, expression: string): Promise<number> {
  return linesOf(
    (await command(["tcpdump", "-n", "-r", path, ...(expression === "" ? [] : [expression])])).stdout,
  )
    .filter((line) => !line.startsWith("\t")).length;
}

const expressions: readonly [file: string, expression: string][] = [
  ["dns.pcap", "udp"],
  ["dns.pcap", "tcp port 53"],
  ["dns.pcap", "ip6 and udp"],
  ["dns.pcap", "greater 200"],
  ["dns.pcap", "tcp[tcpflags] & tcp-syn != 0"],
  ["dns.pcap", "udp[10] & 0x80 != 0"],
  ["dns.pcap", "port 5353 or port 5355"],
  ["dns.pcap", "not port 53"],
  ["dns.pcap", "host 203.0.113.1"],
  ["dns-any.pcap", "host 192.0.2.1"],
  ["dns-any.pcap", "ip6"],
  ["dns-vlan.pcap", "vlan 42 and udp"],
  ["dns-vlan.pcap", "vlan 7 and vlan 8"],
  ["dns-vlan.pcap", "udp"],
  ["dns.pcapng", "host 192.0.2.1 or host 2001:db8::1"],
];

sniffTest("--filter keeps what tcpdump keeps", async () => {
  const differences: string[] = [];
  for (const [file, expression] of expressions) {
    const args = ["sniff", "-r", fixture(file), "--json", "--quiet", "--filter", expression];
    const { code, stderr } = await run(args, { permissions: readOnly });
    assert.equal(code, 0, stderr);
    // Fragments are looked at one by one, before they are put together.
    const { packets, rejected } = summaryIn(stderr);
    const passed = packets - (rejected.bpf ?? 0);
    const expected = await tcpdumpCount(fixture(file), expression);
    if (passed !== expected) differences.push(`${file}, ${expression}: ${passed} instead of ${expected}`);
  }
  assert.deepEqual(differences, []);
}, missingCommand("tcpdump"));

sniffTest("--filter that cannot be compiled is refused", async () => {
  const { code, stdout, stderr } = await run(["sniff", "-r", dns, "--filter", "udp and and"], {
    permissions: readOnly,
  });
  assert.notEqual(code, 0);
  assert.equal(stdout.length, 0);
  assert.match(stderr, /^caracal: .*udp and and.*\n/);
});

sniffTest("--udp-only leaves TCP out", async () => {
  const lines = await packets("dns", "-r", dns, "--udp-only");
  assert.equal(lines.length, recordsOn([53]).filter(({ frame }) => isUdp(frame)).length);
  assert.ok(lines.every(({ transport }) => transport === "UDP"));
});

function isUdp(frame: Uint8Array): boolean {
  return (frame[12] === 0x08 ? frame[23] : frame[20]) === 17;
}

sniffTest("--dns-port says where DNS is", async () => {
  for (const ports of [[5353, 5355], [53, 5353], [5355]]) {
    const lines = await packets("dns", "-r", dns, "--dns-port", ports.join(","));
    assert.deepEqual(
      lines.map(({ timestamp }) => timestamp),
      recordsOn(ports).map(({ timeNs }) => timestampOf(timeNs)),
      ports.join(),
    );
    assert.ok(lines.some(({ dns }) => dns !== undefined), ports.join());
  }
});

sniffTest("--domain keeps packets about these domains only", async () => {
  const all = await packets("dns", "-r", dns);
  const about = (pattern: RegExp) => all.filter((line) => namesIn(line).some((name) => pattern.test(name)));
  for (
    const [given, pattern] of [
      ["www.example.test", /^www\.example\.test$/i],
      ["*.farm.example.test", /\.farm\.example\.test$/i],
      ["TXT.example.test,nowhere*", /^(txt\.example\.test|nowhere.*)$/i],
      ["no.such.name", /^no\.such\.name$/],
    ] as const
  ) {
    const lines = await packets("dns", "-r", dns, "--domain", given);
    // Segments in front of the one that completes a message belong to it.
    assert.ok(lines.every((line) => line.dns !== undefined || line.transport === "TCP"), given);
    assert.deepEqual(
      lines.filter((line) => line.dns !== undefined).map(({ timestamp }) => timestamp),
      about(pattern).map(({ timestamp }) => timestamp),
      given,
    );
    assert.ok(lines.length > 0 || given === "no.such.name", given);
  }
});

sniffTest("-w writes every kept frame unchanged", async () => {
  using folder = new Folder();
  for (const [name, keep] of [["dns", recordsOn([53])], ["all", readCapture(dns).records]] as const) {
    const path = folder.file(`${name}.pcap`);
    const mode = name === "dns" ? ["dns"] : [];
    const { code, stderr } = await run(["sniff", ...mode, "-r", dns, "-w", path, "--quiet"], {
      permissions: ["--allow-ffi", `--allow-read=${dns}`, `--allow-write=${path}`],
    });
    assert.equal(code, 0, stderr);
    const written = readCapture(path);
    assert.equal(written.linkType, 1);
    assert.deepEqual(written.records, keep);
    const args = [...mode, "-r"];
    assert.equal(textOf(await output([...args, path])), textOf(await output([...args, dns])));
    if (missingCommand("tcpdump") === undefined) assert.equal(await tcpdumpCount(path, ""), keep.length);
    if (missingCommand("tshark") === undefined) {
      const { stdout } = await command(["tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.number"]);
      assert.equal(linesOf(stdout).length, keep.length);
    }
  }
});

sniffTest("-w - writes the capture to standard output, and no lines between", async () => {
  const { code, stdout } = await run(["sniff", "dns", "-r", fixture("dns-any.pcap"), "-w", "-"], {
    permissions: readOnly,
  });
  assert.equal(code, 0);
  using folder = new Folder();
  const path = folder.file("any.pcap", stdout);
  const written = readCapture(path);
  const read = readCapture(fixture("dns-any.pcap"));
  assert.equal(written.linkType, read.linkType);
  const times = new Set(written.records.map(({ timeNs }) => timeNs));
  assert.deepEqual(written.records, read.records.filter(({ timeNs }) => times.has(timeNs)));
  assert.equal(
    textOf(await output(["dns", "-r", path])),
    textOf(await output(["dns", "-r", fixture("dns-any.pcap")])),
  );
});

sniffTest("a reader that goes away ends the run, and that is no failure", async () => {
  using folder = new Folder();
  const large = folder.file("large.pcap", captureOf(repeated(readCapture(dns), 30)));
  for (const mode of [[], ["--single-thread"], ["--format", "text"]]) {
    const { code, stdout, stderr } = await run(["sniff", "dns", "-r", large, ...mode], {
      permissions: readOnly,
      through: ["bash", "-c", '"$@" | head -1; exit "${PIPESTATUS[0]}"', "bash"],
    });
    assert.equal(code, 0, stderr);
    assert.equal(linesOf(stdout).length, 1);
    assert.doesNotMatch(stderr, /error|^\s+at /im);
  }
}, missingCommand("bash"));

sniffTest("a full disk is told in one line, exit code 1", async () => {
  // Deno gives devices to nobody but who may do everything.
  const written = await run(["sniff", "dns", "-r", dns, "-w", "/dev/full", "--quiet"], {
    permissions: ["--allow-all"],
  });
  assert.equal(written.code, 1, written.stderr);
  assert.match(written.stderr, /^caracal: .*\/dev\/full.*No space left/m);
  for (const mode of [[], ["--single-thread"]]) {
    const printed = await run(["sniff", "dns", "-r", dns, ...mode], {
      permissions: readOnly,
      through: ["bash", "-c", '"$@" >/dev/full', "bash"],
    });
    assert.equal(printed.code, 1, printed.stderr);
    assert.match(printed.stderr, /^caracal: .*standard output.*No space left/m);
    for (const { stderr } of [written, printed]) {
      assert.doesNotMatch(stderr, /^\s+at /m);
      assert.equal(messagesIn(stderr).length, 1, stderr);
    }
  }
}, exists("/dev/full") ? missingCommand("bash") : "/dev/full");
