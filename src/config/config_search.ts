import { extname } from "node:path";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { isGranted, requirePermission } from "../runtime/permissions.ts";
import type { ConfigFile } from "./config_file.ts";

/** Looks a variable up; undefined when unset, empty or not readable. */
export type Environment = (name: string) => string | undefined;

/**
 * The default places below the home directory, in order: ours, then lippycat's. A name that is not ours alone may
 * belong to any program, so such a file counts only when it holds a key that we know.
 */
const places: readonly { readonly name: string; readonly anyones: boolean }[] = [
  { name: ".config/caracal/config", anyones: false },
  { name: ".config/lippycat/config", anyones: false },
  { name: ".config/config", anyones: true },
  { name: "config", anyones: true },
  { name: ".config/lippycat/lippycat", anyones: false },
  { name: ".config/lippycat", anyones: false },
  { name: "lippycat", anyones: false },
  { name: ".lippycat", anyones: false },
];

/** The YAML reader takes 30 ms to load, so it is loaded when there is a file to read. */
const loadReader = () => import("./config_file.ts");

/** `~/...` with the home directory in place of `~`. Throws OperatorError when that is unknown. */
export function expandHome(path: string, environment: Environment): string {
  if (!path.startsWith("~/")) return path;
  const home = environment("HOME");
  if (home !== undefined) return home + path.slice(1);
  throw new OperatorError(
    `${path}: the home directory is unknown: set HOME and add --allow-env=HOME, or write it out`,
    2,
  );
}

/** The configuration file that `--config` names. Throws OperatorError. */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const extension = extname(path).toLowerCase();
  if (!["", ".yaml", ".yml", ".json"].includes(extension)) {
    throw new OperatorError(
      `${path}: a configuration file is YAML (.yaml, .yml) or JSON (.json), not ${extension}`,
      2,
    );
  }
  requirePermission({ name: "read", path }, `reading the configuration file ${path}`);
  const text = await readText(path);
  return (await loadReader()).parseConfigFile(path, text);
}

/** The first file of the default places; undefined when there is none, or where Deno does not grant looking. */
export async function findConfigFile(environment: Environment): Promise<ConfigFile | undefined> {
  const home = environment("HOME");
  if (home === undefined) return undefined;
  for (const { name, anyones } of places) {
    for (const extension of ["yaml", "yml"]) {
      const path = `${home}/${name}.${extension}`;
      if (!isGranted({ name: "read", path }) || !await isFile(path)) continue;
      const text = await readText(path);
      const { isConfigFile, parseConfigFile } = await loadReader();
      if (!anyones || isConfigFile(text)) return parseConfigFile(path, text);
    }
  }
  return undefined;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "there is no such file" : messageOf(error);
    throw new OperatorError(`configuration file ${path}: ${reason}`, 2);
  }
}
