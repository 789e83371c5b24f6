/**
 * A second opinion on IP fragments, for captures without overlaps: what of their records is left when datagrams have taken
 * the place of their fragments.
 *
 * @module
 */
import { concat } from "./engine_run.ts";
import { checksumOf, etherType } from "./fragment_frames.ts";
import { type CaptureRecord, linkType, u16 } from "./frames.ts";

const IPV6_FRAGMENT = 44;

/** A fragment: where it belongs, and what is left of its packet when it is the first one of a datagram. */
interface Piece {
  readonly datagram: string;
  readonly offset: number;
  readonly more: boolean;
  readonly content: Uint8Array;
  /** Link layer and IP header in front of this many bytes. */
  readonly headers: (length: number) => Uint8Array;
  readonly record: CaptureRecord;
}

/** The records, in the order in which they are complete; those of incomplete datagrams as they are, last. */
export function reassembled(records: readonly CaptureRecord[]): CaptureRecord[] {
  const open = new Map<string, Piece[]>();
  const done = new Set<string>();
  const frames: CaptureRecord[] = [];
  for (const record of records) {
    const piece = pieceOf(record);
    if (piece === undefined) frames.push(record);
    else if (!done.has(piece.datagram)) {
      const pieces = open.get(piece.datagram) ?? [];
      // Where a fragment comes twice, both are the same in these captures.
      if (!pieces.some((other) => other.offset === piece.offset)) pieces.push(piece);
      const data = joined(pieces);
      open.set(piece.datagram, pieces);
      if (data === undefined) continue;
      frames.push({ ...record, data, originalLength: data.length });
      open.delete(piece.datagram);
      done.add(piece.datagram);
    }
  }
  return [...frames, ...[...open.values()].flatMap((pieces) => pieces.map((piece) => piece.record))];
}

function joined(pieces: readonly Piece[]): Uint8Array | undefined {
  const ordered = pieces.toSorted((one, other) => one.offset - other.offset);
  let end = 0;
  for (const { offset, content } of ordered) {
    if (offset !== end) return undefined;
    end += content.length;
  }
  const [first, last] = [ordered[0], ordered.at(-1)];
  if (first === undefined || last?.more !== false) return undefined;
  return concat([first.headers(end), ...ordered.map((piece) => piece.content)]);
}

function pieceOf(record: CaptureRecord): Piece | undefined {
  const { data } = record;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const at = networkOffset(record, view);
  if (at === undefined || data.length < at + 20) return undefined;
  const version = view.getUint8(at) >> 4;
  if (version === 4) {
    const [length, fields] = [view.getUint16(at + 2), view.getUint16(at + 6)];
    if ((fields & 0x3fff) === 0) return undefined;
    const headerLength = 4 * (view.getUint8(at) & 15);
    return {
      datagram: `4 ${data.subarray(at + 4, at + 6)} ${data[at + 9]} ${data.subarray(at + 12, at + 20)}`,
      offset: 8 * (fields & 0x1fff),
      more: (fields & 0x2000) !== 0,
      content: data.subarray(at + headerLength, at + length),
      headers: (bytes) => {
        const headers = data.slice(0, at + headerLength);
        headers.set(u16(headerLength + bytes), at + 2);
        headers.fill(0, at + 6, at + 8);
        headers.fill(0, at + 10, at + 12);
        headers.set(u16(checksumOf(headers.subarray(at))), at + 10);
        return headers;
      },
      record,
    };
  }
  if (version !== 6 || data[at + 6] !== IPV6_FRAGMENT) return undefined;
  const fields = view.getUint16(at + 42);
  return {
    datagram: `6 ${data.subarray(at + 8, at + 40)} ${data.subarray(at + 44, at + 48)}`,
    offset: fields & 0xfff8,
    more: (fields & 1) !== 0,
    content: data.subarray(at + 48, at + 40 + view.getUint16(at + 4)),
    headers: (bytes) => {
      const headers = data.slice(0, at + 40);
      headers.set([...u16(bytes), data[at + 40] ?? 0], at + 4);
      return headers;
    },
    record,
  };
}

/** Where the IP header begins: behind Ethernet with tags, and Linux cooked. */
function networkOffset(record: CaptureRecord, view: DataView): number | undefined {
  let at = { [linkType.ethernet]: 12, [linkType.sll]: 14 }[record.linkType];
  if (at === undefined || view.byteLength < at + 2) return undefined;
  const tags: readonly number[] = [etherType.vlan, etherType.serviceVlan];
  while (view.byteLength >= at + 6 && tags.includes(view.getUint16(at))) at += 4;
  const types: readonly number[] = [etherType.ipv4, etherType.ipv6];
  return types.includes(view.getUint16(at)) ? at + 2 : undefined;
}
