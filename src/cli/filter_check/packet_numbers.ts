/** The lines in `text`, without their ends. */
export function cutLines(text: Uint8Array | undefined): Uint8Array[] {
  const lines: Uint8Array[] = [];
  if (text === undefined) return lines;
  for (let start = 0; start < text.length;) {
    const end = text.indexOf(0x0a, start);
    if (end < 0) break;
    lines.push(text.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** The packets of one block, as JSON lines of an engine that keeps all of them. */
export interface NumberedLines {
  /** Number of the first packet in the capture, from 1. */
  readonly first: number;
  /** The place, from `from` on, of the packet that a filtering engine gave `line` for; undefined when it is not there. */
  find(line: Uint8Array, from: number): number | undefined;
}

/** What an engine with filters adds to a line, at its end. */
const addition = ascii(',"matched_filter_ids":[');
/** The last member that is only about the capture: what comes behind may depend on what the filters ask to know. */
const headerEnd = ascii(',"link_type":');

/** Counts packets, block by block, and so tells which one of a capture a line is about. */
export class PacketNumbers {
  #count = 0;

  /** The next block. */
  next(lines: readonly Uint8Array[]): NumberedLines {
    const first = this.#count + 1;
    this.#count += lines.length;
    return {
      first,
      find(line, from) {
        for (const mark of [addition, headerEnd]) {
          const start = line.subarray(0, lastIndexOf(line, mark));
          for (let at = from; at < lines.length; at++) if (startsWith(lines[at]!, start)) return at;
        }
        return undefined;
      },
    };
  }
}

/** Where `part` begins in `bytes` the last time; without it, where the last byte is. */
function lastIndexOf(bytes: Uint8Array, part: Uint8Array): number {
  for (let at = bytes.lastIndexOf(part[0]!); at > 0; at = bytes.lastIndexOf(part[0]!, at - 1)) {
    if (startsWith(bytes.subarray(at), part)) return at;
  }
  return bytes.length - 1;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  if (bytes.length < start.length) return false;
  for (let at = 0; at < start.length; at++) if (bytes[at] !== start[at]) return false;
  return true;
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
