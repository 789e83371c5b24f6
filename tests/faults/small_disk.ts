/** A disk of its own for a test: small, and made full or read-only at will. Needs root. */
import { command, Folder, missingCommand, pause } from "../end_to_end/program.ts";

/** Why disks cannot be mounted here, or undefined. */
export async function mountObstacle(): Promise<string | undefined> {
  const missing = missingCommand("mount", "umount");
  if (missing !== undefined) return `${missing} is not installed`;
  try {
    await (await SmallDisk.mount(1))[Symbol.asyncDispose]();
  } catch {
    return "no tmpfs can be mounted (it takes root)";
  }
}

/** A mounted tmpfs; unmounted at the end of its scope. */
export class SmallDisk implements AsyncDisposable {
  readonly #folder = new Folder();
  #mounts = 1;

  /** @param mebibytes its size */
  static async mount(mebibytes: number): Promise<SmallDisk> {
    const disk = new SmallDisk();
    try {
      await command(["mount", "-t", "tmpfs", "-o", `size=${mebibytes}m`, "caracal-test", disk.#folder.path]);
    } catch (error) {
      disk.#folder[Symbol.dispose]();
      throw error;
    }
    return disk;
  }

  /** The path of a file on it. */
  file(name: string): string {
    return this.#folder.file(name);
  }

  /** From now on no file can be made, renamed, removed or opened for writing; a file that is open goes on. */
  async makeReadOnly(): Promise<void> {
    await command(["mount", "--bind", this.#folder.path, this.#folder.path]);
    this.#mounts++;
    // Busy for as long as somebody is about to make a file.
    for (let attempt = 1;; attempt++) {
      try {
        await command(["mount", "-o", "remount,bind,ro", this.#folder.path]);
        return;
      } catch (error) {
        if (attempt === 50 || !/busy/.test(String(error))) throw error;
        await pause(20);
      }
    }
  }

  /** Files can be made again. */
  async makeWritable(): Promise<void> {
    await command(["mount", "-o", "remount,bind,rw", this.#folder.path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#mounts-- > 0) await command(["umount", "--lazy", this.#folder.path]);
    this.#folder[Symbol.dispose]();
  }
}
