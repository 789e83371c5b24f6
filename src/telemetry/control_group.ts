/**
 * What the control groups (cgroup v2 and v1) of this process allow it. Sources: cgroups(7), and the kernel's
 * admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
 *
 * @module
 */

/** Limits of this process; those of the groups around its own included. */
export interface ControlGroupLimits {
  /** Memory, bytes; 0 for no limit, or when unknown. */
  readonly memoryBytes: number;
  /** Processor time per time, cores (1.5 is one and a half); 0 for no limit, or when unknown. */
  readonly cpuCores: number;
}

/** Paths of a process in the hierarchies that limit it, from `/proc/self/cgroup`; undefined where it is in none. */
export interface ControlGroupPaths {
  /** In the hierarchy of version 2. */
  readonly unified: string | undefined;
  /** In that of version 1's memory controller. */
  readonly memory: string | undefined;
  /** In that of version 1's cpu controller. */
  readonly cpu: string | undefined;
}

/** Version 1 has no word for no limit: it writes the largest multiple of a page below 2^63. */
const noLimitBytes = 2 ** 62;

const mount = "/sys/fs/cgroup";
/** Where systemd's hybrid layout has version 2. */
const hybridMount = `${mount}/unified`;
const cpuMounts = [`${mount}/cpu`, `${mount}/cpu,cpuacct`] as const;

/** Reads `/proc/self/cgroup`: lines of `hierarchy:controllers:path`. */
export function controlGroupPaths(text: string): ControlGroupPaths {
  const paths: { -readonly [key in keyof ControlGroupPaths]: string | undefined } = {
    unified: undefined,
    memory: undefined,
    cpu: undefined,
  };
  for (const line of text.split("\n")) {
    const [, hierarchy, controllers = "", path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (hierarchy === "0" && controllers === "") paths.unified = path;
    for (const controller of controllers.split(",")) {
      if (controller === "memory" || controller === "cpu") paths[controller] = path;
    }
  }
  return paths;
}

/** A group and the groups around it, innermost first: `/a/b`, `/a`, ``. One outside of the namespace is only the root. */
export function groupAndAncestors(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  if (names.includes("..")) return [""];
  return [...names.keys(), names.length].reverse().map((depth) =>
    names.slice(0, depth).map((name) => `/${name}`).join("")
  );
}

/** Bytes of `memory.max` or `memory.limit_in_bytes`; 0 for no limit, and for what is no number. */
export function memoryLimitOf(text: string): number {
  const value = text.trim();
  if (!/^\d+$/.test(value)) return 0;
  const bytes = Number(value);
  return bytes < noLimitBytes ? bytes : 0;
}

/** Cores of `cpu.max` (quota and period, microseconds); 0 for no limit, and for what is neither. */
export function cpuLimitOf(text: string): number {
  const [, quota = 0, period = 0] = /^(\d+) (\d+)\s*$/.exec(text) ?? [];
  return coresOf(Number(quota), Number(period));
}

/**
 * The limits now: the lowest of the process's group and those around it.
 * @param read the text of a file; undefined when it is not there, or may not be read
 */
export function controlGroupLimits(read: (path: string) => string | undefined): ControlGroupLimits {
  const paths = controlGroupPaths(read("/proc/self/cgroup") ?? "");
  const lowest = (folder: string, path: string | undefined, limit: (folder: string) => number) =>
    lowestLimit(groupAndAncestors(path ?? "/").map((group) => limit(folder + group)));
  const unified = (name: string, limitOf: (text: string) => number) =>
    [mount, hybridMount].map((folder) =>
      lowest(folder, paths.unified, (group) => limitOf(read(`${group}/${name}`) ?? ""))
    );
  return {
    memoryBytes: lowestLimit([
      ...unified("memory.max", memoryLimitOf),
      lowest(
        `${mount}/memory`,
        paths.memory,
        (group) => memoryLimitOf(read(`${group}/memory.limit_in_bytes`) ?? ""),
      ),
    ]),
    cpuCores: lowestLimit([
      ...unified("cpu.max", cpuLimitOf),
      ...cpuMounts.map((folder) =>
        lowest(folder, paths.cpu, (group) =>
          // A quota of -1 is none.
          coresOf(
            Number(read(`${group}/cpu.cfs_quota_us`) ?? 0),
            Number(read(`${group}/cpu.cfs_period_us`) ?? 0),
          ))
      ),
    ]),
  };
}

function coresOf(quota: number, period: number): number {
  return quota > 0 && period > 0 ? quota / period : 0;
}

/** The lowest that is one. */
function lowestLimit(limits: readonly number[]): number {
  const set = limits.filter((limit) => limit > 0);
  return set.length === 0 ? 0 : Math.min(...set);
}
