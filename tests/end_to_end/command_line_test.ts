import assert from "node:assert/strict";
import denoConfig from "../../deno.json" with { type: "json" };
import { libpcapObstacle } from "../live/libpcap_library.ts";
import { command, Folder, linesOf, missingCommand, run, textOf } from "./program.ts";

const noPermissions: readonly string[] = [];

const usageErrors: readonly [args: readonly string[], message: RegExp][] = [
  [["frob"], /unknown command 'frob'/],
  [["hunt", "dnss"], /did you mean dns/],
  [["sniff", "http"], /not available/],
  [["list"], /Usage: caracal list/],
  [["sniff", "--frob"], /unknown option --frob/],
  [["sniff", "-r"], /read-file/],
  [["sniff", "-n", "many"], /--count/],
  [["sniff", "--dns-port", "53"], /--dns-port belongs to sniff dns/],
  [["sniff", "dns", "--dns-port", "70000"], /--dns-port.*65535/],
  [["sniff", "-i", "eth0", "-r", "a.pcap"], /--read-file and --interface/],
  [["sniff", "--json", "--format", "text"], /contradict/],
  [["hunt", "dns", "-P", "localhost:1"], /--tls-ca|--insecure/],
  [["process"], /--tls-cert/],
  [["hunt", "--no-filter-policy", "maybe"], /--no-filter-policy.*allow.*deny/],
  [["completion", "cmd"], /cmd/],
];

for (const [args, message] of usageErrors) {
  Deno.test(`wrong usage ends with exit code 2: ${args.join(" ")}`, async () => {
    const { code, stdout, stderr } = await run(args, { permissions: noPermissions });
    assert.equal(code, 2, stderr);
    // A command that is not complete is answered with its help.
    assert.match(stderr + textOf(stdout), message);
    if (stderr !== "") {
      assert.equal(linesOf(stderr).length, 1, stderr);
      assert.ok(stderr.startsWith("caracal: "), stderr);
      assert.match(stderr, /--help|--\w|allow|deny/);
    }
  });
}

Deno.test("a configuration file with a mistake is refused, with file, line and key", async () => {
  using folder = new Folder();
  const path = folder.file("config.yaml", "promiscuous: true\nsniff:\n  quite: true\n");
  const permissions = [`--allow-read=${path}`];
  const { code, stdout, stderr } = await run(["sniff", "--config", path, "-r", "a.pcap"], { permissions });
  assert.equal(code, 2, stderr);
  assert.equal(stdout.length, 0);
  assert.equal(linesOf(stderr).length, 1, stderr);
  assert.ok(stderr.includes(`${path}:3`) && stderr.includes("quite"), stderr);
});

const commands: readonly (readonly string[])[] = [
  [],
  ["hunt"],
  ["hunt", "dns"],
  ["sniff"],
  ["sniff", "dns"],
  ["tap"],
  ["tap", "dns"],
  ["process"],
  ["list"],
  ["list", "interfaces"],
  ["config"],
  ["config", "explain"],
  ["config", "explain", "hunt", "dns"],
  ["config", "schema"],
  ["completion"],
];

for (const words of commands) {
  Deno.test(`help needs no permission: ${["caracal", ...words].join(" ")}`, async () => {
    const { code, stdout, stderr } = await run([...words, "--help"], { permissions: noPermissions });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    const lines = linesOf(stdout);
    const [usage = ""] = lines;
    assert.ok(usage.startsWith(`Usage: ${["caracal", ...words].join(" ")}`), usage);
    assert.ok(lines.every((line) => line.length <= 120), "lines of more than 120 characters");
    assert.ok(lines.some((line) => line.includes("--help")));
  });
}

Deno.test("-h is shorter than --help", async () => {
  const [short, long] = await Promise.all(
    ["-h", "--help"].map((flag) => run(["sniff", "dns", flag], { permissions: noPermissions })),
  );
  assert.ok(short && long && short.stdout.length < long.stdout.length);
  assert.equal(short.code, 0);
});

Deno.test("--version prints name and version", async () => {
  const { code, stdout } = await run(["--version"], { permissions: noPermissions });
  assert.equal(code, 0);
  assert.equal(textOf(stdout), `caracal ${denoConfig.version}\n`);
});

Deno.test("without a command: the help, exit code 2", async () => {
  const { code, stdout, stderr } = await run([], { permissions: noPermissions });
  assert.equal(code, 2);
  assert.match(textOf(stdout) + stderr, /Usage: caracal/);
});

Deno.test("config explain tells where each value comes from", async () => {
  using folder = new Folder();
  const path = folder.file("config.yaml", "hunter:\n  batch_size: 32\n  batch_timeout_ms: 50\n");
  const args = ["config", "explain", "hunt", "dns", "--config", path, "--batch-timeout", "70"];
  const options = {
    permissions: [`--allow-read=${path}`, "--allow-env=CARACAL_HUNTER_BUFFER_SIZE"],
    env: { CARACAL_HUNTER_BUFFER_SIZE: "123" },
  };
  const { code, stdout, stderr } = await run(args, options);
  assert.equal(code, 0, stderr);
  const text = textOf(stdout);
  assert.match(text, new RegExp(`--batch-size = 32 .*${path}`));
  assert.match(text, /--batch-timeout = 70 .*\(.*flag|--batch-timeout = 70 .*command line/);
  assert.match(text, /--buffer-size = 123 .*CARACAL_HUNTER_BUFFER_SIZE/);
  assert.match(text, /--dns-port = 53 .*default/);

  const json = await run([...args, "--json"], options);
  assert.equal(json.code, 0, json.stderr);
  const { commands: [explained] } = JSON.parse(textOf(json.stdout));
  assert.match(JSON.stringify(explained), /batch-size/);
});

const printing = [["config", "schema"], ["completion", "bash"], ["hunt", "voip", "--help"], [
  "list",
  "interfaces",
]];

for (const args of printing) {
  Deno.test({
    name: `a reader that goes away is no failure: ${args.join(" ")}`,
    ignore: missingCommand("bash") !== undefined || (args[0] === "list" && libpcapObstacle() !== undefined),
    async fn() {
      const { code, stderr } = await run(args, {
        permissions: args[0] === "list" ? ["--allow-ffi"] : noPermissions,
        // Nobody reads: the first write fails already.
        through: ["bash", "-c", '"$@" > >(exec true); exit "$?"', "bash"],
      });
      assert.equal(stderr, "");
      assert.equal(code, 0);
    },
  });
}

Deno.test("config schema is a JSON Schema", async () => {
  const { code, stdout } = await run(["config", "schema"], { permissions: noPermissions });
  assert.equal(code, 0);
  const schema = JSON.parse(textOf(stdout));
  assert.deepEqual(schema.type, ["object", "null"]);
  assert.ok(schema.properties.hunter.properties.batch_size);
});

for (const shell of ["bash", "zsh", "fish"]) {
  const missing = missingCommand(shell);
  if (missing !== undefined) {
    console.log(`"completion for ${shell}": the script is not tried, ${shell} is not installed`);
  }
  Deno.test(`completion for ${shell}`, async () => {
    const { code, stdout } = await run(["completion", shell], { permissions: noPermissions });
    assert.equal(code, 0);
    assert.match(textOf(stdout), /interfaces/);
    if (missing === undefined) await command([shell, "-n"], { input: stdout });
  });
}

Deno.test({
  name: "completion in bash completes commands and flags",
  ignore: missingCommand("bash") !== undefined,
  fn: async () => {
    const { stdout } = await run(["completion", "bash"], { permissions: noPermissions });
    const complete = async (...words: string[]) => {
      const script = `${textOf(stdout)}
        COMP_WORDS=(${words.map((word) => `"${word}"`).join(" ")}); COMP_CWORD=${words.length - 1}
        _caracal; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return linesOf((await command(["bash", "-c", script])).stdout).map((line) => line.trim());
    };
    assert.deepEqual((await complete("caracal", "sn")).filter((word) => word !== ""), ["sniff"]);
    assert.ok((await complete("caracal", "sniff", "dns", "--dom")).includes("--domain"));
    assert.ok(!(await complete("caracal", "sniff", "--dom")).includes("--domain"));
  },
});

const libpcap = libpcapObstacle();
if (libpcap !== undefined) console.log(`list interfaces is not tested: ${libpcap}`);

Deno.test({
  name: "list interfaces, as text and as JSON",
  ignore: libpcap !== undefined,
  fn: async () => {
    const permissions = ["--allow-ffi"];
    const text = await run(["list", "interfaces"], { permissions });
    assert.equal(text.code, 0, text.stderr);
    const [heading = "", ...rows] = linesOf(text.stdout);
    assert.match(heading, /NAME +STATE +ADDRESSES/);
    const names = rows.map((row) => row.split(" ")[0]);
    assert.ok(Deno.build.os !== "linux" || names.includes("lo"), names.join());

    const json = await run(["list", "interfaces", "--json"], { permissions });
    assert.equal(json.code, 0, json.stderr);
    const { interfaces } = JSON.parse(textOf(json.stdout));
    assert.deepEqual(interfaces.map(({ name }: { name: string }) => name), names);
    for (const { addresses } of interfaces) {
      for (const { ip, prefix_len } of addresses) assert.ok(typeof ip === "string" && prefix_len <= 128);
    }
  },
});
