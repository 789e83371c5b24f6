/** A file of a spool's folder. Calls throw what the system says. */
export interface SpoolFile {
  /** Reads at `offset`; the number of bytes read, which may be fewer than asked for, 0 at the end. */
  read(into: Uint8Array, offset: number): number;
  /** Writes at `offset`; the number of bytes written, which may be fewer than given. */
  write(bytes: Uint8Array, offset: number): number;
  /** Cuts the file to `bytes`. */
  truncate(bytes: number): void;
  /** Lets go of it. */
  close(): void;
}

/** What {@link SpoolFileSystem.list} says about a name in the folder. */
export interface FolderEntry {
  /** Without the folder. */
  readonly name: string;
  /** Length, bytes. */
  readonly bytes: number;
  /** False for folders, links, devices and so on, which are never opened. */
  readonly isFile: boolean;
}

/** All that a spool wants of the system: one folder, held by nobody else. Calls throw what the system says. */
export interface SpoolFileSystem {
  /** Its path, for messages. */
  readonly folder: string;
  /** Everything in the folder, in no order. */
  list(): FolderEntry[];
  /** Makes a file that must not exist yet, for reading and writing. */
  create(name: string): SpoolFile;
  /** Opens a file for reading, and for writing if `mayWrite`. */
  open(name: string, mayWrite?: boolean): SpoolFile;
  /** Forces a file's content to disk, without holding up the other calls. */
  sync(name: string): Promise<void>;
  /** Whether there is such a file. */
  has(name: string): boolean;
  /** Cuts a file that is not open to `bytes`. */
  truncate(name: string, bytes: number): void;
  /** Removes a file. */
  remove(name: string): void;
  /** The content of a small file. */
  load(name: string): Uint8Array;
  /** Puts `bytes` in the place of a file's content, or leaves it as it was; `durable` waits for the disk. */
  replace(name: string, bytes: Uint8Array, durable: boolean): void;
  /** Forces the names in the folder to disk. */
  syncFolder(): Promise<void>;
  /** Makes the folder again after it was removed. */
  restoreFolder(): void;
  /** Lets others have the folder. */
  close(): void;
}

/** Reads `into` full from `offset`; false when the file ends before that. */
export function readFully(file: SpoolFile, into: Uint8Array, offset: number): boolean {
  for (let done = 0; done < into.length;) {
    const count = file.read(into.subarray(done), offset + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}

/** Writes all of `bytes` at `offset`. Throws also when the file takes no more without saying why. */
export function writeFully(file: SpoolFile, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    const count = file.write(bytes.subarray(done), offset + done);
    if (count === 0) throw new Error("the disk takes no more");
    done += count;
  }
}
