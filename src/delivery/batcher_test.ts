import assert from "node:assert/strict";
import fc from "fast-check";
import type { WirePiece } from "../engine/chunk.ts";
import type { Batch } from "./batch.ts";
import { Batcher, type BatcherLimits } from "./batcher.ts";

const stats = { total_captured: 0n, filtered_matched: 0n, dropped: 0n, buffer_usage: 0 };

function collect(limits: BatcherLimits, pieces: readonly WirePiece[]): Batch[] {
  const batches: Batch[] = [];
  const batcher = new Batcher(limits, () => stats, (batch) => batches.push(batch));
  for (const piece of pieces) batcher.add(piece);
  batcher.flush();
  return batches;
}

const piece = (packets: number, bytes: number): WirePiece => ({ packets, bytes: new Uint8Array(bytes) });

Deno.test("batches are closed by packets and by bytes", () => {
  const limits = { packets: 10, bytes: 100, milliseconds: 60_000 };
  const cases: [string, WirePiece[], number[]][] = [
    ["nothing", [], []],
    ["exactly full", [piece(4, 1), piece(6, 1)], [10]],
    ["a piece that would not fit opens the next", [piece(4, 1), piece(7, 1)], [4, 7]],
    ["bytes", [piece(1, 60), piece(1, 60), piece(1, 40)], [1, 2]],
    ["a piece larger than both limits stays whole", [piece(1, 1), piece(99, 999), piece(1, 1)], [1, 99, 1]],
  ];
  for (const [what, pieces, packets] of cases) {
    assert.deepEqual(collect(limits, pieces).map((batch) => batch.packets), packets, what);
  }
});

Deno.test("no piece is lost, doubled or moved, and no batch breaks a limit that its pieces allow", () => {
  const pieces = fc.array(fc.record({ packets: fc.integer({ min: 1, max: 12 }), bytes: fc.nat(120) }));
  fc.assert(fc.property(pieces, (sizes) => {
    const given = sizes.map(({ packets, bytes }) => piece(packets, bytes));
    const batches = collect({ packets: 10, bytes: 100, milliseconds: 60_000 }, given);
    assert.deepEqual(batches.flatMap((batch) => batch.pieces), given);
    for (const batch of batches) {
      assert.equal(batch.packets, batch.pieces.reduce((sum, each) => sum + each.packets, 0));
      assert.equal(batch.bytes, batch.pieces.reduce((sum, each) => sum + each.bytes.length, 0));
      assert.ok(batch.pieces.length === 1 || batch.packets <= 10 && batch.bytes <= 100);
    }
  }));
});

Deno.test("a batch that is not full is closed after its time", async () => {
  const closed = Promise.withResolvers<Batch>();
  const batcher = new Batcher({ packets: 10, bytes: 100, milliseconds: 1 }, () => stats, closed.resolve);
  batcher.add(piece(3, 3));
  assert.equal((await closed.promise).packets, 3);
});
