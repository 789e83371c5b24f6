import { logger } from "../../telemetry/log.ts";
import type { Finding } from "./recovery.ts";

const log = logger("buffer");

/** Tells the operator in one line what was in a folder. */
export function logFinding(folder: string, finding: Finding): void {
  const {
    segments,
    held: { batches, packets, bytes },
    truncatedBytes,
    badRecords,
    lostBatches,
    foreign,
    notes,
  } = finding;
  const oddities = [
    ...truncatedBytes > 0 ? [`${truncatedBytes} bytes of unfinished writes cut off`] : [],
    ...badRecords > 0 ? [`${badRecords} damaged stretches skipped`] : [],
    ...lostBatches > 0 ? [`unknown number of packets in ${lostBatches} batches lost`] : [],
    ...notes,
    ...foreign.length > 0
      ? [`left alone: ${foreign.slice(0, 5).join(", ")}${foreign.length > 5 ? ", ..." : ""}`]
      : [],
  ];
  const held = batches === 0
    ? "nothing is waiting"
    : `${batches} batches with ${packets} packets, ${bytes} bytes, are waiting in ${segments} segments`;
  const line = `disk buffer ${folder}: ${[held, ...oddities].join("; ")}`;
  const fields = {
    segments,
    batches,
    packets,
    bytes,
    truncated_bytes: truncatedBytes,
    bad_records: badRecords,
    lost_batches: lostBatches,
  };
  if (oddities.length > 0) log.warn(line, fields);
  else log.info(line, fields);
}
