/**
 * What a process uses, from /proc.
 *
 * @module
 */

/** Clock ticks per second of /proc, which Linux fixes for user space. */
const TICKS = 100;
const PAGE = 4_096;

/** What a process has used so far. */
export interface Usage {
  /** CPU time of all its threads, s. */
  readonly cpuSeconds: number;
  /** Resident now, bytes. */
  readonly rssBytes: number;
}

/** What the process `pid` uses; undefined when it has ended, or the system has no /proc. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
    const [user = 0, system = 0] = fields.slice(11, 13);
    return { cpuSeconds: (user + system) / TICKS, rssBytes: (fields[21] ?? 0) * PAGE };
  } catch {
    return undefined;
  }
}
