import { dirname, resolve } from "node:path";
import process from "node:process";
import { isGranted } from "./permissions.ts";

/** The permissions that a process goes on to need. */
export interface RemainingNeeds {
  /** Files and folders that are opened again. */
  readonly read: readonly string[];
  /** Files and folders that are written to, beyond files that are open. */
  readonly write: readonly string[];
  /** New connections, or new listening sockets. */
  readonly net: boolean;
  /** Functions and memory outside of JavaScript. */
  readonly ffi: boolean;
}

/** Paths that were used, and are needed no longer. */
export type UsedPaths = Readonly<Record<"read" | "write", readonly string[]>>;

/** Variables that grpc-js looks up at each new channel. */
const lateVariables = ["grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy"];

/**
 * Gives back to Deno what is needed no longer. `env`, `sys`, `run` and `import` always are. Deno cannot narrow a grant
 * of everything to some paths, nor tell which paths it granted: what is needed of a kind keeps its grant, and of the
 * `used` paths those go that were granted apart from it.
 *
 * @returns the kinds that stay granted as a whole, for the log
 */
export function releasePermissions(needs: RemainingNeeds, used: UsedPaths): string[] {
  const environment = lateEnvironment();
  for (const name of ["env", "sys", "run", "import"] as const) Deno.permissions.revokeSync({ name });
  Object.defineProperty(process, "env", { value: environment, writable: true, configurable: true });
  if (!needs.net) Deno.permissions.revokeSync({ name: "net" });
  if (!needs.ffi) Deno.permissions.revokeSync({ name: "ffi" });
  for (const name of ["read", "write"] as const) releasePaths(name, needs[name], used[name]);
  return (["read", "write", "net", "ffi"] as const).filter((name) => isGranted({ name }));
}

function releasePaths(name: "read" | "write", needed: readonly string[], used: readonly string[]): void {
  if (needed.length === 0) Deno.permissions.revokeSync({ name });
  if (isGranted({ name })) return;
  for (const path of used) {
    // To revoke a path revokes the folder through which it was granted, with all that is in it.
    const isShared = needed.some((other) => isGranted({ name, path: commonFolder(path, other) }));
    if (!isShared) Deno.permissions.revokeSync({ name, path });
  }
}

/** The innermost folder, or path, that both are in. */
function commonFolder(path: string, other: string): string {
  let folder = resolve(path);
  const target = `${resolve(other)}/`;
  while (!target.startsWith(folder === "/" ? "/" : `${folder}/`)) folder = dirname(folder);
  return folder;
}

/** What is left of the environment for libraries, which must not ask Deno for it any more. */
function lateEnvironment(): Record<string, string> {
  if (!isGranted({ name: "env" })) return {};
  return Object.fromEntries(lateVariables.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}
