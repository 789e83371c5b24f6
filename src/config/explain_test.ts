import assert from "node:assert/strict";
import { explain, explanationText, valueText } from "./explain.ts";
import { flagFor, flagsOf } from "./flags.ts";
import { resolve } from "./resolve.ts";

async function example(variables: Record<string, string> = {}) {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, "hunter:\n  processor_addr: p:1\n  voip_filter: { enabled: true }\n");
    const given = new Map([
      [flagFor("config"), { spelling: "--config", texts: [path] }],
      [flagFor("id"), { spelling: "--hunter-id", texts: ["edge"] }],
    ]);
    const resolution = await resolve({ command: "hunt", protocol: "dns", given }, (name) => variables[name]);
    return { path, explanation: await explain(resolution, { stdoutIsTerminal: true }) };
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("explain: every flag of the command, with value and origin", async () => {
  const { path, explanation } = await example({ "HUNTER.BATCH_SIZE": "5" });
  const { settings, config_file, warnings } = explanation;
  assert.equal(config_file, path);
  assert.deepEqual(settings.map(({ flag }) => flag), flagsOf("hunt", "dns").map(({ long }) => `--${long}`));
  const origins = Object.fromEntries(settings.map(({ flag, value, origin }) => [flag, [value, origin]]));
  assert.deepEqual(origins["--id"], ["edge", { kind: "flag", name: "--hunter-id" }]);
  assert.deepEqual(origins["--batch-size"], [5, { kind: "environment", name: "HUNTER.BATCH_SIZE" }]);
  assert.deepEqual(origins["--processor"], ["p:1", {
    kind: "file",
    file: path,
    line: 2,
    key: "hunter.processor_addr",
  }]);
  assert.deepEqual(origins["--filter-file"], undefined);
  assert.deepEqual(origins["--tls-ca"], [null, { kind: "default" }]);
  assert.equal(warnings.length, 1);
});

Deno.test("explain: what would not start is explained, too", async () => {
  const { explanation } = await example();
  assert.match(explanation.problem ?? "", /^nothing verifies the processor p:1/);
  assert.equal((await example({ INSECURE: "true" })).explanation.problem, null);
});

Deno.test("explain: the text names value, origin, key and variable", async () => {
  const { path, explanation } = await example({ CARACAL_HUNTER_INTERFACES: "eth0,eth1" });
  const text = explanationText(explanation);
  for (
    const line of [
      "caracal hunt dns",
      `configuration file: ${path}`,
      "Processor connection",
      `  -P, --processor = p:1  (${path}:2)`,
      "      hunter.processor_addr, CARACAL_HUNTER_PROCESSOR_ADDR",
      "  -i, --interface = eth0,eth1  (environment CARACAL_HUNTER_INTERFACES)",
      "  -I, --id = edge  (flag --hunter-id)",
      "      hunter.id or hunter.hunter_id, CARACAL_HUNTER_ID",
      "  --batch-size = 64  (default)",
      "      CARACAL_CONFIG",
      `warning: ${path}: these keys have no effect yet: hunter.voip_filter.enabled (line 3)`,
      "this would not start: nothing verifies the processor p:1: add --tls-ca FILE, or --insecure for plain text",
    ]
  ) assert.ok(text.split("\n").includes(line), line);
});

Deno.test("explain: values read as they could be typed", () => {
  assert.equal(valueText(flagFor("dnsPorts"), [53, 5353]), "53,5353");
  assert.equal(valueText(flagFor("filter"), ""), "everything");
  assert.equal(valueText(flagFor("readFiles"), []), "live capture");
  assert.equal(valueText(flagFor("tlsCa"), undefined), "none");
  assert.equal(valueText(flagFor("count"), 0), "no limit");
  assert.equal(valueText(flagFor("count"), 7), "7");
});

Deno.test("explain: a secret is never shown, whatever is wrong with it", async () => {
  const { explanation } = await example({ LIPPYCAT_API_KEY: "hunter2hunter2" });
  const shown = JSON.stringify(explanation) + explanationText(explanation);
  assert.match(shown, /--api-key = \(secret, not shown\) {2}\(environment LIPPYCAT_API_KEY\)/);
  assert.ok(!shown.includes("hunter2"));
  await assert.rejects(
    example({ CARACAL_HUNTER_API_KEY: "hunter2\u0007" }),
    ({ message }) => /^environment variable CARACAL_HUNTER_API_KEY: is not a key/.test(message),
  );
});
