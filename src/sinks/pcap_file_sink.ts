import type { Chunk, OutputKind } from "../engine/chunk.ts";
import { logger } from "../telemetry/log.ts";
import { ByteOutput } from "./byte_output.ts";
import type { Sink } from "../pipeline/sink.ts";

const log = logger("capture file");

/** Link type of a file without packets. */
const ETHERNET = 1;

/** Every kept frame, unchanged, in a capture file (pcap with nanoseconds). */
export class PcapFileSink implements Sink {
  readonly name: string;
  readonly needs: readonly OutputKind[] = ["pcap"];
  readonly #output: ByteOutput;
  #linkType: number | undefined;
  #warned = false;

  private constructor(output: ByteOutput) {
    this.name = output.name;
    this.#output = output;
  }

  /** Opens `path`, emptied, which must be none of the files that are `read`; `-` is standard output. Throws OperatorError. */
  static async open(path: string, read: readonly string[]): Promise<PcapFileSink> {
    return new PcapFileSink(await ByteOutput.open(path, read));
  }

  async write(chunk: Chunk): Promise<void> {
    const { pcap, pcapLinkType } = chunk;
    if (pcap === undefined || pcapLinkType === undefined) return;
    if (this.#linkType === undefined) {
      this.#linkType = pcapLinkType;
      await this.#output.write(pcapFileHeader(pcapLinkType));
    }
    if (pcapLinkType === this.#linkType) return await this.#output.write(pcap);
    if (this.#warned) return;
    this.#warned = true;
    log.warn(
      `${this.name} holds packets of link type ${this.#linkType}; those of link type ${pcapLinkType} are left out`,
    );
  }

  async close(): Promise<void> {
    try {
      if (this.#linkType === undefined) await this.#output.write(pcapFileHeader(ETHERNET));
    } finally {
      this.#output.close();
    }
  }
}

/** Header of a capture file: nanosecond magic, version 2.4, libpcap's largest snapshot length; little endian. */
export function pcapFileHeader(linkType: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(24));
  header.setUint32(0, 0xa1b23c4d, true);
  header.setUint16(4, 2, true);
  header.setUint16(6, 4, true);
  header.setUint32(16, 262_144, true);
  header.setUint32(20, linkType, true);
  return new Uint8Array(header.buffer);
}
