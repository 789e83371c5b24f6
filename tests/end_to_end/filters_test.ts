import assert from "node:assert/strict";
import type { Filter, FilterTypeName } from "../../src/engine/filter.ts";
import { filterMessage } from "../../src/proto/filter_message.ts";
import { HunterStatus } from "../../src/proto/management_messages.ts";
import { managementService } from "../../src/proto/services.ts";
import { channelTo } from "../control_plane/loopback.ts";
import { libpcapObstacle } from "../live/libpcap_library.ts";
import {
  type CaptureRecord,
  dnsRecords,
  fileHeader,
  fixture,
  fixtureObstacle,
  portsOf,
  readCapture,
  recordOf,
} from "./capture_file.ts";
import { packetsSoFar, summaryIn } from "./output.ts";
import { type Child, concatenated, eventually, pause, run, start } from "./program.ts";

const obstacle = fixtureObstacle("dns.pcap") ?? libpcapObstacle();
if (obstacle !== undefined) console.log(`tests of filters are skipped: ${obstacle}`);

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `filters: ${name}`, ignore: obstacle !== undefined, fn });
}

const dns = fixture("dns.pcap");
const permissions = ["--allow-ffi", "--allow-net", `--allow-read=${dns}`];

async function startProcessor(): Promise<{ processor: Child; address: string; port: number }> {
  const processor = start(
    ["process", "--insecure", "--id", "central", "--listen", "127.0.0.1:0", "--json"],
    { permissions: ["--allow-net"], limitMs: 60_000 },
  );
  const [, port = ""] = await processor.said(/listening on 127\.0\.0\.1:([0-9]+)/);
  return { processor, address: `127.0.0.1:${port}`, port: Number(port) };
}

test("--no-filter-policy holds in every mode, and each has its own where it is left out", async () => {
  const { processor, address } = await startProcessor();
  await using _ = processor;
  const hunt = ["-P", address, "--insecure", "--id", "edge"];
  const modes: readonly [words: readonly string[], more: readonly string[], passes: boolean][] = [
    [["hunt"], hunt, false],
    [["hunt", "dns"], hunt, true],
    [["hunt"], ["--id", "edge"], true],
    [["hunt", "dns"], ["--id", "edge"], true],
    [["tap"], ["--id", "edge"], true],
    [["tap", "dns"], ["--id", "edge"], true],
  ];
  const all = { dns: dnsRecords().length, all: readCapture(dns).records.length };
  for (const [words, more, passes] of modes) {
    for (const policy of [undefined, "allow", "deny"]) {
      const flags = policy === undefined ? [] : ["--no-filter-policy", policy];
      const { code, stderr } = await run([...words, "-r", dns, "--quiet", "--json", ...more, ...flags], {
        permissions,
      });
      const what = `${words.join(" ")} ${more[0] ?? ""} ${policy}`;
      assert.equal(code, 0, `${what}: ${stderr}`);
      const expected = policy === "deny" || policy === undefined && !passes
        ? 0
        : words[1] === "dns"
        ? all.dns
        : all.all;
      assert.equal(summaryIn(stderr).kept, expected, what);
    }
  }
});

/** Sets and removes filters as a client of the processor at `port`. */
function client(port: number) {
  const channel = channelTo(port);
  return {
    set: (id: string, type: FilterTypeName, pattern: string) => {
      const filter: Filter = { id, type, pattern, targetHunters: [], enabled: true, description: "" };
      return channel.unary(managementService.UpdateFilter, filterMessage(filter), 5_000);
    },
    remove: (id: string) => channel.unary(managementService.DeleteFilter, { filter_id: id }, 5_000),
    /** Status, and number of active filters, of the one hunter. */
    hunter: async () => {
      const { hunters } = await channel.unary(managementService.GetHunterStatus, { hunter_id: "" }, 5_000);
      return { status: hunters[0]?.status, active: hunters[0]?.stats?.active_filters };
    },
    [Symbol.dispose]: () => channel.close(),
  };
}

const { STATUS_HEALTHY, STATUS_WARNING } = HunterStatus;

/** The records once more, later, so that they can be told apart. */
function shifted(records: readonly CaptureRecord[], hours: number): CaptureRecord[] {
  return records.map((record) => ({ ...record, timeNs: record.timeNs + BigInt(hours) * 3_600_000_000_000n }));
}

/** Of a frame in Ethernet and IP. */
const transportOf = ({ frame }: CaptureRecord) =>
  frame[14 + 9] === 6 || frame[14 + 6] === 6 && frame[12] === 0x86 ? "tcp" : "udp";

for (const kind of ["hunter", "tap"] as const) {
  test(`BPF and address filters are swapped while a ${kind} reads a file`, async () => {
    await using stack = new AsyncDisposableStack();
    const own = ["dns", "-r", "-", "--insecure", "--json"];
    let subject: Child, output: Child, port: number;
    if (kind === "tap") {
      output = subject = start(["tap", ...own, "--id", "edge", "--listen", "127.0.0.1:0"], {
        permissions,
        fed: true,
      });
      stack.use(subject);
      port = Number((await subject.said(/listening on 127\.0\.0\.1:([0-9]+)/))[1]);
    } else {
      const started = await startProcessor();
      ({ processor: output, port } = started);
      stack.use(output);
      subject = start(["hunt", ...own, "--id", "edge", "-P", started.address], {
        permissions,
        fed: true,
        limitMs: 60_000,
      });
      stack.use(subject);
    }
    await subject.feed(fileHeader(1));
    await subject.said(/listening on|registered with/);
    using processor = client(port);
    const records = dnsRecords().filter(({ frame }) => frame[12] === 0x08 && portsOf(frame).length > 0);
    let hours = 0;
    /** Sends packets; those of the transports that are named come through. */
    const passing = async (...transports: string[]) => {
      await pause(300); // The capture thread takes filters between two blocks.
      const some = shifted(records, hours++);
      const expected = some.filter((record) => transports.includes(transportOf(record))).length;
      const before = packetsSoFar(output.stdout).length;
      await subject.feed(concatenated(some.map(recordOf)));
      await eventually("the packets come", () => packetsSoFar(output.stdout).length >= before + expected);
      await pause(300);
      assert.equal(packetsSoFar(output.stdout).length - before, expected);
    };
    const shows = async (status: HunterStatus, active: number) => {
      const deadline = Date.now() + 15_000;
      for (;;) {
        const shown = await processor.hunter();
        if (shown.status === status && shown.active === active) break;
        assert.ok(Date.now() < deadline, `the processor shows ${JSON.stringify(shown)}`);
        await pause(100);
      }
    };
    const change = async (said: RegExp, change: Promise<unknown>) => {
      const before = subject.stderr.length;
      await change;
      await subject.said(said, before);
    };
    await passing("tcp", "udp");
    await change(/1 filter in force/, processor.set("k", "bpf", "tcp"));
    await passing("tcp");
    await change(/1 filter in force/, processor.set("k", "bpf", "udp"));
    await passing("udp");
    await change(/filter k .*is refused.*udp.* stays in force/, processor.set("k", "bpf", "tcp and ("));
    await passing("udp");
    await shows(STATUS_WARNING, 1);
    await change(/2 filters in force/, processor.set("b", "bpf", "tcp"));
    await passing("tcp", "udp");
    await shows(STATUS_WARNING, 2);
    await change(/1 filter in force/, processor.remove("k"));
    await passing("tcp");
    await change(/2 filters in force/, processor.set("a", "ip_address", "192.0.2.77"));
    await passing();
    await shows(STATUS_HEALTHY, 2);
    await change(/1 filter in force/, processor.remove("a"));
    await passing("tcp");
    await change(/0 filters in force/, processor.remove("b"));
    await passing("tcp", "udp");
    // Before the other side says goodbye: Deno 2.9 may abort on a GOAWAY (an assertion of its nghttp2).
    processor[Symbol.dispose]();
    await subject.closeInput();
    assert.equal((await subject.ended()).code, 0, subject.stderr);
  });
}
