/** What the engine can be asked to write. */
export type OutputKind = "wire" | "json" | "text" | "pcap" | "calls" | "callPcap";

/** A run of whole packets inside `Chunk.wire`. */
export interface WirePiece {
  /** Encoded `PacketBatch.packets` fields (tag, length and `CapturedPacket`, back to back). */
  readonly bytes: Uint8Array;
  /** Packets in it; at most the engine's `batchPackets`. */
  readonly packets: number;
}

/** Outputs whose buffers are used again. Pieces for the wire are kept by who sends them; the others are rare. */
const reusable = ["json", "text", "pcap"] as const;

/** What one engine call gave: only the outputs that were asked for are present. */
export interface Chunk {
  /** Packets kept. */
  readonly packets: number;
  /** Bytes of frames in them. */
  readonly bytes: number;
  /** For `wire`. */
  readonly wire?: readonly WirePiece[];
  /** For `json`: one object per line, UTF-8. */
  readonly json?: Uint8Array<ArrayBuffer>;
  /** For `text`: one line per packet, UTF-8, control characters escaped. */
  readonly text?: Uint8Array<ArrayBuffer>;
  /** For `pcap`: savefile records (little endian, nanoseconds), without a file header. */
  readonly pcap?: Uint8Array<ArrayBuffer>;
  /** Link type of these records. An engine writes records of one link type only, the first that it met. */
  readonly pcapLinkType?: number;
  /** For `calls`: one object per line, UTF-8, for each call that ended. May come without packets. */
  readonly calls?: Uint8Array;
  /** For `callPcap`: records by call, as `call_pcap_records.ts` reads them. May come without packets. */
  readonly callPcap?: Uint8Array;
}

/** Whether there is nothing in it for any sink. */
export function isEmptyChunk({ packets, calls, callPcap }: Chunk): boolean {
  return packets === 0 && calls === undefined && callPcap === undefined;
}

/** Whether the buffer of this output is used again once every sink took it: see {@link buffersToReuse}. */
export function isReusable(kind: OutputKind): boolean {
  return (reusable as readonly OutputKind[]).includes(kind);
}

/** The buffers in it that no sink reads any more, once all have taken the chunk. */
export function buffersToReuse(chunk: Chunk): ArrayBuffer[] {
  return reusable.flatMap((kind) => chunk[kind]?.buffer ?? []);
}
