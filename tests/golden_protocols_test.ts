/**
 * What the engine calls the flows of real captures, against what other programs call them (`truth/protocols.json`).
 *
 * @module
 */
import assert from "node:assert/strict";
import { packetsOf, run, sharedCaptureNames, sharedFile, withoutShared } from "./engine_run.ts";

/** One flow of the truth file; ports are null or 0 where the transport has none. */
interface TrueFlow {
  readonly file: string;
  readonly transport: string;
  readonly a: string;
  readonly aport: number | null;
  readonly b: string;
  readonly bport: number | null;
  readonly label: readonly string[];
  readonly strength: "two or more sources" | "one source" | "none";
  readonly tshark?: readonly string[];
  readonly ndpi?: string;
  readonly zeek?: string;
  readonly zeek_logs?: readonly string[];
  readonly arkime?: readonly string[];
}

/** Share of a protocol's flows that must be found, and of those called so that must be it. */
const thresholds = { recall: 0.95, precision: 0.98 } as const;
/** Protocols with fewer well-known flows than this are shown, and not judged. */
const fewestFlows = 2;

/** Flows that are not judged: file, flow as {@link flowName} writes it (all of the file without it), and why. */
const exceptions: readonly { readonly file: string; readonly flow?: string; readonly reason: string }[] = [
  { file: "malformed-fuzzed-mix.pcap", reason: "its bits were flipped at random" },
  ...["192.168.115.8:49596 203.66.182.87:443", "192.168.115.8:49581 64.233.189.128:80"].map((ends) => ({
    file: "mixed-web-traffic.pcap",
    flow: `tcp ${ends}`,
    reason: "only keep-alive probes: named by others for the port alone",
  })),
  ...[
    "192.168.115.75:443 192.168.5.16:53622",
    "192.168.5.16:53605 68.233.253.133:80",
    "192.168.5.16:53613 68.233.253.133:80",
  ].map((ends) => ({
    file: "mixed-web-traffic.pcap",
    flow: `tcp ${ends}`,
    reason: "no payload: named by others for the port alone",
  })),
  {
    file: "mixed-web-traffic.pcap",
    flow: "tcp 119.235.235.84:443 192.168.5.16:53406",
    reason: "not TLS, but a messenger's own protocol on port 443",
  },
  ...[60962, 60972, 60984].map((port) => ({
    file: "mixed-web-traffic.pcap",
    flow: `tcp 172.104.93.92:1234 192.168.2.126:${port}`,
    reason: "HTTP that is answered by 101 Switching Protocols: WebSocket from there on",
  })),
];

/** Other programs' words, and names of parts, by the name that is compared. Words that are not here name themselves. */
const names: Readonly<Record<string, readonly string[]>> = {
  BitTorrent: ["bt-dht"],
  DHCP: ["BOOTP"],
  FTP: ["FTP_CONTROL"],
  FTP_DATA: ["ftp-data"],
  HTTP2: ["gRPC"],
  IKE: ["isakmp", "IKEv1", "IKEv2"],
  MongoDB: ["mongo"],
  NetBIOS: ["NBNS", "nbdgm", "nbss", "NBDS"],
  OpenVPN: ["spicy_openvpn_udp"],
  POP3: ["pop"],
  PostgreSQL: ["pgsql"],
  RDP: ["tpkt"],
  Redis: ["resp"],
  SMB: ["smb2", "SMBv1"],
  SMTP: ["SMTPS"],
  STUN: ["TURN"],
  TLS: ["ssl"],
  WireGuard: ["wg"],
};
const nameOf = new Map(
  Object.entries(names).flatMap(([name, words]) =>
    [name, ...words].map((word) => [word.toLowerCase(), name.toLowerCase()] as const)
  ),
);

/** Transports and layers: a packet that is called so was not recognised. */
const unrecognised = new Set(["TCP", "UDP", "UDP-LITE", "SCTP", "IPV4", "IPV6", "IP", "UNKNOWN"]);

/** The name to compare by, in lower case. */
function compared(word: string): string {
  return nameOf.get(word.toLowerCase()) ?? word.toLowerCase();
}

/** What a flow is to be called. Of one that begins as one protocol and goes on as another, both or the second one. */
function expected({ label, zeek }: TrueFlow): string[] {
  // Only one of the programs knows it, the others see the TLS inside.
  if (zeek?.includes("openvpn")) return ["openvpn"];
  switch (label.join()) {
    case "HTTP,WebSocket":
    case "HTTP,HTTP2":
      return [compared(label[1] ?? "")];
    // Called TLS for its port alone.
    case "MongoDB,TLS":
      return ["mongodb"];
    // A datagram or session service, and what it carries.
    case "NetBIOS,SMB":
      return ["netbios"];
    default:
      return label.map(compared);
  }
}

/** All that any program says of a flow. */
function acceptable(flow: TrueFlow): Set<string> {
  const { label, tshark = [], ndpi = "", zeek = "", zeek_logs = [], arkime = [] } = flow;
  return new Set(
    [...label, ...tshark, ...ndpi.split("."), ...zeek.split(","), ...zeek_logs, ...arkime].map(compared),
  );
}

const carryPorts = ["tcp", "udp", "sctp"];

/** The same for both directions. Without ports, all between two addresses is one flow. */
function flowName(transport: string, ends: readonly (readonly [address: string, port: number])[]): string {
  const kind = carryPorts.includes(transport.toLowerCase()) ? transport.toLowerCase() : "ip";
  const sides = ends.map(([address, port]) => {
    const host = address.includes(":") ? new URL(`http://[${address}]`).hostname : address;
    return kind === "ip" ? host : `${host}:${port}`;
  });
  return `${kind} ${sides.sort().join(" ")}`;
}

/** Every name that a packet of each flow was given. */
function namesGiven(capture: Uint8Array): Map<string, Set<string>> {
  const flows = new Map<string, Set<string>>();
  for (const packet of packetsOf(run(capture).json)) {
    const { transport = "", src_ip, src_port, dst_ip, dst_port, protocol } = packet;
    if (typeof src_ip !== "string" || typeof dst_ip !== "string") continue;
    const name = flowName(String(transport), [[src_ip, Number(src_port ?? 0)], [
      dst_ip,
      Number(dst_port ?? 0),
    ]]);
    const given = flows.get(name) ?? new Set();
    flows.set(name, given);
    if (!unrecognised.has(String(protocol).toUpperCase())) given.add(compared(String(protocol)));
  }
  return flows;
}

/** Flows by protocol. */
class Tally {
  /** Flows that are of the protocol, and of these those that were called so. */
  flows = 0;
  found = 0;
  /** Flows that were called so, and of these those that no program calls so. */
  called = 0;
  wrong = 0;

  get recall(): number {
    return this.flows === 0 ? 1 : this.found / this.flows;
  }

  get precision(): number {
    return this.called === 0 ? 1 : 1 - this.wrong / this.called;
  }
}

class Tallies {
  readonly #byProtocol = new Map<string, Tally>();

  of(protocol: string): Tally {
    const tally = this.#byProtocol.get(protocol) ?? new Tally();
    this.#byProtocol.set(protocol, tally);
    return tally;
  }

  get sorted(): [string, Tally][] {
    return [...this.#byProtocol].sort(([one], [other]) => one < other ? -1 : 1);
  }
}

function table(strong: Tallies, all: Tallies): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`.padStart(9);
  const head = "protocol      well known  found   recall  wrong precision     all  found";
  const lines = all.sorted.map(([protocol, every]) => {
    const { flows, found, recall, wrong, precision } = strong.of(protocol);
    return [
      protocol.padEnd(12),
      String(flows).padStart(12),
      String(found).padStart(6),
      percent(recall),
      String(wrong).padStart(6),
      percent(precision),
      String(every.flows).padStart(7),
      String(every.found).padStart(6),
    ].join(" ");
  });
  return [head, ...lines].join("\n");
}

Deno.test({
  name: "golden protocols: flows of real captures are called what other programs call them",
  ignore: withoutShared,
  fn() {
    const truth = sharedFile("truth/protocols.json");
    assert.ok(truth, "../shared/captures has no truth/protocols.json");
    const { entries } = JSON.parse(new TextDecoder().decode(truth)) as { entries: TrueFlow[] };
    assert.ok(entries.length > 0);
    const [strong, all] = [new Tallies(), new Tallies()];
    const misses: string[] = [];
    const used = new Set<typeof exceptions[number]>();
    for (const file of sharedCaptureNames()) {
      const capture = sharedFile(file);
      assert.ok(capture);
      const given = namesGiven(capture);
      const byFlow = Map.groupBy(
        entries.filter((entry) => entry.file === file && entry.strength !== "none"),
        ({ transport, a, aport, b, bport }) => flowName(transport, [[a, aport ?? 0], [b, bport ?? 0]]),
      );
      for (const [flow, same] of byFlow) {
        const exception = exceptions.find((one) => one.file === file && (one.flow ?? flow) === flow);
        if (exception !== undefined) {
          used.add(exception);
          continue;
        }
        const called = given.get(flow) ?? new Set<string>();
        const wanted = new Set(same.flatMap(expected));
        const allowed = new Set(same.flatMap((entry) => [...acceptable(entry)]).concat(...wanted));
        const wellKnown = same.some(({ strength }) => strength === "two or more sources");
        for (const tallies of wellKnown ? [strong, all] : [all]) {
          for (const protocol of wanted) {
            tallies.of(protocol).flows++;
            if (called.has(protocol)) tallies.of(protocol).found++;
          }
          for (const protocol of called) {
            tallies.of(protocol).called++;
            if (!allowed.has(protocol)) tallies.of(protocol).wrong++;
          }
        }
        const missed = [...wanted].filter((protocol) => !called.has(protocol));
        const wrong = [...called].filter((protocol) => !allowed.has(protocol));
        if (missed.length + wrong.length > 0) {
          misses.push(
            `${wellKnown ? "" : "(one source) "}${file}: ${flow} is ${[...wanted]}, called ${
              [...called].join() || "nothing"
            }`,
          );
        }
      }
    }
    const text = table(strong, all);
    console.log(text);
    if (misses.length > 0) console.log(misses.join("\n"));
    assert.deepEqual(
      exceptions.filter((one) => !used.has(one)),
      [],
      "exceptions for flows that are not there",
    );
    const below = strong.sorted.filter(([, tally]) =>
      (tally.flows >= fewestFlows && tally.recall < thresholds.recall) ||
      (tally.called >= fewestFlows && tally.precision < thresholds.precision)
    ).map(([protocol]) => protocol);
    assert.deepEqual(below, [], `below the thresholds:\n${text}\n${misses.join("\n")}`);
  },
});
