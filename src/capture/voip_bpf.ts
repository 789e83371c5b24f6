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
 * What hides addresses and ports inside, by EtherType: MPLS labels (RFC 3032), PPPoE sessions (RFC 2516), IEEE 802.1ah,
 * FabricPath, MACsec (IEEE 802.1AE) and NSH (RFC 8300).
 */
const encapsulations = "ether proto 0x8847 or ether proto 0x8848 or ether proto 0x8864" +
  " or ether proto 0x88e7 or ether proto 0x8903 or ether proto 0x88e5 or ether proto 0x894f";

/**
 * Packets of tunnels: IP in IP (RFC 2003, 2473, 4213), GRE (RFC 2784), and over UDP GTP-U, VXLAN (RFC 7348) and
 * GENEVE (RFC 8926). What is inside is for the engine to find.
 */
const tunnels = "ip proto 4 or ip proto 41 or ip proto 47 or ip6 proto 4 or ip6 proto 41 or ip6 proto 47" +
  " or udp port 2152 or udp port 4789 or udp port 6081";

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
