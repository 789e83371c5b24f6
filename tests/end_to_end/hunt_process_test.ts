import assert from "node:assert/strict";
import {
  captureOf,
  type CaptureRecord,
  dnsRecords,
  fileHeader,
  fixture,
  fixtureObstacle,
  readCapture,
  recordOf,
  repeated,
  timestampOf,
} from "./capture_file.ts";
import { namesIn, type PacketLine, packetsIn, packetsSoFar, sniffed, summaryIn, sumOf } from "./output.ts";
import {
  type Child,
  concatenated,
  eventually,
  Folder,
  linesOf,
  pause,
  type ProgramOptions,
  run,
  start,
} from "./program.ts";

const obstacle = fixtureObstacle("dns.pcap");
if (obstacle !== undefined) console.log(`tests of hunt with process are skipped: ${obstacle}`);

const dns = fixture("dns.pcap");
const hunterPermissions = ["--allow-ffi", "--allow-net", `--allow-read=${dns}`];

function processTest(name: string, fn: (folder: Folder) => Promise<void>): void {
  Deno.test({
    name: `hunt and process: ${name}`,
    ignore: obstacle !== undefined,
    fn: async () => {
      using folder = new Folder();
      await fn(folder);
    },
  });
}

/** A processor on loopback, listening. */
async function startProcessor(
  args: readonly string[] = [],
  { port = 0, ...options }: ProgramOptions & { port?: number } = {},
): Promise<{ processor: Child; address: string }> {
  const processor = start(
    ["process", "--insecure", "--id", "central", "--listen", `127.0.0.1:${port}`, "--json", ...args],
    { permissions: ["--allow-net", "--allow-read", "--allow-write"], limitMs: 60_000, ...options },
  );
  try {
    const [, address = ""] = await processor.said(/listening on (127\.0\.0\.1:[0-9]+)/);
    return { processor, address };
  } catch (error) {
    await processor[Symbol.asyncDispose]();
    throw error;
  }
}

processTest("every packet of a file arrives once, in order, unchanged, with its metadata", async (folder) => {
  const { processor, address } = await startProcessor(["-w", folder.file("out.pcap")]);
  await using _ = processor;
  const hunted = await run(
    ["hunt", "dns", "-r", dns, "-P", address, "--insecure", "--id", "edge", "--json"],
    {
      permissions: hunterPermissions,
    },
  );
  assert.equal(hunted.code, 0, hunted.stderr);
  const records = dnsRecords();
  const summary = summaryIn(hunted.stderr);
  assert.equal(summary.kept, records.length);
  assert.equal(summary.delivery?.acknowledged, records.length);
  assert.equal(sumOf(summary.drops), 0);

  const { code, stdout, stderr } = await processor.interrupt();
  assert.equal(code, 0, stderr);
  const counted = summaryIn(stderr);
  assert.equal(counted.packets, records.length);
  assert.equal(counted.bytes, records.reduce((sum, { frame }) => sum + frame.length, 0));
  assert.deepEqual(readCapture(folder.file("out.pcap")), { linkType: 1, records });
  const lines = packetsIn(stdout);
  assert.deepEqual(new Set(lines.map(({ hunter_id }) => hunter_id)), new Set(["edge"]));
  assert.deepEqual(lines.map(({ hunter_id: _, ...line }) => line), await sniffed(dns));
});

processTest("two hunters at once", async (folder) => {
  const { processor, address } = await startProcessor(["-w", folder.file("out.pcap")]);
  await using _ = processor;
  const outcomes = await Promise.all(
    ["east", "west"].map((id) =>
      run(["hunt", "dns", "-r", dns, "-P", address, "--insecure", "--id", id], {
        permissions: hunterPermissions,
      })
    ),
  );
  for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
  const { code, stdout, stderr } = await processor.interrupt();
  assert.equal(code, 0, stderr);
  const times = dnsRecords().map(({ timeNs }) => timestampOf(timeNs));
  for (const id of ["east", "west"]) {
    const own = packetsIn(stdout).filter(({ hunter_id }) => hunter_id === id);
    assert.deepEqual(own.map(({ timestamp }) => timestamp), times);
  }
  assert.equal(readCapture(folder.file("out.pcap")).records.length, 2 * times.length);
});

/** A hunter that is fed through a pipe, registered. */
async function startFedHunter(address: string, ...args: string[]): Promise<Child> {
  const hunter = start(["hunt", "dns", "-r", "-", "-P", address, "--insecure", "--id", "edge", ...args], {
    permissions: ["--allow-ffi", "--allow-net"],
    fed: true,
  });
  await hunter.feed(fileHeader(1));
  await hunter.said(/registered with central/);
  return hunter;
}

/** Waits until a change of filters is in force. */
async function filtersInForce(hunter: Child, from: number): Promise<void> {
  await hunter.said(/[0-9]+ filters? in force/, from);
  // The capture thread takes them between two blocks.
  await pause(300);
}

/** The records later, so that they can be told apart. */
function shifted(records: readonly CaptureRecord[], hours: number): CaptureRecord[] {
  return records.map((record) => ({ ...record, timeNs: record.timeNs + BigInt(hours) * 3_600_000_000_000n }));
}

processTest(
  "the filters of a YAML file reach the hunter, and so does a change of the file",
  async (folder) => {
    const filters = folder.file(
      "filters.yaml",
      `filters:
  - { id: v6, type: ip_address, pattern: "::1" }
  - { id: web, type: dns_domain, pattern: "www.*" }
  - { id: off, type: dns_domain, pattern: "*", enabled: false }
  - { id: elsewhere, type: dns_domain, pattern: "*", target_hunters: [another] }
`,
    );
    const { processor, address } = await startProcessor(["--filter-file", filters]);
    await using _ = processor;
    await using hunter = await startFedHunter(address);
    await filtersInForce(hunter, 0);
    const records = dnsRecords();
    const known = await sniffed(dns);
    const isWeb = (line: PacketLine) => namesIn(line).some((name) => /^www\./i.test(name));
    const isV6 = (line: PacketLine) => line.src_ip === "::1";

    const expectedAt = (hours: number, idsOf: (line: PacketLine) => string[]) =>
      shifted(records, hours).flatMap(({ timeNs }, at) => {
        const line = known[at];
        assert.ok(line);
        const ids = idsOf(line);
        return ids.length === 0 ? [] : [{ timestamp: timestampOf(timeNs), ids }];
      });
    const arrivedAt = (hours: number) => {
      const times = new Set(shifted(records, hours).map(({ timeNs }) => timestampOf(timeNs)));
      return packetsSoFar(processor.stdout).filter(({ timestamp }) => times.has(timestamp)).map((line) => ({
        timestamp: line.timestamp,
        ids: [...line.matched_filter_ids ?? []],
      }));
    };

    const first = expectedAt(0, (line) => [...isV6(line) ? ["v6"] : [], ...isWeb(line) ? ["web"] : []]);
    assert.ok(["v6", "web", "v6,web"].every((ids) => first.some((packet) => packet.ids.join() === ids)));
    await hunter.feed(concatenated(records.map(recordOf)));
    await processor.until("the packets", () => arrivedAt(0).length >= first.length);

    let before = hunter.stderr.length;
    Deno.writeTextFileSync(
      filters,
      `filters:\n  - { id: text, type: dns_domain, pattern: "txt.example.test" }\n`,
    );
    await filtersInForce(hunter, before);
    const second = expectedAt(1, (line) => namesIn(line).includes("txt.example.test") ? ["text"] : []);
    assert.ok(second.length > 0);
    await hunter.feed(concatenated(shifted(records, 1).map(recordOf)));
    await processor.until("the packets", () => arrivedAt(1).length >= second.length);

    // A file that cannot be used leaves the filters as they are.
    before = hunter.stderr.length;
    const saidBefore = processor.stderr.length;
    Deno.writeTextFileSync(filters, "filters:\n  - { id: text, type: nonsense, pattern: x }\n");
    await processor.said(/filters\.yaml:2: .*nonsense.*stay as they were/, saidBefore);
    await hunter.feed(concatenated(shifted(records, 2).map(recordOf)));
    await hunter.closeInput();
    assert.equal((await hunter.ended()).code, 0, hunter.stderr);
    const { code, stderr } = await processor.interrupt();
    assert.equal(code, 0, stderr);
    assert.deepEqual(arrivedAt(0), first);
    assert.deepEqual(arrivedAt(1), second);
    assert.deepEqual(
      arrivedAt(2),
      expectedAt(2, (line) => namesIn(line).includes("txt.example.test") ? ["text"] : []),
    );
  },
);

processTest("a BPF filter of the processor holds for a capture file, too", async (folder) => {
  const filters = folder.file(
    "filters.yaml",
    `filters:
  - { id: kernel, type: bpf, pattern: "udp" }
  - { id: all, type: dns_domain, pattern: "*" }
`,
  );
  const { processor, address } = await startProcessor(["--filter-file", filters]);
  await using _ = processor;
  await using hunter = await startFedHunter(address);
  await filtersInForce(hunter, 0);
  await hunter.feed(concatenated(dnsRecords().map(recordOf)));
  await hunter.closeInput();
  const { code, stderr } = await hunter.ended();
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /stays as it was/);
  const { stdout } = await processor.interrupt();
  const expected = (await sniffed(dns)).filter(({ transport, dns }) =>
    transport === "UDP" && dns !== undefined && dns.query_type !== ""
  );
  assert.deepEqual(
    packetsIn(stdout).map(({ timestamp }) => timestamp),
    expected.map(({ timestamp }) => timestamp),
  );
});

processTest("a processor that is killed and started again: nothing is missing", async (folder) => {
  const first = folder.file("first.pcap");
  const second = folder.file("second.pcap");
  const large = repeated({ linkType: 1, records: dnsRecords() }, 400);
  const path = folder.file("large.pcap", captureOf(large));
  const size = Deno.statSync(path).size;

  const { processor, address } = await startProcessor(["-w", first, "--quiet"]);
  await using _ = processor;
  await using hunter = start([
    "hunt",
    "dns",
    "-r",
    path,
    "-P",
    address,
    "--insecure",
    "--id",
    "edge",
    "--json",
  ], {
    permissions: ["--allow-ffi", "--allow-net", `--allow-read=${path}`],
    limitMs: 60_000,
  });
  await eventually("a part is written", () => Deno.statSync(first).size > size / 5);
  processor.signal("SIGKILL");
  assert.equal((await processor.ended()).signal, "SIGKILL");
  assert.ok(hunter.running, "the hunter was done before the processor was killed");
  const again = await startProcessor(["-w", second, "--quiet"], { port: Number(address.split(":")[1]) });
  await using __ = again.processor;

  const { code, stderr } = await hunter.ended();
  assert.equal(code, 0, stderr);
  const summary = summaryIn(stderr);
  assert.equal(summary.kept, large.records.length);
  assert.equal(sumOf(summary.drops), 0);
  assert.equal(summary.delivery?.acknowledged, large.records.length);
  assert.match(stderr, /trying again/);
  const restarted = await again.processor.interrupt();
  assert.equal(restarted.code, 0, restarted.stderr);

  const before = readCapture(first, true).records;
  const after = readCapture(second).records;
  // Both have the order of the file: the first instance its beginning, the second its end.
  const startOf = large.records.length - after.length;
  const sameRecords = (some: readonly CaptureRecord[], at: number) =>
    some.every((record, i) => {
      const original = large.records[at + i];
      return original !== undefined && record.timeNs === original.timeNs &&
        record.frame.length === original.frame.length &&
        record.frame.every((byte, offset) => byte === original.frame[offset]);
    });
  assert.ok(before.length > 0 && sameRecords(before, 0), "the first instance wrote something else");
  assert.ok(after.length > 0 && sameRecords(after, startOf), "the second instance wrote something else");
  assert.ok(startOf <= before.length, `${startOf - before.length} packets are missing`);
  // The window holds 32 MiB.
  const twice = before.slice(startOf).reduce((sum, { frame }) => sum + frame.length, 0);
  assert.ok(twice <= 32 << 20, `${twice} bytes of frames came twice`);
});

processTest("SIGINT ends a hunter with its packets delivered, and a summary", async () => {
  const { processor, address } = await startProcessor();
  await using _ = processor;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using hunter = await startFedHunter(address);
    await hunter.feed(concatenated(dnsRecords().slice(0, 100).map(recordOf)));
    // Its input stays open, so nothing but the signal ends it.
    await pause(500);
    hunter.signal(signal);
    const { code, stderr } = await hunter.ended();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^100 packets, .*\n100 kept.*\n0 dropped\ndelivery: acknowledged 100, /m);
  }
  const { code, stdout, stderr } = await processor.interrupt();
  assert.equal(code, 0, stderr);
  assert.equal(linesOf(stdout).length, 200);
  assert.equal(summaryIn(stderr).packets, 200);
});

processTest(
  "a hunter that has lost its processor: the first signal gives it time, the second none",
  async (folder) => {
    const path = folder.file("large.pcap", captureOf(repeated({ linkType: 1, records: dnsRecords() }, 400)));
    const written = folder.file("first.pcap");
    for (const signals of [1, 2]) {
      const { processor, address } = await startProcessor(["-w", written, "--quiet"]);
      await using _ = processor;
      const args = ["hunt", "dns", "-r", path, "-P", address, "--insecure", "--id", "edge", "--json"];
      await using hunter = start(args, {
        permissions: ["--allow-ffi", "--allow-net", `--allow-read=${path}`],
        limitMs: 60_000,
      });
      await eventually("a part is written", () => Deno.statSync(written).size > 100_000);
      processor.signal("SIGKILL");
      await processor.ended();
      hunter.signal("SIGINT");
      await pause(1_000);
      assert.ok(hunter.running, hunter.stderr);
      if (signals === 2) {
        hunter.signal("SIGINT");
        assert.equal((await hunter.ended()).code, 130);
        continue;
      }
      const { drops, kept, delivery } = summaryIn((await hunter.ended()).stderr);
      assert.ok((drops.undelivered ?? 0) > 0);
      assert.equal(drops.undelivered, kept - (delivery?.acknowledged ?? 0));
    }
  },
);

processTest("a file is not read before the processor is there; a signal ends the wait", async () => {
  // Nobody listens there: the port was free a moment ago.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const args = ["hunt", "dns", "-r", dns, "-P", `127.0.0.1:${port}`, "--insecure", "--id", "edge"];
  await using hunter = start(args, { permissions: hunterPermissions });
  await hunter.said(/trying again/);
  hunter.signal("SIGINT");
  const { code, stderr } = await hunter.ended();
  assert.equal(code, 1, stderr);
  assert.match(stderr, /nothing was read/);
});

processTest("a port that is taken is told in one line", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const listen = `127.0.0.1:${listener.addr.port}`;
    const args = ["process", "--insecure", "--id", "central", "--listen", listen];
    const { code, stderr } = await run(args, { permissions: ["--allow-net"] });
    assert.equal(code, 1);
    assert.equal(linesOf(stderr).length, 1, stderr);
    assert.ok(stderr.includes(listen), stderr);
  } finally {
    listener.close();
  }
});
