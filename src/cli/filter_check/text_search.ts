import type { Filter } from "../../engine/filter.ts";
import {
  maxPatternBytes,
  type Pattern,
  type PatternBackend,
  type PatternMatcher,
  type PayloadBatch,
} from "../../matching/pattern_backend.ts";
import { partsOf } from "./pattern_reading.ts";

/** Shorter texts are in too many packets to tell anything, bytes. */
const SHORTEST_TEXT = 3;
const RECORD_HEADER_BYTES = 16;

/** The longest text that a packet must hold for `filter` to match it; undefined when there is none to search for. */
export function searchedText(filter: Filter): Uint8Array | undefined {
  const parts = partsOf(filter) ?? [];
  if (["imei", "imsi", "tls_ja3", "tls_ja3s", "tls_ja4"].includes(filter.type)) return undefined;
  const longest = parts.reduce((best, part) => part.length > best.length ? part : best, "");
  const text = filter.type === "dns_domain" ? onTheWire(longest, parts) : new TextEncoder().encode(longest);
  return text.length < SHORTEST_TEXT || text.length > maxPatternBytes ? undefined : text;
}

/** Labels have their length before them (RFC 1035 section 3.1). The first may be the end of a longer one. */
function onTheWire(name: string, parts: readonly string[]): Uint8Array {
  const bytes: number[] = [];
  const labels = name.split(".");
  labels.forEach((label, at) => {
    if (label === "") return;
    const isWhole = at > 0 || parts[0] === name;
    const isCut = at === labels.length - 1 && parts.at(-1) !== name;
    const octets = new TextEncoder().encode(label);
    if (isWhole && !isCut) bytes.push(octets.length);
    if (!isCut || at === 0) bytes.push(...octets);
  });
  return Uint8Array.from(bytes);
}

/** Counts the packets that hold the texts of filters, wherever: tells what looks at the wrong place from absent traffic. */
export class TextSearch {
  /** Packets by filter id. */
  readonly packets = new Map<string, number>();
  readonly #ids: readonly string[];
  readonly #matcher: PatternMatcher;

  private constructor(ids: readonly string[], matcher: PatternMatcher) {
    this.#ids = ids;
    this.#matcher = matcher;
  }

  /** A search with `backend`; undefined when no filter has a text. Throws OperatorError as `compile` does. */
  static async create(filters: readonly Filter[], backend: PatternBackend): Promise<TextSearch | undefined> {
    const ids: string[] = [];
    const patterns: Pattern[] = [];
    for (const filter of filters) {
      const text = searchedText(filter);
      if (text === undefined) continue;
      ids.push(filter.id);
      patterns.push({ text, kind: "contains" });
    }
    return ids.length === 0 ? undefined : new TextSearch(ids, await backend.compile(patterns));
  }

  /** Searches savefile records. */
  async look(records: Uint8Array): Promise<void> {
    const { patterns } = await this.#matcher.match(framesOf(records));
    for (const number of patterns) {
      const id = this.#ids[number] ?? "";
      this.packets.set(id, (this.packets.get(id) ?? 0) + 1);
    }
  }

  /** Gives the matcher's memory back. */
  close(): void {
    this.#matcher.close();
  }
}

/** The frames of savefile records (little endian). */
function framesOf(records: Uint8Array): PayloadBatch {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const bytes = new Uint8Array(records.length);
  const ends: number[] = [];
  let length = 0;
  for (let at = 0; at + RECORD_HEADER_BYTES <= records.length;) {
    const captured = view.getUint32(at + 8, true);
    const start = at + RECORD_HEADER_BYTES;
    at = start + captured;
    bytes.set(records.subarray(start, at), length);
    length += captured;
    ends.push(length);
  }
  return { bytes: bytes.subarray(0, length), ends: Uint32Array.from(ends) };
}
