import assert from "node:assert/strict";
import { runCommands } from "../config/flag.ts";
import { flagsOf } from "../config/flags.ts";
import { shells } from "./completion.ts";
import { parseCommandLine } from "./program.ts";

async function script(shell: typeof shells[number]): Promise<string> {
  const invocation = await parseCommandLine(
    ["completion", shell],
    { stdoutIsTerminal: false },
    () => undefined,
  );
  assert.ok(invocation.kind === "print");
  return invocation.text;
}

for (const shell of shells) {
  Deno.test(`completion ${shell}: knows every flag, and no old name`, async () => {
    const text = await script(shell);
    for (const command of runCommands) {
      for (const flag of flagsOf(command, "dns")) {
        const name = flag.kind.name === "boolean" && flag.default === true ? `no-${flag.long}` : flag.long;
        const pattern = shell === "fish" ? ` -l ${name} ` : `--${name}`;
        assert.ok(text.includes(pattern), `${command} ${pattern}`);
      }
    }
    assert.ok(!text.includes("hunter-id"));
  });
}

const lines: readonly [line: string, expected: RegExp][] = [
  ["caracal h", /^hunt$/],
  ["caracal completion ", /^bash zsh fish /],
  ["caracal list ", /^interfaces /],
  ["caracal buffer ", /^inspect verify repair /],
  ["caracal buffer inspect --j", /^--json$/],
  ["caracal hunt d", /^dns$/],
  ["caracal hunt -i eth0 dns --dns", /^--dns-port$/],
  ["caracal hunt --dns", /^$/],
  ["caracal hunt --format ", /^json text$/],
  ["caracal hunt --no-filter-policy d", /^deny$/],
  ["caracal hunt --processor ", /^$/],
  ["caracal process -f deno.js", /^deno\.json$/],
  ["caracal config explain sniff dns --dom", /^--domain --domains-file$/],
];

const mayRunBash = (await Deno.permissions.query({ name: "run", command: "bash" })).state === "granted";

Deno.test("completion bash: completes", { ignore: !mayRunBash }, async () => {
  const source = await script("bash");
  for (const [line, expected] of lines) {
    const words = line.split(" ");
    const program = `${source}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _caracal; echo "\${COMPREPLY[*]}"`;
    const bash = new Deno.Command("bash", {
      args: ["-c", program, "bash", ...words],
      cwd: new URL("../..", import.meta.url),
    });
    const { stdout, stderr } = await bash.output();
    assert.equal(new TextDecoder().decode(stderr), "");
    assert.match(new TextDecoder().decode(stdout).trimEnd(), expected, line);
  }
});
