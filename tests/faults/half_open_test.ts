/** A network that swallows everything, and tells nobody: no FIN, no RST, no ICMP. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readCapture } from "../end_to_end/capture_file.ts";
import { command, Folder, start, textOf } from "../end_to_end/program.ts";
import { namespaceObstacle, NetworkNamespace } from "../live/namespace.ts";

const obstacle = await namespaceObstacle();
if (obstacle !== undefined) console.log(`tests of half-open connections are skipped: ${obstacle}`);

const processorAddress = "10.77.2.2:55555";

/** Two namespaces with a router between them that can be told to forward nothing. */
class RoutedNamespaces implements AsyncDisposable {
  private constructor(
    readonly near: NetworkNamespace,
    readonly router: NetworkNamespace,
    readonly far: NetworkNamespace,
  ) {}

  static async create(): Promise<RoutedNamespaces> {
    await using made = new AsyncDisposableStack();
    const [near, router, far] = [
      made.use(await NetworkNamespace.create()),
      made.use(await NetworkNamespace.create()),
      made.use(await NetworkNamespace.create()),
    ] as const;
    for (const [end, subnet] of [[near, 1], [far, 2]] as const) {
      const peer = `to${subnet}`;
      await end.run("ip", "link", "set", "vb", "down");
      await end.run("ip", "link", "set", "vb", "name", peer);
      await end.run("ip", "link", "set", peer, "netns", router.name);
      await router.run("ip", "address", "add", `10.77.${subnet}.1/24`, "dev", peer);
      await router.run("ip", "link", "set", peer, "up");
      await end.run("ip", "link", "set", "lo", "up");
      await end.run("ip", "address", "add", `10.77.${subnet}.2/24`, "dev", "va");
      await end.run("ip", "route", "add", "default", "via", `10.77.${subnet}.1`);
    }
    await router.run("sysctl", "-qw", "net.ipv4.ip_forward=1");
    made.move();
    return new RoutedNamespaces(near, router, far);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const namespace of [this.near, this.router, this.far]) await namespace[Symbol.asyncDispose]();
  }
}

for (const [kind, silence] of [["busy", /none of \d+ batches/], ["idle", /heartbeat/]] as const) {
  Deno.test({
    name: `half-open connection, ${kind}: the hunter notices, and delivers everything once when it can`,
    ignore: obstacle !== undefined,
    fn: async () => {
      await using namespaces = await RoutedNamespaces.create();
      using folder = new Folder();
      const file = folder.file("out.pcap");
      await using processor = start(
        ["process", "--insecure", "--id", "central", "--listen", processorAddress, "--quiet", "-w", file],
        {
          permissions: ["--allow-net", "--allow-read", "--allow-write"],
          limitMs: 60_000,
          through: ["ip", "netns", "exec", namespaces.far.name],
        },
      );
      await processor.said(/listening on/);
      const scenario = fileURLToPath(new URL("half_open_scenario.ts", import.meta.url));
      const { stdout } = await command(
        [Deno.execPath(), "run", "--allow-all", scenario, processorAddress, namespaces.router.name, kind],
        { limitMs: 60_000, through: ["ip", "netns", "exec", namespaces.near.name] },
      );
      const { sent, losses } = JSON.parse(stdout) as { sent: string[]; losses: string[] };
      assert.equal((await processor.interrupt()).code, 0);
      assert.match(losses.join("\n"), silence);
      assert.deepEqual(readCapture(file).records.map(({ frame }) => textOf(frame)), sent);
    },
  });
}
