import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { isGranted, requirePermission } from "../runtime/permissions.ts";

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
  /** Nothing goes behind a write that may have stopped halfway. */
  #failure: Error | undefined;

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

  /**
   * Opens `path` for writing, emptied; `-` is standard output. Throws OperatorError, also when it is one of the files
   * that are `read`, under whatever name.
   */
  static async open(path: string, read: readonly string[] = []): Promise<ByteOutput> {
    if (path === "-") return ByteOutput.standardOutput();
    requirePermission({ name: "write", path }, `writing ${path}`);
    let file: Deno.FsFile | undefined;
    try {
      file = await Deno.open(path, { write: true, create: true });
      const own = await statOf(path);
      for (const other of read) {
        const info = await statOf(other);
        if (own !== undefined && own.ino !== null && info?.dev === own.dev && info.ino === own.ino) {
          throw new OperatorError(`${path} is ${other}, which is read: choose another file to write`, 2);
        }
      }
      await file.truncate().catch((error) => {
        // A device or a pipe has nothing to empty, and says so (EINVAL).
        if (!/os error 22/.test(messageOf(error))) throw error;
      });
      const opened = file;
      return new ByteOutput(path, opened, () => opened.close());
    } catch (error) {
      file?.close();
      if (error instanceof OperatorError) throw error;
      if (error instanceof Deno.errors.NotCapable) {
        throw new OperatorError(`${path} cannot be written: Deno opens such a file only with --allow-all`);
      }
      throw new OperatorError(`${path} cannot be written: ${messageOf(error)}`);
    }
  }

  /**
   * Writes all of `bytes`. Rejects with OutputClosed when the reader went away, else with OperatorError; once that has
   * happened, with the same again.
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#target.write(rest));
    } catch (error) {
      this.#failure = error instanceof Deno.errors.BrokenPipe
        ? new OutputClosed(`${this.name} was closed by its reader`)
        : new OperatorError(`writing to ${this.name} failed: ${messageOf(error)}`);
      throw this.#failure;
    }
  }

  /** Closes the file; standard output stays open. */
  close(): void {
    this.#close();
  }
}

/** Writes `text` to standard output. A reader that went away is no failure; any other is an OperatorError. */
export async function print(text: string): Promise<void> {
  try {
    await ByteOutput.standardOutput().write(new TextEncoder().encode(text));
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
}

/** What is known of a file that is to be read; undefined when it is none, or may not be looked at. */
async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  if (path === "-" || !isGranted({ name: "read", path })) return undefined;
  return await Deno.stat(path).catch(() => undefined);
}
