import type { Amount } from "../../delivery/batch.ts";
import { type BatcherLimits, maxBatchBytes } from "../../delivery/batcher.ts";
import { maxQueueBytes } from "../../delivery/outbox.ts";
import { batchLimit } from "../../hunter/batch_wishes.ts";
import type { ProcessorWishes } from "../../hunter/registration.ts";
import type { Run } from "../run.ts";

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
