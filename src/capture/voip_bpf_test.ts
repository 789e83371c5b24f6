import { deepEqual, equal } from "node:assert/strict";
import { udpFrame } from "../../tests/live/frame.ts";
import { libpcapObstacle, openLibpcap } from "../../tests/live/libpcap_library.ts";
import { kernelExpression, type KernelFilterParts } from "./bpf.ts";
import { compileForFiles, compileProblem, fileLinkTypes } from "./bpf_program.ts";
import { voipFilterParts, type VoipPorts } from "./voip_bpf.ts";

const obstacle = libpcapObstacle();
if (obstacle !== undefined) console.log(`tests that compile BPF are skipped: ${obstacle}`);

const nothing: VoipPorts = { sipPorts: [], rtpPortRanges: [], udpOnly: false, esp: false };
const twoRanges = ["8000-9000", "40000-50000"];
const several: VoipPorts = { ...nothing, sipPorts: [5060, 5080], rtpPortRanges: twoRanges };

/** What `--filter` and the mode make together. */
function kernel(ports: Partial<VoipPorts>, base = "", pushed: readonly string[] = []) {
  const parts: KernelFilterParts = {
    ...voipFilterParts({ ...nothing, ...ports }),
    ...{ base, pushed, exclusion: "", fragments: false },
  };
  return kernelExpression(parts);
}

Deno.test("VoIP: nothing is restricted unless asked for", () => {
  deepEqual(voipFilterParts(nothing), { mode: "", portless: "" });
  const cases: [Partial<VoipPorts>, string, string][] = [
    [{}, "", ""],
    [{}, "port 5060", "port 5060"],
    [{ esp: true }, "", ""],
    [{ esp: true }, "host 192.0.2.1", "host 192.0.2.1"],
    // ESP has no ports.
    [{ esp: true }, "port 5060", "(port 5060) or ip proto 50 or ip6 proto 50"],
  ];
  for (const [ports, base, expected] of cases) {
    deepEqual(kernel(ports, base), { text: expected, withoutVlan: expected });
  }
});

Deno.test("VoIP: ports", () => {
  const cases: [Partial<VoipPorts>, string][] = [
    [{ udpOnly: true }, "udp"],
    [{ sipPorts: [5060] }, "(port 5060) or udp portrange 10000-32768"],
    [{ sipPorts: [5060, 5080] }, "(port 5060 or port 5080) or udp portrange 10000-32768"],
    [{ sipPorts: [5060], udpOnly: true }, "udp and (port 5060) or udp portrange 10000-32768"],
    // SIP is not forgotten where only media ports are given.
    [{ rtpPortRanges: ["8000-9000"] }, "(port 5060 or port 5061) or udp portrange 8000-9000"],
    [several, "(port 5060 or port 5080) or udp portrange 8000-9000 or udp portrange 40000-50000"],
  ];
  for (const [ports, expected] of cases) {
    equal(voipFilterParts({ ...nothing, ...ports }).mode, expected);
  }
});

Deno.test({
  name: "VoIP: every expression compiles for every link type of captures",
  ignore: obstacle !== undefined,
  fn: () => {
    const choices: Partial<VoipPorts>[] = [
      { udpOnly: true },
      { sipPorts: [5060] },
      { rtpPortRanges: ["1-65535"] },
      several,
      { ...several, udpOnly: true, esp: true },
      { esp: true },
    ];
    for (const ports of choices) {
      for (const base of ["", "port 5060", "host 192.0.2.1", "udp and not host 192.0.2.9"]) {
        for (const pushed of [[], ["net 192.0.2.0/24", "port 5060"]]) {
          const expression = kernel(ports, base, pushed);
          for (const linkType of fileLinkTypes) {
            // Addresses of IPv4 on a link of IPv6 alone: such a program matches nothing.
            const problem = compileProblem(linkType, expression)?.replace(
              /.*: expression rejects all packets$/,
              "",
            );
            equal(problem ?? "", "", `${linkType}: ${expression.text}`);
          }
          // Ethernet has tags: the form that looks behind them must be the one that compiles.
          equal(compileProblem(1, { ...expression, withoutVlan: expression.text }), undefined);
        }
      }
    }
  },
});

type Frame = Uint8Array<ArrayBuffer>;
const udp = (destinationPort: number, tags: [number, number][] = []): Frame =>
  udpFrame({ number: 0, destinationPort, payloadLength: 40, tags });

/** `frame`, without tags, with another IPv4 protocol. */
function withProtocol(frame: Frame, protocol: number): Frame {
  const copy = frame.slice();
  copy[14 + 9] = protocol;
  return copy;
}

/** An IPv6 packet with a next header and 40 bytes of payload, which begin with `payload`. */
function ipv6(nextHeader: number, payload: readonly number[]): Frame {
  const frame = new Uint8Array(14 + 40 + 40);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, nextHeader, 64]);
  frame.set(payload, 54);
  return frame;
}

/** `frame`, behind other bytes than its EtherType. */
function behind(bytes: readonly number[], frame: Frame): Frame {
  return Uint8Array.from([...frame.subarray(0, 12), ...bytes, ...frame.subarray(14)]);
}

function laterFragment(frame: Frame, tagBytes = 0): Frame {
  const copy = frame.slice();
  copy[14 + tagBytes + 7] = 185;
  // No ports there.
  copy.fill(0xff, 14 + tagBytes + 20);
  return copy;
}

const portBytes = (port: number) => [port >> 8, port & 0xff];
const label = [0x88, 0x47, 0, 0x01, 0x01, 64];
const frames = {
  sip: udp(5060),
  sipTls: udp(5061),
  sipOverTcp: withProtocol(udp(5060), 6),
  sip6: ipv6(17, [0x9c, 0x40, ...portBytes(5060)]),
  rtp: udp(20_000),
  rtpOverTcp: withProtocol(udp(20_000), 6),
  otherUdp: udp(53),
  otherTcp: withProtocol(udp(80), 6),
  icmp: withProtocol(udp(5060), 1),
  taggedSip: udp(5060, [[0x8100, 7]]),
  twiceTaggedRtp: udp(20_000, [[0x88a8, 7], [0x8100, 8]]),
  taggedOther: udp(53, [[0x8100, 7]]),
  fragment: laterFragment(udp(5060)),
  taggedFragment: laterFragment(udp(5060, [[0x8100, 7]]), 4),
  fragment6: ipv6(44, [17, 0, 0, 9]),
  mpls: behind(label, udp(5060)),
  taggedMpls: behind([0x81, 0, 0, 7, ...label], udp(5060)),
  pppoe: behind([0x88, 0x64, 0x11, 0, 0, 1, 0, 70, 0, 0x21], udp(5060)),
  backbone: behind([0x88, 0xe7, 0, 0, 0, 1], udp(5060)),
  fabricPath: behind([0x89, 0x03, 0, 1], udp(5060)),
  macsec: behind([0x88, 0xe5, 0, 0, 0, 0, 0, 1], udp(5060)),
  portExtension: behind([0x89, 0x3f, 0, 0, 0, 1, 0, 0], udp(5060)),
  timestamp: behind([0xd2, 0x8b, 0, 1, 0, 0x20, 0, 0, 0, 0, 0, 1], udp(5060)),
  nsh: behind([0x89, 0x4f, 0x0f, 0xc2, 2, 3, 0, 0, 1, 0xff], udp(5060)),
  vxlan: udp(4789),
  geneve: udp(6081),
  gtpU: udp(2152),
  teredo: udp(3544),
  mplsInUdp: udp(6635),
  gre: withProtocol(udp(1), 47),
  etherIp: withProtocol(udp(1), 97),
  ethernet6: ipv6(143, []),
  ipInIp: withProtocol(udp(1), 4),
  sixInFour: withProtocol(udp(1), 41),
  sixInSix: ipv6(41, []),
  gre6: ipv6(47, []),
  esp: withProtocol(udp(1), 50),
  esp6: ipv6(50, []),
};
type Name = keyof typeof frames;

const hidden: readonly Name[] = [
  ...[
    "fragment",
    "taggedFragment",
    "fragment6",
    "mpls",
    "taggedMpls",
    "pppoe",
    "backbone",
    "fabricPath",
    "macsec",
    "portExtension",
    "timestamp",
    "nsh",
    "teredo",
    "mplsInUdp",
    "vxlan",
    "geneve",
    "gtpU",
  ] as const,
  ...["gre", "ipInIp", "sixInFour", "sixInSix", "gre6", "etherIp", "ethernet6"] as const,
];
const ofEsp: readonly Name[] = ["esp", "esp6"];
const sipAt5060: readonly Name[] = ["sip", "sipOverTcp", "sip6", "taggedSip"];
const media: readonly Name[] = ["rtp", "twiceTaggedRtp"];
const isIpv6: readonly Name[] = ["sip6", "fragment6", "sixInSix", "gre6", "ethernet6", "esp6"];

Deno.test({
  name: "VoIP: kernel expressions select what they say",
  ignore: obstacle !== undefined,
  fn: () => {
    const library = openLibpcap({
      bpf_filter: { parameters: ["buffer", "buffer", "u32", "u32"], result: "u32" },
    });
    const cases: [Partial<VoipPorts>, string, readonly Name[]][] = [
      [{ sipPorts: [5060] }, "", [...sipAt5060, ...media, ...hidden]],
      [{ sipPorts: [5060], esp: true }, "", [...sipAt5060, ...media, ...hidden, ...ofEsp]],
      [{ sipPorts: [5080] }, "", [...media, ...hidden]],
      [{ sipPorts: [5060], udpOnly: true }, "", [
        ...sipAt5060.filter((name) => name !== "sipOverTcp"),
        ...media,
        ...hidden,
      ]],
      [{ rtpPortRanges: ["8000-9000"] }, "", [...sipAt5060, "sipTls", ...hidden]],
      [{ udpOnly: true }, "", [
        ...sipAt5060.filter((name) => name !== "sipOverTcp"),
        ...["sipTls", "otherUdp", "taggedOther"] as const,
        ...media,
        ...hidden,
      ]],
      // A base that asks for ports narrows the ports alone ...
      [{ sipPorts: [5060], esp: true }, "port 5060", [...sipAt5060, ...hidden, ...ofEsp]],
      [{ sipPorts: [5060] }, "udp", [
        ...sipAt5060.filter((name) => name !== "sipOverTcp"),
        ...media,
        ...hidden,
      ]],
      // ... and one that asks for hosts, or keeps ports out, holds for all.
      [{ sipPorts: [5060] }, "net 192.0.2.0/24", [
        ...[
          "sip",
          "sipOverTcp",
          "taggedSip",
          ...media,
          "fragment",
          "taggedFragment",
          "vxlan",
          "geneve",
        ] as Name[],
        ...["gtpU", "teredo", "mplsInUdp", "gre", "ipInIp", "sixInFour", "etherIp"] as Name[],
      ]],
      [{ sipPorts: [5060] }, "ip6", [...sipAt5060, ...hidden].filter((name) => isIpv6.includes(name))],
      [{ sipPorts: [5060] }, "not udp port 4789", [
        ...sipAt5060,
        ...media,
        ...hidden.filter((name) => name !== "vxlan"),
      ]],
      [{ esp: true }, "udp port 5060", ["sip", "sip6", ...ofEsp]],
    ];
    for (const [ports, base, expected] of cases) {
      const { text } = kernel(ports, base);
      const program = compileForFiles(text, 65535).get(1)!;
      const selected = Object.entries(frames)
        .filter(([, frame]) => library.symbols.bpf_filter(program, frame, frame.length, frame.length) > 0)
        .map(([name]) => name);
      deepEqual(selected.toSorted(), expected.toSorted(), text);
    }
    library.close();
  },
});
