import assert from "node:assert/strict";
import { libpcapObstacle } from "../live/libpcap_library.ts";
import { namespaceObstacle, NetworkNamespace } from "../live/namespace.ts";
import { dnsRecords, fileHeader, fixtureObstacle, recordOf } from "./capture_file.ts";
import { packetsSoFar } from "./output.ts";
import { Child, type ChildOptions, concatenated, eventually, Folder, root } from "./program.ts";

const absent = fixtureObstacle("dns.pcap");
if (absent !== undefined) console.log(`tests of revocation on files are skipped: ${absent}`);
const live = libpcapObstacle() ?? await namespaceObstacle();
if (live !== undefined) console.log(`tests of revocation on a live capture are skipped: ${live}`);

/** What the probe tells. */
interface Rights {
  readonly granted: readonly string[];
  readonly can: Readonly<Record<string, boolean>>;
}

const nothing: Rights["can"] = {
  readFile: false,
  writeFile: false,
  runProgram: false,
  readEnvironment: false,
  listen: false,
  openLibrary: false,
};

/** The program, with everything granted at the start. */
function startProbe(args: readonly string[], options: ChildOptions = {}): Child {
  const probe = `${root}tests/end_to_end/permission_probe.ts`;
  return new Child([Deno.execPath(), "run", "--no-prompt", "--allow-all", probe, ...args], {
    ...options,
    env: { CARACAL_LOG_LEVEL: "DEBUG", HOME: "/nowhere", DENO_DIR: denoDir, ...options.env },
  });
}

const denoDir = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;

async function rightsOf(child: Child): Promise<Rights> {
  await child.said(/permissions kept as a whole/);
  child.signal("SIGUSR2");
  const [, rights = ""] = await child.said(/^probe (.*)$/m);
  return JSON.parse(rights);
}

const onFiles: readonly [args: readonly string[], granted: readonly string[], can: Rights["can"]][] = [
  [["sniff", "dns", "-r", "-"], [], {}],
  [["sniff", "dns", "-r", "-", "--single-thread"], [], {}],
  [["sniff", "dns", "-r", "-", "-w", "FOLDER/out.pcap"], [], {}],
  [["hunt", "dns", "-r", "-", "--id", "edge"], [], {}],
  [["tap", "dns", "-r", "-", "--insecure", "--listen", "127.0.0.1:0"], ["ffi"], {
    openLibrary: true,
  }],
];
for (const [args, granted, can] of onFiles) {
  Deno.test({
    name: `revocation: ${args.join(" ")} with everything granted goes on with ${
      granted.join(", ") || "nothing"
    }`,
    ignore: absent !== undefined,
    fn: async () => {
      using folder = new Folder();
      await using child = startProbe(args.map((arg) => arg.replace("FOLDER", folder.path)), { fed: true });
      const records = dnsRecords();
      await child.feed(concatenated([fileHeader(1), ...records.slice(0, 10).map(recordOf)]));
      assert.deepEqual(await rightsOf(child), { granted, can: { ...nothing, ...can } });
      // It can still do all of its work.
      await child.feed(concatenated(records.slice(10).map(recordOf)));
      await eventually("all packets", () => packetsSoFar(child.stdout).length === records.length);
      await child.closeInput();
      const { code, stderr } = await child.ended();
      assert.equal(code, 0, stderr);
    },
  });
}

Deno.test({
  name: "revocation: a live sniff keeps FFI only, and Deno's debugger cannot be called up",
  ignore: live !== undefined,
  fn: async () => {
    await using namespace = await NetworkNamespace.create();
    const through = ["ip", "netns", "exec", namespace.name];
    await using sniff = startProbe(["sniff", "-i", "vb", "-q"], { through });
    assert.deepEqual(await rightsOf(sniff), { granted: ["ffi"], can: { ...nothing, openLibrary: true } });
    sniff.signal("SIGUSR1");
    sniff.signal("SIGHUP");
    await sniff.said(/no configuration file/);
    const { code, stderr } = await sniff.interrupt();
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /debugger/i);
  },
});

Deno.test("revocation: a processor that has given up the network still takes connections", async () => {
  await using processor = startProbe(["process", "--insecure", "--listen", "127.0.0.1:0", "--id", "central"]);
  const [, address = ""] = await processor.said(/listening on (127\.0\.0\.1:\d+)/);
  const { granted, can } = await rightsOf(processor);
  assert.deepEqual(granted, []);
  assert.deepEqual(can, nothing);
  await using hunter = startProbe(
    ["hunt", "dns", "-r", "-", "-P", address, "--insecure", "--id", "edge"],
    { fed: true },
  );
  await hunter.feed(concatenated([fileHeader(1), ...dnsRecords().map(recordOf)]));
  assert.deepEqual((await rightsOf(hunter)).granted, ["net", "ffi"]);
  await hunter.closeInput();
  const hunted = await hunter.ended();
  assert.equal(hunted.code, 0, hunted.stderr);
  const { code, stdout, stderr } = await processor.interrupt();
  assert.equal(code, 0, stderr);
  assert.equal(packetsSoFar(stdout).length, dnsRecords().length);
});
