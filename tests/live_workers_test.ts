/** Several capture threads that share an interface: `--workers`. */
import assert from "node:assert/strict";
import { fixture, portsOf, readCapture } from "./end_to_end/capture_file.ts";
import { summaryIn, sumOf } from "./end_to_end/output.ts";
import {
  type Child,
  command,
  Folder,
  linesOf,
  missingCommand,
  pause,
  root,
  start,
} from "./end_to_end/program.ts";
import { libpcapObstacle } from "./live/libpcap_library.ts";
import {
  inside,
  namespaceWithLoopback,
  numberedRecords,
  numberOf,
  send,
  startProcessor,
} from "./live/live_node.ts";
import { namespaceObstacle, type NetworkNamespace } from "./live/namespace.ts";

const obstacle = libpcapObstacle() ?? await namespaceObstacle();
if (obstacle !== undefined) console.log(`live tests of several capture threads are skipped: ${obstacle}`);

function liveTest(name: string, missing: string | undefined, fn: () => Promise<void>): void {
  if (missing !== undefined) console.log(`"live workers: ${name}" is skipped: ${missing}`);
  Deno.test({ name: `live workers: ${name}`, ignore: (obstacle ?? missing) !== undefined, fn });
}

/** A hunter with so many threads, once all of them capture. */
async function startHunter(
  namespace: NetworkNamespace,
  workers: number,
  mode: readonly string[],
): Promise<Child> {
  const args = ["-i", "vb", "-P", "127.0.0.1:5555", "--insecure", "--id", "edge", "--json"];
  const hunter = start(
    ["hunt", ...mode, "--workers", String(workers), ...args],
    inside(namespace, { permissions: ["--allow-ffi", "--allow-net"], limitMs: 90_000 }),
  );
  await hunter.said(/registered with central/);
  // One line per packet socket, below a heading.
  while (linesOf(await namespace.run("cat", "/proc/net/packet")).length <= workers) {
    assert.ok(hunter.running, hunter.stderr);
    await pause(50);
  }
  await pause(500);
  return hunter;
}

/** How often each frame is there. */
function counts(frames: readonly Uint8Array[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const frame of frames) {
    const key = frame.toHex();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

liveTest(
  "hunt dns by two delivers every message once",
  missingCommand("tcpreplay") === undefined ? undefined : "tcpreplay is not installed",
  async () => {
    await using namespace = await namespaceWithLoopback();
    // The frames are those of a loopback capture.
    for (const name of ["va", "vb"]) await namespace.run("ip", "link", "set", name, "mtu", "65535");
    using folder = new Folder();
    folder.file("filters.yaml", "filters: []\n");
    await using processor = await startProcessor(
      namespace,
      folder,
      "--filter-file",
      folder.file("filters.yaml"),
    );
    await using hunter = await startHunter(namespace, 2, ["dns"]);
    const loops = 20;
    const { stdout } = await command(
      ["tcpreplay", "-i", "va", "--pps", "20000", "--loop", String(loops), fixture("dns.pcap")],
      inside(namespace, { limitMs: 60_000 }),
    );
    const { records } = readCapture(fixture("dns.pcap"));
    assert.match(stdout, new RegExp(`Successful packets: +${loops * records.length}\\n`));
    await pause(1_000);
    const { code, stderr } = await hunter.interrupt();
    assert.equal(code, 0, stderr);
    const { kept, drops } = summaryIn(stderr);
    assert.equal(sumOf(drops), 0, JSON.stringify(drops));
    const processed = await processor.interrupt();
    assert.equal(processed.code, 0, processed.stderr);
    const frames = records.map(({ frame }) => frame).filter((frame) => portsOf(frame).includes(53));
    assert.equal(kept, loops * frames.length);
    const expected = counts(Array.from({ length: loops }, () => frames).flat());
    const { records: written } = readCapture(folder.file("out.pcap"));
    assert.deepEqual(counts(written.map(({ frame }) => frame)), expected);
  },
);

liveTest(
  "while the processor changes filters again and again, every packet that they want arrives once",
  undefined,
  async () => {
    await using namespace = await namespaceWithLoopback();
    using folder = new Folder();
    const hold = (...filters: string[]) => {
      folder.file("filters.new", "filters:\n" + filters.map((filter) => `  - { ${filter} }\n`).join(""));
      Deno.renameSync(folder.file("filters.new"), folder.file("filters.yaml"));
    };
    // All of them want the packets.
    const sets = [
      ['id: a, type: bpf, pattern: "udp"'],
      ['id: a, type: bpf, pattern: "udp and ("', 'id: b, type: ip_address, pattern: "192.0.2.2"'],
      ['id: b, type: ip_address, pattern: "192.0.2.0/24"', 'id: c, type: bpf, pattern: "host 192.0.2.1"'],
    ];
    hold(...sets[0] ?? []);
    await using processor = await startProcessor(
      namespace,
      folder,
      "--filter-file",
      folder.file("filters.yaml"),
    );
    await using hunter = await startHunter(namespace, 3, []);
    await hunter.said(/1 filter in force/);
    const flows = 40, perFlow = 3_000;
    const records = Array.from(
      { length: perFlow },
      (_, round) =>
        Array.from({ length: flows }, (_, flow) => numberedRecords(round * flows + flow, 1, 1000 + flow))
          .flat(),
    ).flat();
    let sending = true;
    const sent = send(namespace, records, 20_000).finally(() => sending = false);
    let swaps = 0;
    while (sending) {
      const before = hunter.stderr.length;
      hold(...sets[++swaps % sets.length] ?? []);
      await hunter.said(/[0-9]+ filters? in force/, before);
    }
    await sent;
    // One that wants none of them reaches all threads.
    const before = hunter.stderr.length;
    hold('id: d, type: ip_address, pattern: "198.51.100.1"');
    await hunter.said(/1 filter in force/, before);
    await pause(500);
    await send(namespace, numberedRecords(0, 20).concat(numberedRecords(0, 20, 5353)));
    await pause(1_000);
    const { code, stderr } = await hunter.interrupt();
    assert.equal(code, 0, stderr);
    const processed = await processor.interrupt();
    assert.equal(processed.code, 0, processed.stderr);
    assert.ok(swaps > 5, `${swaps} swaps only`);
    const { drops, packets } = summaryIn(stderr);
    assert.equal(sumOf(drops), 0, JSON.stringify(drops));
    assert.equal(packets, records.length + 40);
    const times = new Uint8Array(records.length);
    for (const { frame } of readCapture(folder.file("out.pcap")).records) {
      times[numberOf(frame)] = (times[numberOf(frame)] ?? 0) + 1;
    }
    assert.deepEqual(
      [times.filter((n) => n === 0).length, times.filter((n) => n > 1).length],
      [0, 0],
      "lost, repeated",
    );
  },
);

for (const interfaceName of ["vb", "any"]) {
  liveTest(
    `three that share ${interfaceName} see each packet once, also when one breaks down`,
    undefined,
    async () => {
      await using namespace = await namespaceWithLoopback();
      const permissions = ["--allow-ffi", `--allow-read=${root}`, "--allow-run=ip"];
      const { stdout } = await command(
        [
          ...[Deno.execPath(), "run", "--quiet", "--no-prompt", ...permissions],
          ...[`${root}tests/live/workers_scenario.ts`, interfaceName],
        ],
        inside(namespace, { limitMs: 60_000 }),
      );
      const narrowed = { packets: 400, flows: 20, packetsPerFlow: [20] };
      const { activeFlows, notices, ...rest } = JSON.parse(stdout);
      const [breakdown, ...others] = notices;
      assert.match(breakdown, /^capture thread 2 broke down and is started again; what it held is lost: /);
      assert.deepEqual(rest, {
        all: { packets: 1_200, flows: 60, packetsPerFlow: [20], idle: [] },
        narrowed: { ...narrowed, idle: [] },
        // The second one is gone, and then the fourth takes its place.
        withoutOne: { ...narrowed, idle: [1, 3] },
        restarted: { ...narrowed, idle: [1] },
        ...(interfaceName === "any" ? {} : { anew: { ...narrowed, idle: [1] } }),
        reports: ["0: 1", "1: 1 !1", "1: 1 !1"],
        ...{ opened: 2, restarts: 1, failures: 0, dropped: 0 },
      });
      assert.deepEqual(
        others,
        interfaceName === "any"
          ? []
          : ["vb: The interface disappeared: trying to open it again every second", "vb is back"],
      );
      assert.ok(activeFlows > 20, "those of all threads");
    },
  );
}
