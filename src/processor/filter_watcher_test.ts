import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { FilterWatcher } from "./filter_watcher.ts";

const text = (...ids: string[]) =>
  "filters:\n" + ids.map((id) => `  - {id: ${id}, type: bpf, pattern: udp}\n`).join("");

Deno.test("a file that comes, is replaced, breaks, goes and comes back", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/filters.yaml`;
  const told: string[] = [];
  const waiting: (() => void)[] = [];
  const watcher = new FilterWatcher(path, (filters) => {
    told.push(filters.map(({ id }) => id).join(" "));
    waiting.shift()?.();
  });
  const next = () => new Promise<void>((resolve) => waiting.push(resolve));
  assert.deepEqual(told, [""]);
  const steps: [() => Promise<void>, string][] = [
    [() => Deno.writeTextFile(path, text("a")), "a"],
    [async () => {
      await Deno.writeTextFile(`${folder}/.new`, text("a", "b"));
      await Deno.rename(`${folder}/.new`, path);
    }, "a b"],
    [async () => {
      await Deno.writeTextFile(path, "filters: [{id: broken");
      await Deno.remove(path);
      await Deno.writeTextFile(path, text("c"));
    }, "c"],
    [async () => {
      await Deno.writeTextFile(`${folder}/elsewhere`, text("d"));
      await Deno.remove(path);
      await Deno.symlink("elsewhere", path);
    }, "d"],
  ];
  for (const [act, expected] of steps) {
    const changed = next();
    await act();
    await changed;
    assert.equal(told.at(-1), expected);
  }
  watcher.close();
  await Deno.remove(folder, { recursive: true });
});
