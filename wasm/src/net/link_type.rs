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
/// Raw IPv4.
pub const IPV4: u32 = 228;
/// Raw IPv6.
pub const IPV6: u32 = 229;
/// The log of Linux' netfilter.
pub const NFLOG: u32 = 239;
/// IP over InfiniBand.
pub const IPOIB: u32 = 242;
/// PKTAP of Darwin.
pub const PKTAP: u32 = 258;
/// Linux cooked capture, version 2.
pub const LINUX_SLL2: u32 = 276;
