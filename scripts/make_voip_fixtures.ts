/**
 * Makes `fixtures/voip-*.pcap` and `fixtures/voip_truth.json`: calls of real telephones (SIPp) in two network namespaces,
 * as tcpdump captures them, and what tshark sees of them. Nothing leaves the machine.
 *
 * Usage, as root on Linux: deno run --allow-all scripts/make_voip_fixtures.ts
 *
 * @module
 */
import { command, Folder, root } from "../tests/end_to_end/program.ts";
import { callsIn } from "../tests/voip/call_truth.ts";
import { type ScenarioName, TelephoneNetwork, telephoneObstacle } from "../tests/voip/telephone_network.ts";

const users = [["alice", "bob"], ["carol", "+4915550001"]] as const;
// deno-fmt-ignore
const kinds: readonly ScenarioName[] = [
  "basic", "challenge", "cancel", "busy", "declined", "hold", "early", "update", "video", "late", "fork", "large",
  "message", "register", "options",
];

const captures: Readonly<Record<string, (network: TelephoneNetwork) => Promise<void>>> = {
  "voip-udp.pcap": async (network) => {
    for (const kind of kinds) await network.calls(kind, { calls: 2, users });
  },
  "voip-tcp.pcap": async (network) => {
    await network.calls("basic", { calls: 4, users, transport: "t1", name: "one" });
    await network.calls("basic", { calls: 2, users, transport: "tn", name: "each" });
    await network.pipeline("alice", 4);
    await network.makeSegmentsSmall();
    await network.calls("large", { calls: 2, users, transport: "t1" });
  },
  "voip-ipv6.pcap": async (network) => {
    await network.calls("basic", { calls: 2, users, ipVersion: 6 });
    await network.calls("large", { calls: 2, users, ipVersion: 6 });
    await network.calls("basic", { calls: 1, users, ipVersion: 6, transport: "t1", name: "tcp" });
  },
};

const obstacle = await telephoneObstacle();
if (obstacle !== undefined) {
  console.error(`make_voip_fixtures: ${obstacle}`);
  Deno.exit(1);
}
const truth: unknown[] = [];
for (const [file, make] of Object.entries(captures)) {
  console.log(file);
  using folder = new Folder();
  await using network = await TelephoneNetwork.create();
  {
    await using recording = await network.record(folder.file("all.pcap"));
    await make(network);
    await recording.stop();
  }
  // Neighbours look for each other, and nobody hears the media.
  const path = `${root}fixtures/${file}`;
  const noise = "!arp && !icmp && !icmpv6";
  await command(["tshark", "-r", folder.file("all.pcap"), "-Y", noise, "-F", "nsecpcap", "-w", path]);
  await Deno.chmod(path, 0o644);
  for (const { callId, fromUser, toUser, firstLines, sent } of (await callsIn(path)).values()) {
    const media = sent.filter(({ isSip }) => !isSip);
    // The second octet of RTCP is a packet type from 200 on (RFC 5761 section 4).
    const controls = media.filter(({ octets }) => parseInt(octets.slice(2, 4), 16) >= 200);
    const counts = { rtp: media.length - controls.length, rtcp: controls.length };
    truth.push({
      file,
      call_id: callId,
      from_user: fromUser,
      to_user: toUser,
      messages: firstLines,
      ...counts,
    });
  }
}
const { stdout } = await command(["tshark", "--version"]);
const lines = truth.map((call) => `    ${JSON.stringify(call)}`).join(",\n");
await Deno.writeTextFile(
  `${root}fixtures/voip_truth.json`,
  `{\n  "derived": ${JSON.stringify(stdout.split("\n")[0])},\n  "calls": [\n${lines}\n  ]\n}\n`,
);
