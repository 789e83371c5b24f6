import { type CallReport, parseCallReport } from "../../engine/call_report.ts";
import type { Chunk, OutputKind } from "../../engine/chunk.ts";
import type { Sink } from "../../pipeline/sink.ts";
import { ByteOutput } from "../../sinks/byte_output.ts";
import { grouped } from "../number_text.ts";
import { callLadder } from "./call_ladder.ts";
import { callTable } from "./call_table.ts";

/** Calls that are shown at the end, the last ones. */
const MOST_CALLS = 100;

/** Calls as text on standard output: each when it ends, or a table and ladders of all when the run ends. */
export class CallTextSink implements Sink {
  readonly name = "standard output";
  readonly needs: readonly OutputKind[] = ["calls"];
  readonly #atEnd: boolean;
  readonly #width: () => number;
  readonly #output = ByteOutput.standardOutput();
  /** As the engine wrote them: most of them will not be looked at. */
  #lines: string[] = [];
  #count = 0;

  /**
   * Has shown nothing yet.
   * @param width of the terminal, characters
   */
  constructor(when: "each" | "at the end", width: () => number) {
    this.#atEnd = when === "at the end";
    this.#width = width;
  }

  write({ calls }: Chunk): void | Promise<void> {
    if (calls === undefined) return;
    const lines = new TextDecoder().decode(calls).split("\n").filter((line) => line !== "");
    if (!this.#atEnd) return this.#print(lines.map(parseCallReport).flatMap((call) => this.#shown([call])));
    this.#count += lines.length;
    this.#lines = [...this.#lines, ...lines].slice(-MOST_CALLS);
  }

  async close(): Promise<void> {
    if (this.#count === 0) return;
    const more = this.#count > MOST_CALLS
      ? ["", `the last ${MOST_CALLS} of ${grouped(this.#count)} calls:`]
      : [];
    await this.#print([...more, "", ...this.#shown(this.#lines.map(parseCallReport))]);
    this.#lines = [];
    this.#count = 0;
  }

  /** A table of the calls, and below it the ladder of each. */
  #shown(calls: readonly CallReport[]): string[] {
    const width = this.#width();
    const ladders = calls.filter(({ messages }) => messages.length > 0).flatMap((call) => [
      "",
      ...callLadder(call, width),
    ]);
    return [...callTable(calls, width), ...ladders, ...this.#atEnd ? [] : [""]];
  }

  #print(lines: readonly string[]): Promise<void> {
    return this.#output.write(new TextEncoder().encode(lines.join("\n") + "\n"));
  }
}
