import { environmentVariable } from "../runtime/environment.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import type { ConfigFile } from "./config_file.ts";
import { type Environment, expandHome, findConfigFile, readConfigFile } from "./config_search.ts";
import {
  type AnyFlag,
  defaultFor,
  type FlagCommand,
  type FlagValues,
  helpHint,
  variablesFor,
} from "./flag.ts";
import { flagFor, flags, flagsOf } from "./flags.ts";
import type { Protocol } from "./settings.ts";
import { InvalidValue } from "./value_kind.ts";

/** A flag as it stood on the command line. */
export interface GivenFlag {
  /** With its dashes, as typed: `--hunter-id`, `--no-promisc`. */
  readonly spelling: string;
  /** Its values, in order. */
  readonly texts: readonly string[];
}

/** What is asked for: a command, and its flags. */
export interface Request {
  /** Whose flags, keys and defaults count. */
  readonly command: FlagCommand;
  /** `all` when the command is not narrowed. */
  readonly protocol: Protocol;
  /** The command line. */
  readonly given: ReadonlyMap<AnyFlag, GivenFlag>;
}

/** Where a value came from. */
export type Origin =
  | { readonly kind: "flag"; readonly name: string }
  | { readonly kind: "environment"; readonly name: string }
  | { readonly kind: "file"; readonly file: string; readonly line: number; readonly key: string }
  | { readonly kind: "default" };

/** All values of a request, before the rules that join them. */
export interface Resolution extends Pick<Request, "command" | "protocol"> {
  /** By setting. */
  readonly values: FlagValues;
  /** Where each value came from. */
  readonly origins: ReadonlyMap<AnyFlag, Origin>;
  /** The configuration file that was read, if any. */
  readonly file: ConfigFile | undefined;
  /** Where further variables are looked up. */
  readonly environment: Environment;
}

interface Found {
  readonly texts: readonly string[];
  readonly origin: Origin;
}

/** `flag --x`, `environment X`, `config.yaml:3`, `default`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case "flag":
    case "environment":
      return `${origin.kind} ${origin.name}`;
    case "file":
      return `${origin.file}:${origin.line}`;
    case "default":
      return "default";
  }
}

/**
 * The value of every flag, from the first of: command line, environment, configuration file, default. A flag that
 * the command does not have holds its default.
 *
 * Throws OperatorError (exit code 2) that names where a value is wrong and what is allowed.
 */
export async function resolve(
  request: Request,
  environment: Environment = environmentVariable,
): Promise<Resolution> {
  const { command, protocol } = request;
  const origins = new Map<AnyFlag, Origin>();
  const values: Partial<Record<keyof FlagValues, unknown>> = {};
  const own = new Set(flagsOf(command, protocol));
  const read = (flag: AnyFlag, file: ConfigFile | undefined) => {
    const found = own.has(flag) ? find(flag, request, environment, file) : undefined;
    origins.set(flag, found?.origin ?? { kind: "default" });
    values[flag.setting] = found === undefined
      ? defaultFor(flag, command)
      : parse(flag, found, request, environment);
  };

  const configFlag = flagFor("config");
  read(configFlag, undefined);
  let file: ConfigFile | undefined;
  if (typeof values.config === "string") file = await readConfigFile(values.config);
  else if (own.has(configFlag)) file = await findConfigFile(environment);
  for (const flag of flags) if (flag !== configFlag) read(flag, file);
  return { command, protocol, values: values as FlagValues, origins, file, environment };
}

function find(
  flag: AnyFlag,
  request: Request,
  environment: Environment,
  file: ConfigFile | undefined,
): Found | undefined {
  const given = request.given.get(flag);
  if (given !== undefined) {
    // `-r "$FILE"` with FILE unset would quietly do something else.
    if (flag.kind.name === "path" && given.texts.includes("")) {
      throw new OperatorError(`${given.spelling}: the path is empty; leave the flag out, or name a file`, 2);
    }
    return { texts: given.texts, origin: { kind: "flag", name: given.spelling } };
  }
  const keys = flag.keys[request.command] ?? [];
  for (const name of variablesFor(flag, keys)) {
    const text = environment(name);
    if (text !== undefined) return { texts: [text], origin: { kind: "environment", name } };
  }
  for (const key of keys) {
    const entry = file?.entries.get(key);
    if (file !== undefined && entry !== undefined) {
      return { texts: entry.texts, origin: { kind: "file", file: file.path, line: entry.line, key } };
    }
  }
  return undefined;
}

function parse(flag: AnyFlag, { texts, origin }: Found, request: Request, environment: Environment): unknown {
  try {
    const value = flag.kind.parse(texts);
    if (flag.kind.name !== "path") return value;
    const expand = (path: unknown) => typeof path === "string" ? expandHome(path, environment) : path;
    return Array.isArray(value) ? value.map(expand) : expand(value);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    const message = flag.secret ? `is not ${flag.kind.allowed}` : messageOf(error);
    throw new OperatorError(messageAt(origin, message, request), 2);
  }
}

function messageAt(origin: Origin, message: string, { command, protocol }: Request): string {
  switch (origin.kind) {
    case "flag":
      return `${origin.name}: ${message}; ${helpHint(command, protocol)}`;
    case "environment":
      return `environment variable ${origin.name}: ${message}`;
    case "file":
      return `${origin.file}:${origin.line}: ${origin.key}: ${message}`;
    case "default":
      return message;
  }
}
