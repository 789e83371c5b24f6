import type { Chunk, OutputKind } from "../engine/chunk.ts";
import type { Processor } from "../processor/processor.ts";
import { StatusError } from "../processor/status_error.ts";
import type { Sink } from "../pipeline/sink.ts";

/** Hands what is captured here to the processor in the same process, which gives it to its own sinks. */
export class ProcessorSink implements Sink {
  /** For messages. */
  readonly name = "the embedded processor";
  /** What the processor's sinks need, and encoded packets for clients that watch. */
  readonly needs: readonly OutputKind[];
  readonly #processor: Processor;

  /** Needs what the sinks of `processor` need; the caller starts and stops it. */
  constructor(processor: Processor) {
    this.#processor = processor;
    this.needs = [...new Set<OutputKind>(["wire", ...processor.sinks.flatMap((sink) => sink.needs)])];
  }

  /** Takes a chunk. Rejects with what a sink of the processor failed with. */
  async write(chunk: Chunk): Promise<void> {
    try {
      await this.#processor.acceptLocal(chunk);
    } catch (error) {
      throw error instanceof StatusError ? error.cause ?? error : error;
    }
  }

  /** Resolves when the processor's sinks have taken everything; the processor goes on. */
  close(): Promise<void> {
    return this.#processor.idle();
  }
}
