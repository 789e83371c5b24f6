import process from "node:process";
import { isGranted } from "../runtime/permissions.ts";

/** What the process uses of the machine. */
export interface SystemMetrics {
  /** Processor time since the last sample, percent of one core; -1 when unknown. */
  readonly cpuPercent: number;
  /** Resident memory, bytes; 0 when unknown. */
  readonly memoryRssBytes: number;
  /** Memory that the process may use, bytes; 0 for no limit, or when unknown. */
  readonly memoryLimitBytes: number;
}

/** Samples closer together than this say too little, ms. */
const shortestIntervalMs = 500;
const limitFiles = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
/** cgroup v1 writes a number near 2^63 for no limit. */
const noLimit = 2 ** 62;

/** Samples what the process uses. */
export class SystemSampler {
  readonly #limitBytes = memoryLimit();
  #cpuPercent = -1;
  #sampledAt = performance.now();
  #cpuMicroseconds = cpuMicroseconds();

  /** The figures now; processor time is that since the last call, if that was long enough ago. */
  sample(): SystemMetrics {
    const now = performance.now();
    const elapsedMs = now - this.#sampledAt;
    if (elapsedMs >= shortestIntervalMs) {
      const used = cpuMicroseconds();
      this.#cpuPercent = Math.max(0, (used - this.#cpuMicroseconds) / elapsedMs / 10);
      this.#cpuMicroseconds = used;
      this.#sampledAt = now;
    }
    return {
      cpuPercent: this.#cpuPercent,
      memoryRssBytes: Deno.memoryUsage().rss,
      memoryLimitBytes: this.#limitBytes,
    };
  }
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function memoryLimit(): number {
  for (const path of limitFiles) {
    if (!isGranted({ name: "read", path })) continue;
    try {
      const limit = Number(Deno.readTextFileSync(path));
      if (limit > 0 && limit < noLimit) return limit;
    } catch {
      // No such control group version here.
    }
  }
  return 0;
}
