import type { Chunk, OutputKind } from "../engine/chunk.ts";
import { ByteOutput } from "./byte_output.ts";
import type { Sink } from "../pipeline/sink.ts";

/** Packets on standard output: a readable line each, or a JSON object each; or a JSON object for each call that ended. */
export class ConsoleSink implements Sink {
  readonly name = "standard output";
  readonly needs: readonly OutputKind[];
  readonly #format: "text" | "json" | "calls";
  readonly #output = ByteOutput.standardOutput();

  /** Needs and prints the output that is called like `format`, and no other. */
  constructor(format: "text" | "json" | "calls") {
    this.#format = format;
    this.needs = [format];
  }

  write(chunk: Chunk): void | Promise<void> {
    const bytes = chunk[this.#format];
    if (bytes !== undefined) return this.#output.write(bytes);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
