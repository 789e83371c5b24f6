import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";
import { Gunzip } from "./gunzip.ts";
import type { Source } from "./source.ts";

/** Bytes per read. */
const readSize = 1 << 18;
/** How long to wait for bytes before an empty block is handed on. */
const waitMs = 100;
const longestMagic = 6;

const gzipMagic = [0x1f, 0x8b];

/** What operators compress captures with, and what decompresses it. */
const otherCompressions = [
  { name: "zstd", command: "zstd -dc", magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: "xz", command: "xz -dc", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: "bzip2", command: "bzip2 -dc", magic: [0x42, 0x5a, 0x68] },
  { name: "lz4", command: "lz4 -dc", magic: [0x04, 0x22, 0x4d, 0x18] },
] as const;

const empty = new Uint8Array();

/** What bytes come from. */
type Input = Pick<Deno.FsFile, "read" | "close">;

/**
 * A capture file, plain or gzip, by path; `-` is standard input. A path may also be a FIFO or a device.
 *
 * {@link next} must not be called again before its promise settles.
 */
export class FileSource implements Source {
  readonly name: string;
  readonly interfaceName = "";
  readonly live = false;
  readonly linkType: undefined = undefined;

  readonly #path: string;
  #bytesRead = 0;
  #input: Input | undefined;
  /** The plain file, when {@link readSync} may be used. */
  #file: Deno.FsFile | undefined;
  /** The file, when it is a plain one. */
  #seekable: Deno.FsFile | undefined;
  #blocks: AsyncIterator<Uint8Array> | undefined;
  /** The read under way. */
  #pending: Promise<IteratorResult<Uint8Array>> | undefined;
  #notices: string[] = [];
  #closed = false;

  /**
   * Opens nothing yet.
   *
   * @param path the file, or `-` for standard input
   */
  constructor(path: string) {
    this.#path = path;
    this.name = path === "-" ? "standard input" : path;
  }

  /** Known once it is open. */
  get direct(): boolean {
    return this.#file !== undefined;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  async open(): Promise<void> {
    if (this.#path === "-") {
      this.#input = Deno.stdin;
    } else {
      const file = await this.#openFile();
      this.#input = file;
      try {
        await this.#inspect(file);
      } catch (error) {
        this.close();
        throw error instanceof OperatorError ? error : this.#readError(error);
      }
    }
    this.#blocks = this.#read(this.#input);
  }

  /** Finds out how a file can be read, without waiting for a FIFO to have something. */
  async #inspect(file: Deno.FsFile): Promise<void> {
    if (!(await file.stat()).isFile) return;
    this.#seekable = file;
    const head = new Uint8Array(longestMagic);
    const headLength = file.readSync(head) ?? 0;
    file.seekSync(0, Deno.SeekMode.Start);
    if (this.#isPlain(head.subarray(0, headLength))) this.#file = file;
  }

  async #openFile(): Promise<Deno.FsFile> {
    requirePermission({ name: "read", path: this.#path }, `reading ${this.name}`);
    try {
      if ((await Deno.stat(this.#path)).isDirectory) {
        throw new OperatorError(`${this.name} is a directory, not a capture file`);
      }
      return await Deno.open(this.#path);
    } catch (error) {
      if (error instanceof OperatorError) throw error;
      if (error instanceof Deno.errors.NotFound) throw new OperatorError(`${this.name}: no such file`);
      if (error instanceof Deno.errors.PermissionDenied) {
        throw new OperatorError(`${this.name}: the system does not permit to read it`);
      }
      throw new OperatorError(`${this.name}: cannot open it: ${messageOf(error)}`);
    }
  }

  /** False for gzip; throws OperatorError for other compressions. */
  #isPlain(head: Uint8Array): boolean {
    const startsWith = (magic: readonly number[]) => magic.every((byte, i) => head[i] === byte);
    const other = otherCompressions.find(({ magic }) => startsWith(magic));
    if (other !== undefined) {
      const input = this.#path === "-" ? "" : ` ${this.name}`;
      throw new OperatorError(
        `${this.name} is compressed with ${other.name}: decompress it first (${other.command}${input} | ... -r -)`,
      );
    }
    return !startsWith(gzipMagic);
  }

  readSync(into: Uint8Array): number | null {
    if (this.#file === undefined) throw new OperatorError(`${this.name} cannot be read directly`);
    try {
      const length = this.#file.readSync(into);
      this.#bytesRead += length ?? 0;
      return length;
    } catch (error) {
      throw this.#readError(error);
    }
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#closed || this.#blocks === undefined) return null;
    this.#pending ??= this.#blocks.next();
    const timeout = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => timeout.resolve(undefined), waitMs);
    const result = await Promise.race([this.#pending, timeout.promise]).finally(() => clearTimeout(timer));
    if (this.#closed) return null;
    if (result === undefined) return empty;
    this.#pending = undefined;
    return result.done ? null : result.value;
  }

  /** All bytes, decompressed. */
  async *#read(input: Input): AsyncGenerator<Uint8Array, undefined> {
    const head = await this.#readHead(input);
    if (this.#isPlain(head)) {
      if (head.length > 0) yield head;
      const buffer = new Uint8Array(readSize);
      for (let length; (length = await this.#readSome(input, buffer)) !== null;) {
        yield buffer.subarray(0, length);
      }
    } else {
      yield* this.#decompress(head, input);
    }
  }

  /** At least as many bytes as tell the compression, unless there are fewer. */
  async #readHead(input: Input): Promise<Uint8Array> {
    const head = new Uint8Array(readSize);
    let length = 0;
    while (length < longestMagic) {
      const more = await this.#readSome(input, head.subarray(length));
      if (more === null) break;
      length += more;
    }
    return head.subarray(0, length);
  }

  async #readSome(input: Input, into: Uint8Array): Promise<number | null> {
    try {
      const length = await input.read(into);
      this.#bytesRead += length ?? 0;
      return length;
    } catch (error) {
      if (this.#closed) return null;
      throw this.#readError(error);
    }
  }

  #readError(error: unknown): OperatorError {
    return new OperatorError(`${this.name}: cannot read it: ${messageOf(error)}`);
  }

  /** What is cut short or corrupt ends with a notice, once all that can be decoded was given. */
  async *#decompress(head: Uint8Array, input: Input): AsyncGenerator<Uint8Array, undefined> {
    const read = (into: Uint8Array) => this.#readSome(input, into);
    let run = new Gunzip(read, head);
    try {
      yield* run.blocks();
      return;
    } catch (error) {
      if (error instanceof OperatorError) throw error;
      this.#notices.push(
        `${this.name}: the gzip stream is cut short or corrupt (${messageOf(error)}): read up to there`,
      );
    }
    // What the last piece decodes to before the damage is lost: go over it again in smaller ones.
    for (const pieceSize of this.#seekable === undefined || run.exhausted ? [] : [256, 1]) {
      this.#seekable?.seekSync(0, Deno.SeekMode.Start);
      this.#bytesRead = 0;
      const given = run.given;
      run = new Gunzip(read, empty, { from: run.lastPieceAt, size: pieceSize });
      yield* dropFirst(run.blocks(), given);
    }
  }

  setFilter(): void {
    throw new OperatorError(`${this.name}: a capture file has no kernel filter`);
  }

  kernelCounters(): undefined {
    return undefined;
  }

  takeNotices(): string[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A read that waits for bytes fails then; nobody waits for it any more.
    this.#pending?.catch(() => {});
    this.#input?.close();
  }
}

/** What comes behind the first `count` bytes; ends where `blocks` fails. */
async function* dropFirst(
  blocks: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array, undefined> {
  let left = count;
  try {
    for await (const block of blocks) {
      if (left < block.length) yield block.subarray(left);
      left = Math.max(0, left - block.length);
    }
  } catch {
    // The same failure once more.
  }
}
