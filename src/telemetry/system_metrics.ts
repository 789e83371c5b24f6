import process from "node:process";
import { controlGroupLimits } from "./control_group.ts";
import { kernelFileReader } from "./kernel_files.ts";

/** What the process uses of the machine. */
export interface SystemMetrics {
  /** Processor time since the last sample, percent of one core; -1 when unknown. */
  readonly cpuPercent: number;
  /** Processor time since the start, seconds. */
  readonly cpuSeconds: number;
  /** Processor time per time that the process may use, cores; 0 for no limit, or when unknown. */
  readonly cpuLimitCores: number;
  /** Resident memory, bytes; 0 when unknown. */
  readonly memoryRssBytes: number;
  /** Memory that the process may use, bytes; 0 for no limit, or when unknown. */
  readonly memoryLimitBytes: number;
}

/** Where the figures come from. */
export interface SystemSources {
  /** A clock, ms. */
  readonly now: () => number;
  /** Processor time of this process so far, microseconds. */
  readonly cpuMicroseconds: () => number;
  /** Resident memory, bytes. */
  readonly rssBytes: () => number;
  /** The text of a file; undefined when it is not there, or may not be read. */
  readonly readText: (path: string) => string | undefined;
}

/** Samples closer together than this say too little, ms. */
const shortestIntervalMs = 500;
/** Limits can be changed while a process runs: they are read again after this time, ms. */
const limitsIntervalMs = 30_000;

function thisProcess(): SystemSources {
  return {
    now: () => performance.now(),
    cpuMicroseconds() {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    rssBytes: () => Deno.memoryUsage().rss,
    readText: kernelFileReader(),
  };
}

/** Samples what the process uses. */
export class SystemSampler {
  readonly #sources: SystemSources;
  #limits: ReturnType<typeof controlGroupLimits>;
  #limitsReadAt: number;
  #cpuPercent = -1;
  #sampledAt: number;
  #cpuMicroseconds: number;

  /** Processor time counts from now on. */
  constructor(sources: SystemSources = thisProcess()) {
    this.#sources = sources;
    this.#sampledAt = this.#limitsReadAt = sources.now();
    this.#limits = controlGroupLimits(sources.readText);
    this.#cpuMicroseconds = sources.cpuMicroseconds();
  }

  /** The figures now; percents are since the last call, if that was long enough ago. */
  sample(): SystemMetrics {
    const { now, cpuMicroseconds, rssBytes, readText } = this.#sources;
    const time = now();
    const used = cpuMicroseconds();
    const elapsedMs = time - this.#sampledAt;
    if (elapsedMs >= shortestIntervalMs) {
      this.#cpuPercent = Math.max(0, (used - this.#cpuMicroseconds) / elapsedMs / 10);
      this.#cpuMicroseconds = used;
      this.#sampledAt = time;
    }
    if (time - this.#limitsReadAt >= limitsIntervalMs) {
      // Permissions may have been given up meanwhile: what was known then is not unknown now.
      if (readText("/proc/self/cgroup") !== undefined) this.#limits = controlGroupLimits(readText);
      this.#limitsReadAt = time;
    }
    return {
      cpuPercent: this.#cpuPercent,
      cpuSeconds: used / 1e6,
      cpuLimitCores: this.#limits.cpuCores,
      memoryRssBytes: rssBytes(),
      memoryLimitBytes: this.#limits.memoryBytes,
    };
  }
}
