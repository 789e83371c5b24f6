import { type FolderEntry, type SpoolFile, type SpoolFileSystem, writeFully } from "./spool_file_system.ts";
import { temporarySuffix } from "./file_names.ts";

/** Nobody but the owner reads captured packets. */
const folderMode = 0o700;
const fileMode = 0o600;

/** Makes `path` and the folders above it, where they are missing. Throws what the system says. */
export function makeFolder(path: string): void {
  Deno.mkdirSync(path, { recursive: true, mode: folderMode });
}

/** A folder of the machine, as spools see it. */
export class DiskFolder implements SpoolFileSystem {
  /**
   * Makes and locks the folder.
   * @param lock makes and locks the folder; the function that it returns lets go of it
   */
  constructor(readonly folder: string, private readonly lock: () => () => void) {
    this.#unlock = lock();
  }

  #unlock: () => void;

  list(): FolderEntry[] {
    return [...Deno.readDirSync(this.folder)].flatMap(({ name, isFile }): FolderEntry[] => {
      if (!isFile) return [{ name, isFile, bytes: 0 }];
      try {
        return [{ name, isFile, bytes: Deno.statSync(this.#path(name)).size }];
      } catch (error) {
        // Who only looks at it finds files go.
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    });
  }

  create(name: string): SpoolFile {
    const options = { read: true, write: true, createNew: true, mode: fileMode };
    return new DiskFile(Deno.openSync(this.#path(name), options));
  }

  open(name: string, mayWrite = false): SpoolFile {
    return new DiskFile(Deno.openSync(this.#path(name), { read: true, write: mayWrite }));
  }

  async sync(name: string): Promise<void> {
    // Of its own, since a Deno file does one thing at a time; data that was written through another one counts.
    using file = await Deno.open(this.#path(name));
    await file.syncData();
  }

  has(name: string): boolean {
    try {
      return Deno.lstatSync(this.#path(name)).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  truncate(name: string, bytes: number): void {
    Deno.truncateSync(this.#path(name), bytes);
  }

  remove(name: string): void {
    Deno.removeSync(this.#path(name));
  }

  load(name: string): Uint8Array {
    return Deno.readFileSync(this.#path(name));
  }

  replace(name: string, bytes: Uint8Array, durable: boolean): void {
    const temporary = name + temporarySuffix;
    if (this.has(temporary)) this.remove(temporary);
    // Made anew, so that no link that somebody put there is followed.
    using file = Deno.openSync(this.#path(temporary), { write: true, createNew: true, mode: fileMode });
    writeFully(new DiskFile(file), bytes, 0);
    if (durable) file.syncSync();
    Deno.renameSync(this.#path(temporary), this.#path(name));
    if (!durable) return;
    using folder = Deno.openSync(this.folder);
    folder.syncSync();
  }

  async syncFolder(): Promise<void> {
    using folder = await Deno.open(this.folder);
    await folder.sync();
  }

  restoreFolder(): void {
    this.#unlock();
    this.#unlock = () => {};
    this.#unlock = this.lock();
  }

  close(): void {
    this.#unlock();
  }

  #path(name: string): string {
    return `${this.folder}/${name}`;
  }
}

/** A file, read and written at given places by one cursor of the system's. */
class DiskFile implements SpoolFile {
  #at = 0;

  constructor(private readonly file: Deno.FsFile) {}

  read(into: Uint8Array, offset: number): number {
    this.#seek(offset);
    const count = this.file.readSync(into) ?? 0;
    this.#at += count;
    return count;
  }

  write(bytes: Uint8Array, offset: number): number {
    this.#seek(offset);
    const count = this.file.writeSync(bytes);
    this.#at += count;
    return count;
  }

  truncate(bytes: number): void {
    this.file.truncateSync(bytes);
  }

  close(): void {
    this.file.close();
  }

  #seek(offset: number): void {
    if (offset === this.#at) return;
    // Where it is after a failure is not known.
    this.#at = -1;
    this.#at = this.file.seekSync(offset, Deno.SeekMode.Start);
  }
}
