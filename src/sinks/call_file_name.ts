import { createHash } from "node:crypto";

/** Bytes of a file name, at most, without a number: file systems take 255. */
const NAME_BYTES = 240;
/** Hexadecimal digits that tell names apart that had to be cut. */
const HASH_DIGITS = 16;
/** Bytes of an extension that is kept when a name is cut. */
const EXTENSION_BYTES = 16;

/** Characters of a Call-ID that go into a file name, at most. */
const CALL_ID_LENGTH = 100;

/**
 * The name of a call's capture file. A Call-ID comes from the network and may hold anything: what could lead out of the
 * folder, or is awkward in file names, becomes `_`. Of a name that is too long, a hash takes the place of the rest.
 *
 * @param pattern with `{timestamp}` and `{callid}`
 * @param timeNs of the first packet, nanoseconds since 1970
 */
export function callFileName(pattern: string, callId: string, timeNs: bigint): string {
  const time = new Date(Number(timeNs / 1_000_000n)).toISOString();
  const timestamp = time.slice(0, 19).replace(/[-:]/g, "").replace("T", "_");
  const name = pattern.replaceAll(
    /\{(timestamp|callid)\}/g,
    (_, field) => field === "timestamp" ? timestamp : safeCallId(callId),
  );
  // Not hidden, and no option of whatever command it is given to.
  return fitting(name.replace(/^[.-]/, "_"));
}

/** `name` as far as file systems take it, in whole characters, with its extension. */
function fitting(name: string): string {
  if (byteLength(name) <= NAME_BYTES) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_DIGITS);
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 && byteLength(name.slice(dot)) <= EXTENSION_BYTES ? name.slice(dot) : "";
  const end = `~${hash}${extension}`;
  const buffer = new Uint8Array(NAME_BYTES - byteLength(end));
  const { read } = new TextEncoder().encodeInto(name, buffer);
  return name.slice(0, read) + end;
}

const byteLength = (text: string) => new TextEncoder().encode(text).length;

function safeCallId(callId: string): string {
  const safe = callId.replaceAll("..", "__").replaceAll(/[^A-Za-z0-9._~!$%&'()+,;=[\]{}^#-]/gu, "_");
  const cut = safe.slice(0, CALL_ID_LENGTH);
  return cut === "" || cut === "." ? "safe_filename" : cut;
}

/** `name` with a number before its extension. */
export function numberedFileName(name: string, number: number): string {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? `${name}_${number}` : `${name.slice(0, dot)}_${number}${name.slice(dot)}`;
}
