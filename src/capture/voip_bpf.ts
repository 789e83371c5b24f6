/**
 * The BPF expression of VoIP mode (pcap-filter(7)). Text in, text out: libpcap compiles.
 *
 * @module
 */
import { fragmentClause, type KernelFilterParts } from "./bpf.ts";

/** What the operator asked to restrict capture to. */
export interface VoipPorts {
  /** Ports of SIP; empty where nobody asked. */
  readonly sipPorts: readonly number[];
  /** UDP ports of media, `first-last` each; empty where nobody asked. */
  readonly rtpPortRanges: readonly string[];
  /** Leave all but UDP out. */
  readonly udpOnly: boolean;
  /** ESP that is not encrypted is looked into, so that it has to come through. */
  readonly esp: boolean;
}

/** SIP's ports (RFC 3261 section 19.1.2), where only media ports were given. */
const defaultSipPorts: readonly number[] = [5060, 5061];
/** Media ports, where only SIP ports were given. */
const defaultRtpPortRanges: readonly string[] = ["10000-32768"];

/**
 * What hides addresses and ports inside, by EtherType: MPLS labels (RFC 3032), PPPoE sessions (RFC 2516), MACsec (IEEE 802.1AE),
 * IEEE 802.1ah, FabricPath, Cisco metadata, VN-Tag, IEEE 802.1BR, NSH (RFC 8300), and Arista's time stamps.
 */
const encapsulations = "8847 8848 8864 88e5 88e7 8903 8909 8926 893f 894f d28b".split(" ")
  .map((type) => `ether proto 0x${type}`).join(" or ");

/** Tunnels by the number of their protocol: IP in IP (RFC 2003, 2473, 4213), GRE (RFC 2784), EtherIP (RFC 3378), Ethernet (RFC 8986). */
const tunnelProtocols = [4, 41, 47, 97, 143];
/** Over UDP: L2TP, GTP-U, Teredo, LISP, GRE, VXLAN, its generic protocol extension, GENEVE, MPLS, and VXLAN as Linux has it. */
const tunnelPorts = [1701, 2152, 3544, 4341, 4754, 4789, 4790, 6081, 6635, 8472];

/** Packets of tunnels. What is inside is for the engine to find. */
const tunnels = [
  ...tunnelProtocols.flatMap((protocol) => [`ip proto ${protocol}`, `ip6 proto ${protocol}`]),
  ...tunnelPorts.map((port) => `udp port ${port}`),
].join(" or ");

const esp = "ip proto 50 or ip6 proto 50";

/**
 * The parts of the kernel's filter for VoIP. `mode` is empty where nobody asked for a restriction; `portless` are the
 * packets that have no ports it could match, or other ones than those inside of them.
 */
export function voipFilterParts(ports: VoipPorts): Required<Pick<KernelFilterParts, "mode" | "portless">> {
  const asked = ports.udpOnly || ports.sipPorts.length > 0 || ports.rtpPortRanges.length > 0;
  if (!asked) return { mode: "", portless: ports.esp ? esp : "" };
  return {
    mode: portExpression(ports),
    portless: [fragmentClause, tunnels, encapsulations, ...(ports.esp ? [esp] : [])].join(" or "),
  };
}

function portExpression({ sipPorts, rtpPortRanges, udpOnly }: VoipPorts): string {
  if (sipPorts.length === 0 && rtpPortRanges.length === 0) return "udp";
  const sip = (sipPorts.length > 0 ? sipPorts : defaultSipPorts).map((port) => `port ${port}`).join(" or ");
  const ranges = rtpPortRanges.length > 0 ? rtpPortRanges : defaultRtpPortRanges;
  const media = ranges.map((range) => `udp portrange ${range}`).join(" or ");
  return `${udpOnly ? "udp and " : ""}(${sip}) or ${media}`;
}
