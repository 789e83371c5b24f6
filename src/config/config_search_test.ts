import assert from "node:assert/strict";
import { dirname } from "node:path";
import { OperatorError } from "../runtime/operator_error.ts";
import { findConfigFile, readConfigFile } from "./config_search.ts";

async function withHome(files: Record<string, string>, act: (home: string) => Promise<void>): Promise<void> {
  const home = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.mkdir(dirname(`${home}/${name}`), { recursive: true });
      await Deno.writeTextFile(`${home}/${name}`, text);
    }
    await act(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const ours = "hunter: { id: a }\n";
const somebodyElses = "server: { port: 80 }\n";

const searches: readonly [name: string, files: Record<string, string>, found: string | undefined][] = [
  ["no file", {}, undefined],
  [
    "our own first",
    { ".config/caracal/config.yaml": ours, ".config/lippycat/config.yaml": ours },
    ".config/caracal/config.yaml",
  ],
  [
    "our own as .yml",
    { ".config/caracal/config.yml": ours, "lippycat.yaml": ours },
    ".config/caracal/config.yml",
  ],
  [
    "lippycat's preferred place",
    { ".config/lippycat/config.yaml": ours, "lippycat.yaml": ours },
    ".config/lippycat/config.yaml",
  ],
  [
    "~/.config/config.yaml that is ours",
    { ".config/config.yaml": ours, "lippycat.yaml": ours },
    ".config/config.yaml",
  ],
  ["~/.config/config.yaml of another program", {
    ".config/config.yaml": somebodyElses,
    "lippycat.yaml": ours,
  }, "lippycat.yaml"],
  [
    "~/config.yaml that is no YAML",
    { "config.yaml": "[", ".config/lippycat.yaml": ours },
    ".config/lippycat.yaml",
  ],
  [
    "~/.config/lippycat/lippycat.yaml",
    { ".config/lippycat/lippycat.yaml": ours, ".lippycat.yaml": ours },
    ".config/lippycat/lippycat.yaml",
  ],
  ["the place that lippycat documents only", { ".lippycat.yaml": ours }, ".lippycat.yaml"],
  [
    "a directory of that name",
    { ".config/caracal/config.yaml/x": "", "lippycat.yaml": ours },
    "lippycat.yaml",
  ],
];

for (const [name, files, found] of searches) {
  Deno.test(`config search: ${name}`, () =>
    withHome(files, async (home) => {
      const file = await findConfigFile((name) => name === "HOME" ? home : undefined);
      assert.equal(file?.path, found === undefined ? undefined : `${home}/${found}`);
    }));
}

Deno.test("config search: without HOME, or where Deno does not grant reading, nothing is looked at", {
  permissions: { env: true },
}, async () => {
  assert.equal(await findConfigFile(() => undefined), undefined);
  assert.equal(await findConfigFile((name) => name === "HOME" ? "/" : undefined), undefined);
});

Deno.test("config search: a file of ours that is wrong is an error", () =>
  withHome({ ".config/caracal/config.yaml": somebodyElses }, async (home) => {
    await assert.rejects(findConfigFile((name) => name === "HOME" ? home : undefined), {
      message: `${home}/.config/caracal/config.yaml:1: unknown key server`,
    });
  }));

Deno.test("config file named: its format follows its extension", () =>
  withHome(
    { "a.yaml": ours, "a.YML": ours, "a.json": '{"hunter": {"id": "a"}}', a: ours, ".a": ours },
    async (home) => {
      for (const name of ["a.yaml", "a.YML", "a.json", "a", ".a"]) {
        assert.deepEqual(
          (await readConfigFile(`${home}/${name}`)).entries.get("hunter.id")?.texts,
          ["a"],
          name,
        );
      }
    },
  ));

Deno.test("config file named: errors say what to do", () =>
  withHome({ "a.toml": "" }, async (home) => {
    await assert.rejects(
      readConfigFile(`${home}/a.toml`),
      new OperatorError(
        `${home}/a.toml: a configuration file is YAML (.yaml, .yml) or JSON (.json), not .toml`,
        2,
      ),
    );
    await assert.rejects(
      readConfigFile(`${home}/none.yaml`),
      new OperatorError(`configuration file ${home}/none.yaml: there is no such file`, 2),
    );
  }));

Deno.test(
  "config file named: a missing permission names the flag to add",
  { permissions: { env: true } },
  async () => {
    await assert.rejects(
      readConfigFile("/x/a.yaml"),
      new OperatorError(
        "reading the configuration file /x/a.yaml needs permission: add --allow-read=/x/a.yaml to the deno command",
      ),
    );
  },
);
