import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** What `deno info --json` says of a module. */
interface ModuleInfo {
  specifier: string;
  dependencies?: { specifier: string; isDynamic?: boolean; code?: { specifier: string } }[];
}

/** The ways by which a module comes to load a package as soon as it is loaded itself, one per module that imports it. */
async function waysTo(entry: string, packages: string[]): Promise<string[]> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
    stderr: "null",
  }).output();
  assert(success, "deno info");
  const graph: { roots: string[]; modules: ModuleInfo[] } = JSON.parse(new TextDecoder().decode(stdout));
  const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
  const ways: string[] = [];
  const waiting = graph.roots.map((specifier) => [specifier]);
  const seen = new Set<string>();
  for (let way = waiting.pop(); way !== undefined; way = waiting.pop()) {
    const last = way.at(-1) ?? "";
    if (seen.has(last)) continue;
    seen.add(last);
    for (const { specifier, isDynamic, code } of modules.get(last)?.dependencies ?? []) {
      if (isDynamic || code === undefined) continue;
      if (packages.includes(specifier)) ways.push([...way, specifier].join(" > "));
      waiting.push([...way, code.specifier]);
    }
  }
  return ways;
}

Deno.test("sniff, and what every command loads first, load only what they need at once", async () => {
  const packages = ["@grpc/grpc-js", "protobufjs", "yaml", "node:zlib", "node:net", "node:crypto"];
  for (const entry of ["main.ts", "src/cli/commands/sniff.ts"]) {
    assert.deepEqual(await waysTo(entry, packages), [], entry);
  }
  // That they would be found.
  for (
    const [entry, loaded] of [
      ["src/cli/commands/hunt.ts", ["@grpc/grpc-js", "protobufjs", "node:zlib", "node:net"]],
      ["src/sinks/call_pcap_sink.ts", ["node:crypto"]],
      ["src/processor/filter_file.ts", ["yaml"]],
    ] as const
  ) {
    const ways = await waysTo(entry, packages);
    for (const name of loaded) assert(ways.some((way) => way.endsWith(name)), `${entry} loads ${name}`);
  }
});
