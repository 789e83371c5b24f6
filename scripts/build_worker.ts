/**
 * Bundles the capture thread into `src/pipeline/worker_bundle.ts` (`deno task build:worker`). With `--check` it
 * writes nothing, and fails when the committed bundle is not what the sources give.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const target = new URL("src/pipeline/worker_bundle.ts", root);

const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["bundle", "--quiet", "--platform", "deno", fileURLToPath(new URL("src/pipeline/worker.ts", root))],
  cwd: fileURLToPath(root),
}).output();
if (!success) {
  console.error(new TextDecoder().decode(stderr));
  Deno.exit(1);
}
const code = new TextDecoder().decode(stdout);
const text = `// Made by \`deno task build:worker\` from worker.ts and what it imports. Do not edit.
/** Source text of the capture thread. */
export const workerBundle: string = ${JSON.stringify(code)};
`;

if (Deno.args.includes("--check")) {
  if (await Deno.readTextFile(target) !== text) {
    console.error("src/pipeline/worker_bundle.ts is not what its sources give: run deno task build:worker");
    Deno.exit(1);
  }
} else {
  await Deno.writeTextFile(target, text);
}
