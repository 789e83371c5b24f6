/**
 * The README's commands for calls over shipped captures run as they are written there.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Child, Folder, root } from "./end_to_end/program.ts";

const readme = Deno.readTextFileSync(`${root}README.md`);
const blocks = [...readme.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = ""]) => block);
const commands = blocks.flatMap((block) => block.split("\n"))
  .filter((line) => /\bmain\.ts (?:sniff|hunt|tap) voip\b/.test(line) && line.includes("-r fixtures/"));

Deno.test("README: there are commands for calls", () => {
  assert.ok(commands.length > 0);
});

for (const line of commands) {
  Deno.test(`README: ${line}`, async () => {
    // What they write stays out of the repository.
    using folder = new Folder();
    const here = line.replace("--allow-write=calls", `--allow-write=${folder.path}`)
      .replace("-w calls/", `-w ${folder.path}/`);
    await using child = new Child(["bash", "-o", "pipefail", "-c", here]);
    const { code, stdout, stderr } = await child.ended();
    assert.equal(code, 0, stderr);
    assert.ok(stdout.length > 0, "it prints nothing");
  });
}
