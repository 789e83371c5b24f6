/**
 * How fast a spool takes batches, beside a bare file that is written with the same bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { type Batch, nowNs } from "../src/delivery/batch.ts";
import { DiskSpool } from "../src/delivery/spool/disk_spool.ts";
import type { WirePiece } from "../src/engine/chunk.ts";

/** What came of it. */
export interface SpoolSpeed {
  /** Packets in all batches. */
  readonly packets: number;
  /** Encoded bytes of all batches. */
  readonly bytes: number;
  /** From the first batch to the end of the last sync. */
  readonly seconds: number;
  /** The same for the bare file. */
  readonly bareSeconds: number;
}

/** Much enough for several syncs to be under way while batches come. */
const TOTAL_BYTES = 512 << 20;
/** Pieces in a batch. */
const BATCH_PIECES = 4;
const SYNC_INTERVAL_MS = 100;
/** Batches between two turns of the event loop, in which syncs begin. */
const BATCHES_PER_TURN = 16;
const READ_BYTES = 4 << 20;

/** Writes batches of `pieces`, over and over, then reads all back and compares. */
export async function measureSpoolSpeed(pieces: readonly WirePiece[]): Promise<SpoolSpeed> {
  const given = batchesOf(pieces);
  const folder = Deno.makeTempDirSync({ prefix: "caracal-bench-" });
  try {
    const bareSeconds = await writeBare(`${folder}/bare`, given);
    return { ...await writeSpool(`${folder}/spool`, given), bareSeconds };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function batchesOf(pieces: readonly WirePiece[]): Batch[] {
  const batches: Batch[] = [];
  let total = 0;
  for (let at = 0; total < TOTAL_BYTES; at = (at + BATCH_PIECES) % pieces.length) {
    const part = pieces.slice(at, at + BATCH_PIECES);
    const bytes = part.reduce((sum, piece) => sum + piece.bytes.length, 0);
    const packets = part.reduce((sum, piece) => sum + piece.packets, 0);
    const stats = { total_captured: 0n, filtered_matched: 0n, dropped: 0n, buffer_usage: 0 };
    batches.push({ pieces: part, packets, bytes, closedNs: nowNs(), stats });
    total += bytes;
  }
  return batches;
}

async function writeSpool(
  folder: string,
  batches: readonly Batch[],
): Promise<Omit<SpoolSpeed, "bareSeconds">> {
  const spool = DiskSpool.open(folder, {
    maxBytes: 2 * TOTAL_BYTES,
    whenFull: "drop-newest",
    sync: "interval",
    syncIntervalMs: SYNC_INTERVAL_MS,
    onFault: (line) => assert.fail(line),
  });
  const start = performance.now();
  let sequence = spool.firstSequence;
  for (const [at, batch] of batches.entries()) {
    assert.ok(spool.append({ sequence, batch }));
    sequence += 1n;
    if (at % BATCHES_PER_TURN === 0) await turn();
  }
  await spool.sync();
  const seconds = (performance.now() - start) / 1000;
  assert.equal(spool.synced, sequence - 1n);
  const { held } = spool;
  let read = 0;
  for (let after = 0n;;) {
    const found = spool.read(after, READ_BYTES);
    if (found.length === 0) break;
    for (const one of found) {
      const expected = batches[read++];
      assert.ok(expected);
      assert.equal(one.sequence, spool.firstSequence + BigInt(read - 1));
      assert.equal(one.batch.packets, expected.packets);
      assert.ok(Buffer.concat(bytesOf(one.batch)).equals(Buffer.concat(bytesOf(expected))));
      after = one.sequence;
    }
  }
  assert.equal(read, batches.length);
  assert.deepEqual([...spool.lost], []);
  spool.acknowledge(sequence);
  await spool.close();
  return { packets: held.packets, bytes: held.bytes, seconds };
}

async function writeBare(path: string, batches: readonly Batch[]): Promise<number> {
  using file = Deno.openSync(path, { write: true, createNew: true });
  const start = performance.now();
  for (const [at, batch] of batches.entries()) {
    for (const bytes of bytesOf(batch)) assert.equal(file.writeSync(bytes), bytes.length);
    if (at % BATCHES_PER_TURN === 0) await turn();
  }
  await file.syncData();
  const seconds = (performance.now() - start) / 1000;
  Deno.removeSync(path);
  return seconds;
}

function bytesOf(batch: Batch): Uint8Array[] {
  return batch.pieces.map(({ bytes }) => bytes);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
