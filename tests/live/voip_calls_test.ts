/**
 * Calls of real telephones (SIPp) past a live hunter: all of a filtered user's calls arrive at the processor, packet by
 * packet, and no other.
 */
import { Folder } from "../end_to_end/program.ts";
import { callsIn } from "../voip/call_truth.ts";
import { FilteredCalls, users, wantedUser } from "../voip/filtered_calls.ts";
import { badLineObstacle, TelephoneNetwork, telephoneObstacle } from "../voip/telephone_network.ts";

const obstacle = await telephoneObstacle();
if (obstacle !== undefined) console.log(`live tests of calls are skipped: ${obstacle}`);

/** Makes calls, so many of them wanted ones, past hunter and processor. */
function callTest(
  name: string,
  wanted: number,
  make: (network: TelephoneNetwork) => Promise<void>,
  { ignore = obstacle !== undefined, workers = 1 } = {},
): void {
  Deno.test({
    name: `live calls: ${name}`,
    ignore,
    async fn() {
      await using network = await TelephoneNetwork.create();
      using folder = new Folder();
      const path = folder.file("beside.pcap");
      await using recording = await network.record(path);
      await using calls = await FilteredCalls.start(network.callee, workers);
      await calls.ready(() => network.canary(wantedUser));
      await make(network);
      await recording.stop();
      await calls.finish(await callsIn(path), wanted);
    },
  });
}

callTest("1,000 over UDP, with RTP and RTCP both ways", 250, async (network) => {
  await network.calls("basic", { calls: 1_000, rate: 80, users });
});

callTest("over TCP, on one connection, and one connection each", 100, async (network) => {
  await network.calls("basic", { calls: 200, rate: 80, users, transport: "t1", name: "one" });
  await network.calls("basic", { calls: 200, rate: 80, users, transport: "tn", name: "each" });
});

async function overTcp(network: TelephoneNetwork): Promise<void> {
  await network.pipeline(wantedUser, 30);
  await network.makeSegmentsSmall();
  await network.calls("large", { calls: 100, users, transport: "tn" });
  await network.calls("basic", { calls: 40, users, transport: "t1" });
  await network.calls("brief", { calls: 600, rate: 300, users, transport: "t1" });
}

callTest("over TCP, in segments that cut messages, and that carry several", 215, overTcp);

callTest("over IPv6, UDP and TCP, and in fragments", 60, async (network) => {
  await network.calls("basic", { calls: 80, users, ipVersion: 6, name: "udp6" });
  await network.calls("large", { calls: 80, users, ipVersion: 6, name: "large6" });
  await network.calls("basic", { calls: 80, users, ipVersion: 6, transport: "t1", name: "tcp6" });
});

// deno-fmt-ignore
const kinds = [
  "challenge", "cancel", "busy", "declined", "hold", "early", "update", "video", "late", "fork", "large",
  "message", "register", "options",
] as const;

async function ofEveryKind(network: TelephoneNetwork): Promise<void> {
  for (const kind of kinds) await network.calls(kind, { calls: 8, users });
}

callTest("of every kind", 2 * kinds.length, ofEveryKind);

callTest("over TCP, of every kind", 2 * kinds.length, async (network) => {
  for (const kind of kinds) await network.calls(kind, { calls: 8, users, transport: "t1" });
});

async function lossy(network: TelephoneNetwork): Promise<void> {
  await network.calls("lossy", { calls: 80, rate: 20, users });
}

callTest("whose messages are lost and repeated", 20, lossy);

// The media of most calls come to another capture thread than their signalling.
callTest("seen by three threads, over UDP", 100, async (network) => {
  await network.calls("basic", { calls: 400, rate: 80, users });
}, { workers: 3 });
callTest("seen by two threads, over TCP", 215, overTcp, { workers: 2 });
callTest("seen by three threads, of every kind", 2 * kinds.length, ofEveryKind, { workers: 3 });
callTest("seen by four threads, whose messages are lost and repeated", 20, lossy, { workers: 4 });

const badLine = obstacle ?? await badLineObstacle();
if (obstacle === undefined && badLine !== undefined) {
  console.log(`the live test of calls on a bad line is skipped: ${badLine}`);
}
callTest("on a line that loses, repeats and disorders", 20, async (network) => {
  await network.makeLineBad();
  await network.calls("basic", { calls: 80, rate: 20, users });
}, { ignore: badLine !== undefined });
