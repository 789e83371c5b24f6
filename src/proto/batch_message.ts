/**
 * An encoded message in parts: protobuf messages merge when they are put one after the other. It has what grpc-js asks
 * of the Buffer that it is given to send, its length and to be copied into the frame that goes out, so that the parts
 * are copied once.
 */
export class BatchMessage {
  readonly #parts: readonly Uint8Array[];
  /** Bytes of all parts. */
  readonly length: number;

  /** Copies nothing: the parts must stay as they are until it is sent. */
  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
    this.length = parts.reduce((sum, { length }) => sum + length, 0);
  }

  /** Copies it to `target`, from `start` on; returns its length. */
  copy(target: Uint8Array, start = 0): number {
    let end = start;
    for (const part of this.#parts) {
      target.set(part, end);
      end += part.length;
    }
    return this.length;
  }
}
