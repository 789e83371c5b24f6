import assert from "node:assert/strict";
import { defaultStreamOptions } from "../engine/stream_options.ts";
import { resolve } from "./resolve.ts";
import { applyRules } from "./rules.ts";
import { type AnyFlag, defaultFor, flagGroups, runCommands, shortFor, variablesOf } from "./flag.ts";
import { flagByKey, flagFor, flags, flagsOf } from "./flags.ts";
import { inertEntry } from "./inert_keys.ts";

/** Fields of the settings that no flag sets by itself. */
const derived = ["command", "protocol", "jsonSummary", "apiKeys", "ownBatchLimits"];

Deno.test("flags: each lands in a setting of its own, and every setting is covered", async () => {
  const resolution = await resolve({ command: "sniff", protocol: "dns", given: new Map() }, () => undefined);
  const { settings } = await applyRules(resolution, { stdoutIsTerminal: true });
  const landing = flags.map((flag) => flag.setting);
  assert.equal(new Set(landing).size, landing.length);
  const joined = ["config", "domainsFile"];
  assert.deepEqual(
    Object.keys(settings).sort(),
    [...derived, ...landing.filter((setting) => !joined.includes(setting))].sort(),
  );
});

Deno.test("flags: every one has help, details and a known group", () => {
  for (const flag of flags) {
    assert.match(flag.help, /^\S.*[^.\s]$/, flag.long);
    assert.ok(!flag.help.includes("\n"), flag.long);
    assert.match(flag.details, /^\S.*\.$/, flag.long);
    assert.ok(flagGroups.includes(flag.group), flag.long);
    assert.match(flag.long, /^[a-z]+(-[a-z]+)*$/);
    if (flag.kind.name !== "boolean") assert.ok(flag.placeholder, `${flag.long} needs a placeholder`);
  }
});

Deno.test("flags: every one of a command has a key or a variable, and they are its own", () => {
  for (const [command, protocol] of runCommands.flatMap((one) => [[one, "dns"], [one, "voip"]] as const)) {
    const seen = new Map<string, AnyFlag>();
    const claim = (name: string, flag: AnyFlag) => {
      assert.equal(seen.get(name), undefined, `${command} ${protocol}: ${name}`);
      seen.set(name, flag);
    };
    for (const flag of flagsOf(command, protocol)) {
      const keys = flag.keys[command] ?? [];
      assert.ok(keys.length > 0 || flag.variable !== undefined, flag.long);
      for (const key of keys) {
        assert.match(key, /^[a-z_]+(\.[a-z_]+)*$/);
        claim(key, flag);
        for (const variable of variablesOf(key)) claim(variable, flag);
      }
      if (flag.variable !== undefined) claim(flag.variable, flag);
      for (const long of [flag.long, ...flag.oldNames?.[command] ?? []]) claim(`--${long}`, flag);
      const short = shortFor(flag, command);
      if (short !== undefined) claim(`-${short}`, flag);
    }
  }
});

Deno.test("flags: a key means the same flag for all commands, and is not one without effect", () => {
  for (const flag of flags) {
    for (const key of Object.values(flag.keys).flat()) {
      assert.equal(flagByKey.get(key), flag, key);
      assert.equal(inertEntry(key), undefined, key);
    }
  }
});

Deno.test("flags: a name takes a value for all commands or for none", () => {
  const takesValue = new Map<string, boolean>();
  for (const flag of flags) {
    for (const name of [flag.long, flag.short, ...Object.values(flag.oldNames ?? {}).flat()]) {
      if (name === undefined) continue;
      const takes = flag.kind.name !== "boolean";
      assert.equal(takesValue.get(name) ?? takes, takes, name);
      takesValue.set(name, takes);
    }
  }
});

Deno.test("flags: every default that can be typed is a value of its kind", () => {
  for (const flag of flags) {
    for (const command of runCommands) {
      const value = defaultFor(flag, command);
      if (value === undefined || (Array.isArray(value) && value.length === 0) || value === "") continue;
      assert.deepEqual(flag.kind.parse([String(value)]), value, flag.long);
    }
  }
});

const lippycats: readonly [
  command: typeof runCommands[number],
  short: string,
  long: string,
  value: unknown,
  key: string,
][] = [
  ["hunt", "P", "processor", undefined, "hunter.processor_addr"],
  ["hunt", "I", "id", undefined, "hunter.hunter_id"],
  ["hunt", "i", "interface", ["any"], "hunter.interfaces"],
  ["hunt", "f", "filter", "", "hunter.bpf_filter"],
  ["hunt", "p", "promisc", false, "promiscuous"],
  ["hunt", "", "pcap-buffer-size", 16777216, "pcap_buffer_size"],
  ["hunt", "b", "buffer-size", 10000, "hunter.buffer_size"],
  ["hunt", "", "batch-size", 64, "hunter.batch_size"],
  ["hunt", "", "batch-timeout", 100, "hunter.batch_timeout_ms"],
  ["hunt", "", "batch-queue-size", 1000, "hunter.batch_queue_size"],
  ["hunt", "", "tls-cert", undefined, "hunter.tls.cert_file"],
  ["hunt", "", "tls-key", undefined, "hunter.tls.key_file"],
  ["hunt", "", "tls-ca", undefined, "hunter.tls.ca_file"],
  ["hunt", "", "tls-skip-verify", false, "hunter.tls.skip_verify"],
  ["hunt", "", "insecure", false, "insecure"],
  ["hunt", "", "no-filter-policy", undefined, "hunter.no_filter_policy"],
  ["hunt", "", "dns-port", [53], "hunter.dns.ports"],
  ["hunt", "", "udp-only", false, "hunter.dns.udp_only"],
  ["hunt", "", "detect-tunneling", true, "dns.detect_tunneling"],
  ["hunt", "", "esp-null", false, "esp_null"],
  ["hunt", "", "esp-heuristic", false, "esp_heuristic"],
  ["hunt", "", "esp-icv-size", undefined, "esp_icv_size"],
  ["hunt", "", "tcp-idle-timeout", 120_000, "voip.tcp_sip_idle_timeout"],
  ["sniff", "M", "tcp-performance-mode", "balanced", "voip.tcp_performance_mode"],
  ["sniff", "", "tcp-buffer-strategy", undefined, "voip.tcp_buffer_strategy"],
  ["tap", "M", "tcp-performance-mode", "balanced", "tap.voip.tcp_performance_mode"],
  ["tap", "", "tcp-opening-timeout", 300_000, "voip.tcp_opening_timeout"],
  ["sniff", "r", "read-file", [], "sniff.read_files"],
  ["sniff", "q", "quiet", false, "sniff.quiet"],
  ["sniff", "", "format", undefined, "sniff.format"],
  ["sniff", "w", "write-file", undefined, "sniff.write_file"],
  ["sniff", "", "domain", [], "dns.domain_pattern"],
  ["sniff", "", "domains-file", undefined, "dns.domains_file"],
  ["sniff", "", "dns-port", [53], "dns.ports"],
  ["tap", "l", "listen", ":55555", "tap.listen_addr"],
  ["tap", "I", "id", undefined, "tap.tap_id"],
  ["tap", "", "batch-size", 100, "tap.batch_size"],
  ["tap", "p", "promisc", false, "tap.promiscuous"],
  ["tap", "", "filter-file", undefined, "tap.filter_file"],
  ["tap", "", "tls-client-auth", false, "tap.tls.client_auth"],
  ["process", "l", "listen", ":55555", "processor.listen_addr"],
  ["process", "I", "id", undefined, "processor.processor_id"],
  ["process", "m", "max-hunters", 100, "processor.max_hunters"],
  ["process", "", "max-subscribers", 100, "processor.max_subscribers"],
  ["process", "w", "write-file", undefined, "processor.write_file"],
  ["process", "s", "stats", true, "processor.display_stats"],
  ["process", "f", "filter-file", undefined, "processor.filter_file"],
];

const lippycatsOfVoip: typeof lippycats = [
  ["hunt", "S", "sip-port", [], "hunter.voip.sip_ports"],
  ["hunt", "R", "rtp-port-range", [], "hunter.voip.rtp_port_ranges"],
  ["hunt", "U", "udp-only", false, "hunter.voip.udp_only"],
  ["hunt", "", "pattern-algorithm", "auto", "voip.pattern_algorithm"],
  ["hunt", "", "pattern-buffer-mb", 64, "voip.pattern_buffer_mb"],
  ["sniff", "u", "sip-user", [], "voip.sip_user"],
  ["sniff", "S", "sip-port", [], "voip.sip_ports"],
  ["sniff", "M", "tcp-performance-mode", "balanced", "voip.tcp_performance_mode"],
  ["sniff", "", "pcap-grace-period", 5_000, "voip.pcap_grace_period"],
  ["sniff", "", "tcp-call-aware-timeout", false, "voip.enable_call_aware_timeout"],
  ["tap", "u", "sip-user", [], "tap.voip.sip_user"],
  ["tap", "u", "sip-user", [], "tap.voip.sipuser"],
  ["tap", "R", "rtp-port-range", [], "tap.voip.rtp_port_ranges"],
  ["tap", "", "pattern-algorithm", "auto", "tap.voip.pattern_algorithm"],
  // lippycat's 10,000 hold half a minute of calls that are over, too.
  ["tap", "", "max-calls", 65_536, "voip.max_calls"],
  // lippycat's is on by default.
  ["tap", "", "per-call-pcap", false, "tap.per_call_pcap.enabled"],
  ["tap", "", "per-call-pcap-dir", "./pcaps", "tap.per_call_pcap.output_dir"],
  ["tap", "", "per-call-pcap-pattern", "{timestamp}_{callid}.pcap", "tap.per_call_pcap.file_pattern"],
  ["tap", "", "pcap-grace-period", 5_000, "tap.per_call_pcap.grace_period"],
];

const allOfLippycats = [
  ...lippycats.map((one) => [...one, "dns"] as const),
  ...lippycatsOfVoip.map((one) => [...one, "voip"] as const),
];

for (const [command, short, long, value, key, protocol] of allOfLippycats) {
  Deno.test(`flags: ${command} ${protocol} --${long} (${key}) is as in lippycat`, () => {
    const flag = flagsOf(command, protocol).find((candidate) => candidate.long === long);
    assert.ok(flag);
    assert.equal(shortFor(flag, command) ?? "", short);
    assert.deepEqual(defaultFor(flag, command), value);
    assert.ok(flag.keys[command]?.includes(key));
  });
}

Deno.test("flags: streams are treated by default as the engine's own default says", () => {
  for (const [setting, value] of Object.entries(defaultStreamOptions)) {
    assert.equal(flagFor(setting as keyof typeof defaultStreamOptions).default, value, setting);
  }
});

Deno.test("flags: flags of a protocol are not flags of the plain command", () => {
  const plain = flagsOf("hunt", "all");
  assert.ok(!plain.includes(flagFor("dnsPorts")));
  assert.ok(plain.includes(flagFor("detectTunneling")));
  assert.ok(!flagsOf("process", "all").includes(flagFor("interfaces")));
});
