/** Builds of the engine differ in the instructions that they use, and in nothing that they say. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { answersToAll } from "./answers.ts";
import { otherEngine } from "./engine_run.ts";

Deno.test({
  name: "the engine of CARACAL_ENGINE answers like the committed one",
  ignore: otherEngine === undefined,
  async fn() {
    const { CARACAL_ENGINE: _other, ...env } = Deno.env.toObject();
    const { success, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", fileURLToPath(new URL("print_answers.ts", import.meta.url))],
      clearEnv: true,
      env,
      stderr: "inherit",
    }).output();
    assert.ok(success);
    const committed = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
    assert.ok(committed.length > 0);
    const answers = [...answersToAll()];
    assert.equal(answers.length, committed.length);
    answers.forEach((answer, at) => assert.deepEqual(answer, JSON.parse(committed[at] ?? "")));
  },
});
