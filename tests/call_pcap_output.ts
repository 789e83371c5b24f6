/** The engine's output `callPcap`, made without the engine. */
import { concatenated } from "./end_to_end/program.ts";

/** One entry of it. */
export interface CallPcapEntry {
  readonly call: number;
  /** Only of the first entry of a call. */
  readonly beginning?: {
    readonly callId: string | Uint8Array;
    readonly timeNs: bigint;
    readonly linkType?: number;
  };
  readonly isLast?: boolean;
  readonly records?: Uint8Array;
}

/** The bytes that the engine writes for these. */
export function callPcapOutput(...entries: readonly CallPcapEntry[]): Uint8Array {
  return concatenated(entries.flatMap(({ call, beginning, isLast, records = new Uint8Array() }) => {
    const name = typeof beginning?.callId === "string"
      ? new TextEncoder().encode(beginning.callId)
      : beginning?.callId ?? new Uint8Array();
    const flags = (beginning === undefined ? 0 : 1) | (isLast === true ? 2 : 0);
    const details = beginning === undefined
      ? []
      : [new Uint8Array(new BigUint64Array([beginning.timeNs]).buffer), words(beginning.linkType ?? 1)];
    return [words(call, flags, name.length), name, ...details, words(records.length), records];
  }));
}

/** Little endian. */
function words(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, at) => view.setUint32(4 * at, value, true));
  return new Uint8Array(view.buffer);
}
