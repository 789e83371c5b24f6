import { messageOf, OperatorError } from "../../runtime/operator_error.ts";
import { requirePermission } from "../../runtime/permissions.ts";
import { DiskFolder, makeFolder } from "./disk_folder.ts";
import type { SpoolFileSystem } from "./spool_file_system.ts";
import { stateFiles } from "./file_names.ts";

/** Who uses a folder: the id of the process, or `an unknown process`. */
export type Holder = string;

/**
 * Opens a spool in `folder`, made where it is missing, and locked until its file system is closed or this process
 * ends, in whatever way. Throws OperatorError.
 */
export function openFolder<T>(folder: string, open: (fileSystem: SpoolFileSystem) => T): T {
  requirePermission({ name: "read", path: folder }, `the disk buffer ${folder}`);
  requirePermission({ name: "write", path: folder }, `the disk buffer ${folder}`);
  let fileSystem: DiskFolder | undefined;
  try {
    fileSystem = new DiskFolder(folder, () => lock(folder));
    return open(fileSystem);
  } catch (error) {
    fileSystem?.close();
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`the disk buffer ${folder} cannot be used: ${messageOf(error)}`);
  }
}

/** The process that uses `folder` now; undefined when none does, or nothing can be known. Needs only to read. */
export function holderOf(folder: string): Holder | undefined {
  const path = `${folder}/${stateFiles.lock}`;
  try {
    using file = Deno.openSync(path);
    if (file.tryLockSync(false)) return undefined;
    return processIn(path);
  } catch {
    return undefined;
  }
}

function lock(folder: string): () => void {
  makeFolder(folder);
  const path = `${folder}/${stateFiles.lock}`;
  const file = openLock(path);
  try {
    if (!file.tryLockSync(true)) {
      throw new OperatorError(
        `the disk buffer ${folder} is in use by ${
          processIn(path)
        }: end that one, or name another folder with ` +
          "--disk-buffer-dir",
      );
    }
    refuseStrangersFolder(folder, file.statSync().uid);
    file.truncateSync(0);
    file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch (error) {
    file.close();
    throw error;
  }
  // The lock is the system's, on the open file: it ends with the process.
  return () => file.close();
}

function processIn(path: string): Holder {
  const pid = /^\d+$/.exec(Deno.readTextFileSync(path).trim())?.[0];
  return pid === undefined ? "an unknown process" : `process ${pid}`;
}

/** Opens the lock file, and no other one that a link leads to. */
function openLock(path: string): Deno.FsFile {
  const options = { read: true, write: true, mode: 0o600 };
  try {
    return Deno.openSync(path, { ...options, createNew: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const file = Deno.openSync(path, { read: true, write: true });
  const [opened, named] = [file.statSync(), Deno.lstatSync(path)];
  if (named.isFile && named.dev === opened.dev && named.ino === opened.ino) return file;
  file.close();
  throw new OperatorError(`${path} is no plain file: remove it, or name another folder`);
}

/**
 * Who owns the folder can put other files into it. Root may be there on another user's behalf.
 *
 * @param uid of a file that this process may have made
 */
function refuseStrangersFolder(folder: string, uid: number | null): void {
  const named = Deno.lstatSync(folder);
  // A link is worth what the one who made it is; root may use another user's folder, but not be led elsewhere.
  const { uid: owner } = named.isSymlink && named.uid !== uid && named.uid !== 0
    ? named
    : Deno.statSync(folder);
  if (owner === null || uid === null || owner === uid || owner === 0) return;
  if (uid === 0 && !named.isSymlink) return;
  throw new OperatorError(
    `the disk buffer ${folder} belongs to another user (${owner}): name another folder`,
  );
}

/** The folder of a spool as it is, not locked and not to be written. Throws OperatorError. */
export function lookInto<T>(folder: string, look: (fileSystem: SpoolFileSystem) => T): T {
  requirePermission({ name: "read", path: folder }, `the disk buffer ${folder}`);
  try {
    return look(new DiskFolder(folder, () => () => {}));
  } catch (error) {
    throw new OperatorError(`the disk buffer ${folder} cannot be read: ${messageOf(error)}`);
  }
}
