/**
 * What `sniff voip` shows of real captures against what tshark sees in them (`truth/sip.json`): every SIP message with its
 * identities, and every packet of RTP.
 *
 * @module
 */
import assert from "node:assert/strict";
import { timestampOf } from "./end_to_end/capture_file.ts";
import { sharedCaptureNames, sharedFile, withoutShared } from "./engine_run.ts";
import { readCapture } from "./frames.ts";
import { isMessage, sniffedPackets, type VoipLine } from "./voip/sniffed_calls.ts";

/** A message; without `method` a response. */
interface TrueMessage {
  readonly file: string;
  /** Where it ends, counted from 1. */
  readonly frame: number;
  readonly transport: "udp" | "tcp";
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
  readonly method?: string;
  readonly status?: number;
  readonly call_id: string;
  readonly from: string;
  readonly to: string;
  readonly cseq: string;
}

interface TrueStream {
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
  readonly ssrc: string;
  readonly packets: number;
}

interface TrueFile {
  readonly file: string;
  readonly sip_frames: number;
  readonly rtp_frames: number;
  readonly rtcp_frames: number;
  readonly rtp_found_by: "SDP" | "heuristic";
  readonly rtp_streams: readonly TrueStream[];
}

interface Truth {
  readonly per_file: readonly TrueFile[];
  readonly entries: readonly TrueMessage[];
}

/** What tshark does not see, by file and SSRC. */
const corrections: readonly { readonly file: string; readonly ssrc: string; readonly packets: number }[] = [
  // It takes the last 27 packets of G.711 (version 2, the sequence goes on) for T.38, which was only offered by then.
  { file: "sip-rtp-t38-fax.pcap", ssrc: "0x0eaf0eaf", packets: 159 },
];

function readTruth(): Truth {
  const bytes = sharedFile("truth/sip.json");
  assert.ok(bytes, "../shared/captures has no truth/sip.json");
  return JSON.parse(new TextDecoder().decode(bytes));
}

const pathOf = (file: string) => new URL(`../../shared/captures/${file}`, import.meta.url).pathname;
const truth: Truth = withoutShared ? { per_file: [], entries: [] } : readTruth();

/** User of a name-addr or addr-spec (RFC 3261 section 20.10). */
function userOf(value: string): string {
  const uri = /<([^>]*)>/.exec(value.replace(/"[^"]*"/, ""))?.[1] ?? value;
  return decodeURIComponent(/^sips?:([^@:;]+)(?::[^@]*)?@/i.exec(uri)?.[1] ?? "");
}

/** A message as both sides can tell it. */
function told(line: VoipLine): Record<string, unknown> {
  const { sip = {}, src_ip, src_port, dst_ip, dst_port, transport } = line;
  return {
    what: sip.method || sip.response_code,
    callId: sip.call_id,
    fromUser: sip.from_user ?? "",
    toUser: sip.to_user ?? "",
    transaction: sip.cseq_method,
    way: `${transport.toLowerCase()} ${src_ip} ${src_port} > ${dst_ip} ${dst_port}`,
  };
}

function expected(message: TrueMessage): Record<string, unknown> {
  const { method, status, call_id, from, to, cseq, transport, src, sport, dst, dport } = message;
  return {
    what: method ?? status,
    callId: call_id,
    fromUser: userOf(from),
    toUser: userOf(to),
    transaction: cseq.split(/\s+/)[1],
    way: `${transport} ${src} ${sport} > ${dst} ${dport}`,
  };
}

for (const { file, sip_frames, rtp_frames, rtcp_frames, rtp_found_by, rtp_streams } of truth.per_file) {
  Deno.test(`golden voip: every SIP message of ${file}, as tshark sees it`, async () => {
    const messages = truth.entries.filter((entry) => entry.file === file);
    assert.equal(messages.length, sip_frames);
    const shown = (await sniffedPackets([pathOf(file)])).filter(isMessage);
    assert.deepEqual(shown.map(told), messages.map(expected));
    const records = readCapture(sharedFile(file) ?? assert.fail());
    const timeOf = (frame: number) => timestampOf(records[frame - 1]?.timestampNs ?? 0n);
    for (const [at, { transport, frame }] of messages.entries()) {
      // A message that comes in several segments has the time of the first one.
      const [time, end] = [shown[at]?.timestamp ?? "", timeOf(frame)];
      assert.ok(transport === "udp" ? time === end : time <= end, `${time} is not ${end}`);
    }
  });

  if (rtp_frames + rtcp_frames === 0) continue;
  const isSignalled = rtp_found_by === "SDP";
  Deno.test(`golden voip: every packet of RTP of ${file}`, async () => {
    const shown = await sniffedPackets([pathOf(file)]);
    const key = (src: unknown, sport: unknown, dst: unknown, dport: unknown, ssrc: unknown) =>
      `${src} ${sport} > ${dst} ${dport} ${ssrc}`;
    const counts = new Map<string, number>();
    for (const { rtp, sip, src_ip, src_port, dst_ip, dst_port } of shown) {
      if (rtp === undefined) continue;
      const stream = key(src_ip, src_port, dst_ip, dst_port, rtp.ssrc);
      counts.set(stream, (counts.get(stream) ?? 0) + 1);
      assert.ok(sip?.call_id, "RTP belongs to a call");
      assert.equal(sip.call_id.startsWith("rtp-"), !isSignalled, sip.call_id);
    }
    const wanted = new Map(
      rtp_streams.map(({ src, sport, dst, dport, ssrc, packets }) => {
        const corrected = corrections.find((one) => one.file === file && one.ssrc === ssrc);
        return [key(src, sport, dst, dport, Number(ssrc)), corrected?.packets ?? packets] as const;
      }),
    );
    for (const [stream, packets] of wanted) assert.equal(counts.get(stream), packets, stream);
    if (!isSignalled) return;
    assert.deepEqual(new Map([...counts].sort()), new Map([...wanted].sort()));
    assert.equal(shown.filter(({ protocol }) => protocol === "RTCP").length, rtcp_frames);
  });
}

Deno.test({
  name: "golden voip: no call in captures without one",
  ignore: withoutShared,
  async fn() {
    const with_calls = new Set(truth.per_file.map(({ file }) => file));
    const files = sharedCaptureNames().filter((file) =>
      !with_calls.has(file) && !file.startsWith("malformed")
    );
    assert.ok(files.length > 0);
    const shown = await sniffedPackets(files.map(pathOf));
    assert.deepEqual(
      shown.map(({ protocol, src_ip, src_port, dst_ip, dst_port }) =>
        `${protocol} ${src_ip} ${src_port} > ${dst_ip} ${dst_port}`
      ),
      [],
    );
  },
});
