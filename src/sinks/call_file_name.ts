/** Characters of a Call-ID that go into a file name, at most. */
const CALL_ID_LENGTH = 100;

/**
 * The name of a call's capture file. A Call-ID comes from the network and may hold anything: what could lead out of the
 * folder, or is awkward in file names, becomes `_`.
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
  return name.replace(/^[.-]/, "_");
}

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
