import type { FolderEntry, SpoolFile, SpoolFileSystem } from "../../src/delivery/spool/spool_file_system.ts";

/** What can be made to fail. */
export type DiskCall =
  | "list"
  | "create"
  | "open"
  | "sync"
  | "truncate"
  | "remove"
  | "replace"
  | "syncFolder"
  | "read"
  | "write";

/** What reaches the disk at once, or not at all, bytes; small, so that records are torn. */
const BLOCK = 16;

/** A file: what programs see, and what would be there after a loss of power. */
class Inode {
  content = new Uint8Array(0);
  durable = new Uint8Array(0);
  /** Blocks that the next sync writes. */
  readonly dirty = new Set<number>();
  /** Blocks that a sync should have written, and that the system takes for written. */
  readonly forgotten = new Set<number>();

  write(bytes: Uint8Array, offset: number): void {
    if (offset + bytes.length > this.content.length) {
      this.content = resized(this.content, offset + bytes.length);
    }
    this.content.set(bytes, offset);
    for (let at = offset; at < offset + bytes.length; at++) this.dirty.add(Math.floor(at / BLOCK));
  }

  truncate(bytes: number): void {
    this.content = resized(this.content, bytes);
    this.dirty.add(Math.floor(bytes / BLOCK));
  }

  /** A sync that fails makes the system forget what it should have written, as Linux does. */
  sync(fails: boolean): void {
    const blocks = [...this.dirty];
    this.dirty.clear();
    if (fails) {
      for (const block of blocks) this.forgotten.add(block);
      return;
    }
    this.durable = resized(this.durable, this.content.length);
    for (const block of blocks) this.#keep(this.durable, block);
  }

  /** A later run knows nothing of syncs that failed: the system is to be trusted again, and tries again. */
  remember(): void {
    for (const block of this.forgotten) this.dirty.add(block);
    this.forgotten.clear();
  }

  /** Any part of what was not synced is there, or is not. */
  crash(choose: (below: number) => number): void {
    const [low, high] = [this.durable.length, this.content.length].sort((one, other) => one - other);
    const length = (low ?? 0) + choose((high ?? 0) - (low ?? 0) + 1);
    const after = resized(this.durable, length);
    for (let block = 0; block * BLOCK < length; block++) if (choose(2) === 1) this.#keep(after, block);
    this.content = after;
    this.durable = after.slice();
    this.dirty.clear();
  }

  #keep(target: Uint8Array, block: number): void {
    const start = block * BLOCK;
    if (start < target.length) {
      target.set(this.content.subarray(start, Math.min(start + BLOCK, target.length)), start);
    }
  }
}

/** A disk that fails, fills up, and loses power, when it is told to. */
export class FaultDisk {
  /** The calls that fail now. */
  readonly failing = new Set<DiskCall>();
  /** Bytes that may still be written. */
  space = Infinity;
  /** Most bytes that one write takes. */
  writeBytes = Infinity;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  /** What was done to the folder since it was last synced, in order: a journal keeps it so. */
  #journal: ((names: Map<string, Inode>) => void)[] = [];
  #generation = 0;

  /** The folder, for one run of a program. */
  mount(): SpoolFileSystem {
    const generation = this.#generation;
    const live = () => {
      if (generation !== this.#generation) throw new Error("this process was killed");
    };
    const call = (name: DiskCall) => {
      live();
      if (this.failing.has(name)) throw new Error(`${name} failed`);
    };
    const inode = (name: string) => {
      const found = this.#names.get(name);
      if (found === undefined) throw new Deno.errors.NotFound(name);
      return found;
    };
    const change = (action: (names: Map<string, Inode>) => void) => {
      action(this.#names);
      this.#journal.push(action);
    };
    const file = (node: Inode): SpoolFile => ({
      read: (into, offset) => {
        call("read");
        const bytes = node.content.subarray(offset, offset + into.length);
        into.set(bytes);
        return bytes.length;
      },
      write: (bytes, offset) => {
        call("write");
        const growth = Math.max(0, offset + bytes.length - node.content.length);
        const count = Math.min(this.writeBytes, growth > this.space ? this.space : bytes.length);
        if (count === 0) throw new Error("no space left on device");
        this.space -= Math.max(0, offset + count - node.content.length);
        node.write(bytes.subarray(0, count), offset);
        return count;
      },
      truncate: (bytes) => {
        call("truncate");
        this.space += node.content.length - bytes;
        node.truncate(bytes);
      },
      close: () => {},
    });
    return {
      folder: "/buffer",
      list: () => {
        call("list");
        return [...this.#names].map(([name, { content }]): FolderEntry => ({
          name,
          bytes: content.length,
          isFile: true,
        }));
      },
      create: (name) => {
        call("create");
        if (this.#names.has(name)) throw new Deno.errors.AlreadyExists(name);
        const node = new Inode();
        change((names) => names.set(name, node));
        return file(node);
      },
      open: (name) => {
        call("open");
        return file(inode(name));
      },
      // deno-lint-ignore require-await
      sync: async (name) => {
        live();
        const node = inode(name);
        node.sync(this.failing.has("sync"));
        call("sync");
      },
      has: (name) => this.#names.has(name),
      truncate: (name, bytes) => file(inode(name)).truncate(bytes),
      remove: (name) => {
        call("remove");
        this.space += inode(name).content.length;
        change((names) => names.delete(name));
      },
      load: (name) => {
        call("read");
        return inode(name).content.slice();
      },
      replace: (name, bytes, durable) => {
        call("replace");
        const node = new Inode();
        node.write(bytes, 0);
        // Linux writes a file out before it takes the place of another one.
        node.sync(false);
        change((names) => names.set(name, node));
        if (durable) this.#syncFolder();
      },
      // deno-lint-ignore require-await
      syncFolder: async () => {
        call("syncFolder");
        this.#syncFolder();
      },
      restoreFolder: () => {},
      close: () => {},
    };
  }

  /** The program is gone; what it wrote is not. */
  kill(): void {
    this.#generation += 1;
    for (const node of this.#names.values()) node.remember();
  }

  /** The machine is gone, and what was not forced to disk may be, too. */
  losePower(choose: (below: number) => number): void {
    this.kill();
    this.#names = new Map(this.#durableNames);
    for (const action of this.#journal.slice(0, choose(this.#journal.length + 1))) action(this.#names);
    for (const node of new Set(this.#names.values())) node.crash(choose);
    this.#syncFolder();
  }

  /** The folder is removed. */
  clear(): void {
    this.#names.clear();
    this.#syncFolder();
  }

  /** The content of all files, as programs see it. */
  get files(): Map<string, Uint8Array> {
    return new Map([...this.#names].map(([name, { content }]) => [name, content.slice()]));
  }

  /** Puts files there, as if they had always been. */
  set files(files: ReadonlyMap<string, Uint8Array>) {
    this.#names = new Map();
    for (const [name, bytes] of files) {
      const node = new Inode();
      node.write(bytes, 0);
      node.sync(false);
      this.#names.set(name, node);
    }
    this.#syncFolder();
  }

  #syncFolder(): void {
    this.#durableNames = new Map(this.#names);
    this.#journal = [];
  }
}

function resized(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const other = new Uint8Array(length);
  other.set(bytes.subarray(0, length));
  return other;
}
