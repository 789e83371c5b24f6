import assert from "node:assert/strict";
import { OperatorError } from "../runtime/operator_error.ts";
import type { AnyFlag, FlagCommand, FlagValues } from "./flag.ts";
import { flagFor } from "./flags.ts";
import { type GivenFlag, resolve } from "./resolve.ts";
import { applyRules, type CheckedSettings } from "./rules.ts";

type Flags = Partial<Record<keyof FlagValues, string>>;
type Variables = Record<string, string>;

async function check(
  command: FlagCommand,
  flags: Flags,
  variables: Variables = {},
  terminal = false,
): Promise<CheckedSettings> {
  const given = new Map<AnyFlag, GivenFlag>();
  for (const [setting, text] of Object.entries(flags)) {
    const flag = flagFor(setting as keyof FlagValues);
    given.set(flag, { spelling: `--${flag.long}`, texts: text.split(" ") });
  }
  const resolution = await resolve({ command, protocol: "dns", given }, (name) => variables[name]);
  return await applyRules(resolution, { stdoutIsTerminal: terminal });
}

const tls = { tlsCert: "cert.pem", tlsKey: "key.pem" };

const toProcessor = { processor: "p:1", insecure: "true" };

const refused: readonly [command: FlagCommand, flags: Flags, variables: Variables, message: string][] = [
  [
    "hunt",
    { ...toProcessor, workers: "2", readFiles: "a.pcap" },
    {},
    "--workers 2 (flag --workers): a file is read by one thread; use --workers 1, or leave --read-file out",
  ],
  [
    "hunt",
    { ...toProcessor, workers: "3", singleThread: "true" },
    {},
    "--workers 3 (flag --workers): --single-thread is one thread; use --workers 1, or leave --single-thread out",
  ],
  [
    "hunt",
    { ...toProcessor, workers: "2", count: "10" },
    {},
    "--workers 2 (flag --workers): --count would hold for each thread; use --workers 1, or leave --count out",
  ],
  [
    "hunt",
    {},
    { CARACAL_HUNTER_WORKERS: "64" },
    "--workers 64 (environment CARACAL_HUNTER_WORKERS): the embedded processor takes packets of one thread; " +
    "use --workers 1, or name another processor with --processor host:port",
  ],
  [
    "hunt",
    { processor: "p:1" },
    {},
    "nothing verifies the processor p:1: add --tls-ca FILE, or --insecure for plain text",
  ],
  [
    "hunt",
    {},
    { CARACAL_HUNTER_PROCESSOR_ADDR: "p:1" },
    "nothing verifies the processor p:1: add --tls-ca FILE, or --insecure for plain text",
  ],
  [
    "hunt",
    { tlsCert: "c" },
    {},
    "--tls-cert without --tls-key: a certificate and its private key go together; add --tls-key FILE",
  ],
  [
    "process",
    { tlsKey: "k" },
    {},
    "--tls-key without --tls-cert: a certificate and its private key go together; add --tls-cert FILE",
  ],
  [
    "process",
    {},
    {},
    "process has no certificate: add --tls-cert FILE and --tls-key FILE, or --insecure for plain text",
  ],
  [
    "process",
    { ...tls, tlsClientAuth: "true" },
    {},
    "--tls-client-auth needs the certificates that verify clients: add --tls-ca FILE",
  ],
  [
    "hunt",
    { insecure: "true" },
    { CARACAL_PRODUCTION: "true" },
    "--insecure is not allowed in production (CARACAL_PRODUCTION is true): remove it (flag --insecure)",
  ],
  ...["1", "TRUE", "yes", " true"].map((value): [FlagCommand, Flags, Variables, string] => [
    "hunt",
    { insecure: "true" },
    { CARACAL_PRODUCTION: value, LIPPYCAT_PRODUCTION: "true" },
    `environment variable CARACAL_PRODUCTION: "${value}" is neither true nor false: ` +
    "write CARACAL_PRODUCTION=true for production, or leave it out",
  ]),
  [
    "hunt",
    {},
    { LIPPYCAT_PRODUCTION: "true", INSECURE: "1" },
    "--insecure is not allowed in production (LIPPYCAT_PRODUCTION is true): remove it (environment INSECURE)",
  ],
  [
    "hunt",
    { tlsSkipVerify: "true" },
    { LIPPYCAT_PRODUCTION: "true" },
    "--tls-skip-verify is not allowed in production (LIPPYCAT_PRODUCTION is true): remove it (flag --tls-skip-verify)",
  ],
  [
    "process",
    tls,
    { CARACAL_PRODUCTION: "true" },
    "production (CARACAL_PRODUCTION is true) demands client certificates or API keys: " +
    "add --tls-client-auth and --tls-ca FILE, or --api-key-auth",
  ],
  [
    "tap",
    {},
    { LIPPYCAT_PRODUCTION: "true" },
    "production (LIPPYCAT_PRODUCTION is true) demands client certificates or API keys: " +
    "add --tls-client-auth and --tls-ca FILE, or --api-key-auth",
  ],
  [
    "process",
    tls,
    { CARACAL_PRODUCTION: "true", INSECURE: "true" },
    "--insecure is not allowed in production (CARACAL_PRODUCTION is true): remove it (environment INSECURE)",
  ],
  [
    "hunt",
    { processor: "p:1", insecure: "true", apiKey: "secret" },
    {},
    "--api-key (flag --api-key) with --insecure (flag --insecure): a key is not sent in plain text, where " +
    "everybody on the path could read it; remove one of them",
  ],
  [
    "hunt",
    { processor: "p:1", insecure: "true" },
    { CARACAL_HUNTER_API_KEY_FILE: "key.txt" },
    "--api-key-file (environment CARACAL_HUNTER_API_KEY_FILE) with --insecure (flag --insecure): a key is not " +
    "sent in plain text, where everybody on the path could read it; remove one of them",
  ],
  [
    "hunt",
    { processor: "p:1", tlsCa: "ca.pem", apiKey: "secret", apiKeyFile: "key.txt" },
    {},
    "--api-key and --api-key-file together: a hunter has one key; leave one out",
  ],
  [
    "process",
    { insecure: "true", apiKeyAuth: "true", apiKeysFile: "keys.yaml" },
    {},
    "--api-key-auth (flag --api-key-auth) with --insecure (flag --insecure): keys would cross the network readable " +
    "for everybody on the path; use --tls-cert and --tls-key",
  ],
  [
    "process",
    { ...tls, apiKeyAuth: "true" },
    {},
    "--api-key-auth (flag --api-key-auth) without keys: add security.api_keys.keys to the configuration file, " +
    "or --api-keys-file FILE",
  ],
  [
    "process",
    { ...tls, apiKeysFile: "keys.yaml" },
    {},
    "--api-keys-file (flag --api-keys-file) without --api-key-auth: nobody would be asked for a key; " +
    "add --api-key-auth, or remove it",
  ],
  [
    "tap",
    { insecure: "true" },
    { CARACAL_PRODUCTION: "true" },
    "--insecure is not allowed in production (CARACAL_PRODUCTION is true): remove it (flag --insecure)",
  ],
  [
    "sniff",
    { readFiles: "a.pcap", interfaces: "eth0" },
    {},
    "--read-file and --interface together: read files or capture live, and leave the other one out",
  ],
  ["sniff", { readFiles: "- -" }, {}, "--read-file -: standard input can be read only once"],
  [
    "sniff",
    { readFiles: "a.pcap", writeFile: "a.pcap" },
    {},
    "--write-file a.pcap: this file is also read (--read-file); write to another one",
  ],
  [
    "sniff",
    { interfaces: "any,eth0" },
    {},
    '--interface any,eth0: "any" is all interfaces, and stands alone (flag --interface)',
  ],
  ["sniff", { json: "true", format: "text" }, {}, "--json and --format text contradict each other"],
  [
    "sniff",
    { domainsFile: "/nowhere/domains" },
    {},
    "--domains-file /nowhere/domains: there is no such file",
  ],
];

for (const [command, flags, variables, message] of refused) {
  Deno.test(`rules: ${command} ${JSON.stringify(flags)} ${JSON.stringify(variables)} is refused`, () =>
    assert.rejects(check(command, flags, variables), new OperatorError(message, 2)));
}

const accepted: readonly [
  command: FlagCommand,
  flags: Flags,
  variables: Variables,
  expected: Record<string, unknown>,
  warnings?: string[],
][] = [
  ["hunt", {}, {}, { processor: undefined, insecure: false }],
  ["hunt", { processor: "p:1", insecure: "true" }, {}, { insecure: true }],
  ["hunt", { processor: "p:1", tlsCa: "ca.pem" }, { LIPPYCAT_PRODUCTION: "true" }, { tlsCa: "ca.pem" }],
  ["hunt", { processor: "p:1", tlsSkipVerify: "true" }, { LIPPYCAT_PRODUCTION: "1" }, {
    tlsSkipVerify: true,
  }, [
    'environment variable LIPPYCAT_PRODUCTION: "1" does not count, only "true" does: ' +
    "write LIPPYCAT_PRODUCTION=true for production, or leave it out",
  ]],
  ["hunt", { insecure: "true" }, { LIPPYCAT_PRODUCTION: "false", CARACAL_PRODUCTION: "false" }, {
    insecure: true,
  }],
  ["hunt", { insecure: "true" }, { LIPPYCAT_PRODUCTION: "", CARACAL_PRODUCTION: "" }, { insecure: true }],
  ["hunt", { processor: "p:1", insecure: "true", tlsCa: "ca.pem" }, {}, { insecure: true }, [
    "--insecure: the TLS files are not used, everything goes in plain text",
  ]],
  ["process", tls, {}, { tlsCert: "cert.pem" }],
  ["process", { ...tls, tlsClientAuth: "true", tlsCa: "ca.pem" }, { CARACAL_PRODUCTION: "true" }, {
    tlsClientAuth: true,
  }],
  ["process", { ...tls, apiKeyAuth: "true", apiKeysFile: "k.yaml" }, { LIPPYCAT_PRODUCTION: "true" }, {
    apiKeyAuth: true,
    apiKeysFile: "k.yaml",
  }],
  [
    "hunt",
    { processor: "p:1", tlsCa: "ca.pem" },
    { LIPPYCAT_API_KEY: "one", CARACAL_HUNTER_API_KEY: "two" },
    {
      apiKey: "two",
    },
  ],
  ["hunt", { processor: "p:1", tlsCa: "ca.pem", apiKeyFile: "key.txt" }, { LIPPYCAT_API_KEY: "one" }, {
    apiKey: undefined,
    apiKeyFile: "key.txt",
  }],
  ["hunt", { processor: "p:1", tlsSkipVerify: "true", apiKey: "k" }, {}, { apiKey: "k" }, [
    "--tls-skip-verify: the API key goes to whoever answers; use --tls-ca to know who that is",
  ]],
  ["hunt", { apiKey: "k", insecure: "true" }, {}, { apiKey: "k", processor: undefined }],
  ["hunt", { batchTimeoutMs: "5" }, {}, { ownBatchLimits: ["batchTimeoutMs"] }],
  ["hunt", {}, { "HUNTER.BATCH_SIZE": "64" }, { ownBatchLimits: ["batchSize"] }],
  ["process", { insecure: "true" }, {}, { insecure: true }],
  ["tap", {}, {}, { tlsCert: undefined }],
  ["sniff", {}, { INSECURE: "true", CARACAL_PRODUCTION: "true" }, { insecure: false }],
  ["sniff", { readFiles: "a.pcap -" }, {}, { readFiles: ["a.pcap", "-"], interfaces: ["any"] }],
  ["sniff", { readFiles: "a.pcap" }, { CARACAL_SNIFF_INTERFACES: "eth0" }, {
    readFiles: ["a.pcap"],
    interfaces: ["any"],
  }],
  ["sniff", { interfaces: "eth0" }, { CARACAL_SNIFF_READ_FILES: "a.pcap" }, {
    readFiles: [],
    interfaces: ["eth0"],
  }],
  ["sniff", { interfaces: "eth0 eth1,eth0" }, {}, { interfaces: ["eth0", "eth1"] }, [
    "interface eth0 is named more than once; captured once",
  ]],
  ["sniff", { interfaces: "any,any" }, {}, { interfaces: ["any"] }, [
    "interface any is named more than once; captured once",
  ]],
  ["sniff", { espNull: "true", espIcvSize: "12" }, {}, { espNull: true, espIcvSize: 12 }],
  ["sniff", { espIcvSize: "12" }, {}, { espIcvSize: 12 }, [
    "--esp-icv-size has no effect without --esp-null or --esp-heuristic (flag --esp-icv-size)",
  ]],
  ["hunt", { gpuBackend: "webgpu", insecure: "true" }, {}, { gpuBackend: "webgpu" }, [
    "--gpu-backend has no effect on a capture, which the engine searches (cpu-simd) (flag --gpu-backend)",
  ]],
  ["tap", { insecure: "true" }, { "TAP.VOIP_FILTER.GPU_BACKEND": "opencl" }, { gpuBackend: "auto" }],
  ["sniff", { tcpProfile: "latency" }, {}, { tcpProfile: "low_latency" }],
  ["tap", { insecure: "true" }, { CARACAL_VOIP_TCP_PERFORMANCE_MODE: "memory" }, { tcpProfile: "minimal" }],
  ["hunt", { tcpOpeningTimeoutMs: "10s" }, {}, { tcpOpeningTimeoutMs: 10_000 }, [
    "--tcp-opening-timeout has no effect without --tcp-state-timeouts (flag --tcp-opening-timeout)",
  ]],
  [
    "hunt",
    { tcpStateTimeouts: "true", tcpOpeningTimeoutMs: "10s" },
    { CARACAL_VOIP_TCP_SIP_IDLE_TIMEOUT: "1m" },
    { tcpStateTimeouts: true, tcpIdleTimeoutMs: 60_000 },
    [
      "--tcp-idle-timeout has no effect with --tcp-state-timeouts " +
      "(environment CARACAL_VOIP_TCP_SIP_IDLE_TIMEOUT)",
    ],
  ],
  ["sniff", { readFiles: "-", writeFile: "-" }, {}, { writeFile: "-" }],
  ["sniff", { domains: "a.example,b.example,a.example" }, {}, { domains: ["a.example", "b.example"] }],
];

for (const [command, flags, variables, expected, warnings = []] of accepted) {
  Deno.test(`rules: ${command} ${JSON.stringify(flags)} ${JSON.stringify(variables)} is accepted`, async () => {
    const checked = await check(command, flags, variables);
    const settings: Record<string, unknown> = { ...checked.settings };
    for (const [setting, value] of Object.entries(expected)) {
      assert.deepEqual(settings[setting], value, setting);
    }
    assert.deepEqual(checked.warnings, warnings);
  });
}

const formats: readonly [
  name: string,
  flags: Flags,
  variables: Variables,
  terminal: boolean,
  format: string,
  jsonSummary: boolean,
][] = [
  ["a terminal", {}, {}, true, "text", false],
  ["a pipe", {}, {}, false, "json", false],
  ["--json on a terminal", { json: "true" }, {}, true, "json", true],
  ["--format json on a pipe", { format: "json" }, {}, false, "json", true],
  ["--format text on a pipe", { format: "text" }, {}, false, "text", false],
  ["--json over a variable", { json: "true" }, { CARACAL_SNIFF_FORMAT: "text" }, true, "json", true],
  ["--format over a variable", { format: "text" }, { CARACAL_SNIFF_JSON: "true" }, false, "text", false],
  ["--json and --format json", { json: "true", format: "json" }, {}, true, "json", true],
  ["--no-json on a terminal", { json: "false" }, { CARACAL_SNIFF_JSON: "true" }, true, "text", false],
];

for (const [name, flags, variables, terminal, format, jsonSummary] of formats) {
  Deno.test(`rules: the format for ${name}`, async () => {
    const { settings } = await check("sniff", flags, variables, terminal);
    assert.deepEqual([settings.format, settings.jsonSummary], [format, jsonSummary]);
  });
}

Deno.test("rules: the domains file joins --domain", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(
      path,
      "\uFEFF# a comment\r\n\r\n*.example.com\r\n  b.example  # why\n\na.example\n",
    );
    const { settings } = await check("sniff", { domains: "a.example", domainsFile: path });
    assert.deepEqual(settings.domains, ["a.example", "*.example.com", "b.example"]);
    await Deno.writeTextFile(path, `\n${"a".repeat(1_025)}\n`);
    await assert.rejects(check("sniff", { domainsFile: path }), {
      message: `--domains-file ${path}:2: the pattern is longer than 1024 characters`,
    });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("rules: the domains file needs permission to be read", { permissions: { env: true } }, async () => {
  await assert.rejects(check("sniff", { domainsFile: "/x/domains" }), {
    message:
      "reading the domains file /x/domains needs permission: add --allow-read=/x/domains to the deno command",
  });
});

async function checkVoip(flags: Flags, variables: Variables = {}): Promise<CheckedSettings> {
  const given = new Map<AnyFlag, GivenFlag>(
    Object.entries(flags).map(([setting, text]) => {
      const flag = flagFor(setting as keyof FlagValues);
      return [flag, { spelling: `--${flag.long}`, texts: [text] }];
    }),
  );
  const resolution = await resolve({ command: "sniff", protocol: "voip", given }, (name) => variables[name]);
  return await applyRules(resolution, { stdoutIsTerminal: false });
}

Deno.test("rules: a folder that is there asks for one file per call", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const { settings } = await checkVoip({ writeFile: folder });
    assert.deepEqual([settings.writeFile, settings.perCallPcap, settings.perCallPcapDir], [
      undefined,
      true,
      folder,
    ]);
  } finally {
    Deno.removeSync(folder);
  }
});

Deno.test("rules: of two folders the one that was set nearer to the operator counts", async () => {
  const variables = { CARACAL_SNIFF_PER_CALL_PCAP_OUTPUT_DIR: "far" };
  assert.equal((await checkVoip({ writeFile: "near/" }, variables)).settings.perCallPcapDir, "near/");
  assert.equal(
    (await checkVoip({ perCallPcapDir: "near" }, { CARACAL_SNIFF_WRITE_FILE: "far/" })).settings
      .perCallPcapDir,
    "near",
  );
  await assert.rejects(
    checkVoip({ writeFile: "a/", perCallPcapDir: "b" }),
    new OperatorError(
      "--write-file a/ is a folder, and so is --per-call-pcap-dir b: leave one of them out",
      2,
    ),
  );
});

for (
  const [pattern, culprit] of [["{from}.pcap", "{from}"], ["a/{callid}.pcap", '"/"'], [
    "{callid",
    "{callid",
  ]] as const
) {
  Deno.test(`rules: files of calls cannot be named ${pattern}`, () =>
    assert.rejects(
      checkVoip({ perCallPcapPattern: pattern }),
      new OperatorError(
        `--per-call-pcap-pattern ${pattern} (flag --per-call-pcap-pattern): ${culprit} cannot stand in it; ` +
          "use {timestamp}, {callid} and characters of file names",
        2,
      ),
    ));
}

Deno.test("rules: what has no effect beside --calls or --quiet is told", async () => {
  assert.deepEqual((await checkVoip({ calls: "true", rtpLines: "true", quiet: "true" })).warnings, [
    "--rtp-lines has no effect with --calls (flag --rtp-lines)",
    "--calls has no effect with --quiet (flag --calls)",
  ]);
});
