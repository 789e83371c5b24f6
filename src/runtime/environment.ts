/**
 * Imported first by `main.ts`: npm libraries read environment variables while they load, and fail where Deno
 * does not grant `--allow-env`. They then see an empty environment instead.
 *
 * @module
 */
import process from "node:process";
import { isGranted } from "./permissions.ts";

if (!isGranted({ name: "env" })) {
  Object.defineProperty(process, "env", { value: {}, writable: true, configurable: true });
}

/**
 * The environment variable `name`, or undefined when it is unset, empty, or not readable. Asks Deno for that one
 * variable, so `--allow-env=CARACAL_*` is enough, and never prompts.
 */
export function environmentVariable(name: string): string | undefined {
  if (!isGranted({ name: "env", variable: name })) return undefined;
  const value = Deno.env.get(name);
  return value === "" ? undefined : value;
}

/** `lookup` that asks for each variable once: the second answer is that of the first, also without permission. */
export function remembered(lookup: (name: string) => string | undefined): typeof lookup {
  const known = new Map<string, string | undefined>();
  return (name) => {
    if (!known.has(name)) known.set(name, lookup(name));
    return known.get(name);
  };
}
