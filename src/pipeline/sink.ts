import type { Chunk, OutputKind } from "../engine/chunk.ts";

/** Where finished packets go. Sinks see whole chunks, never single packets. */
export interface Sink {
  /** For messages: `standard output`, a file's path, `processor host:port`. */
  readonly name: string;
  /** The outputs that this sink needs from the engine. */
  readonly needs: readonly OutputKind[];
  /**
   * Takes a chunk. A promise asks the pipeline to wait: a file is not read on, a live capture drops by policy. Once all
   * sinks have taken it, the bytes of its `json`, `text` and `pcap` are written over: who keeps them copies them.
   */
  write(chunk: Chunk): void | Promise<void>;
  /** Writes out what is held back, and closes. */
  close(): Promise<void>;
}
