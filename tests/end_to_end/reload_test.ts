import assert from "node:assert/strict";
import { libpcapObstacle } from "../live/libpcap_library.ts";
import { namespaceObstacle, NetworkNamespace } from "../live/namespace.ts";
import { dnsRecords, fileHeader, fixtureObstacle, recordOf } from "./capture_file.ts";
import { namesIn, packetsSoFar } from "./output.ts";
import { numbersTo, range, reload, sendNumbered } from "./live_run.ts";
import { concatenated, eventually, Folder, pause, start } from "./program.ts";

const live = libpcapObstacle() ?? await namespaceObstacle();
if (live !== undefined) console.log(`tests of reloading on a live capture are skipped: ${live}`);
const absent = fixtureObstacle("dns.pcap");
if (absent !== undefined) console.log(`tests of reloading on files are skipped: ${absent}`);

/** For the line that tells that everything is open. */
const debugLevel = "--allow-env=CARACAL_LOG_LEVEL";

Deno.test({
  name: "SIGHUP on a live capture: the new filter is in force, and no packet is lost",
  ignore: live !== undefined,
  fn: async () => {
    await using namespace = await NetworkNamespace.create();
    using folder = new Folder();
    const config = folder.file("config.yaml", 'sniff:\n  bpf_filter: "udp port 1000"\n');
    const out = folder.file("out.pcap");
    const through = ["ip", "netns", "exec", namespace.name];
    await using sniff = start(["sniff", "-i", "vb", "-c", config, "-w", out, "-q", "--pcap-timeout", "20"], {
      permissions: ["--allow-ffi", debugLevel, `--allow-read=${config}`, `--allow-write=${out}`],
      env: { CARACAL_LOG_LEVEL: "DEBUG" },
      through,
    });
    await sniff.said(/permissions kept as a whole: ffi/);
    const rounds = 20_000;
    const sender = sendNumbered(through, [1000, 2000, 3000], rounds);
    await eventually("a part is written", () => Deno.statSync(out).size > 10_000);
    for (
      const [filter, pattern] of [
        ["udp port 1000 or udp port 2000", /in force: --filter$/m],
        ["udp prot 1000", /config.yaml:2: bad filter: udp prot 1000: .*; all settings stay as they were/],
        ["udp port 1000 or udp port 3000", /in force: --filter$/m],
      ] as const
    ) {
      Deno.writeTextFileSync(config, `sniff:\n  bpf_filter: "${filter}"\n`);
      await reload(sniff, pattern);
      await pause(300);
    }
    await sender;
    await pause(300);
    const { code, stderr } = await sniff.interrupt();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^0 dropped$/m);
    assert.deepEqual(numbersTo(1000, out), range(0, rounds));
    const [second, third] = [numbersTo(2000, out), numbersTo(3000, out)];
    const [from = 0, end = 0, last = 0] = [second.at(0), second.at(-1), third.at(0)];
    assert.deepEqual(second, range(from, end + 1));
    assert.ok(from > 0 && end < rounds - 1, `${from} to ${end}`);
    assert.deepEqual(third, range(last, rounds));
    // The swap may fall between two packets of one round.
    assert.ok(last >= end, `${last} after ${end}`);
  },
});

Deno.test({
  name: "SIGHUP: domains are in force, what takes a restart is named, and mistakes change nothing",
  ignore: absent !== undefined,
  fn: async () => {
    using folder = new Folder();
    const names = folder.file("names", "nobody.invalid\n");
    const config = folder.file("config.yaml", "promiscuous: false\n");
    await using sniff = start(["sniff", "dns", "-r", "-", "-c", config, "--domains-file", names], {
      permissions: [debugLevel, `--allow-read=${config},${names}`],
      env: { CARACAL_LOG_LEVEL: "DEBUG" },
      fed: true,
    });
    await sniff.said(/permissions kept as a whole: none/);
    const records = dnsRecords();
    await sniff.feed(concatenated([fileHeader(1), ...records.map(recordOf)]));
    await reload(sniff, /read .*config\.yaml, .*names again; no setting changed$/m);
    assert.equal(sniff.stdout.length, 0);

    Deno.writeTextFileSync(config, "promiscuous: maybe\n");
    Deno.writeTextFileSync(names, "*.example.test\n");
    await reload(sniff, /config\.yaml:1: promiscuous: .*; all settings stay as they were$/m);
    await sniff.feed(concatenated(records.map(recordOf)));
    await pause(300);
    assert.equal(sniff.stdout.length, 0, "nothing of a mistaken configuration is in force");

    Deno.removeSync(config);
    await reload(sniff, /config\.yaml: there is no such file; all settings stay as they were$/m);

    Deno.writeTextFileSync(config, "promiscuous: true\nsnapshot_length: 100\n");
    const line = await reload(sniff, /in force: .*$/m);
    assert.equal(line, "in force: --domain; in force after a restart only: --promisc, --snapshot-length");
    await sniff.feed(concatenated(records.map(recordOf)));
    await eventually("packets of the domain", () => packetsSoFar(sniff.stdout).length > 0);
    await sniff.closeInput();
    const { code, stdout, stderr } = await sniff.ended();
    assert.equal(code, 0, stderr);
    // What came again is no message for the second time.
    const shown = packetsSoFar(stdout).filter(({ dns }) => dns !== undefined);
    assert.ok(shown.length > 0 && shown.length < records.length);
    for (const packet of shown) {
      assert.ok(namesIn(packet).some((name) => name.endsWith(".example.test")), JSON.stringify(packet));
    }
  },
});
