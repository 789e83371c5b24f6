import type { Settings } from "../../config/settings.ts";
import type { Amount } from "../../delivery/batch.ts";
import { type BatcherLimits, maxBatchBytes } from "../../delivery/batcher.ts";
import { maxQueueBytes } from "../../delivery/outbox.ts";
import type { NoFilterPolicy } from "../../engine/filter.ts";
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

/** When a batch is closed, as the settings in force say. */
export function batcherLimits(run: Run): BatcherLimits {
  run.follow({ settings: ["batchTimeoutMs"] });
  // The engine makes pieces of no more packets than a batch had at the start, and they stay whole.
  run.follow({ settings: ["batchSize"], takes: ({ batchSize }) => batchSize >= run.settings.batchSize });
  return {
    get packets() {
      return run.now.batchSize;
    },
    bytes: maxBatchBytes,
    get milliseconds() {
      return run.now.batchTimeoutMs;
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
