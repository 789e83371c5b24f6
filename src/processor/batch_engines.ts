import { type Chunk, isEmptyChunk, type OutputKind } from "../engine/chunk.ts";
import { type BatchInfo, Engine, type EngineOptions } from "../engine/engine.ts";
import type { BatchDecoder } from "./batch_decoder.ts";

/**
 * Two engines: one for batches whose packets say what they are, one for the others. Only the second renders packets
 * for subscribers: the first would render what it was given. A hunter's batches all go to the same engine, which so
 * sees its flows whole.
 */
export class BatchEngines implements BatchDecoder {
  readonly #options: EngineOptions;
  readonly #described: Engine;
  #undescribed: Engine | undefined;
  #last: Engine;

  /** Engines that write `options.outputs`; {@link Engine.load} must have been called. */
  constructor(options: EngineOptions) {
    this.#options = options;
    this.#described = this.#last = new Engine(options);
  }

  /** Reads one encoded `PacketBatch` and renders its packets. Throws OperatorError when it is none. */
  processBatch(batch: Uint8Array, described: boolean): BatchInfo {
    this.#last = described ? this.#described : this.#undescribed ??= this.#newUndescribed();
    return this.#last.processBatch(batch);
  }

  /** What was rendered of the last batch. */
  take(): Chunk {
    return this.#last.take();
  }

  /** So many ms have gone by: ends calls that are over, though no packet may have come. What was rendered of them. */
  advance(elapsedMs: number): Chunk[] {
    return this.#renderedBy((engine) => engine.advance(elapsedMs));
  }

  /** Ends all calls. What was rendered of them. */
  finish(): Chunk[] {
    return this.#renderedBy((engine) => engine.finish());
  }

  /** Lines for the operator since the last call. */
  takeNotices(): string[] {
    return this.#engines.flatMap((engine) => engine.takeNotices());
  }

  /** What was counted since the start, by name. */
  counters(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const engine of this.#engines) {
      for (const [name, value] of Object.entries(engine.counters())) sums[name] = (sums[name] ?? 0) + value;
    }
    return sums;
  }

  #renderedBy(step: (engine: Engine) => void): Chunk[] {
    return this.#engines.map((engine) => {
      step(engine);
      return engine.take();
    }).filter((chunk) => !isEmptyChunk(chunk));
  }

  get #engines(): Engine[] {
    return this.#undescribed === undefined ? [this.#described] : [this.#described, this.#undescribed];
  }

  #newUndescribed(): Engine {
    const outputs = new Set<OutputKind>(["wire", ...this.#options.outputs]);
    return new Engine({ ...this.#options, outputs: [...outputs] });
  }
}
