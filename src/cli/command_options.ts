import { type Command, Option } from "commander";
import type { GivenFlag } from "../config/resolve.ts";
import { type AnyFlag, defaultFor, type FlagCommand, shortFor } from "../config/flag.ts";
import { flags, flagsOf } from "../config/flags.ts";
import { valueText } from "../config/explain.ts";
import type { Protocol } from "../config/settings.ts";
import { OperatorError } from "../runtime/operator_error.ts";

/** A flag as one of commander's options: its own name, an old one, or the negation of a boolean. */
interface FlagOption {
  readonly flag: AnyFlag;
  /** The name of this option, without dashes and without `no-`. */
  readonly name: string;
}

const flagOptions = new WeakMap<Option, FlagOption>();

/** The flag that an option stands for; undefined for commander's own (`--help`). */
export function flagOf(option: Option): AnyFlag | undefined {
  return flagOptions.get(option)?.flag;
}

/** Gives `parent` the flags of `command` with `protocol`. */
export function addOptions(parent: Command, command: FlagCommand, protocol: Protocol): void {
  for (const flag of flagsOf(command, protocol)) {
    const heading = `${flag.group}:`;
    for (const name of [flag.long, ...flag.oldNames?.[command] ?? []]) {
      const short = name === flag.long ? shortFor(flag, command) : undefined;
      for (const option of optionsFor(flag, name, short)) {
        option.description = describe(flag, command);
        option.helpGroup(heading).hideHelp(name !== flag.long || option.negate);
        flagOptions.set(option, { flag, name });
        parent.addOption(option);
      }
    }
  }
}

/** Gives the program the flags that may stand before the command. */
export function addGlobalOptions(program: Command): void {
  const flag = flags.find((candidate) => candidate.setting === "config");
  if (flag === undefined) return;
  for (const option of optionsFor(flag, flag.long, flag.short)) {
    option.description = describe(flag, "hunt");
    flagOptions.set(option, { flag, name: flag.long });
    program.addOption(option.helpGroup("General:"));
  }
}

function optionsFor(flag: AnyFlag, name: string, short: string | undefined): Option[] {
  const names = `${short === undefined ? "" : `-${short}, `}--${name}`;
  if (flag.kind.name === "boolean") return [new Option(names), new Option(`--no-${name}`)];
  const option = new Option(`${names} <${flag.placeholder ?? "value"}>`);
  // `--no-filter-policy` takes a value; commander takes the name for a negation.
  option.negate = false;
  option.argParser((text: string, before: readonly string[] | undefined) => [...before ?? [], text]);
  return [option];
}

/** Help, default, and the key in brackets. */
function describe(flag: AnyFlag, command: FlagCommand): string {
  const value = defaultFor(flag, command);
  const hasNote = flag.kind.name !== "boolean" || value !== false;
  const [key] = flag.keys[command] ?? [];
  const parts = [
    flag.help,
    hasNote ? `(default: ${valueText(flag, value)})` : "",
    key === undefined ? "" : `[${key}]`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/**
 * The flags given to `command` and the commands above it.
 *
 * Throws OperatorError when a flag is given under two of its names.
 */
export function givenFlags(command: Command): Map<AnyFlag, GivenFlag> {
  const given = new Map<AnyFlag, GivenFlag>();
  const nameOf = new Map<AnyFlag, string>();
  const chain: Command[] = [];
  for (let next: Command | null = command; next !== null; next = next.parent) chain.unshift(next);
  for (const level of chain) {
    for (const option of level.options) {
      const found = flagOptions.get(option);
      const attribute = option.attributeName();
      if (found === undefined || level.getOptionValueSource(attribute) !== "cli") continue;
      const value: unknown = level.getOptionValue(attribute);
      // Both options of a boolean share one attribute; the one that was given has its value.
      if (typeof value === "boolean" && option.negate === value) continue;
      const { flag, name } = found;
      const other = nameOf.get(flag) ?? name;
      if (other !== name) {
        throw new OperatorError(`--${other} and --${name} are the same flag: give one of them`, 2);
      }
      nameOf.set(flag, name);
      const texts = Array.isArray(value) ? value.map(String) : [String(value)];
      const spelling = value === false ? `--no-${name}` : `--${name}`;
      given.set(flag, { spelling, texts: [...given.get(flag)?.texts ?? [], ...texts] });
    }
  }
  return given;
}

/**
 * Rewrites the forms that commander does not know: `--flag=true`, `--flag=false` of boolean flags, and `-x=value`.
 *
 * Throws OperatorError when a boolean flag has any other value.
 */
export function normalizeArguments(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  const options = end < 0 ? args : args.slice(0, end);
  return [...options.flatMap(normalize), ...args.slice(options.length)];
}

const namesOfFlags = flags.map((flag) => ({
  flag,
  longs: [flag.long, ...Object.values(flag.oldNames ?? {}).flat()],
}));

function normalize(arg: string): string[] {
  const [, dashes, name = "", value = ""] = /^(--?)([^=-][^=]*)=(.*)$/s.exec(arg) ?? [];
  if (dashes === undefined) return [arg];
  const known = namesOfFlags.find(({ flag, longs }) =>
    dashes === "-" ? flag.short === name : longs.includes(name)
  );
  if (known === undefined) return [arg];
  if (known.flag.kind.name !== "boolean") return dashes === "-" ? [`-${name}`, value] : [arg];
  if (/^(true|1)$/i.test(value)) return [`--${dashes === "-" ? known.flag.long : name}`];
  if (/^(false|0)$/i.test(value)) return [`--no-${dashes === "-" ? known.flag.long : name}`];
  throw new OperatorError(`${dashes}${name}: ${JSON.stringify(value)} is not ${known.flag.kind.allowed}`, 2);
}
