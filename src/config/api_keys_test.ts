import assert from "node:assert/strict";
import { OperatorError } from "../runtime/operator_error.ts";
import { parseApiKeys } from "./api_keys.ts";
import { parseConfigFile } from "./config_file.ts";

Deno.test("API keys: the list of a configuration file, as lippycat has it", () => {
  const text = `
security:
  api_keys:
    enabled: true
    keys:
      - key: "hunter-key-abc123"
        role: "hunter"
        description: "Production hunters"
      - { key: tui-key, role: subscriber }
`;
  const { apiKeys, entries, warnings } = parseConfigFile("config.yaml", text);
  assert.deepEqual(apiKeys, [
    { key: "hunter-key-abc123", role: "hunter", description: "Production hunters" },
    { key: "tui-key", role: "subscriber", description: "" },
  ]);
  assert.deepEqual(entries.get("security.api_keys.enabled")?.texts, ["true"]);
  assert.deepEqual(warnings, []);
  assert.deepEqual(parseConfigFile("config.yaml", "security: { api_keys: { keys: } }").apiKeys, []);
});

const secret = "s3cret-s3cret";
const wrong: readonly [value: unknown, message: string][] = [
  [{ key: secret }, "must be a list of entries with key, role and description"],
  [[secret], "entry 1: Invalid input: expected object, received string"],
  [
    [{ key: secret, role: "hunter" }, { key: secret, role: "king" }],
    "entry 2: role: must be one of hunter, subscriber, admin",
  ],
  [
    [{ key: secret, role: "admin" }, { key: secret, role: "hunter" }],
    "entry 2: an entry before has the same key",
  ],
  [
    [{ key: `${secret} `, role: "hunter" }],
    "entry 1: key: must be 1 to 4096 printable ASCII characters, without blanks",
  ],
  [[{ key: 12345, role: "hunter" }], "entry 1: key: must be text: put quotes around it"],
  [[{ role: "hunter" }], "entry 1: key: must be text: put quotes around it"],
  [[{ key: secret, role: "hunter", rolle: "x" }], 'entry 1: Unrecognized key: "rolle"'],
];

for (const [value, message] of wrong) {
  Deno.test(`API keys: ${JSON.stringify(value)} is refused, and no key is shown`, () =>
    assert.throws(() => parseApiKeys(value, "keys.yaml"), new OperatorError(`keys.yaml: ${message}`, 2)));
}
