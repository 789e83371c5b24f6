import type { Chunk, OutputKind } from "../engine/chunk.ts";

/** Where finished packets go. Sinks see whole chunks, never single packets. */
export interface Sink {
  /** For messages: `standard output`, a file's path, `processor host:port`. */
  readonly name: string;
  /** The outputs that this sink needs from the engine. */
  readonly needs: readonly OutputKind[];
  /**
   * Takes a chunk. A promise asks the pipeline to wait: a file is not read on, a live capture drops by policy. Once all
   * sinks have taken it, the bytes of its `json`, `text` and `pcap` may be written over: who keeps them copies them.
   */
  write(chunk: Chunk): void | Promise<void>;
  /** Writes out what is held back, and closes. */
  close(): Promise<void>;
}

/** Gives a chunk to all sinks. Rejects with the first failure, at once: others may still read the chunk. */
export async function writeToAll(sinks: readonly Sink[], chunk: Chunk): Promise<void> {
  // Each in a promise: one that throws must not keep the chunk from the others, nor leave their failures to nobody.
  await Promise.all(sinks.map(async (sink) => await sink.write(chunk)));
}
