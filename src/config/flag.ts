import type { Command, Protocol, Settings } from "./settings.ts";
import type { ValueKind } from "./value_kind.ts";

/** The program's name, as typed. */
export const programName = "caracal";

/** The commands that read environment and configuration file, each from a section of its own. */
export type RunCommand = "hunt" | "sniff" | "tap" | "process";

/** The section of each command in the configuration file. */
export const sectionOf: Readonly<Record<RunCommand, string>> = {
  hunt: "hunter",
  sniff: "sniff",
  tap: "tap",
  process: "processor",
};

/** {@link sectionOf}'s commands, in the order of the help. */
export const runCommands = ["hunt", "sniff", "tap", "process"] as const satisfies readonly RunCommand[];

/** The commands that have flags. */
export type FlagCommand = RunCommand | Extract<Command, "list interfaces" | "filters check"> | BufferCommand;

/** The commands that look at the folder of a disk buffer. */
export type BufferCommand = Extract<Command, `buffer ${string}`>;

/** One value per flag, before the rules that join flags into {@link Settings}. */
export interface FlagValues
  extends Omit<Settings, "command" | "protocol" | "format" | "jsonSummary" | "ownBatchLimits" | "apiKeys"> {
  /** Configuration file; undefined means the default places. */
  readonly config: string | undefined;
  /** Undefined when nobody asked for a format. */
  readonly format: Settings["format"] | undefined;
  /** File with domain patterns, joined into `domains`. */
  readonly domainsFile: string | undefined;
}

/** The help's headings, in its order. */
export const flagGroups = [
  "Capture",
  "Flows and tunnels",
  "Filters",
  "DNS",
  "VoIP",
  "Output",
  "Processor connection",
  "Embedded processor",
  "Batches",
  "Disk buffer",
  "TLS",
  "Service",
  "General",
] as const;

/** A heading of the help. */
export type FlagGroup = typeof flagGroups[number];

/** Everything about one flag; all else (options, help, keys, variables, completion, schema) derives from it. */
export interface Flag<S extends keyof FlagValues> {
  /** Where its value lands. */
  readonly setting: S;
  /** Long name without dashes. */
  readonly long: string;
  /** Short name without dash. */
  readonly short?: string;
  /** The commands whose short name it is; undefined means all. */
  readonly shortOn?: readonly FlagCommand[];
  /** Further long names, kept out of the help. */
  readonly oldNames?: Partial<Readonly<Record<FlagCommand, readonly string[]>>>;
  /** Its heading in the help. */
  readonly group: FlagGroup;
  /** How its text becomes a value. */
  readonly kind: ValueKind<FlagValues[S]>;
  /** Stands for the value in the help. */
  readonly placeholder?: string;
  /** The value when nothing sets it. */
  readonly default: FlagValues[S];
  /** Where a command's default differs. */
  readonly defaultOn?: Partial<Readonly<Record<FlagCommand, FlagValues[S]>>>;
  /** The default in words, where the value itself says too little. */
  readonly defaultText?: string;
  /** The protocols that it belongs to; undefined means all. */
  readonly protocols?: readonly Protocol[];
  /** Its commands, each with the keys of the configuration file that set it, the first found wins. */
  readonly keys: Partial<Readonly<Record<FlagCommand, readonly string[]>>>;
  /** A value that is never shown. */
  readonly secret?: boolean;
  /** Environment variable besides those of its keys. */
  readonly variable?: string;
  /** One line. */
  readonly help: string;
  /** What the operator should know beyond that line. */
  readonly details: string;
}

/** A flag of any type. */
export type AnyFlag = { readonly [S in keyof FlagValues]: Flag<S> }[keyof FlagValues];

/** The same key in the section of each of `commands`. */
export function inSections<C extends RunCommand>(
  commands: readonly C[],
  ...names: string[]
): Record<C, string[]> {
  const keys = commands.map((command) => [command, names.map((name) => `${sectionOf[command]}.${name}`)]);
  return Object.fromEntries(keys) as Record<C, string[]>;
}

/** The same keys, outside all sections, for each of `commands`. */
export function shared<C extends RunCommand>(commands: readonly C[], ...keys: string[]): Record<C, string[]> {
  return Object.fromEntries(commands.map((command) => [command, keys])) as Record<C, string[]>;
}

/** Whether `command` with `protocol` takes the flag. */
export function belongsTo(flag: AnyFlag, command: FlagCommand, protocol: Protocol): boolean {
  return flag.keys[command] !== undefined &&
    (flag.protocols === undefined || flag.protocols.includes(protocol));
}

/** The flag's default for `command`. */
export function defaultFor(flag: AnyFlag, command: FlagCommand): unknown {
  return flag.defaultOn !== undefined && command in flag.defaultOn ? flag.defaultOn[command] : flag.default;
}

/** The flag's short name for `command`. */
export function shortFor(flag: AnyFlag, command: FlagCommand): string | undefined {
  return flag.shortOn === undefined || flag.shortOn.includes(command) ? flag.short : undefined;
}

/** The environment variables that set `key`: ours, then the form that lippycat reads (dots kept). */
export function variablesOf(key: string): [ours: string, lippycats: string] {
  return [`CARACAL_${key.replaceAll(".", "_").toUpperCase()}`, key.toUpperCase()];
}

/** All environment variables of a flag with these keys, the first found wins. */
export function variablesFor(flag: AnyFlag, keys: readonly string[]): string[] {
  return [...keys.flatMap(variablesOf), ...flag.variable === undefined ? [] : [flag.variable]];
}

/** What a message about wrong usage ends with. */
export function helpHint(command: string, protocol: Protocol = "all"): string {
  return `see ${programName} ${command}${protocol === "all" ? "" : ` ${protocol}`} --help`;
}
