import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { configureLog } from "../telemetry/log.ts";
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

/** What a watcher of a file with the filters `before` tells, and which ids it puts in force, while `act` goes on. */
async function watched(
  before: string,
  act: (path: string, until: (said: RegExp) => Promise<void>) => Promise<void>,
): Promise<{ told: string[]; lines: string[] }> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/filters.yaml`;
  await Deno.writeTextFile(path, before);
  const told: string[] = [], lines: string[] = [];
  configureLog({ json: false, write: (line) => lines.push(line.replaceAll(path, "FILE").trim()) });
  const watcher = new FilterWatcher(path, (filters) => told.push(filters.map(({ id }) => id).join(" ")));
  const until = async (said: RegExp) => {
    const deadline = Date.now() + 10_000;
    while (!lines.some((line) => said.test(line))) {
      assert.ok(Date.now() < deadline, `${said} was not said: ${lines.join("; ")}`);
      await pause(20);
    }
  };
  try {
    await act(path, until);
  } finally {
    watcher.close();
    configureLog({ json: false, write: () => {} });
    await Deno.remove(folder, { recursive: true });
  }
  return { told, lines };
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test("a file that is being written is not read before it is whole", async () => {
  const ids = Array.from({ length: 30 }, (_, at) => `f${at}`);
  const { told } = await watched(text("before"), async (path, until) => {
    // Longer than changes are waited for: each look finds the file another one than the look before.
    using file = await Deno.open(path, { write: true, truncate: true });
    const encoder = new TextEncoder();
    for (const part of ["filters:\n", ...ids.map((id) => text(id).slice("filters:\n".length))]) {
      file.writeSync(encoder.encode(part));
      await pause(100);
    }
    await until(/30 filters read/);
  });
  assert.deepEqual(told, ["before", ids.join(" ")]);
});

Deno.test("a file that is emptied, or goes, is told of", async () => {
  const { told, lines } = await watched(text("a"), async (path, until) => {
    await Deno.writeTextFile(path, "");
    await until(/has no filters: none is in force from it$/);
    await Deno.writeTextFile(path, text("b"));
    await until(/FILE: 1 filter read$/);
    await Deno.remove(path);
    await until(/FILE is gone; the filters stay as they were$/);
    // It is looked for again.
    await Deno.writeTextFile(`${path}.other`, "");
    await pause(700);
  });
  assert.deepEqual(told, ["a", "", "b"]);
  assert.equal(lines.length, 3, lines.join("; "));
});

const mixed = (...users: string[]) =>
  "filters:\n" + users.map((user, at) => `  - {id: f${at}, type: sip_user, pattern: "${user}"}\n`).join("");

Deno.test("filters with bad patterns are refused by name, and the others are in force", async () => {
  const bad = Array.from({ length: 22 }, (_, at) => `a${at}@b`);
  const { told, lines } = await watched(mixed("alice", "x@y", "bob"), async (path, until) => {
    assert.equal(await Deno.readTextFile(path), mixed("alice", "x@y", "bob"));
    await Deno.writeTextFile(path, mixed("alice", "carol", "bob@b"));
    await until(/2 filters read, 1 refused$/);
    await Deno.writeTextFile(path, mixed("dora", ...bad));
    await until(/1 filter read, 22 refused$/);
    await Deno.writeTextFile(path, mixed("alice", "x@y").replace("f1", "f0"));
    await until(/FILE:3: filter f0 is there twice; the filters stay as they were$/);
  });
  // What stood there before stands in for what is refused.
  assert.deepEqual(told, ["f0 f2", "f0 f1 f2", "f0 f1 f2"]);
  assert.match(lines[0] ?? "", /FILE:3: filter f1: .*x@y.*; the filter is refused$/);
  assert.match(lines[1] ?? "", /FILE:4: filter f2: .*bob@b.*; the filter is refused; "bob" stays in force/);
  assert.match(lines[2] ?? "", /2 filters read, 1 refused$/);
  bad.slice(0, 20).forEach((pattern, at) =>
    assert.match(lines[3 + at] ?? "", new RegExp(`FILE:${at + 3}: filter f${at + 1}: .*${pattern}`))
  );
  assert.match(lines[23] ?? "", /FILE: and 2 more filters are refused$/);
});
