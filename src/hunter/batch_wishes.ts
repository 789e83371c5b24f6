import type { Settings } from "../config/settings.ts";
import type { BatcherLimits } from "../delivery/batcher.ts";
import type { ProcessorWishes } from "./registration.ts";

/** When batches are closed, and what the operator should hear about that. */
export interface HeededWishes {
  /** The processor's wishes where it has any and the operator has none, else the settings. */
  readonly limits: Pick<BatcherLimits, "packets" | "milliseconds">;
  /** One line for each wish that changes something, or is not heeded. */
  readonly lines: readonly string[];
}

/** Joins what the operator set with what the processor wishes: what was set by flag, environment or file stays. */
export function heedBatchWishes(
  settings: Pick<Settings, "batchSize" | "batchTimeoutMs" | "ownBatchLimits">,
  wishes: ProcessorWishes,
): HeededWishes {
  const lines: string[] = [];
  const choose = (setting: "batchSize" | "batchTimeoutMs", flag: string, unit: string): number => {
    const own = settings[setting];
    const wish = wishes[setting];
    if (wish === undefined || wish === own) return own;
    if (settings.ownBatchLimits.includes(setting)) {
      lines.push(`the processor wishes ${flag} ${wish} ${unit}; ${own} stays, since you set it`);
      return own;
    }
    lines.push(`${flag} is ${wish} ${unit}, as the processor wishes`);
    return wish;
  };
  return {
    limits: {
      packets: choose("batchSize", "--batch-size", "packets"),
      milliseconds: choose("batchTimeoutMs", "--batch-timeout", "ms"),
    },
    lines,
  };
}
