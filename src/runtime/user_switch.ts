/**
 * Gives up root for another user, for good (Linux).
 *
 * The functions of the C library that set ids do it in all threads of the process; the bare system calls would do it
 * in one. The kernel takes a thread's capabilities away when its last id of 0 goes.
 *
 * @module
 */
import { openCLibrary } from "./c_library.ts";
import { OperatorError } from "./operator_error.ts";
import { requirePermission } from "./permissions.ts";

const symbols = {
  getpwnam_r: { parameters: ["buffer", "buffer", "buffer", "usize", "buffer"], result: "i32" },
  getpwuid_r: { parameters: ["u32", "buffer", "buffer", "usize", "buffer"], result: "i32" },
  getgrnam_r: { parameters: ["buffer", "buffer", "buffer", "usize", "buffer"], result: "i32" },
  getresuid: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  getresgid: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  initgroups: { parameters: ["buffer", "u32"], result: "i32" },
  setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setuid: { parameters: ["u32"], result: "i32" },
  lchown: { parameters: ["buffer", "u32", "u32"], result: "i32" },
  prctl: { parameters: ["i32", "usize", "usize", "usize", "usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type CLibrary = Deno.DynamicLibrary<typeof symbols>["symbols"];

/** include/uapi/linux/prctl.h */
const setNoNewPrivileges = 38;

/** `struct passwd` and `struct group`, 64 bit: two pointers, then the numbers. */
const recordSize = 64, nameOffset = 0, uidOffset = 16, gidOffset = 20, groupGidOffset = 16;
/** Room for the texts of such a record, bytes: groups name all their members. */
const textsSize = 1 << 20;
/** Ids that are no user's: setresuid takes the last for "as it is". */
const maxId = 0xffff_fffe;

/** A user that the process can become. */
export interface SwitchUser {
  /** As the operator named it. */
  readonly text: string;
  /** Not 0. */
  readonly uid: number;
  /** The group given, else the user's own. */
  readonly gid: number;
  /** Whose further groups are taken on; undefined for none but `gid`. */
  readonly groupsOf: string | undefined;
  /** Whether the process runs as that user already. */
  readonly current: boolean;
}

/**
 * Finds the user of `--user`: `user` or `user:group`, names or numbers. With a group given, it is the only one;
 * else the user's own groups hold.
 *
 * Throws OperatorError: no such user or group, root itself, or a process that cannot become it.
 */
export function findUser(text: string): SwitchUser {
  const c = library();
  const [userText = "", groupText, ...more] = text.split(":");
  if (userText === "" || groupText === "" || more.length > 0) {
    throw new OperatorError(`--user ${text}: it must be user or user:group, by name or number`, 2);
  }
  const user = userRecord(c, userText);
  if (user === undefined && numberIn(userText) === undefined) {
    throw new OperatorError(`--user ${text}: this machine has no user ${userText}`, 2);
  }
  const uid = user?.uid ?? numberIn(userText) ?? 0;
  if (uid === 0) throw new OperatorError(`--user ${text}: that is root; name a user without its rights`, 2);
  const gid = groupText === undefined ? user?.gid : groupId(c, groupText) ?? numberIn(groupText);
  if (gid === undefined) {
    throw new OperatorError(
      groupText === undefined
        ? `--user ${text}: user ${uid} is not listed here, so its group is unknown: add it (--user ${uid}:group)`
        : `--user ${text}: this machine has no group ${groupText}`,
      2,
    );
  }
  const current = allAre(userIds(c), uid) && allAre(groupIds(c), gid);
  if (!current && userIds(c)[1] !== 0) {
    throw new OperatorError(
      `--user ${text}: only root can become another user: start as root, or leave it out`,
    );
  }
  return { text, uid, gid, groupsOf: groupText === undefined ? user?.name : undefined, current };
}

/**
 * Becomes `user` in all threads, with no way back, and without capabilities. New programs then get no more rights
 * than that, either, as far as this thread starts them. Throws OperatorError when any of root's rights would be left.
 */
export function becomeUser(user: SwitchUser): void {
  const c = library();
  const { uid, gid, groupsOf, text } = user;
  const failed = (what: string) =>
    new OperatorError(`--user ${text}: ${what} failed: is this process root without the rights of root?`);
  if (!user.current) {
    const groups = groupsOf === undefined
      ? c.setgroups(1n, new Uint8Array(new Uint32Array([gid]).buffer))
      : c.initgroups(cString(groupsOf), gid);
    if (groups !== 0) throw failed("setting the groups");
    if (c.setresgid(gid, gid, gid) !== 0) throw failed("setresgid");
    if (c.setresuid(uid, uid, uid) !== 0) throw failed("setresuid");
  }
  if (!allAre(userIds(c), uid) || !allAre(groupIds(c), gid) || c.setuid(0) === 0) {
    throw new OperatorError(`--user ${text}: root could not be given up for good`);
  }
  // Older kernels do not know it; without it, a program with the setuid bit is as dangerous as to any user.
  c.prctl(setNoNewPrivileges, 1n, 0n, 0n, 0n);
}

/**
 * Gives a folder, and the files in it that `isOwn` knows by their names, to `user`, while this process is still root.
 * A folder that holds anything else is not given away: it may be a mistake. Links are not followed, and of files
 * with several names, which may be anybody's, none is given away.
 */
export function giveFolder(user: SwitchUser, folder: string, isOwn: (name: string) => boolean): void {
  if (user.current) return;
  const c = library();
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const own = names.filter(isOwn);
  for (const name of own) {
    const { isFile, nlink } = Deno.lstatSync(`${folder}/${name}`);
    if (isFile && nlink === 1) c.lchown(cString(`${folder}/${name}`), user.uid, user.gid);
  }
  if (own.length === names.length) c.lchown(cString(folder), user.uid, user.gid);
}

let loaded: CLibrary | undefined;

function library(): CLibrary {
  requirePermission({ name: "ffi" }, "--user");
  loaded ??= Deno.build.os === "linux" ? openCLibrary(symbols)?.symbols : undefined;
  if (loaded !== undefined) return loaded;
  throw new OperatorError("--user is supported on Linux only: leave it out, and start as another user", 2);
}

function userIds(c: CLibrary): readonly number[] {
  return threeIds((...ids) => c.getresuid(...ids));
}

function groupIds(c: CLibrary): readonly number[] {
  return threeIds((...ids) => c.getresgid(...ids));
}

/** Real, effective and saved id. */
function threeIds(
  read: (...ids: [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>]) => number,
) {
  const ids = new Uint32Array(3);
  const [real, effective, saved] = [0, 4, 8].map((at) => new Uint8Array(ids.buffer, at, 4));
  if (
    real === undefined || effective === undefined || saved === undefined || read(real, effective, saved) !== 0
  ) {
    throw new OperatorError("--user: the C library does not tell who runs this process");
  }
  return [...ids];
}

function allAre(ids: readonly number[], id: number): boolean {
  return ids.every((one) => one === id);
}

/** The user of that name, else of that number. */
function userRecord(c: CLibrary, text: string): { name: string; uid: number; gid: number } | undefined {
  const number = numberIn(text);
  const found = record((...out) => c.getpwnam_r(cString(text), ...out)) ??
    (number === undefined ? undefined : record((...out) => c.getpwuid_r(number, ...out)));
  if (found === undefined) return undefined;
  const { fields, texts } = found;
  // The name is one of the texts, and they live as long as this buffer.
  const at = Number(
    fields.getBigUint64(nameOffset, true) - Deno.UnsafePointer.value(Deno.UnsafePointer.of(texts)),
  );
  return {
    name: new TextDecoder().decode(texts.subarray(at, texts.indexOf(0, at))),
    uid: fields.getUint32(uidOffset, true),
    gid: fields.getUint32(gidOffset, true),
  };
}

function groupId(c: CLibrary, text: string): number | undefined {
  return record((...out) => c.getgrnam_r(cString(text), ...out))?.fields.getUint32(groupGidOffset, true);
}

type Bytes = Uint8Array<ArrayBuffer>;

/** What a `get..._r` function finds; undefined for nothing. */
function record(
  get: (into: Bytes, texts: Bytes, size: bigint, result: Bytes) => number,
): { fields: DataView<ArrayBuffer>; texts: Bytes } | undefined {
  const into = new Uint8Array(recordSize);
  const texts = new Uint8Array(textsSize);
  const result = new BigUint64Array(1);
  const failed = get(into, texts, BigInt(texts.length), new Uint8Array(result.buffer)) !== 0;
  return failed || result[0] === 0n ? undefined : { fields: new DataView(into.buffer), texts };
}

function numberIn(text: string): number | undefined {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Infinity;
  return number <= maxId ? number : undefined;
}

function cString(text: string): Bytes {
  return new TextEncoder().encode(`${text}\0`);
}
