import type { Settings } from "../config/settings.ts";
import type { ProcessorWishes } from "./registration.ts";

/** The wishes of a processor that has none, or has not been reached. */
export const noWishes: ProcessorWishes = {
  batchSize: undefined,
  batchTimeoutMs: undefined,
  reconnectIntervalMs: undefined,
  maxReconnectAttempts: undefined,
};

type BatchSettings = Pick<Settings, "batchSize" | "batchTimeoutMs" | "ownBatchLimits">;
type BatchSetting = Settings["ownBatchLimits"][number];

/** A limit of batches: what the operator set by flag, environment or file, else what the processor wishes. */
export function batchLimit(setting: BatchSetting, settings: BatchSettings, wishes: ProcessorWishes): number {
  const own = settings[setting];
  return settings.ownBatchLimits.includes(setting) ? own : wishes[setting] ?? own;
}

/** What the operator should hear about wishes: a line for each that changes something, or is not heeded. */
export function wishLines(settings: BatchSettings, wishes: ProcessorWishes): string[] {
  const line = (setting: BatchSetting, flag: string, unit: string): string[] => {
    const own = settings[setting];
    const wish = wishes[setting];
    if (wish === undefined || wish === own) return [];
    return batchLimit(setting, settings, wishes) === own
      ? [`the processor wishes ${flag} ${wish} ${unit}; ${own} stays, since you set it`]
      : [`${flag} is ${wish} ${unit}, as the processor wishes`];
  };
  return [
    ...line("batchSize", "--batch-size", "packets"),
    ...line("batchTimeoutMs", "--batch-timeout", "ms"),
  ];
}
