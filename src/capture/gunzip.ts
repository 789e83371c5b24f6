import { Buffer } from "node:buffer";
import type { Gunzip as GunzipStream } from "node:zlib";

const pieceSize = 1 << 16;

/** Where and how the input is taken in other pieces than usual. */
export interface FinePieces {
  /** Offset in the input, bytes. */
  readonly from: number;
  /** Size of the pieces from there on, bytes. */
  readonly size: number;
}

/** Decompresses a gzip stream of any number of members (RFC 1952), one piece after the other. */
export class Gunzip {
  /** Bytes given by {@link blocks} so far. */
  given = 0;
  /** Offset in the input of the last piece that was taken. */
  lastPieceAt = 0;
  /** Whether all input was taken: then {@link blocks} gave all that it decodes to, even if it throws. */
  exhausted = false;
  readonly #read: (into: Uint8Array) => Promise<number | null>;
  readonly #head: Uint8Array;
  readonly #fine: FinePieces;

  /**
   * Begins no work yet.
   *
   * @param read reads on behind `head`; null at the end
   * @param head bytes that were read already
   * @param fine where the pieces are smaller. What a piece decodes to before an error in it is lost, so another run
   * with smaller pieces from the first one's {@link lastPieceAt} on gives more.
   */
  constructor(
    read: (into: Uint8Array) => Promise<number | null>,
    head: Uint8Array,
    fine: FinePieces = { from: Infinity, size: pieceSize },
  ) {
    this.#read = read;
    this.#head = head;
    this.#fine = fine;
  }

  /** The decompressed bytes. Throws what `read` throws, and an Error when the stream is cut short or corrupt. */
  async *blocks(): AsyncGenerator<Uint8Array, undefined> {
    // Not loaded with this module: that would cost every start of the program some milliseconds.
    const { createGunzip } = await import("node:zlib");
    const gunzip = createGunzip({ chunkSize: pieceSize });
    const fed = this.#feed(gunzip).catch((error: Error) => gunzip.destroy(error));
    try {
      for await (const block of gunzip) {
        this.given += block.length;
        yield block;
      }
    } finally {
      await fed; // reads no more
    }
  }

  async #feed(gunzip: GunzipStream): Promise<void> {
    // A call that fails is not always called back, but the stream always closes then.
    let settle = () => {};
    gunzip.once("close", () => settle());
    const done = (call: (callback: () => void) => void) =>
      new Promise<void>((resolve) => {
        settle = resolve;
        call(resolve);
      });
    let at = 0;
    for (
      let piece: Uint8Array | null = this.#head;
      piece !== null && !gunzip.destroyed;
      piece = await this.#piece(at)
    ) {
      if (piece.length === 0) continue;
      this.lastPieceAt = at;
      at += piece.length;
      const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
      await done((callback) => gunzip.write(bytes, callback));
    }
    if (gunzip.destroyed) return;
    // Before the end is stated: of a stream that is cut short, all that was decoded comes out first.
    await done((callback) => gunzip.flush(callback));
    this.exhausted = !gunzip.destroyed;
    gunzip.end();
  }

  async #piece(at: number): Promise<Uint8Array | null> {
    const { from, size } = this.#fine;
    const room = at >= from ? size : Math.min(pieceSize, from - at);
    const piece = new Uint8Array(room);
    const length = await this.#read(piece);
    return length === null ? null : piece.subarray(0, length);
  }
}
