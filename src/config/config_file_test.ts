import assert from "node:assert/strict";
import { OperatorError } from "../runtime/operator_error.ts";
import { isConfigFile, parseConfigFile } from "./config_file.ts";

function entries(text: string): Record<string, readonly string[]> {
  return Object.fromEntries(
    [...parseConfigFile("f.yaml", text).entries].map(([key, { texts }]) => [key, texts]),
  );
}

const good: readonly [name: string, text: string, expected: Record<string, readonly string[]>][] = [
  ["an empty file", "", {}],
  ["only a comment", "# nothing\n", {}],
  ["sections", "hunter:\n  batch_size: 5\n  tls:\n    ca_file: ca.pem\n", {
    "hunter.batch_size": ["5"],
    "hunter.tls.ca_file": ["ca.pem"],
  }],
  ["dots instead of sections", "hunter.batch_size: 5\nhunter:\n  tls.ca_file: ca.pem\n", {
    "hunter.batch_size": ["5"],
    "hunter.tls.ca_file": ["ca.pem"],
  }],
  ["keys in any case", "Hunter:\n  Batch_Size: 5\n", { "hunter.batch_size": ["5"] }],
  ["JSON", '{"hunter": {"interfaces": ["eth0", "eth1"],\n\t"insecure": true}}', {
    "hunter.interfaces": ["eth0", "eth1"],
    "hunter.insecure": ["true"],
  }],
  ["a list written as text", "hunter:\n  interfaces: eth0,eth1\n", { "hunter.interfaces": ["eth0,eth1"] }],
  ["a port as a number", "dns:\n  ports: 5353\n", { "dns.ports": ["5353"] }],
  ["ports as a list", "dns:\n  ports: [53, '54']\n", { "dns.ports": ["53", "54"] }],
  ["empty values leave a key unset", 'hunter:\n  id: ""\n  bpf_filter:\n  interfaces: []\n  tls:\n', {}],
  ["an id that looks like a number stays text", "hunter:\n  id: 007\n", { "hunter.id": ["007"] }],
  ["anchors and aliases", "hunter:\n  interfaces: &all [eth0]\ntap:\n  interfaces: *all\n", {
    "hunter.interfaces": ["eth0"],
    "tap.interfaces": ["eth0"],
  }],
];

for (const [name, text, expected] of good) {
  Deno.test(`config file: ${name}`, () => assert.deepEqual(entries(text), expected));
}

const bad: readonly [name: string, text: string, message: string][] = [
  [
    "no YAML",
    "hunter: [1\nb: 2",
    "f.yaml:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]",
  ],
  ["a tab", "hunter:\n\tid: a", "f.yaml:2:1: Tabs are not allowed as indentation"],
  ["a doubled key", "hunter:\n  id: a\n  id: b\n", "f.yaml:3:3: this key was set before"],
  [
    "a key set in two forms",
    "hunter:\n  id: a\nhunter.id: b\n",
    "f.yaml:3: hunter.id: was set before, in line 2",
  ],
  ["two documents", "hunter:\n---\ntap:\n", "f.yaml:2:1: a configuration file holds one document"],
  [
    "a list at the top",
    "- hunter\n",
    'f.yaml:1: a configuration file holds keys and values, such as "hunter:"',
  ],
  ["text at the top", "hunter\n", 'f.yaml:1: a configuration file holds keys and values, such as "hunter:"'],
  [
    "an unknown key",
    "hunter:\n  batch_size: 1\n  batchsize: 1\n",
    "f.yaml:3: unknown key hunter.batchsize; did you mean hunter.batch_size?",
  ],
  ["an unknown section", "\nhuntr:\n  id: a\n", "f.yaml:2: unknown key huntr; did you mean hunter?"],
  [
    "a key outside its section",
    "batch_size: 1\n",
    "f.yaml:1: unknown key batch_size; did you mean hunter.batch_size?",
  ],
  ["a key like no other", "hunter:\n  colour: red\n", "f.yaml:2: unknown key hunter.colour"],
  ["a section without keys", "hunter: 5\n", "f.yaml:1: hunter: is a section, and needs keys below it"],
  [
    "a section that holds itself",
    "hunter: &h\n  tls: *h\n",
    "f.yaml:2: unknown key hunter.tls.tls",
  ],
  [
    "a value out of range",
    "hunter:\n  batch_size: 0\n",
    'f.yaml:2: hunter.batch_size: "0" is not an integer from 1 to 100000',
  ],
  [
    "a word for a number",
    "hunter:\n  batch_size: many\n",
    'f.yaml:2: hunter.batch_size: "many" is not an integer from 1 to 100000',
  ],
  [
    "a truth value for a number",
    "hunter:\n  batch_size: true\n",
    'f.yaml:2: hunter.batch_size: "true" is not an integer from 1 to 100000',
  ],
  ["a number for a truth value", "promiscuous: 2\n", 'f.yaml:1: promiscuous: "2" is not true or false'],
  ["an old truth value", "promiscuous: yes\n", 'f.yaml:1: promiscuous: "yes" is not true or false'],
  [
    "a list for a single value",
    "hunter:\n  id: [a]\n",
    "f.yaml:2: hunter.id: a list is not an identifier of 1 to 255 printable characters",
  ],
  [
    "a section for a value",
    "hunter:\n  id:\n    a: b\n",
    "f.yaml:2: hunter.id: a section is not an identifier of 1 to 255 printable characters",
  ],
  [
    "a list in a list",
    "hunter:\n  interfaces: [[eth0]]\n",
    "f.yaml:2: hunter.interfaces: a list is not an interface name",
  ],
  [
    "nothing in a list",
    "hunter:\n  interfaces: [eth0, ~]\n",
    "f.yaml:2: hunter.interfaces: nothing is not an interface name",
  ],
  [
    "a bad port in a list",
    "dns:\n  ports: [53, 70000]\n",
    'f.yaml:2: dns.ports: "70000" is not a port from 1 to 65535',
  ],
  [
    "a pattern without quotes",
    "dns:\n  domain_pattern: *.example.com\n",
    'f.yaml:2: dns.domain_pattern: put quotes around "*.example.com": a bare * is an alias in YAML',
  ],
  [
    "a value for a command that does not run",
    "processor:\n  max_hunters: 0\n",
    'f.yaml:2: processor.max_hunters: "0" is not an integer from 1 to 100000',
  ],
  ["a list as a key", "? [a]\n: 1\n", "f.yaml:1: a key must be a word"],
];

for (const [name, text, message] of bad) {
  Deno.test(`config file: ${name}`, () => {
    assert.throws(() => parseConfigFile("f.yaml", text), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(error.message, message);
      assert.equal(error.exitCode, 2);
      return true;
    });
  });
}

/** All that lippycat's examples and its reference set, in one file. */
const lippycatExample = `
pcap_buffer_size: 67108864
pcap_timeout_ms: 200
promiscuous: true
esp_null: false
hunter:
  id: "edge-1"
  processor_addr: "processor.internal:55555"
  interfaces:
    - "eth0"
    - "eth1"
  bpf_filter: "port 5060"
  buffer_size: 50000
  batch_size: 128
  batch_timeout_ms: 100
  batch_queue_size: 0
  tls:
    enabled: true
    ca_file: "/etc/ca.crt"
    skip_verify: false
  voip_filter:
    enabled: true
    gpu_backend: "cuda"
  disk_buffer: { enabled: true, dir: "/var/tmp", max_mb: 2048 }
  dns: { ports: "53", udp_only: false }
  http: { ports: "80" }
processor:
  listen_addr: ":55555"
  processor_id: ""
  max_hunters: 50
  max_subscribers: 0
  display_stats: true
  enable_detection: true
  filter_file: "/etc/filters.yaml"
  write_file: ""
  processor_addr: ""
  per_call_pcap: { enabled: true }
  tunneling_threshold: 0.7
  tls: { enabled: true, cert_file: "/s.crt", key_file: "/s.key", client_auth: true }
tap:
  tap_id: "tap-1"
  promiscuous: false
  dns: { ports: "53", domain_pattern: "", detect_tunneling: true }
  voip: { sip_user: "" }
dns:
  ports: "53"
  track_queries: true
  detect_tunneling: true
sniff:
  format: "json"
  quiet: false
  vif_name: lc0
voip:
  max_goroutines: 1000
  tcp_opening_timeout: 5m
  plugin_paths: []
watch:
  node_history: []
security:
  api_keys:
    enabled: true
    keys: []
`;

Deno.test("config file: lippycat's is accepted, with one line about what has no effect", () => {
  const { entries, warnings } = parseConfigFile("lippycat.yaml", lippycatExample);
  assert.deepEqual(entries.get("hunter.interfaces")?.texts, ["eth0", "eth1"]);
  assert.deepEqual(entries.get("voip.tcp_opening_timeout")?.texts, ["5m"]);
  assert.deepEqual(entries.get("tap.tap_id"), { key: "tap.tap_id", texts: ["tap-1"], line: 41 });
  assert.deepEqual(warnings, [
    "lippycat.yaml: these keys have no effect yet: hunter.tls.enabled (line 18), " +
    "hunter.voip_filter.enabled (line 22), hunter.http (line 26), " +
    "processor.enable_detection (line 33), processor.per_call_pcap (line 37), " +
    "processor.tunneling_threshold (line 38), processor.tls.enabled (line 39), " +
    "dns.track_queries (line 47), sniff.vif_name (line 52), voip.max_goroutines (line 54), watch (line 57)",
  ]);
});

Deno.test("config file: one without inert keys warns about nothing", () => {
  assert.deepEqual(parseConfigFile("f.yaml", "hunter:\n  id: a\n").warnings, []);
});

const ours: readonly [text: string, expected: boolean][] = [
  ["hunter:\n  id: a\n", true],
  ["insecure: true\n", true],
  ["hunter.id: a\n", true],
  ["voip: {}\n", true],
  ["server:\n  port: 80\n", false],
  ["- a\n", false],
  ["", false],
  ["{", false],
];

for (const [text, expected] of ours) {
  Deno.test(`config file: ${JSON.stringify(text)} is ${expected ? "ours" : "somebody else's"}`, () =>
    assert.equal(isConfigFile(text), expected));
}
