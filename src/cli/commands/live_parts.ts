import type { Settings } from "../../config/settings.ts";
import type { Amount } from "../../delivery/batch.ts";
import { type BatcherLimits, maxBatchBytes } from "../../delivery/batcher.ts";
import { maxQueueBytes } from "../../delivery/outbox.ts";
import type { NoFilterPolicy } from "../../engine/filter.ts";
import { batchLimit } from "../../hunter/batch_wishes.ts";
import type { ProcessorWishes } from "../../hunter/registration.ts";
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
    settings: ["domains", "sipUsers", "noFilterPolicy"],
    apply: (next) => filters.configure(next, policyOf(next)),
  });
  if (!keepsLibpcap(run.settings)) return;
  run.follow({
    settings: ["filter", "sipPorts", "rtpPortRanges"],
    check: (next) => filters.check(next),
    apply: (next) => filters.configure(next, policyOf(next)),
  });
}

/** When a batch is closed, as the settings in force say, or the processor where they leave it to it. */
export function batcherLimits(run: Run, wishes: () => ProcessorWishes): BatcherLimits {
  run.follow({ settings: ["batchTimeoutMs", "batchSize", "ownBatchLimits"] });
  return {
    get packets() {
      return batchLimit("batchSize", run.now, wishes());
    },
    bytes: maxBatchBytes,
    get milliseconds() {
      return batchLimit("batchTimeoutMs", run.now, wishes());
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
