import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";

/** The reader of an output went away (`| head`): the run ends, and that is no failure. */
export class OutputClosed extends Error {
  /** Class name, as a printed error shows it. */
  override readonly name = "OutputClosed";
}

/** Standard output or a file, written whole or failing with a clear line. */
export class ByteOutput {
  /** For messages: the path, or `standard output`. */
  readonly name: string;
  readonly #target: { write(bytes: Uint8Array): Promise<number> };
  readonly #close: () => void;

  private constructor(
    name: string,
    target: { write(bytes: Uint8Array): Promise<number> },
    close: () => void,
  ) {
    this.name = name;
    this.#target = target;
    this.#close = close;
  }

  /** Standard output; {@link close} leaves it open. */
  static standardOutput(): ByteOutput {
    return new ByteOutput("standard output", Deno.stdout, () => {});
  }

  /** Opens `path` for writing, emptied; `-` is standard output. Throws OperatorError. */
  static async open(path: string): Promise<ByteOutput> {
    if (path === "-") return ByteOutput.standardOutput();
    requirePermission({ name: "write", path }, `writing ${path}`);
    try {
      const file = await Deno.open(path, { write: true, create: true, truncate: true });
      return new ByteOutput(path, file, () => file.close());
    } catch (error) {
      throw new OperatorError(`${path} cannot be written: ${messageOf(error)}`);
    }
  }

  /** Writes all of `bytes`. Rejects with OutputClosed when the reader is gone, else with OperatorError. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#target.write(rest));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) {
        throw new OutputClosed(`${this.name} was closed by its reader`);
      }
      throw new OperatorError(`writing to ${this.name} failed: ${messageOf(error)}`);
    }
  }

  /** Closes the file; standard output stays open. */
  close(): void {
    this.#close();
  }
}
