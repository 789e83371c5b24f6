import assert from "node:assert/strict";
import { libpcapObstacle } from "../live/libpcap_library.ts";
import { NameServer, nameServerObstacle } from "../live/name_server.ts";
import { namespaceObstacle, NetworkNamespace } from "../live/namespace.ts";
import { fixture, fixtureObstacle } from "./capture_file.ts";
import { packetsSoFar } from "./output.ts";
import { exists, Folder, linesOf, run, start } from "./program.ts";

const libpcap = libpcapObstacle();
const live = libpcap ?? nameServerObstacle() ?? await namespaceObstacle();
if (live !== undefined) console.log(`live permission tests are skipped: ${live}`);
const absent = libpcap ?? fixtureObstacle("dns.pcap");
if (absent !== undefined) console.log(`permission tests on files are skipped: ${absent}`);

const dns = fixture("dns.pcap");

/** A namespace with a DNS server on its loopback. */
async function resolverOnLoopback(): Promise<
  AsyncDisposable & { namespace: NetworkNamespace; ask(): Promise<void> }
> {
  const stack = new AsyncDisposableStack();
  const namespace = stack.use(await NetworkNamespace.create());
  await namespace.run("ip", "link", "set", "lo", "up");
  stack.use(await NameServer.start(namespace, ["127.0.0.1"]));
  return {
    namespace,
    ask: async () => {
      await namespace.run("dig", "@127.0.0.1", "+tries=1", "+time=2", "www.example.test", "A");
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

for (
  const [name, permissions] of [
    ["--allow-ffi --allow-net", ["--allow-ffi", "--allow-net"]],
    ["-P=hunt", ["-P=hunt"]],
  ] as const
) {
  Deno.test({
    name: `${name} main.ts hunt dns captures, with nothing set up`,
    ignore: live !== undefined,
    fn: async () => {
      await using resolver = await resolverOnLoopback();
      using folder = new Folder();
      await using hunter = start(["hunt", "dns"], {
        permissions,
        // Permission sets belong to the configuration in the working directory.
        ...(name.startsWith("-P") ? {} : { cwd: folder.path }),
        env: {
          HOME: folder.path,
          DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
        },
        through: ["ip", "netns", "exec", resolver.namespace.name],
      });
      await hunter.said(/no processor is named, so the embedded one is used.*--processor/);
      const answered = () =>
        packetsSoFar(hunter.stdout).some(({ dns }) =>
          dns?.is_response && dns.query_name === "www.example.test" && dns.correlated_query
        );
      // Until capture has begun, nobody answers for what is asked.
      for (let tries = 0; !answered(); tries++) {
        assert.ok(tries < 30, hunter.stderr);
        await resolver.ask();
      }
      const { code, stderr, stdout } = await hunter.interrupt();
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^[\d,]+ packets, [\d,]+ bytes in .*\n[\d,]+ kept.*\n0 dropped$/m);
      assert.equal(linesOf(stdout).length, packetsSoFar(stdout).length);
    },
  });
}

/** Runs that lack one permission, and the flag that they must name. */
const lacking: readonly [
  name: string,
  permissions: readonly string[],
  args: readonly string[],
  flag: string,
][] = [
  ["live capture without FFI", ["--allow-net"], ["hunt", "dns"], "--allow-ffi"],
  ["live capture with an id without FFI", ["--allow-net"], ["hunt", "dns", "--id", "edge"], "--allow-ffi"],
  ["sniff without FFI", ["--allow-net"], ["sniff", "dns"], "--allow-ffi"],
  ["list interfaces without FFI", [], ["list", "interfaces"], "--allow-ffi"],
  [
    "a filter on a file without FFI",
    ["--allow-read"],
    ["sniff", "-r", dns, "--filter", "udp"],
    "--allow-ffi",
  ],
  ["-r without read", ["--allow-ffi", "--allow-net"], ["sniff", "-r", dns], "--allow-read"],
  ["hunt -r without read", ["--allow-ffi", "--allow-net"], ["hunt", "dns", "-r", dns], "--allow-read"],
  [
    "-w without write",
    ["--allow-ffi", "--allow-read"],
    ["sniff", "-r", dns, "-w", "FOLDER/out.pcap"],
    "--allow-write",
  ],
  ["process -w without write", ["-N", "--allow-ffi"], [
    "process",
    "--insecure",
    "--listen",
    "127.0.0.1:0",
    "-w",
    "FOLDER/out.pcap",
  ], "--allow-write"],
  [
    "listening without net",
    ["--allow-ffi"],
    ["process", "--insecure", "--listen", "127.0.0.1:0"],
    "--allow-net",
  ],
  [
    "--config without read",
    ["--allow-ffi"],
    ["sniff", "-r", "-", "-c", "FOLDER/config.yaml"],
    "--allow-read",
  ],
  [
    "--filter-file without read",
    ["--allow-ffi", "--allow-net"],
    ["process", "--insecure", "--listen", "127.0.0.1:0", "--filter-file", "FOLDER/filters.yaml"],
    "--allow-read",
  ],
  [
    "--domains-file without read",
    ["--allow-ffi"],
    ["sniff", "dns", "--domains-file", "FOLDER/names"],
    "--allow-read",
  ],
];

for (const [name, permissions, args, flag] of lacking) {
  Deno.test({
    name: `${name}: one line that names ${flag}, exit code 1`,
    ignore: absent !== undefined,
    fn: async () => {
      using folder = new Folder();
      folder.file("config.yaml", "promiscuous: true\n");
      folder.file("filters.yaml", "filters: []\n");
      folder.file("names", "example.test\n");
      const { code, stdout, stderr } = await run(args.map((arg) => arg.replace("FOLDER", folder.path)), {
        permissions,
        input: new Uint8Array(),
      });
      assert.equal(stdout.length, 0);
      assert.equal(linesOf(stderr).filter((line) => line.includes(flag)).length, 1, stderr);
      assert.doesNotMatch(stderr, /\[y\/n|^\s+at |internal error/im);
      assert.equal(code, 1, stderr);
      assert.ok(!exists(folder.file("out.pcap")), "the file was made");
    },
  });
}

Deno.test({
  name: "reading one file takes the permission for that file only",
  ignore: absent !== undefined,
  fn: async () => {
    const { code, stderr } = await run(["sniff", "dns", "-r", dns, "--quiet"], {
      permissions: [`--allow-read=${dns}`],
    });
    assert.equal(code, 0, stderr);
    const relative = await run(["sniff", "dns", "-r", "dns.pcap", "--quiet"], {
      permissions: ["--allow-read=dns.pcap"],
      cwd: dns.replace(/[^/]*$/, ""),
    });
    assert.equal(relative.code, 0, relative.stderr);
  },
});

Deno.test({
  name: "standard input takes no permission at all",
  ignore: absent !== undefined,
  fn: async () => {
    const { code, stderr } = await run(["sniff", "dns", "-r", "-", "--quiet"], {
      permissions: [],
      input: Deno.readFileSync(dns),
    });
    assert.equal(code, 0, stderr);
  },
});

Deno.test({
  name: "permission set files: sniff -r -w",
  ignore: absent !== undefined,
  fn: async () => {
    using folder = new Folder();
    const { code, stderr } = await run(
      ["sniff", "dns", "-r", dns, "-w", folder.file("out.pcap"), "--quiet"],
      {
        permissions: ["-P=files"],
      },
    );
    assert.equal(code, 0, stderr);
    assert.ok(exists(folder.file("out.pcap")));
  },
});

Deno.test({
  name: "permission set process: process",
  fn: async () => {
    await using processor = start(["process", "--insecure", "--listen", "127.0.0.1:0"], {
      permissions: ["-P=process"],
    });
    await processor.said(/listening on 127\.0\.0\.1:\d+/);
    const { code, stderr } = await processor.interrupt();
    assert.equal(code, 0, stderr);
  },
});

for (const set of ["sniff", "tap"]) {
  Deno.test({
    name: `permission set ${set}: ${set} dns on loopback`,
    ignore: live !== undefined,
    fn: async () => {
      await using resolver = await resolverOnLoopback();
      await using child = start(
        [set, "dns", "-i", "lo", "--insecure", "--listen", "127.0.0.1:0"].slice(0, set === "sniff" ? 4 : 7),
        {
          permissions: [`-P=${set}`],
          through: ["ip", "netns", "exec", resolver.namespace.name],
        },
      );
      for (let tries = 0; packetsSoFar(child.stdout).length === 0; tries++) {
        assert.ok(tries < 30, child.stderr);
        await resolver.ask();
      }
      const { code, stderr } = await child.interrupt();
      assert.equal(code, 0, stderr);
    },
  });
}
