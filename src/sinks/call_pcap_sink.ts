import type { Chunk, OutputKind } from "../engine/chunk.ts";
import { type CallPcapBeginning, readCallPcapRecords } from "../engine/call_pcap_records.ts";
import type { Sink } from "../pipeline/sink.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";
import { logger } from "../telemetry/log.ts";
import { callFileName, numberedFileName } from "./call_file_name.ts";
import { pcapFileHeader } from "./pcap_file_sink.ts";

const log = logger("capture file");

/** Files that are open at once, at most; a process may usually have 1024. */
const MOST_OPEN = 200;
/** Calls whose files are known, at most. The engine bounds its calls; those of a thread that broke down never end. */
const MOST_CALLS = 1_000_000;
/** Names whose last number is remembered. */
const MOST_NAMES = 10_000;

const folderMode = 0o750, fileMode = 0o600;

/** Where a call's files are, and how they are named. */
export interface CallPcapOptions {
  /** Folder; made where there is none. */
  readonly folder: string;
  /** File names, with `{timestamp}` and `{callid}`. */
  readonly pattern: string;
  /** A file is closed so long after the last packet of its call, ms. */
  readonly graceMs: number;
  /** Files that are open at once; 200 when not given. */
  readonly mostOpen?: number;
  /** The time, ms, of a clock that nobody sets. */
  readonly now?: () => number;
}

/** The file of a call that was begun. */
interface CallFile {
  readonly beginning: CallPcapBeginning;
  path: string;
  /** Tells whether the path still leads to the same file. */
  identity: string;
  /** When it is closed for good; undefined while the call goes on. */
  closesAt: number | undefined;
}

/** A capture file for each call. Nothing that is in the folder already is ever overwritten. */
export class CallPcapSink implements Sink {
  /** The folder, for messages. */
  readonly name: string;
  readonly needs: readonly OutputKind[] = ["callPcap"];
  readonly #options: CallPcapOptions;
  readonly #mostOpen: number;
  readonly #now: () => number;
  readonly #calls = new Map<number, CallFile>();
  /** Those that are over, the one that is closed next first. */
  readonly #ended = new Set<number>();
  /** The one used longest ago first. */
  readonly #open = new Map<CallFile, Deno.FsFile>();
  readonly #numbers = new Map<string, number>();
  #failure: OperatorError | undefined;
  #toldOfLost = false;

  private constructor(options: CallPcapOptions) {
    this.#options = options;
    this.#mostOpen = options.mostOpen ?? MOST_OPEN;
    this.#now = options.now ?? (() => performance.now());
    this.name = options.folder;
  }

  /** Makes the folder. Throws OperatorError when it cannot be used: a symbolic link might lead anywhere. */
  static open(options: CallPcapOptions): CallPcapSink {
    // A slash at the end would look through a link.
    const folder = options.folder.replace(/(?<=.)\/+$/, "");
    for (const name of ["read", "write"] as const) {
      requirePermission({ name, path: folder }, `one capture file per call in ${folder}`);
    }
    let isFolder: boolean;
    try {
      Deno.mkdirSync(folder, { recursive: true, mode: folderMode });
      isFolder = Deno.lstatSync(folder).isDirectory;
    } catch (error) {
      throw new OperatorError(`${folder} cannot be used for capture files of calls: ${messageOf(error)}`);
    }
    if (!isFolder) {
      throw new OperatorError(
        `${folder} is a symbolic link: name the folder that it leads to, or another one`,
        2,
      );
    }
    return new CallPcapSink({ ...options, folder });
  }

  /** Appends what each call got. Throws OperatorError when a file cannot be written, and then again. */
  write({ callPcap }: Chunk): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (callPcap !== undefined) {
      for (const { call, beginning, isLast, records } of readCallPcapRecords(callPcap)) {
        if (beginning !== undefined) this.#begin(call, beginning);
        const file = this.#calls.get(call);
        if (file === undefined) this.#tellOfLost();
        else {
          this.#append(file, records);
          if (isLast || file.closesAt !== undefined) this.#end(call, file);
        }
      }
    }
    this.#closeEnded();
  }

  /** Closes all files. */
  close(): Promise<void> {
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
    this.#calls.clear();
    this.#ended.clear();
    return Promise.resolve();
  }

  #begin(call: number, beginning: CallPcapBeginning): void {
    // The numbers of a capture thread that was started again begin anew.
    this.#forget(call);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size >= MOST_CALLS && oldest !== undefined) this.#forget(oldest);
    const file: CallFile = { beginning, path: "", identity: "", closesAt: undefined };
    this.#create(file);
    this.#calls.set(call, file);
  }

  #end(call: number, file: CallFile): void {
    file.closesAt = this.#now() + this.#options.graceMs;
    this.#ended.delete(call);
    this.#ended.add(call);
  }

  #closeEnded(): void {
    for (const call of this.#ended) {
      const closesAt = this.#calls.get(call)?.closesAt ?? 0;
      if (closesAt > this.#now()) return;
      this.#forget(call);
    }
  }

  #forget(call: number): void {
    const file = this.#calls.get(call);
    if (file === undefined) return;
    this.#open.get(file)?.close();
    this.#open.delete(file);
    this.#calls.delete(call);
    this.#ended.delete(call);
  }

  #append(file: CallFile, records: Uint8Array): void {
    const target = this.#open.get(file) ?? this.#reopen(file);
    // It was used last.
    this.#open.delete(file);
    this.#open.set(file, target);
    this.#attempt(file.path, () => {
      for (let rest = records; rest.length > 0;) rest = rest.subarray(target.writeSync(rest));
    });
  }

  /** Makes a file of a name that is free, with its header. */
  #create(file: CallFile): Deno.FsFile {
    const { callId, timeNs, linkType } = file.beginning;
    const name = callFileName(this.#options.pattern, callId, timeNs);
    for (let number = this.#numbers.get(name) ?? 1;; number++) {
      file.path = `${this.#options.folder}/${number === 1 ? name : numberedFileName(name, number)}`;
      const target = this.#attempt(file.path, () => createdNew(file.path));
      if (target === undefined) continue;
      if (this.#numbers.size >= MOST_NAMES) this.#numbers.clear();
      this.#numbers.set(name, number + 1);
      file.identity = this.#attempt(file.path, () => identityOf(target));
      this.#keepOpen(file, target);
      this.#append(file, pcapFileHeader(linkType));
      return target;
    }
  }

  /** Goes on with a file that was closed to make room; with a new one where its path leads elsewhere by now. */
  #reopen(file: CallFile): Deno.FsFile {
    try {
      const target = Deno.openSync(file.path, { append: true });
      if (identityOf(target) === file.identity) {
        this.#keepOpen(file, target);
        return target;
      }
      target.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw this.#fail(file.path, error);
    }
    const before = file.path;
    const target = this.#create(file);
    log.warn(`${before} is not the file any more that it was: its call goes on in ${file.path}`);
    return target;
  }

  #keepOpen(file: CallFile, target: Deno.FsFile): void {
    const [oldest] = this.#open;
    if (this.#open.size >= this.#mostOpen && oldest !== undefined) {
      const [one, opened] = oldest;
      opened.close();
      this.#open.delete(one);
    }
    this.#open.set(file, target);
  }

  #attempt<T>(path: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#fail(path, error);
    }
  }

  #fail(path: string, error: unknown): OperatorError {
    return this.#failure ??= new OperatorError(`writing to ${path} failed: ${messageOf(error)}`);
  }

  #tellOfLost(): void {
    if (this.#toldOfLost) return;
    this.#toldOfLost = true;
    log.warn(`packets of calls whose beginning was dropped are in no file of ${this.name}`);
  }
}

/** A file that was not there before, under whatever name; undefined when the name is taken. */
function createdNew(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { write: true, createNew: true, mode: fileMode });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return undefined;
    throw error;
  }
}

function identityOf(file: Deno.FsFile): string {
  const { dev, ino } = file.statSync();
  return `${dev} ${ino}`;
}
