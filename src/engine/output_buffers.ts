/** Buffers that are kept: four chunks may be under way to sinks, of lines and of a capture file each. */
const MOST_BUFFERS = 8;
/** Size of the smallest buffer, bytes. */
const LEAST_BYTES = 64 << 10;
/** Size of the largest that is kept, bytes: what a capture that had to wait has written at once is rare. */
const MOST_BYTES = 8 << 20;

/**
 * Buffers for what an engine writes, used again and again. The system clears a new one page by page, which takes longer
 * than to fill it.
 */
export class OutputBuffers {
  readonly #free: ArrayBuffer[] = [];

  /** A copy in one of them, or in a new one. */
  copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.#room(bytes.length), 0, bytes.length);
    copy.set(bytes);
    return copy;
  }

  /** Takes back what nobody reads any more. */
  giveBack(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) {
      if (buffer.byteLength >= LEAST_BYTES && buffer.byteLength <= MOST_BYTES) this.#free.push(buffer);
    }
    // Those that have become too small lie in front: the first that is large enough is used.
    this.#free.splice(0, this.#free.length - MOST_BUFFERS);
  }

  #room(bytes: number): ArrayBuffer {
    const at = this.#free.findIndex(({ byteLength }) => byteLength >= bytes);
    const [found] = at < 0 ? [] : this.#free.splice(at, 1);
    if (found !== undefined) return found;
    const isKept = bytes <= MOST_BYTES;
    return new ArrayBuffer(isKept ? Math.max(LEAST_BYTES, 2 ** Math.ceil(Math.log2(bytes))) : bytes);
  }
}
