/** What the engine wrote of one call for its capture file. */
export interface CallPcapRecords {
  /** Number of the call; an engine does not use one twice. */
  readonly call: number;
  /** Only with the first ones of the call. */
  readonly beginning: CallPcapBeginning | undefined;
  /** The call is over: nothing should follow. */
  readonly isLast: boolean;
  /** Savefile records (little endian, nanoseconds), without a file header; may be empty. */
  readonly records: Uint8Array;
}

/** What the file of a call begins with. */
export interface CallPcapBeginning {
  /** As in the messages: anything may be in it. */
  readonly callId: string;
  /** Of the first packet, nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** LINKTYPE_ value of all records of the call. */
  readonly linkType: number;
}

const first = 1, last = 2;

/**
 * Reads the engine's output `callPcap`. All numbers are little endian: call (u32), flags (u32: 1 first of the call, 2
 * last), length of the Call-ID (u32, 0 unless first), the Call-ID; where first: time (u64) and link type (u32); then the
 * length of the records (u32), and the records. Throws where the engine wrote anything else.
 */
export function* readCallPcapRecords(bytes: Uint8Array): Generator<CallPcapRecords, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const u32 = () => view.getUint32((at += 4) - 4, true);
  const slice = (length: number) => {
    if (length > bytes.length - at) throw new RangeError("the engine's records of calls are cut short");
    return bytes.subarray(at, at += length);
  };
  while (at < bytes.length) {
    const call = u32(), flags = u32();
    const name = slice(u32());
    let beginning: CallPcapBeginning | undefined;
    if ((flags & first) !== 0) {
      const timeNs = view.getBigUint64((at += 8) - 8, true);
      beginning = { callId: new TextDecoder().decode(name), timeNs, linkType: u32() };
    }
    yield { call, beginning, isLast: (flags & last) !== 0, records: slice(u32()) };
  }
}
