/**
 * What `sniff voip` shows of calls of real telephones (`fixtures/voip-*.pcap`): the messages and media that tshark sees in
 * them, and of each call how it went.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fixture, fixtureObstacle } from "./end_to_end/capture_file.ts";
import { type CallLine, isMessage, sniffedCalls, sniffedPackets } from "./voip/sniffed_calls.ts";

interface TrueCall {
  readonly file: string;
  readonly call_id: string;
  readonly from_user: string;
  readonly to_user: string;
  /** First lines. */
  readonly messages: readonly string[];
  readonly rtp: number;
  readonly rtcp: number;
}

const obstacle = fixtureObstacle("voip_truth.json");
if (obstacle !== undefined) console.log(`tests of fixtures with calls are skipped: ${obstacle}`);
const truth: readonly TrueCall[] = obstacle === undefined
  ? JSON.parse(Deno.readTextFileSync(fixture("voip_truth.json"))).calls
  : [];
const files = [...new Set(truth.map(({ file }) => file))];

/** How calls of each scenario go: the beginning of their Call-IDs. */
const outcomes: Readonly<Record<string, Partial<CallLine>>> = {
  challenge: { state: "ENDED", end_reason: "bye", response_code: 200 },
  cancel: { state: "CANCELLED", end_reason: "cancel", response_code: 487 },
  busy: { state: "BUSY", end_reason: "busy", response_code: 486 },
  declined: { state: "FAILED", end_reason: "rejected 603", response_code: 603 },
};
const ended: Partial<CallLine> = { state: "ENDED", end_reason: "bye", response_code: 200 };
/** No calls: what they are about ends with their response. */
const transactions = ["message", "register", "options", "pipeline"];

const kindOf = (callId: string) => callId.split("-")[0] ?? "";
const isCall = ({ call_id }: { readonly call_id: string }) => !transactions.includes(kindOf(call_id));

for (const file of files) {
  const calls = truth.filter((call) => call.file === file);

  Deno.test(`fixtures: every message and packet of media of ${file}, by Call-ID`, async () => {
    const shown = await sniffedPackets([fixture(file)]);
    const counted = calls.map(({ call_id }) => {
      const own = shown.filter(({ sip }) => sip?.call_id === call_id);
      const messages = own.filter(isMessage).map(({ sip }) => sip?.method || String(sip?.response_code));
      const media = (protocol: string) => own.filter((line) => line.protocol === protocol).length;
      return { call_id, messages, rtp: media("RTP"), rtcp: media("RTCP") };
    });
    assert.deepEqual(
      counted,
      calls.map(({ call_id, messages, rtp, rtcp }) => {
        const kinds = messages.map((line) => line.split(" ")[line.startsWith("SIP/") ? 1 : 0]);
        return { call_id, messages: kinds, rtp, rtcp };
      }),
    );
    assert.equal(
      shown.length,
      counted.reduce((sum, one) => sum + one.messages.length + one.rtp + one.rtcp, 0),
    );
    for (const { sip, rtp } of shown) {
      const call = calls.find(({ call_id }) => call_id === sip?.call_id);
      if (rtp !== undefined) continue;
      if (sip?.from_user !== undefined) assert.equal(sip.from_user, call?.from_user);
      if (sip?.to_user !== undefined) assert.equal(sip.to_user, call?.to_user);
    }
  });

  Deno.test(`fixtures: how the calls of ${file} went`, async () => {
    const shown = await sniffedCalls(fixture(file));
    const wanted = calls.filter(isCall);
    assert.deepEqual(shown.map(({ call_id }) => call_id).sort(), wanted.map(({ call_id }) => call_id).sort());
    for (const { call_id, from_user, to_user, messages, rtp, rtcp } of wanted) {
      const call = shown.find((one) => one.call_id === call_id) ?? assert.fail();
      const outcome = outcomes[kindOf(call_id)] ?? ended;
      const { state, end_reason, response_code } = call;
      assert.deepEqual({ state, end_reason, response_code }, outcome, call_id);
      assert.deepEqual([call.from_user, call.to_user], [from_user, to_user]);
      assert.deepEqual(
        [call.sip_messages, call.rtp_packets ?? 0, call.rtcp_packets ?? 0],
        [messages.length, rtp, rtcp],
        call_id,
      );
      const texts = messages.map((line) => line.startsWith("SIP/") ? line.slice(8) : line.split(" ")[0]);
      assert.deepEqual(call.messages.map(({ text }) => text), texts);
      assert.equal(call.streams.reduce((sum, { packets }) => sum + packets, 0), rtp, call_id);
      for (const { packets, expected, lost, codec, jitter_ms, mos } of call.streams) {
        const told = `${call_id}: ${JSON.stringify(call.streams)}`;
        // SIPp stops playing a file when the call ends or the next one begins.
        assert.ok(packets > 0 && expected >= packets, told);
        assert.equal(lost ?? 0, expected - packets, told);
        assert.match(codec ?? "", /^(PCMU|VP8)$/, told);
        assert.ok(jitter_ms >= 0 && jitter_ms < 1_000, told);
        if (codec === "PCMU") assert.ok(mos !== undefined && mos > 1 && mos < 4.6, told);
      }
      if (end_reason === "bye") assert.ok((call.setup_seconds ?? -1) >= 0, call_id);
      if (rtp > 0) assert.ok((call.duration_seconds ?? 0) > 0.1, call_id);
    }
  });
}

Deno.test("fixtures: a filter for a user keeps the whole of that user's calls, and no other", async () => {
  const wanted = truth.filter(({ file, from_user }) => file === "voip-tcp.pcap" && from_user === "carol");
  const shown = await sniffedPackets([fixture("voip-tcp.pcap")], "--sip-user", "carol");
  assert.ok(wanted.length > 0);
  assert.deepEqual(
    new Set(shown.map(({ sip }) => sip?.call_id)),
    new Set(wanted.map(({ call_id }) => call_id)),
  );
  const packets = wanted.reduce((sum, { messages, rtp, rtcp }) => sum + messages.length + rtp + rtcp, 0);
  assert.equal(shown.length, packets);
});
