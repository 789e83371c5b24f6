import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { splitPiece } from "./packet_batch.ts";

/** `packets = 4`, length-delimited, with that many bytes in each. */
function pieceOf(lengths: readonly number[]) {
  const fields = lengths.map((length, index) => {
    const size = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
    return Buffer.concat([Buffer.from([0x22, ...size]), Buffer.alloc(length, index)]);
  });
  return { bytes: Buffer.concat(fields), packets: lengths.length };
}

Deno.test("a piece is cut between packets, and nothing of it is lost", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(lengths, fc.integer({ min: 1, max: 50 }), (sizes, packets) => {
    const expected = Array.from(
      { length: Math.ceil(sizes.length / packets) },
      (_, part) => sizes.slice(part * packets, (part + 1) * packets).length,
    );
    const parts = splitPiece(pieceOf(sizes), packets);
    assert.deepEqual(parts.map((part) => part.packets), expected);
    assert.deepEqual(Buffer.concat(parts.map((part) => part.bytes)), pieceOf(sizes).bytes);
    let at = 0;
    for (const part of parts) {
      const first = pieceOf(sizes.slice(0, at)).bytes.length;
      assert.equal(part.bytes.byteOffset - parts[0]!.bytes.byteOffset, first);
      at += part.packets;
    }
  }));
});

Deno.test("what is no list of packets is not cut", () => {
  assert.throws(() => splitPiece({ bytes: Buffer.from([0x22, 5, 1]), packets: 2 }, 1));
});
