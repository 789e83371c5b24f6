/** What `sniff voip` prints of a capture file. */
import assert from "node:assert/strict";
import type { RTPMetadata, SIPMetadata } from "../../src/proto/data_messages.ts";
import { type PacketLine, packetsIn } from "../end_to_end/output.ts";
import { linesOf, run } from "../end_to_end/program.ts";

/** A packet of SIP or media. Fields that are zero or empty are left out. */
export interface VoipLine extends PacketLine {
  readonly sip?: Partial<SIPMetadata>;
  readonly rtp?: Partial<RTPMetadata>;
}

/** A call of `--calls`, as far as tests look at it. */
export interface CallLine {
  readonly call_id: string;
  readonly correlation_id?: string;
  readonly state: string;
  readonly end_reason?: string;
  readonly from_user?: string;
  readonly to_user?: string;
  readonly start_time?: string;
  readonly answer_time?: string;
  readonly end_time?: string;
  readonly setup_seconds?: number;
  readonly duration_seconds?: number;
  readonly response_code?: number;
  readonly sip_messages: number;
  readonly rtp_packets?: number;
  readonly rtcp_packets?: number;
  readonly streams: readonly StreamLine[];
  readonly messages: readonly { readonly time: string; readonly text: string; readonly sdp?: boolean }[];
}

/** One of its streams. */
export interface StreamLine {
  readonly ssrc: number;
  readonly source: string;
  readonly destination: string;
  readonly codec?: string;
  readonly packets: number;
  readonly expected: number;
  readonly lost?: number;
  readonly duplicates?: number;
  readonly out_of_order?: number;
  readonly jitter_ms: number;
  readonly r_factor?: number;
  readonly mos?: number;
}

async function sniff(paths: readonly string[], flags: readonly string[]): Promise<Uint8Array> {
  const inputs = paths.flatMap((path) => ["-r", path]);
  const { code, stdout, stderr } = await run(["sniff", "voip", ...inputs, "--json", ...flags], {
    permissions: ["--allow-read"],
    limitMs: 60_000,
  });
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The packets that it keeps. */
export async function sniffedPackets(paths: readonly string[], ...flags: string[]): Promise<VoipLine[]> {
  return packetsIn(await sniff(paths, flags)) as VoipLine[];
}

/** The calls that it reports. */
export async function sniffedCalls(path: string, ...flags: string[]): Promise<CallLine[]> {
  return linesOf(await sniff([path], ["--calls", ...flags])).map((line) => JSON.parse(line));
}

/** Whether it is a SIP message; media has the Call-ID of its call only. */
export function isMessage({ protocol, sip }: VoipLine): boolean {
  return protocol === "SIP" && (sip?.method !== undefined || sip?.response_code !== undefined);
}
