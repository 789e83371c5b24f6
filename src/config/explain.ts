import { OperatorError } from "../runtime/operator_error.ts";
import { type AnyFlag, type FlagGroup, flagGroups, programName, shortFor, variablesFor } from "./flag.ts";
import { flagsOf } from "./flags.ts";
import { describeOrigin, type Origin, type Resolution } from "./resolve.ts";
import { applyRules, type Terminal } from "./rules.ts";

/** One setting of a command: its value, where that came from, and how else it can be set. */
export interface ExplainedSetting {
  /** Long name with dashes. */
  readonly flag: string;
  /** Short name with dash. */
  readonly short: string | undefined;
  /** Heading of the help. */
  readonly group: FlagGroup;
  /** Null when nothing is set. */
  readonly value: unknown;
  /** The value as it could be typed, or the words for having none. */
  readonly text: string;
  /** What set it. */
  readonly origin: Origin;
  /** Keys of the configuration file, the first found wins. */
  readonly keys: readonly string[];
  /** Environment variables, the first found wins. */
  readonly variables: readonly string[];
  /** The flag's one line. */
  readonly help: string;
}

/** All settings of a command, and what is wrong with them. */
export interface Explanation {
  /** The command explained. */
  readonly command: string;
  /** `all` when it is not narrowed. */
  readonly protocol: string;
  /** The file that was read; null for none. */
  readonly config_file: string | null;
  /** In the order of the help. */
  readonly settings: readonly ExplainedSetting[];
  /** What the command would say at its start. */
  readonly warnings: readonly string[];
  /** Why the command would not start; null when it would. */
  readonly problem: string | null;
}

/** Explains where each setting of a command comes from. */
export async function explain(resolution: Resolution, terminal: Terminal): Promise<Explanation> {
  const { command, protocol, file } = resolution;
  let warnings = file?.warnings ?? [];
  let problem: string | null = null;
  try {
    ({ warnings } = await applyRules(resolution, terminal));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    problem = error.message;
  }
  const settings = flagsOf(command, protocol).map((flag) => explainFlag(flag, resolution));
  return { command, protocol, config_file: file?.path ?? null, settings, warnings, problem };
}

function explainFlag(flag: AnyFlag, { command, values, origins }: Resolution): ExplainedSetting {
  const keys = flag.keys[command] ?? [];
  const short = shortFor(flag, command);
  const value = values[flag.setting];
  const shown = flag.secret && value !== undefined ? "(secret, not shown)" : value;
  return {
    flag: `--${flag.long}`,
    short: short === undefined ? undefined : `-${short}`,
    group: flag.group,
    value: shown ?? null,
    text: valueText(flag, shown),
    origin: origins.get(flag) ?? { kind: "default" },
    keys,
    variables: variablesFor(flag, keys),
    help: flag.help,
  };
}

/** The explanation as lines for a person. */
export function explanationText(explanation: Explanation): string {
  const { command, protocol, config_file, settings, warnings, problem } = explanation;
  const lines = [
    `${programName} ${command}${protocol === "all" ? "" : ` ${protocol}`}`,
    `configuration file: ${config_file ?? "none"}`,
  ];
  for (const group of flagGroups) {
    const inGroup = settings.filter((setting) => setting.group === group);
    if (inGroup.length > 0) lines.push("", group, ...inGroup.flatMap(settingLines));
  }
  if (warnings.length > 0 || problem !== null) lines.push("");
  lines.push(...warnings.map((warning) => `warning: ${warning}`));
  if (problem !== null) lines.push(`this would not start: ${problem}`);
  return lines.join("\n") + "\n";
}

function settingLines({ flag, short, text, origin, keys, variables, help }: ExplainedSetting): string[] {
  const name = short === undefined ? flag : `${short}, ${flag}`;
  const ways = [keys.join(" or "), variables[0]].filter((way) => way !== "" && way !== undefined);
  return [
    `  ${name} = ${text}  (${describeOrigin(origin)})`,
    `      ${help}`,
    `      ${ways.join(", ")}`,
  ];
}

/** A value as it could be typed, or the words for having none. */
export function valueText(flag: AnyFlag, value: unknown): string {
  const list = Array.isArray(value) ? value.join(",") : String(value ?? "");
  const isDefault = value === undefined || JSON.stringify(value) === JSON.stringify(flag.default);
  return isDefault && flag.defaultText !== undefined ? flag.defaultText : list === "" ? '""' : list;
}
