import type { Settings } from "../../config/settings.ts";
import type { Amount } from "../../delivery/batch.ts";
import { type BatcherLimits, maxBatchBytes } from "../../delivery/batcher.ts";
import { maxQueueBytes } from "../../delivery/outbox.ts";
import type { NoFilterPolicy } from "../../engine/filter.ts";
import { heedBatchWishes } from "../../hunter/batch_wishes.ts";
import type { ProcessorWishes } from "../../hunter/registration.ts";
import type { ApiKeySettings } from "../../processor/api_keys.ts";
import { keepsLibpcap } from "../remaining_needs.ts";
import type { Run } from "../run.ts";
import type { FilterControl } from "./filter_control.ts";

/** Has `filters` follow what the operator wants to filter; `policyOf` is the command's rule. */
export function followFilters(
  run: Run,
  filters: FilterControl,
  policyOf: (settings: Settings) => NoFilterPolicy,
): void {
  run.follow({
    settings: ["domains", "noFilterPolicy"],
    apply: (next) => filters.configure(next, policyOf(next)),
  });
  if (!keepsLibpcap(run.settings)) return;
  run.follow({
    settings: ["filter"],
    check: (next) => filters.check(next),
    apply: (next) => filters.configure(next, policyOf(next)),
  });
}

/**
 * The settings of a processor's API keys, those in the configuration file as they are now. To be called before `reread`
 * is, which has the processor look at them and its other files again.
 */
export function apiKeySettings(run: Run, reread: () => void): ApiKeySettings {
  run.follow({ settings: ["apiKeys"] });
  run.alsoReread(reread);
  const { apiKeyAuth, apiKeysFile } = run.settings;
  return {
    apiKeyAuth,
    apiKeysFile,
    get apiKeys() {
      return run.now.apiKeys;
    },
  };
}

/** When a batch is closed, as the settings in force say, and where they say nothing, what the processor wishes. */
export function batcherLimits(run: Run, wishes: () => ProcessorWishes): BatcherLimits {
  run.follow({ settings: ["batchTimeoutMs", "batchSize"] });
  let known: { readonly settings: Settings; readonly wishes: ProcessorWishes } | undefined;
  let heeded: Pick<BatcherLimits, "packets" | "milliseconds">;
  const limits = () => {
    const told = wishes();
    if (known?.settings !== run.now || known.wishes !== told) {
      known = { settings: run.now, wishes: told };
      heeded = heedBatchWishes(run.now, told).limits;
    }
    return heeded;
  };
  return {
    get packets() {
      return limits().packets;
    },
    bytes: maxBatchBytes,
    get milliseconds() {
      return limits().milliseconds;
    },
  };
}

/** What may wait for the processor, as the settings in force say. */
export function queueLimits(run: Run): Amount {
  run.follow({ settings: ["batchQueueSize", "bufferSize"] });
  return {
    get batches() {
      return run.now.batchQueueSize;
    },
    get packets() {
      return run.now.bufferSize + run.now.batchQueueSize * run.now.batchSize;
    },
    bytes: maxQueueBytes,
  };
}
