import type { Chunk, OutputKind } from "../engine/chunk.ts";
import { ByteOutput } from "./byte_output.ts";
import type { Sink } from "./sink.ts";

/** Magic, version 2.4, no time zone, libpcap's largest snapshot length, Ethernet: what a file without packets holds. */
const EMPTY_FILE = Uint8Array.from(
  [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0],
);

/** Every kept frame, unchanged, in a capture file (pcap with nanoseconds). */
export class PcapFileSink implements Sink {
  readonly name: string;
  readonly needs: readonly OutputKind[] = ["pcap"];
  readonly #output: ByteOutput;
  #empty = true;

  private constructor(output: ByteOutput) {
    this.name = output.name;
    this.#output = output;
  }

  /** Opens `path`, emptied; `-` is standard output. Throws OperatorError. */
  static async open(path: string): Promise<PcapFileSink> {
    return new PcapFileSink(await ByteOutput.open(path));
  }

  write(chunk: Chunk): void | Promise<void> {
    if (chunk.pcap === undefined) return;
    this.#empty = false;
    return this.#output.write(chunk.pcap);
  }

  async close(): Promise<void> {
    try {
      if (this.#empty) await this.#output.write(EMPTY_FILE);
    } finally {
      this.#output.close();
    }
  }
}
