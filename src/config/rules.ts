import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { isGranted, requirePermission } from "../runtime/permissions.ts";
import type { Environment } from "./config_search.ts";
import type { FlagValues } from "./flag.ts";
import { flagFor } from "./flags.ts";
import { describeOrigin, type Origin, type Resolution } from "./resolve.ts";
import type { Settings } from "./settings.ts";

/** What the program's standard output is. */
export interface Terminal {
  /** False for a pipe or a file: then packets are JSON unless text is asked for. */
  readonly stdoutIsTerminal: boolean;
}

/** Validated settings, and what the operator should hear about them, one line each. */
export interface CheckedSettings {
  /** What the command runs with. */
  readonly settings: Settings;
  /** Nothing in them keeps the command from running. */
  readonly warnings: readonly string[];
}

/**
 * Joins the values of the flags into settings, by the rules that concern several of them.
 *
 * Throws OperatorError (exit code 2) when they contradict each other.
 */
export async function applyRules(resolution: Resolution, terminal: Terminal): Promise<CheckedSettings> {
  const { command, protocol, file } = resolution;
  const { config: _, domainsFile, ...values } = resolution.values;
  const warnings = [...file?.warnings ?? []];
  const source = chooseSource(resolution, warnings);
  const output = chooseFormat(resolution, terminal);
  const written = await chooseWritten(resolution);
  checkFiles({ ...source, ...written });
  checkWorkers(resolution, source);
  warnWithoutEffect(resolution, warnings);
  if (command === "hunt" || command === "tap" || command === "process") checkTls(resolution, warnings);
  const apiKeySource = chooseApiKey(resolution, warnings);
  const domains = domainsFile === undefined ? [] : await readDomains(domainsFile);
  return {
    settings: {
      command,
      protocol,
      ...values,
      ...source,
      ...output,
      ...written,
      domains: unique([...values.domains, ...domains]),
      apiKeys: file?.apiKeys ?? [],
      ...apiKeySource,
      ownBatchLimits: (["batchSize", "batchTimeoutMs"] as const)
        .filter((setting) => originOf(resolution, setting).kind !== "default"),
    },
    warnings,
  };
}

function wrong(message: string): OperatorError {
  return new OperatorError(message, 2);
}

function originOf({ origins }: Resolution, setting: keyof FlagValues): Origin {
  return origins.get(flagFor(setting)) ?? { kind: "default" };
}

const ranks = { default: 0, file: 1, environment: 2, flag: 3 } as const;

/** Positive when `one` was set nearer to the operator than `other`. */
function compareOrigins(resolution: Resolution, one: keyof FlagValues, other: keyof FlagValues): number {
  return ranks[originOf(resolution, one).kind] - ranks[originOf(resolution, other).kind];
}

function unique<T>(items: readonly T[]): readonly T[] {
  return [...new Set(items)];
}

function chooseSource(
  resolution: Resolution,
  warnings: string[],
): Pick<Settings, "readFiles" | "interfaces"> {
  const { readFiles, interfaces } = resolution.values;
  const order = compareOrigins(resolution, "readFiles", "interfaces");
  if (readFiles.length > 0 && order >= 0) {
    if (order === 0) {
      throw wrong(
        "--read-file and --interface together: read files or capture live, and leave the other one out",
      );
    }
    return { readFiles, interfaces: flagFor("interfaces").default as readonly string[] };
  }
  if (interfaces.includes("any") && interfaces.some((name) => name !== "any")) {
    throw wrong(
      `--interface ${interfaces.join(",")}: "any" is all interfaces, and stands alone ` +
        `(${describeOrigin(originOf(resolution, "interfaces"))})`,
    );
  }
  const doubled = unique(interfaces.filter((name, index) => interfaces.indexOf(name) !== index));
  if (doubled.length > 0) {
    warnings.push(`interface ${doubled.join(", ")} is named more than once; captured once`);
  }
  return { readFiles: [], interfaces: unique(interfaces) };
}

/** Several capture threads are for what is captured and sent on. */
function checkWorkers(resolution: Resolution, { readFiles }: Pick<Settings, "readFiles">): void {
  const { workers, singleThread, count, processor } = resolution.values;
  if (resolution.command !== "hunt" || workers === 1) return;
  const obstacles: readonly (readonly [isThere: boolean, text: string])[] = [
    [readFiles.length > 0, "a file is read by one thread; use --workers 1, or leave --read-file out"],
    [singleThread, "--single-thread is one thread; use --workers 1, or leave --single-thread out"],
    [count > 0, "--count would hold for each thread; use --workers 1, or leave --count out"],
    [
      processor === undefined,
      "the embedded processor takes packets of one thread; use --workers 1, or name another processor " +
      "with --processor host:port",
    ],
    [Deno.build.os !== "linux", "only Linux lets several threads share an interface; use --workers 1"],
  ];
  const obstacle = obstacles.find(([isThere]) => isThere);
  if (obstacle === undefined) return;
  throw wrong(`--workers ${workers} (${describeOrigin(originOf(resolution, "workers"))}): ${obstacle[1]}`);
}

/** The key that was set nearest to the operator: as it is, or in a file. */
function chooseApiKey(
  resolution: Resolution,
  warnings: string[],
): Pick<Settings, "apiKey" | "apiKeyFile"> {
  const { insecure, tlsSkipVerify, processor, apiKey, apiKeyFile } = resolution.values;
  if (apiKey === undefined && apiKeyFile === undefined) return { apiKey, apiKeyFile };
  const order = compareOrigins(resolution, "apiKey", "apiKeyFile");
  if (apiKey !== undefined && apiKeyFile !== undefined && order === 0) {
    throw wrong("--api-key and --api-key-file together: a hunter has one key; leave one out");
  }
  const setting = apiKeyFile === undefined || (apiKey !== undefined && order > 0) ? "apiKey" : "apiKeyFile";
  if (insecure && processor !== undefined) {
    throw wrong(
      `--${flagFor(setting).long} (${describeOrigin(originOf(resolution, setting))}) with --insecure ` +
        `(${
          describeOrigin(originOf(resolution, "insecure"))
        }): a key is not sent in plain text, where everybody ` +
        "on the path could read it; remove one of them",
    );
  }
  if (tlsSkipVerify && processor !== undefined) {
    warnings.push("--tls-skip-verify: the API key goes to whoever answers; use --tls-ca to know who that is");
  }
  return setting === "apiKey" ? { apiKey, apiKeyFile: undefined } : { apiKey: undefined, apiKeyFile };
}

/** Tells of what was set and another flag makes meaningless. */
function warnWithoutEffect(resolution: Resolution, warnings: string[]): void {
  const { espNull, espHeuristic, tcpStateTimeouts } = resolution.values;
  const warn = (setting: keyof FlagValues, reason: string) => {
    const origin = originOf(resolution, setting);
    if (origin.kind === "default") return;
    warnings.push(`--${flagFor(setting).long} has no effect ${reason} (${describeOrigin(origin)})`);
  };
  if (resolution.command !== "filters check") {
    const { gpuBackend } = resolution.values;
    if (gpuBackend === "webgpu") warn("gpuBackend", "on a capture, which the engine searches (cpu-simd)");
  } else if (resolution.values.trialFiles.length === 0) warn("gpuBackend", "without --read-file");
  if (!espNull && !espHeuristic) warn("espIcvSize", "without --esp-null or --esp-heuristic");
  warnWithoutCalls(resolution, warn);
  if (tcpStateTimeouts) return warn("tcpIdleTimeoutMs", "with --tcp-state-timeouts");
  for (const setting of ["tcpOpeningTimeoutMs", "tcpEstablishedTimeoutMs", "tcpClosingTimeoutMs"] as const) {
    warn(setting, "without --tcp-state-timeouts");
  }
}

function warnWithoutCalls(
  { protocol, values }: Resolution,
  warn: (setting: keyof FlagValues, reason: string) => void,
): void {
  if (protocol !== "voip") return;
  if (values.calls) warn("rtpLines", "with --calls");
  if (values.quiet) warn("calls", "with --quiet");
}

function chooseFormat(resolution: Resolution, terminal: Terminal): Pick<Settings, "format" | "jsonSummary"> {
  const { json, format } = resolution.values;
  const order = compareOrigins(resolution, "json", "format");
  if (json && format === "text" && order === 0) throw wrong("--json and --format text contradict each other");
  const asked = json && order >= 0 ? "json" : format ?? (json ? "json" : undefined);
  return { format: asked ?? (terminal.stdoutIsTerminal ? "text" : "json"), jsonSummary: asked === "json" };
}

/** One capture file for all, one per call, or both: a folder as the file to write asks for one per call. */
async function chooseWritten(
  resolution: Resolution,
): Promise<Pick<Settings, "writeFile" | "perCallPcap" | "perCallPcapDir">> {
  const { protocol, values } = resolution;
  const { writeFile, perCallPcapDir, perCallPcapPattern } = values;
  if (protocol !== "voip") return { writeFile, perCallPcap: values.perCallPcap, perCallPcapDir };
  const unknown = /\{(?!timestamp\}|callid\})[^}]*\}?/.exec(perCallPcapPattern)?.[0];
  if (unknown !== undefined || perCallPcapPattern.includes("/")) {
    throw wrong(
      `--per-call-pcap-pattern ${perCallPcapPattern} ` +
        `(${describeOrigin(originOf(resolution, "perCallPcapPattern"))}): ${
          unknown ?? '"/"'
        } cannot stand in it; ` +
        "use {timestamp}, {callid} and characters of file names",
    );
  }
  const perCallPcap = values.perCallPcap || compareOrigins(resolution, "perCallPcapDir", "perCallPcap") > 0;
  if (writeFile === undefined || !await isFolder(writeFile)) {
    return { writeFile, perCallPcap, perCallPcapDir };
  }
  const written = { writeFile: undefined, perCallPcap: true };
  const isOther = perCallPcap && originOf(resolution, "perCallPcapDir").kind !== "default";
  const order = isOther ? compareOrigins(resolution, "writeFile", "perCallPcapDir") : 1;
  if (order === 0) {
    throw wrong(
      `--write-file ${writeFile} is a folder, and so is --per-call-pcap-dir ${perCallPcapDir}: leave one of them out`,
    );
  }
  return { ...written, perCallPcapDir: order > 0 ? writeFile : perCallPcapDir };
}

/** Whether `path` says so by its end, or is one already, as far as Deno lets it be seen. */
async function isFolder(path: string): Promise<boolean> {
  if (path.endsWith("/")) return true;
  if (path === "-" || !isGranted({ name: "read", path })) return false;
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}

function checkFiles({ readFiles, writeFile }: Pick<FlagValues, "readFiles" | "writeFile">): void {
  if (readFiles.filter((path) => path === "-").length > 1) {
    throw wrong("--read-file -: standard input can be read only once");
  }
  if (writeFile !== undefined && writeFile !== "-" && readFiles.includes(writeFile)) {
    throw wrong(`--write-file ${writeFile}: this file is also read (--read-file); write to another one`);
  }
}

function checkTls(resolution: Resolution, warnings: string[]): void {
  const { command, environment, values } = resolution;
  const { insecure, tlsCert, tlsKey, tlsCa, tlsSkipVerify, tlsClientAuth } = values;
  const production = productionVariable(environment, warnings);
  if (production !== undefined) {
    const forbidden = insecure ? "insecure" : tlsSkipVerify ? "tlsSkipVerify" : undefined;
    if (forbidden !== undefined) {
      const { long } = flagFor(forbidden);
      const origin = describeOrigin(originOf(resolution, forbidden));
      throw wrong(`--${long} is not allowed in production (${production} is true): remove it (${origin})`);
    }
    if (command !== "hunt" && !tlsClientAuth && !values.apiKeyAuth) {
      throw wrong(
        `production (${production} is true) demands client certificates or API keys: ` +
          "add --tls-client-auth and --tls-ca FILE, or --api-key-auth",
      );
    }
  }
  checkApiKeyAuth(resolution);
  if (insecure) {
    if (tlsCert ?? tlsKey ?? tlsCa) {
      warnings.push("--insecure: the TLS files are not used, everything goes in plain text");
    }
    return;
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const [given, missing] = tlsKey === undefined ? ["--tls-cert", "--tls-key"] : ["--tls-key", "--tls-cert"];
    throw wrong(
      `${given} without ${missing}: a certificate and its private key go together; add ${missing} FILE`,
    );
  }
  if (command === "hunt" && values.processor !== undefined && tlsCa === undefined && !tlsSkipVerify) {
    throw wrong(
      `nothing verifies the processor ${values.processor}: add --tls-ca FILE, or --insecure for plain text`,
    );
  }
  if (command === "process" && tlsCert === undefined) {
    throw wrong(
      "process has no certificate: add --tls-cert FILE and --tls-key FILE, or --insecure for plain text",
    );
  }
  if (tlsClientAuth && tlsCa === undefined) {
    throw wrong("--tls-client-auth needs the certificates that verify clients: add --tls-ca FILE");
  }
}

/** The variable that says that this is production. Throws OperatorError when ours says neither that nor the opposite. */
function productionVariable(environment: Environment, warnings: string[]): string | undefined {
  const own = environment("CARACAL_PRODUCTION") ?? "";
  if (!["true", "false", ""].includes(own)) {
    throw wrong(
      `environment variable CARACAL_PRODUCTION: "${own}" is neither true nor false: ` +
        "write CARACAL_PRODUCTION=true for production, or leave it out",
    );
  }
  // lippycat takes all but `true` for no, and so must what is set for it.
  const theirs = environment("LIPPYCAT_PRODUCTION") ?? "";
  if (!["true", "false", ""].includes(theirs)) {
    warnings.push(
      `environment variable LIPPYCAT_PRODUCTION: "${theirs}" does not count, only "true" does: ` +
        "write LIPPYCAT_PRODUCTION=true for production, or leave it out",
    );
  }
  if (own === "true") return "CARACAL_PRODUCTION";
  return theirs === "true" ? "LIPPYCAT_PRODUCTION" : undefined;
}

function checkApiKeyAuth(resolution: Resolution): void {
  const { insecure, apiKeyAuth, apiKeysFile } = resolution.values;
  const originText = (setting: keyof FlagValues) => describeOrigin(originOf(resolution, setting));
  if (apiKeysFile !== undefined && !apiKeyAuth) {
    throw wrong(
      `--api-keys-file (${
        originText("apiKeysFile")
      }) without --api-key-auth: nobody would be asked for a key; ` +
        "add --api-key-auth, or remove it",
    );
  }
  if (!apiKeyAuth) return;
  if (insecure) {
    throw wrong(
      `--api-key-auth (${originText("apiKeyAuth")}) with --insecure (${
        originText("insecure")
      }): keys would cross ` +
        "the network readable for everybody on the path; use --tls-cert and --tls-key",
    );
  }
  if (apiKeysFile === undefined && (resolution.file?.apiKeys.length ?? 0) === 0) {
    throw wrong(
      `--api-key-auth (${
        originText("apiKeyAuth")
      }) without keys: add security.api_keys.keys to the configuration ` +
        "file, or --api-keys-file FILE",
    );
  }
}

/** As for `--domain`. */
const maxDomainLength = 1_024;

async function readDomains(path: string): Promise<string[]> {
  requirePermission({ name: "read", path }, `reading the domains file ${path}`);
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "there is no such file" : messageOf(error);
    throw wrong(`--domains-file ${path}: ${reason}`);
  }
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/).map((line) =>
    line.replace(/(^|\s)#.*$/, "").trim()
  );
  const long = lines.findIndex((line) => line.length > maxDomainLength);
  if (long >= 0) {
    throw wrong(
      `--domains-file ${path}:${long + 1}: the pattern is longer than ${maxDomainLength} characters`,
    );
  }
  return lines.filter((line) => line !== "");
}
