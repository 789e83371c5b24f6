import assert from "node:assert/strict";
import { OperatorError } from "../runtime/operator_error.ts";
import { type AnyFlag, type FlagCommand, type FlagValues, variablesOf } from "./flag.ts";
import { flagFor } from "./flags.ts";
import { describeOrigin, type GivenFlag, resolve } from "./resolve.ts";

type Variables = Record<string, string>;

function given(flags: Partial<Record<keyof FlagValues, string[]>>): Map<AnyFlag, GivenFlag> {
  return new Map(
    Object.entries(flags).map(([setting, texts]) => {
      const flag = flagFor(setting as keyof FlagValues);
      return [flag, { spelling: `--${flag.long}`, texts }];
    }),
  );
}

async function withFile<T>(text: string, act: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, text);
    return await act(path);
  } finally {
    await Deno.remove(path);
  }
}

/** One setting of every kind: its key, and the value that each layer gives it. */
const layers: readonly {
  command: FlagCommand;
  setting: keyof FlagValues;
  key: string;
  texts: { flag: string; environment: string; file: string };
  values: { flag: unknown; environment: unknown; file: unknown; default: unknown };
}[] = [
  {
    command: "hunt",
    setting: "batchSize",
    key: "hunter.batch_size",
    texts: { flag: "1", environment: "2", file: "3" },
    values: { flag: 1, environment: 2, file: 3, default: 64 },
  },
  {
    command: "tap",
    setting: "batchSize",
    key: "tap.batch_size",
    texts: { flag: "1", environment: "2", file: "3" },
    values: { flag: 1, environment: 2, file: 3, default: 100 },
  },
  {
    command: "hunt",
    setting: "promiscuous",
    key: "promiscuous",
    texts: { flag: "true", environment: "false", file: "true" },
    values: { flag: true, environment: false, file: true, default: false },
  },
  {
    command: "process",
    setting: "stats",
    key: "processor.display_stats",
    texts: { flag: "false", environment: "true", file: "false" },
    values: { flag: false, environment: true, file: false, default: true },
  },
  {
    command: "hunt",
    setting: "processor",
    key: "hunter.processor_addr",
    texts: { flag: "a:1", environment: "b:2", file: "c:3" },
    values: { flag: "a:1", environment: "b:2", file: "c:3", default: undefined },
  },
  {
    command: "hunt",
    setting: "interfaces",
    key: "hunter.interfaces",
    texts: { flag: "a, b", environment: "c,d", file: "[e, f]" },
    values: { flag: ["a", "b"], environment: ["c", "d"], file: ["e", "f"], default: ["any"] },
  },
  {
    command: "tap",
    setting: "dnsPorts",
    key: "tap.dns.ports",
    texts: { flag: "1,2", environment: "3", file: '"4, 5"' },
    values: { flag: [1, 2], environment: [3], file: [4, 5], default: [53] },
  },
  {
    command: "hunt",
    setting: "noFilterPolicy",
    key: "hunter.no_filter_policy",
    texts: { flag: "allow", environment: "deny", file: "allow" },
    values: { flag: "allow", environment: "deny", file: "allow", default: undefined },
  },
  {
    command: "sniff",
    setting: "writeFile",
    key: "sniff.write_file",
    texts: { flag: "a", environment: "b", file: "c" },
    values: { flag: "a", environment: "b", file: "c", default: undefined },
  },
];

for (const { command, setting, key, texts, values } of layers) {
  const [ours, lippycats] = variablesOf(key);
  const section = `${key}: ${texts.file}\n`;
  const sources: readonly [
    from: string,
    flags: boolean,
    variables: Variables,
    file: boolean,
    expected: unknown,
  ][] = [
    ["flag over all", true, { [ours]: texts.environment, [lippycats]: texts.environment }, true, values.flag],
    ["variable over file", false, { [ours]: texts.environment }, true, values.environment],
    ["lippycat's variable over file", false, { [lippycats]: texts.environment }, true, values.environment],
    [
      "our variable over lippycat's",
      false,
      { [ours]: texts.environment, [lippycats]: texts.flag },
      true,
      values.environment,
    ],
    ["file over default", false, {}, true, values.file],
    ["default", false, {}, false, values.default],
  ];
  for (const [from, hasFlag, variables, hasFile, expected] of sources) {
    Deno.test(`resolve: ${command} ${key}: ${from}`, async () => {
      const value = await withFile(hasFile ? section : "", async (path) => {
        const flags = given({ config: [path], ...hasFlag ? { [setting]: [texts.flag] } : {} });
        return (await resolve({ command, protocol: "dns", given: flags }, (name) => variables[name]))
          .values[setting];
      });
      assert.deepEqual(value, expected);
    });
  }
}

const file = `
hunter: { id: "", hunter_id: from-file, insecure: false }
insecure: true
`;

const keyOrder: readonly [
  name: string,
  command: FlagCommand,
  variables: Variables,
  setting: keyof FlagValues,
  value: unknown,
  origin: string,
][] = [
  ["the second spelling of a key counts when the first is empty", "hunt", {}, "id", "from-file", "FILE:2"],
  [
    "a variable of the second spelling is over the file",
    "hunt",
    { CARACAL_HUNTER_HUNTER_ID: "v" },
    "id",
    "v",
    "environment CARACAL_HUNTER_HUNTER_ID",
  ],
  ["the section's insecure is over the top one", "hunt", {}, "insecure", false, "FILE:2"],
  ["the top insecure counts where the section is silent", "process", {}, "insecure", true, "FILE:3"],
  ["INSECURE as in lippycat", "hunt", { INSECURE: "true" }, "insecure", true, "environment INSECURE"],
];

for (const [name, command, variables, setting, value, origin] of keyOrder) {
  Deno.test(`resolve: ${name}`, () =>
    withFile(file, async (path) => {
      const request = { command, protocol: "all", given: given({ config: [path] }) } as const;
      const { values, origins } = await resolve(request, (name) => variables[name]);
      assert.deepEqual(values[setting], value);
      const found = origins.get(flagFor(setting));
      assert.ok(found);
      assert.equal(describeOrigin(found).replace(path, "FILE"), origin);
    }));
}

Deno.test("resolve: flags of another command and protocol hold their defaults, whatever the file says", () =>
  withFile(
    "hunter: { dns: { ports: 1, domain_pattern: a } }\nprocessor: { max_hunters: 5 }\n",
    async (path) => {
      const { values } = await resolve(
        { command: "hunt", protocol: "all", given: given({ config: [path] }) },
        () => undefined,
      );
      assert.deepEqual([values.dnsPorts, values.domains, values.maxHunters], [[53], [], 100]);
    },
  ));

Deno.test("resolve: an empty flag takes back what the file sets", () =>
  withFile("hunter: { processor_addr: 'a:1' }\n", async (path) => {
    const flags = given({ config: [path], processor: [""] });
    const { values } = await resolve({ command: "hunt", protocol: "all", given: flags }, () => undefined);
    assert.equal(values.processor, undefined);
  }));

Deno.test("resolve: CARACAL_CONFIG names the file, and a flag is over it", () =>
  withFile("hunter: { id: a }\n", async (path) => {
    const variables: Variables = { CARACAL_CONFIG: path };
    const environment = (name: string) => variables[name];
    const fromVariable = await resolve({ command: "hunt", protocol: "all", given: new Map() }, environment);
    assert.equal(fromVariable.values.id, "a");
    assert.equal(fromVariable.file?.path, path);
    const other = given({ config: [`${path}.json`] });
    await assert.rejects(
      resolve({ command: "hunt", protocol: "all", given: other }, environment),
      OperatorError,
    );
  }));

Deno.test("resolve: ~/ in a path is the home directory", async () => {
  const request = {
    command: "process",
    protocol: "all",
    given: given({ filterFile: ["~/f.yaml"] }),
  } as const;
  const { values } = await resolve(request, (name) => name === "HOME" ? "/nowhere/me" : undefined);
  assert.equal(values.filterFile, "/nowhere/me/f.yaml");
  await assert.rejects(resolve(request, () => undefined), {
    message: "~/f.yaml: the home directory is unknown: set HOME and add --allow-env=HOME, or write it out",
  });
});

const wrong: readonly [
  name: string,
  flags: Record<string, string[]>,
  variables: Variables,
  text: string,
  message: string,
][] = [
  [
    "flag",
    { batchSize: ["0"] },
    {},
    "",
    '--batch-size: "0" is not an integer from 1 to 100000; see caracal hunt dns --help',
  ],
  [
    "our variable",
    {},
    { CARACAL_HUNTER_BATCH_SIZE: "x" },
    "",
    'environment variable CARACAL_HUNTER_BATCH_SIZE: "x" is not an integer from 1 to 100000',
  ],
  [
    "lippycat's variable",
    {},
    { "HUNTER.BATCH_SIZE": "x" },
    "",
    'environment variable HUNTER.BATCH_SIZE: "x" is not an integer from 1 to 100000',
  ],
  [
    "file",
    {},
    {},
    "hunter:\n  batch_size: x\n",
    'FILE:2: hunter.batch_size: "x" is not an integer from 1 to 100000',
  ],
];

for (const [name, flags, variables, text, message] of wrong) {
  Deno.test(`resolve: a wrong value says where it is: ${name}`, () =>
    withFile(text, async (path) => {
      const request = {
        command: "hunt",
        protocol: "dns",
        given: given({ config: [path], ...flags }),
      } as const;
      await assert.rejects(resolve(request, (name) => variables[name]), (error) => {
        assert.ok(error instanceof OperatorError);
        assert.equal(error.message.replace(path, "FILE"), message);
        assert.equal(error.exitCode, 2);
        return true;
      });
    }));
}
