import type { Batch } from "../../src/delivery/batch.ts";
import type { SequencedBatch } from "../../src/delivery/spool.ts";

/** A batch whose every part follows from `sequence`; its `bytes` are in two pieces. */
export function numbered(sequence: bigint, bytes = 20): SequencedBatch {
  const content = Uint8Array.from({ length: bytes }, (_, at) => Number(sequence % 251n) + at);
  const half = bytes >> 1;
  const batch: Batch = {
    pieces: [{ bytes: content.subarray(0, half), packets: 1 }, { bytes: content.subarray(half), packets: 2 }],
    packets: 3,
    bytes,
    closedNs: 1_700_000_000_000_000_000n + sequence,
    stats: {
      total_captured: sequence,
      filtered_matched: sequence + 1n,
      dropped: 2n ** 64n - 1n,
      buffer_usage: Number(sequence % 100n),
    },
  };
  return { sequence, batch };
}

/** What must be the same when a batch comes back: pieces may be joined. */
export function comparable({ sequence, batch }: SequencedBatch): unknown {
  const { pieces, ...rest } = batch;
  const content = pieces.flatMap(({ bytes }) => [...bytes]);
  return { sequence, content, inPieces: pieces.reduce((sum, { packets }) => sum + packets, 0), ...rest };
}
