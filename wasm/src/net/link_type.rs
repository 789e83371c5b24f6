//! LINKTYPE_ and DLT_ numbers that [`decode`](super::decode) knows, by libpcap's names.

/// BSD loopback: family in the byte order of the capturing machine.
pub const NULL: u32 = 0;
/// Ethernet.
pub const ETHERNET: u32 = 1;
/// Point-to-Point Protocol, with or without HDLC-like framing; some write Cisco HDLC under it, too.
pub const PPP: u32 = 9;
/// Fiber Distributed Data Interface.
pub const FDDI: u32 = 10;
/// Raw IP, as some systems number it.
pub const DLT_RAW: u32 = 12;
/// Raw IP, as OpenBSD numbers it.
pub const DLT_RAW_OPENBSD: u32 = 14;
/// PPP in HDLC-like framing (RFC 1662), or Cisco HDLC.
pub const PPP_HDLC: u32 = 50;
/// A PPPoE session (RFC 2516), from the PPPoE header on.
pub const PPP_ETHER: u32 = 51;
/// LLC in ATM cells put together (RFC 2684).
pub const ATM_RFC1483: u32 = 100;
/// Raw IP, version 4 or 6.
pub const RAW: u32 = 101;
/// Cisco HDLC.
pub const C_HDLC: u32 = 104;
/// IEEE 802.11.
pub const IEEE802_11: u32 = 105;
/// Frame Relay.
pub const FRELAY: u32 = 107;
/// OpenBSD loopback: family in network byte order.
pub const LOOP: u32 = 108;
/// OpenBSD's enc(4): IP behind what IPsec has taken off.
pub const ENC: u32 = 109;
/// Linux cooked capture, version 1.
pub const LINUX_SLL: u32 = 113;
/// The log of BSD's packet filter.
pub const PFLOG: u32 = 117;
/// IEEE 802.11 behind a Prism or AVS header.
pub const IEEE802_11_PRISM: u32 = 119;
/// IEEE 802.11 behind a radiotap header.
pub const IEEE802_11_RADIOTAP: u32 = 127;
/// For private use: PKTAP, as Darwin once wrote it.
pub const USER2: u32 = 149;
/// Ethernet behind a header of Junos.
pub const JUNIPER_ETHER: u32 = 178;
/// PPP behind a header of Junos.
pub const JUNIPER_PPP: u32 = 179;
/// Frame Relay behind a header of Junos.
pub const JUNIPER_FRELAY: u32 = 180;
/// Cisco HDLC behind a header of Junos.
pub const JUNIPER_CHDLC: u32 = 181;
/// Per-Packet Information, and a frame of the link type that it tells.
pub const PPI: u32 = 192;
/// PPP behind its direction.
pub const PPP_WITH_DIR: u32 = 204;
/// Cisco HDLC behind its direction.
pub const C_HDLC_WITH_DIR: u32 = 205;
/// Frame Relay behind its direction.
pub const FRELAY_WITH_DIR: u32 = 206;
/// Solaris' IPNET: raw IP behind where it came from.
pub const IPNET: u32 = 226;
/// Raw IPv4.
pub const IPV4: u32 = 228;
/// Raw IPv6.
pub const IPV6: u32 = 229;
/// The log of Linux' netfilter.
pub const NFLOG: u32 = 239;
/// Ethernet behind a header of Hilscher's netANALYZER.
pub const NETANALYZER: u32 = 240;
/// IP over InfiniBand.
pub const IPOIB: u32 = 242;
/// PKTAP of Darwin.
pub const PKTAP: u32 = 258;
/// Ethernet from its preamble on.
pub const ETHERNET_MPACKET: u32 = 274;
/// Linux cooked capture, version 2.
pub const LINUX_SLL2: u32 = 276;
/// Ethernet behind a tag of Broadcom's switches.
pub const DSA_TAG_BRCM_PREPEND: u32 = 282;
