import assert from "node:assert/strict";
import denoConfig from "../../deno.json" with { type: "json" };
import { runCommands, variablesOf } from "../config/flag.ts";
import { flagsOf } from "../config/flags.ts";
import type { Settings } from "../config/settings.ts";
import { OperatorError } from "../runtime/operator_error.ts";
import { type Invocation, parseCommandLine } from "./program.ts";

/** Splits at blanks; a part in single quotes stays whole. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

function parse(
  line: string,
  variables: Record<string, string> = {},
  stdoutIsTerminal = false,
): Promise<Invocation> {
  return parseCommandLine(words(line), { stdoutIsTerminal, columns: 100 }, (name) => variables[name]);
}

async function settingsOf(line: string, variables: Record<string, string> = {}): Promise<Settings> {
  const invocation = await parse(line, variables);
  assert.ok(invocation.kind === "run", line);
  return invocation.settings;
}

async function printedBy(
  line: string,
  exitCode = 0,
  variables: Record<string, string> = {},
): Promise<string> {
  const invocation = await parse(line, variables);
  assert.ok(invocation.kind === "print", line);
  assert.equal(invocation.exitCode, exitCode);
  return invocation.text;
}

const runs: readonly [line: string, expected: Partial<Settings>][] = [
  ["hunt", { command: "hunt", protocol: "all" }],
  ["hunt dns", { command: "hunt", protocol: "dns", dnsPorts: [53] }],
  ["sniff", { command: "sniff", protocol: "all" }],
  ["sniff dns", { command: "sniff", protocol: "dns" }],
  ["tap dns", { command: "tap", protocol: "dns", batchSize: 100 }],
  ["process --insecure", { command: "process", protocol: "all", listen: ":55555" }],
  ["list interfaces", { command: "list interfaces", json: false }],
  ["list interfaces --json", { command: "list interfaces", json: true }],
  ["buffer inspect /a/b --json", { command: "buffer inspect", diskBufferDir: "/a/b", json: true }],
  ["buffer verify b", { command: "buffer verify", diskBufferDir: "b" }],
  ["buffer repair -- -b", { command: "buffer repair", diskBufferDir: "-b" }],
  ["filters check f.yaml", {
    command: "filters check",
    filterFile: "f.yaml",
    gpuBackend: "cpu-simd",
    readFiles: [],
  }],
  ["filters check f.yaml -r a.pcap -r - --hunter edge --gpu-backend webgpu --gpu-batch-size 7 --json", {
    patternBufferMb: 64,
    filterFile: "f.yaml",
    trialFiles: ["a.pcap", "-"],
    hunter: "edge",
    gpuBackend: "webgpu",
    gpuBatchSize: 7,
    json: true,
  }],
  ["filters check f.yaml --pattern-buffer-mb 3 --pattern-algorithm linear", {
    patternBufferMb: 3,
    patternAlgorithm: "linear",
  }],
  ["hunt -g cuda", { gpuBackend: "auto" }],
  ["hunt -i eth0 dns", { protocol: "dns", interfaces: ["eth0"] }],
  ["hunt dns -i eth0", { protocol: "dns", interfaces: ["eth0"] }],
  ["hunt -i eth0 dns -i eth1", { protocol: "dns", interfaces: ["eth0", "eth1"] }],
  ["hunt -i 'eth0, eth1' --interface=eth2", { interfaces: ["eth0", "eth1", "eth2"] }],
  ["hunt -ieth0", { interfaces: ["eth0"] }],
  ["hunt -i=eth0", { interfaces: ["eth0"] }],
  ["hunt -P p:1 --insecure", { processor: "p:1", insecure: true }],
  ["hunt --id a", { id: "a" }],
  ["hunt --hunter-id a", { id: "a" }],
  ["tap --tap-id a", { id: "a" }],
  ["process --insecure --processor-id a", { id: "a" }],
  ["hunt -f 'port 53 and not host a'", { filter: "port 53 and not host a" }],
  ["process --insecure -f filters.yaml", { filterFile: "filters.yaml", filter: "" }],
  ["tap --filter-file filters.yaml -f 'port 53'", { filterFile: "filters.yaml", filter: "port 53" }],
  ["sniff --promisc", { promiscuous: true }],
  ["sniff --promiscuous", { promiscuous: true }],
  ["hunt --promiscuous", { promiscuous: true }],
  ["sniff -p", { promiscuous: true }],
  ["sniff --promisc=true", { promiscuous: true }],
  ["sniff --promisc=false", { promiscuous: false }],
  ["sniff -p=false", { promiscuous: false }],
  ["sniff --no-promisc", { promiscuous: false }],
  ["sniff --promisc --no-promisc", { promiscuous: false }],
  ["sniff -pq", { promiscuous: true, quiet: true }],
  ["sniff --detect-tunneling", { detectTunneling: true }],
  ["sniff --no-detect-tunneling", { detectTunneling: false }],
  ["hunt dns --detect-tunneling=false", { detectTunneling: false }],
  ["process --insecure --stats=false", { stats: false }],
  ["process --insecure -s=0", { stats: false }],
  ["hunt --no-filter-policy allow", { noFilterPolicy: "allow" }],
  ["hunt --no-filter-policy=deny", { noFilterPolicy: "deny" }],
  ["hunt", { noFilterPolicy: undefined }],
  ["hunt --batch-queue-size 0", { batchQueueSize: 1000 }],
  ["hunt -b 5 --batch-size 6 --batch-timeout 7", { bufferSize: 5, batchSize: 6, batchTimeoutMs: 7 }],
  ["hunt --batch-size 5 --batch-size 6", { batchSize: 6 }],
  ["sniff -r a.pcap --read-file 'b,c.pcap' -r -", { readFiles: ["a.pcap", "b,c.pcap", "-"] }],
  ["sniff -n 5 --snapshot-length 64 --single-thread --pcap-timeout 0", {
    count: 5,
    snapLength: 64,
    singleThread: true,
    pcapTimeoutMs: 200,
  }],
  ["hunt dns --dns-port '53, 5353,'", { dnsPorts: [53, 5353] }],
  ["sniff dns --dns-port '' --udp-only --domain '*.a.example,b'", {
    dnsPorts: [53],
    udpOnly: true,
    domains: ["*.a.example", "b"],
  }],
  ["hunt -P p:1 --insecure --workers 4", { workers: 4 }],
  ["hunt", { workers: 1 }],
  ["hunt voip", { protocol: "voip", sipPorts: [], rtpPortRanges: [], sipUdpOnly: false, sipUsers: [] }],
  ["hunt voip -S 5060,5080 -R '8000-9000, 40000-50000' -U -u alice", {
    sipPorts: [5060, 5080],
    rtpPortRanges: ["8000-9000", "40000-50000"],
    sipUdpOnly: true,
    udpOnly: false,
    sipUsers: ["alice"],
  }],
  ["sniff voip --sipuser '*456789,alice' -M throughput --tcp-sip-idle-timeout 90s", {
    sipUsers: ["*456789", "alice"],
    tcpProfile: "high_performance",
    tcpIdleTimeoutMs: 90_000,
  }],
  ["sniff voip --tcp-performance-mode minimal --tcp-buffer-strategy ring", {
    tcpProfile: "minimal",
    tcpStrategy: "ring",
  }],
  ["sniff voip --calls --rtp-lines --max-calls 5 --tcp-call-aware-timeout", {
    calls: true,
    rtpLines: true,
    maxCalls: 5,
    tcpCallAwareTimeout: true,
  }],
  ["tap voip --insecure", { perCallPcap: false, calls: false }],
  ["tap voip --insecure --per-call-pcap --pcap-grace-period 10s", {
    perCallPcap: true,
    perCallPcapDir: "./pcaps",
    perCallPcapPattern: "{timestamp}_{callid}.pcap",
    pcapGracePeriodMs: 10_000,
  }],
  ["sniff voip --per-call-pcap-dir d", { perCallPcap: true, perCallPcapDir: "d" }],
  ["sniff voip --per-call-pcap-dir d --no-per-call-pcap", { perCallPcap: false }],
  ["sniff voip -w all.pcap", { perCallPcap: false, writeFile: "all.pcap" }],
  ["sniff voip -w d/", { perCallPcap: true, perCallPcapDir: "d/", writeFile: undefined }],
  ["sniff voip -w all.pcap --per-call-pcap-dir d", {
    perCallPcap: true,
    perCallPcapDir: "d",
    writeFile: "all.pcap",
  }],
  ["sniff voip -w d/ --per-call-pcap", { perCallPcap: true, perCallPcapDir: "d/", writeFile: undefined }],
  ["sniff -w d/", { perCallPcap: false, writeFile: "d/" }],
  ["sniff --json", { format: "json", jsonSummary: true, json: true }],
  ["sniff --format text", { format: "text", jsonSummary: false }],
  ["sniff", { format: "json", jsonSummary: false }],
  ["process --insecure -l 127.0.0.1:0 -m 3 --max-subscribers 0", {
    listen: "127.0.0.1:0",
    maxHunters: 3,
    maxSubscribers: 0,
  }],
];

for (const [line, expected] of runs) {
  Deno.test(`command line: ${line}`, async () => {
    const settings = await settingsOf(line);
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(settings[name as keyof Settings], value, name);
    }
  });
}

const port = "a port from 1 to 65535";
const refused: readonly [line: string, message: string][] = [
  ["hnut", "unknown command 'hnut' (Did you mean hunt?); see caracal --help"],
  ["list hunters", "unknown command 'hunters'; see caracal list --help"],
  ["hunt dnss", 'unexpected argument "dnss"; did you mean dns?; see caracal hunt --help'],
  ["hunt dnss --dns-port 53", 'unexpected argument "dnss"; did you mean dns?; see caracal hunt --help'],
  ["hunt dns extra", 'unexpected argument "extra"; see caracal hunt dns --help'],
  ["process dns", 'unexpected argument "dns"; see caracal process --help'],
  ["hunt -- x", 'unexpected argument "x"; see caracal hunt --help'],
  ["hunt -", 'unexpected argument "-"; see caracal hunt --help'],
  ["sniff http", "sniff http is not available in this version; see caracal sniff --help"],
  ["tap tls", "tap tls is not available in this version; see caracal tap --help"],
  ["tap email", "tap email is not available in this version; see caracal tap --help"],
  ["hunt --filtr x", "unknown option --filtr; did you mean --filter?; see caracal hunt --help"],
  [
    "hunt --disk-cache",
    "unknown option --disk-cache; see caracal hunt --help",
  ],
  [
    "hunt dns --dns-prt=53",
    "unknown option --dns-prt; did you mean --dns-port?; see caracal hunt dns --help",
  ],
  ["hunt --dns-port 53", "--dns-port belongs to hunt dns; see caracal hunt --help"],
  ["tap --sip-port 53", "--sip-port belongs to tap voip; see caracal tap --help"],
  ["sniff --udp-only", "--udp-only belongs to sniff dns and sniff voip; see caracal sniff --help"],
  [
    "hunt voip --dns-port 53",
    "unknown option --dns-port; did you mean --sip-port?; see caracal hunt voip --help",
  ],
  ["hunt voip --calls", "unknown option --calls; see caracal hunt voip --help"],
  ["process voip", 'unexpected argument "voip"; see caracal process --help'],
  ["sniff voip -u a --sipuser b", "--sip-user and --sipuser are the same flag: give one of them"],
  ...["''", "' ,'"].map((given): [string, string] => [
    `sniff voip -u ${given}`,
    `--sip-user: "" is not a user, a phone number, an address or a pattern; see caracal sniff voip --help`,
  ]),
  ["hunt voip -S 0", `--sip-port: "0" is not ${port}; see caracal hunt voip --help`],
  ...["8000", "9000-8000", "0-5", "1-65536", "1-2-3", "a-b"].map((text): [string, string] => [
    `tap voip -R ${text}`,
    `--rtp-port-range: "${text}" is not a range of ports, first-last, from 1 to 65535; see caracal tap voip --help`,
  ]),
  ["hunt -Z", "unknown option -Z; see caracal hunt --help"],
  ["sniff -w a -P p:1", "unknown option -P; see caracal sniff --help"],
  ["hunt --tap-id a", "unknown option --tap-id; see caracal hunt --help"],
  ["hunt -i", "option '-i, --interface <name,...>' argument missing; see caracal hunt --help"],
  ["hunt --id a --hunter-id b", "--id and --hunter-id are the same flag: give one of them"],
  ["hunt --id a dns --hunter-id b", "--id and --hunter-id are the same flag: give one of them"],
  ["sniff --promisc=maybe", '--promisc: "maybe" is not true or false'],
  ["hunt dns --dns-port 0", `--dns-port: "0" is not ${port}; see caracal hunt dns --help`],
  ["hunt dns --dns-port 70000", `--dns-port: "70000" is not ${port}; see caracal hunt dns --help`],
  ["hunt dns --dns-port x", `--dns-port: "x" is not ${port}; see caracal hunt dns --help`],
  ["hunt --batch-size -1", '--batch-size: "-1" is not an integer from 1 to 100000; see caracal hunt --help'],
  [
    "hunt --hunter-id 'a\tb'",
    '--hunter-id: "a\\tb" is not an identifier of 1 to 255 printable characters; see caracal hunt --help',
  ],
  [
    "process",
    "process has no certificate: add --tls-cert FILE and --tls-key FILE, or --insecure for plain text",
  ],
  ["completion", "missing required argument 'shell'; see caracal completion --help"],
  [
    "completion tcsh",
    "command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.; see caracal completion --help",
  ],
  [
    "config explain hnut",
    'unexpected argument "hnut"; did you mean hunt?; see caracal config explain --help',
  ],
  [
    "config explain hunt --dns-port 5",
    "--dns-port belongs to hunt dns; see caracal config explain hunt --help",
  ],
  ["filters check", "missing required argument 'file'; see caracal filters check --help"],
  [
    "filters check f.yaml --gpu-backend vulkan",
    '--gpu-backend: "vulkan" is not auto, webgpu, cpu-simd, cuda, opencl or disabled; see caracal filters check --help',
  ],
  ["buffer inspect", "missing required argument 'folder'; see caracal buffer inspect --help"],
  ["buffer inspct b", "unknown command 'inspct' (Did you mean inspect?); see caracal buffer --help"],
  ["config schema x", 'unexpected argument "x"; see caracal config schema --help'],
];

for (const [line, message] of refused) {
  Deno.test(`command line: ${line} is refused`, () =>
    assert.rejects(parse(line), new OperatorError(message, 2)));
}

Deno.test("command line: the processor may come from a variable", async () => {
  const variables = { CARACAL_HUNTER_PROCESSOR_ADDR: "p:1", CARACAL_INSECURE: "1" };
  assert.equal((await settingsOf("hunt", variables)).processor, "p:1");
});

Deno.test("command line: on a terminal packets are text", async () => {
  const invocation = await parse("sniff", {}, true);
  assert.ok(invocation.kind === "run");
  assert.equal(invocation.settings.format, "text");
});

Deno.test("command line: -c before and after the command, the last wins", async () => {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, "sniff: { count: 5 }\nvoip: { max_streams: 1 }\n");
    for (
      const line of [`-c ${path} sniff dns`, `sniff -c ${path} dns`, `-c /nowhere sniff dns --config ${path}`]
    ) {
      const invocation = await parse(line);
      assert.ok(invocation.kind === "run");
      assert.equal(invocation.settings.count, 5);
      assert.deepEqual(invocation.warnings, [
        `${path}: these keys have no effect yet: voip.max_streams (line 2)`,
      ]);
    }
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("help: shows every flag of a command with short name, default and key", async () => {
  for (const command of runCommands) {
    for (const protocol of command === "process" ? ["all"] as const : ["all", "dns", "voip"] as const) {
      const line = protocol === "all" ? command : `${command} ${protocol}`;
      // Wrapped lines are joined again.
      const help = (await printedBy(`${line} -h`)).replace(/\s+/g, " ");
      for (const flag of flagsOf(command, protocol)) {
        const name = flag.kind.name === "boolean" && flag.default === true
          ? `--[no-]${flag.long}`
          : `--${flag.long}`;
        assert.ok(help.includes(name), `${line}: ${name}`);
        assert.ok(help.includes(`${flag.help} `), `${line}: help of ${name}`);
        const [key] = flag.keys[command] ?? [];
        if (key !== undefined) assert.ok(help.includes(`[${key}]`), `${line}: key of ${name}`);
      }
      assert.ok(!help.includes("--hunter-id"));
      assert.ok(help.includes("Examples:"));
    }
  }
});

Deno.test("help: --help adds the details, -h does not", async () => {
  const details = flagsOf("hunt", "dns").map((flag) => flag.details);
  const long = (await printedBy("hunt dns --help")).replace(/\s+/g, " ");
  const short = (await printedBy("hunt dns -h")).replace(/\s+/g, " ");
  for (const text of details) {
    assert.ok(long.includes(text), text);
    assert.ok(!short.includes(text), text);
  }
});

Deno.test("help: lines keep to the width, headings are bold on a terminal only", async () => {
  const plain = await printedBy("hunt dns --help");
  for (const line of plain.split("\n")) assert.ok(line.length <= 100, line);
  assert.ok(!plain.includes("\x1b"));
  const bold = await parse("hunt -h", {}, true);
  assert.ok(bold.kind === "print" && bold.text.includes("\x1b[1mCapture:\x1b[22m"));
  const noColor = await parse("hunt -h", { NO_COLOR: "1" }, true);
  assert.ok(noColor.kind === "print" && !noColor.text.includes("\x1b"));
});

Deno.test("help: a command line without a command is wrong usage, and shows the help", async () => {
  for (const line of ["", "list", "buffer", "config"]) {
    assert.match(await printedBy(line, 2), /^Usage: caracal/);
  }
  assert.match(await printedBy("help hunt"), /^Usage: caracal hunt /);
});

Deno.test("version: that of the configuration of the build", async () => {
  assert.equal(await printedBy("--version"), `caracal ${denoConfig.version}\n`);
});

Deno.test("config explain: one command as text, all as JSON", async () => {
  const variables = { CARACAL_HUNTER_BATCH_SIZE: "5" };
  const text = await printedBy("config explain hunt dns -i eth0", 0, variables);
  assert.match(text, /^caracal hunt dns\n/);
  assert.ok(text.includes("--interface = eth0  (flag --interface)"));
  assert.ok(text.includes("--batch-size = 5  (environment CARACAL_HUNTER_BATCH_SIZE)"));
  const { commands } = JSON.parse(await printedBy("config explain --json", 0, variables));
  assert.deepEqual(commands.map(({ command }: { command: string }) => command), [...runCommands]);
  const own = JSON.parse(await printedBy("config explain --json hunt dns"));
  assert.equal(own.commands[0].protocol, "dns");
  const json = own.commands[0].settings.find(({ flag }: { flag: string }) => flag === "--json");
  assert.deepEqual([json.value, json.variables], [false, variablesOf("hunter.json")]);
});

Deno.test("config schema: prints the JSON Schema", async () => {
  assert.equal(
    JSON.parse(await printedBy("config schema")).properties.hunter.properties.batch_size.default,
    64,
  );
});
