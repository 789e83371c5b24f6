/**
 * Fails when a public item of src/, bench/ or scripts/ has no doc comment (`deno task doc`). Types of npm packages
 * cannot be exported again, so what `deno doc --lint` says about private types does not count.
 *
 * @module
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Tests, declarations of generated code, and generated code itself. */
const leftOut = /_test\.ts$|\.d\.ts$|^src\/pipeline\/worker_bundle\.ts$/;

async function run(command: string, args: string[]): Promise<{ success: boolean; output: string }> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { success, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

function fail(text: string): never {
  console.error(text);
  Deno.exit(1);
}

const tracked = await run("git", ["ls-files", "src/*.ts", "bench/*.ts", "scripts/*.ts"]);
if (!tracked.success) fail(tracked.output);
const files = tracked.output.split("\n").filter((file) => file !== "" && !leftOut.test(file));

const lint = await run(Deno.execPath(), ["doc", "--lint", ...files]);
const findings = [...lint.output.matchAll(/^error\[([\w-]+)\]: .*\n\s*--> (.+:\d+):\d+$/gm)];
const missing = findings.filter(([, kind]) => kind === "missing-jsdoc").map(([, , place = ""]) => place);
if (missing.length > 0) {
  fail(missing.map((place) => `${relative(root, place)}: no doc comment`).join("\n"));
}
const others = findings.filter(([, kind]) => kind !== "private-type-ref");
if (!lint.success && (findings.length === 0 || others.length > 0)) fail(lint.output);
