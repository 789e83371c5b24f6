import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/** The content of an identity or cursor file: one line that people can read, with its CRC-32 at the end. */
export interface State {
  /** The spool's UUID. */
  readonly id: string;
  /** What the file is kept for. */
  readonly sequence: bigint;
}

/** Either of the files that hold a {@link State}. */
export type StateFile = "identity" | "cursor";

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/** The bytes of a state file. */
export function encodeState(file: StateFile, { id, sequence }: State): Uint8Array {
  const text = `caracal ${file} 1 ${id} ${sequence}`;
  return new TextEncoder().encode(`${text} ${sumOf(text)}\n`);
}

/** Reads a state file; undefined when it is damaged, or of another version. */
export function decodeState(file: StateFile, bytes: Uint8Array): State | undefined {
  const text = Buffer.from(bytes).toString("latin1");
  const pattern = new RegExp(`^(caracal ${file} 1 (${uuid}) (\\d{1,20})) ([0-9a-f]{8})\n$`);
  const [, line = "", id = "", digits = "", sum] = pattern.exec(text) ?? [];
  if (sum === undefined || sum !== sumOf(line)) return undefined;
  return { id, sequence: BigInt(digits) };
}

function sumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
