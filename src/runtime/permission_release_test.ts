import assert from "node:assert/strict";
import type { RemainingNeeds, UsedPaths } from "./permission_release.ts";

const module = new URL("permission_release.ts", import.meta.url).href;
const none: RemainingNeeds = { read: [], write: [], net: false, ffi: false };

/** What a process that was started with `grants` has left; asked for by name, or by name and path. */
async function left(
  grants: readonly string[],
  needs: Partial<RemainingNeeds>,
  used: Partial<UsedPaths>,
  asked: readonly (readonly [name: string, path?: string])[],
): Promise<string[]> {
  const script = `
    import { releasePermissions } from ${JSON.stringify(module)};
    const [needs, used, asked] = ${
    JSON.stringify([{ ...none, ...needs }, { read: [], write: [], ...used }, asked])
  };
    releasePermissions(needs, used);
    const granted = asked.filter(([name, path]) =>
      Deno.permissions.querySync({ name, path }).state === "granted");
    console.log(JSON.stringify(granted.map((one) => one.join(" "))));`;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...grants, "data:text/javascript," + encodeURIComponent(script)],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const kinds = ["env", "sys", "run", "import", "read", "write", "net", "ffi"].map((name) => [name] as const);

const cases: readonly [
  name: string,
  grants: readonly string[],
  needs: Partial<RemainingNeeds>,
  used: Partial<UsedPaths>,
  asked: readonly (readonly [name: string, path?: string])[],
  expected: readonly string[],
][] = [
  ["nothing is needed of everything", ["-A"], {}, {}, kinds, []],
  ["what is needed stays", ["-A"], { net: true, ffi: true }, {}, kinds, ["net", "ffi"]],
  ["a grant of everything cannot be narrowed", ["-A"], { read: ["/a"] }, { read: ["/b"] }, kinds, ["read"]],
  [
    "paths that were used go, others stay",
    ["--allow-read=/a,/b,/c", "--allow-write=/a,/b"],
    { read: ["/a"] },
    { read: ["/b"], write: ["/b"] },
    [["read", "/a"], ["read", "/b"], ["read", "/c"], ["write", "/a"], ["write", "/b"]],
    ["read /a", "read /c"],
  ],
  [
    "a path in a folder that is needed stays with it",
    ["--allow-read=/data,/other"],
    { read: ["/data/c.yaml"] },
    { read: ["/data/in/a.pcap", "/other/b.pcap"] },
    [["read", "/data/c.yaml"], ["read", "/data/in"], ["read", "/other"], ["read", "/other/b.pcap"]],
    ["read /data/c.yaml", "read /data/in"],
  ],
  [
    "a path beside one that is needed goes",
    ["--allow-read=/data/c.yaml,/data/a.pcap"],
    { read: ["/data/c.yaml"] },
    { read: ["/data/a.pcap"] },
    [["read", "/data/c.yaml"], ["read", "/data/a.pcap"]],
    ["read /data/c.yaml"],
  ],
];

for (const [name, grants, needs, used, asked, expected] of cases) {
  Deno.test(`permission release: ${name}`, async () => {
    const needed = ["--allow-import"].filter(() => !grants.includes("-A"));
    assert.deepEqual(await left([...grants, ...needed], needs, used, asked), expected);
  });
}

Deno.test("permission release: libraries still see the proxies that the environment names, and nothing else", async () => {
  const script = `
    import { releasePermissions } from ${JSON.stringify(module)};
    import process from "node:process";
    releasePermissions(${JSON.stringify(none)}, { read: [], write: [] });
    console.log(JSON.stringify([process.env.grpc_proxy, process.env.SECRET, Object.keys(process.env).length]));`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-A", "data:text/javascript," + encodeURIComponent(script)],
    env: { grpc_proxy: "http://proxy.example:1", SECRET: "x", no_proxy: "" },
  }).output();
  const [proxy, secret, count] = JSON.parse(
    new TextDecoder().decode(stdout) || new TextDecoder().decode(stderr),
  );
  assert.deepEqual([proxy, secret], ["http://proxy.example:1", null]);
  assert.ok(count <= 5);
});
