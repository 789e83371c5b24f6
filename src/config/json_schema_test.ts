import assert from "node:assert/strict";
import { parse } from "yaml";
import { z } from "zod";
import { flagByKey } from "./flags.ts";
import { configFileSchema, type JsonSchema } from "./json_schema.ts";

const schema = z.fromJSONSchema(configFileSchema() as z.core.JSONSchema.JSONSchema);

const valid = [
  "hunter:\n  batch_size: 5\n  interfaces: [eth0]\n",
  "hunter:\n  interfaces: eth0,eth1\n  dns: { ports: '53' }\n",
  "dns: { ports: 53 }",
  "dns: { ports: [53, 5353], detect_tunneling: false }",
  "hunter:\n  voip_filter: { enabled: true }\nvoip: { max_streams: 1 }",
  "processor: { filter_file: '', tls: }",
  "insecure: true",
  "voip: { tcp_opening_timeout: 5m, tcp_closing_timeout: 90000, tcp_performance_mode: latency, x: { y: 1 } }",
  "esp_icv_size: -1",
  "security: { api_keys: { enabled: true, keys: [{ key: abc, role: hunter, description: edge }] } }",
];

const invalid = [
  "hunter: { batch_size: many }",
  "hunter: { batch_size: 0 }",
  "hunter: { batchsize: 1 }",
  "huntr: { id: a }",
  "dns: { ports: 70000 }",
  "promiscuous: yes",
  "hunter: 5",
  "voip: { tcp_performance_mode: fast }",
  "voip: { tcp_opening_timeout: 5 minutes }",
  "esp_icv_size: 4",
  "security: { api_keys: { keys: [{ key: abc, role: king }] } }",
];

for (const text of valid) {
  Deno.test(`JSON Schema: accepts ${JSON.stringify(text)}`, () =>
    assert.ok(schema.safeParse(parse(text)).success));
}
for (const text of invalid) {
  Deno.test(`JSON Schema: refuses ${JSON.stringify(text)}`, () =>
    assert.ok(!schema.safeParse(parse(text)).success));
}

Deno.test("JSON Schema: describes every key, with its default", () => {
  const find = (key: string) =>
    key.split(".").reduce(
      (at, name) => (at.properties as Record<string, JsonSchema>)[name]!,
      configFileSchema(),
    );
  for (const [key, flag] of flagByKey) {
    assert.equal(find(key).description, `${flag.help} (--${flag.long})`, key);
  }
  assert.equal(find("hunter.batch_size").default, 64);
  assert.equal(find("tap.batch_size").default, 100);
  assert.equal(find("remote").deprecated, true);
  assert.equal((find("voip").additionalProperties as JsonSchema).deprecated, true);
});
