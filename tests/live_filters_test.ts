import assert from "node:assert/strict";
import { readCapture } from "./end_to_end/capture_file.ts";
import { summaryIn, sumOf } from "./end_to_end/output.ts";
import { type Child, command, Folder, pause, root, start } from "./end_to_end/program.ts";
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
if (obstacle !== undefined) console.log(`live tests of filters are skipped: ${obstacle}`);

function liveTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `live filters: ${name}`, ignore: obstacle !== undefined, fn });
}

/** A filter file, replaced as a whole by each call. */
function filterFile(folder: Folder): { path: string; hold(...filters: string[]): void } {
  const path = folder.file("filters.yaml");
  const hold = (...filters: string[]) => {
    folder.file("filters.new", "filters:\n" + filters.map((filter) => `  - { ${filter} }\n`).join(""));
    Deno.renameSync(folder.file("filters.new"), path);
  };
  hold();
  return { path, hold };
}

function startHunter(namespace: NetworkNamespace, ...args: string[]): Child {
  return start(
    ["hunt", "-i", "vb", "-P", "127.0.0.1:5555", "--insecure", "--id", "edge", "--json", ...args],
    inside(namespace, { permissions: ["--allow-ffi", "--allow-net"], limitMs: 90_000 }),
  );
}

liveTest(
  "under load, they are replaced again and again, and every packet that they want arrives once",
  async () => {
    await using namespace = await namespaceWithLoopback();
    using folder = new Folder();
    const { hold } = filterFile(folder);
    await using processor = await startProcessor(
      namespace,
      folder,
      "--filter-file",
      folder.file("filters.yaml"),
    );
    // All of them want the packets: with the policy, an empty set does, too.
    const sets = [
      [],
      ['id: a, type: bpf, pattern: "udp port 53"'],
      ['id: a, type: bpf, pattern: "udp and ("', 'id: b, type: ip_address, pattern: "192.0.2.2"'],
      ['id: b, type: ip_address, pattern: "192.0.2.0/24"', 'id: c, type: bpf, pattern: "host 192.0.2.1"'],
      ['id: c, type: bpf, pattern: "tcp"', 'id: d, type: bpf, pattern: "ether src 02:00:00:00:00:01"'],
    ];
    hold(...sets.at(-1) ?? []);
    await using hunter = startHunter(namespace, "--no-filter-policy", "allow");
    await hunter.said(/2 filters in force/);
    const packets = 300_000, perSecond = 30_000;
    let sending = true;
    const sent = send(namespace, numberedRecords(0, packets), perSecond).finally(() => sending = false);
    let swaps = 0;
    while (sending) {
      const before = hunter.stderr.length;
      hold(...sets[swaps++ % sets.length] ?? []);
      await hunter.said(/[0-9]+ filters? in force/, before);
    }
    await sent;
    await pause(1_000);
    const hunted = await hunter.interrupt();
    assert.equal(hunted.code, 0, hunted.stderr);
    const processed = await processor.interrupt();
    assert.equal(processed.code, 0, processed.stderr);
    assert.ok(swaps > 20, `${swaps} swaps only`);
    const { drops } = summaryIn(hunted.stderr);
    assert.equal(sumOf(drops), 0, JSON.stringify(drops));
    const times = new Uint8Array(packets);
    for (const { frame } of readCapture(folder.file("out.pcap")).records) {
      times[numberOf(frame)] = (times[numberOf(frame)] ?? 0) + 1;
    }
    assert.deepEqual({
      lost: times.filter((n) => n === 0).length,
      repeated: times.filter((n) => n > 1).length,
    }, {
      lost: 0,
      repeated: 0,
    });
  },
);

liveTest(
  "those of the processor narrow what --filter lets through, and a broken one narrows nothing",
  async () => {
    await using namespace = await namespaceWithLoopback();
    using folder = new Folder();
    const { hold } = filterFile(folder);
    hold('id: web, type: bpf, pattern: "port 80 or port 81"');
    await using _ = await startProcessor(namespace, folder, "--filter-file", folder.file("filters.yaml"));
    await using hunter = startHunter(namespace, "--filter", "udp and not port 81");
    await hunter.said(/1 filter in force/);
    let first = 0;
    /** The ports whose packets arrive. */
    const arriving = async () => {
      await pause(500); // Filters of the kernel wait for a quiet moment.
      const ports = [53, 80, 81, 82];
      for (const port of ports) await send(namespace, numberedRecords(first + port, 1, port));
      await pause(1_000);
      const numbers = readCapture(folder.file("out.pcap"), true).records.map(({ frame }) =>
        numberOf(frame) - first
      );
      first += 1000;
      return numbers.filter((number) => number >= 0);
    };
    const replace = async (said: RegExp, ...filters: string[]) => {
      const before = hunter.stderr.length;
      hold(...filters);
      await hunter.said(said, before);
    };
    assert.deepEqual(await arriving(), [80]);
    await replace(
      /filter web .*is refused.*port 80 or port 81.* stays in force/,
      'id: web, type: bpf, pattern: "port 80 or"',
    );
    assert.deepEqual(await arriving(), [80]);
    await replace(
      /2 filters in force/,
      'id: web, type: bpf, pattern: "port 80 or"',
      'id: dns, type: bpf, pattern: "port 53"',
    );
    assert.deepEqual(await arriving(), [53, 80]);
    await replace(/1 filter in force/, 'id: web, type: bpf, pattern: "port 82"');
    assert.deepEqual(await arriving(), [82]);
    await replace(/1 filter in force/, 'id: web, type: bpf, pattern: "tcp port 82"');
    assert.deepEqual(await arriving(), [], "no packet matches that and --filter");
    assert.doesNotMatch(hunter.stderr, /stays as it was/);
    await replace(/0 filters in force/, 'id: web, type: bpf, pattern: "port 82", enabled: false');
    assert.deepEqual(await arriving(), [], "the policy of a hunter is deny");
    const { code, stderr } = await hunter.interrupt();
    assert.equal(code, 0, stderr);
  },
);

liveTest(
  "a capture thread that breaks down comes back with them, and with the versions that stood in",
  async () => {
    await using namespace = await namespaceWithLoopback();
    const scenario = [`--allow-read=${root}`, `${root}tests/live/restart_scenario.ts`];
    const { stdout } = await command(
      [Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-ffi", ...scenario],
      inside(namespace, {}),
    );
    assert.deepEqual(JSON.parse(stdout), {
      first: [53, 54],
      second: [54, 55],
      third: [54, 55],
      reports: ["0: 2", "1: 2 !b", "1: 2 !b"],
      notices: ["the capture thread broke down and is started again; what it held is lost: on purpose"],
      restarts: 1,
    });
  },
);

liveTest("100,000 are replaced by others under load, and the kernel drops nothing", async () => {
  await using namespace = await namespaceWithLoopback();
  const packets = 200_000;
  const scenario = [`--allow-read=${root}`, `${root}tests/live/swap_scenario.ts`, String(packets)];
  const child = new Deno.Command("ip", {
    args: [
      ...["netns", "exec", namespace.name, Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-ffi"],
      ...scenario,
    ],
    stdout: "piped",
  }).spawn();
  const limit = setTimeout(() => child.kill("SIGKILL"), 90_000);
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (said === "") await send(namespace, numberedRecords(0, packets), 20_000);
    said += text;
  }
  clearTimeout(limit);
  const { swaps, ...counts } = JSON.parse(said.slice(said.indexOf("{")));
  assert.deepEqual(counts, {
    packets,
    kept: packets,
    dropped: 0,
    droppedBySinks: 0,
    refused: [],
    notices: [],
  });
  assert.ok(swaps > 1, `${swaps} swaps only`);
});
