//! EtherTypes that [`decode`](super::decode) knows (IANA).

/// Values below this are no EtherTypes but lengths (IEEE 802.3).
pub const LEAST: u16 = 1536;
/// Internet Protocol version 4.
pub const IPV4: u16 = 0x0800;
/// Address Resolution Protocol; not decoded.
pub const ARP: u16 = 0x0806;
/// Transparent Ethernet bridging: an Ethernet frame (RFC 1701).
pub const TRANSPARENT_ETHERNET: u16 = 0x6558;
/// Customer VLAN tag, IEEE 802.1Q.
pub const VLAN: u16 = 0x8100;
/// Internet Protocol version 6.
pub const IPV6: u16 = 0x86dd;
/// Point-to-Point Protocol (RFC 2637).
pub const PPP: u16 = 0x880b;
/// MPLS label stack (RFC 5332).
pub const MPLS: u16 = 0x8847;
/// MPLS label stack, upstream-assigned or, formerly, multicast (RFC 5332).
pub const MPLS_UPSTREAM: u16 = 0x8848;
/// PPPoE session (RFC 2516).
pub const PPPOE_SESSION: u16 = 0x8864;
/// Service VLAN tag, IEEE 802.1ad.
pub const SERVICE_VLAN: u16 = 0x88a8;
/// MACsec, IEEE 802.1AE.
pub const MACSEC: u16 = 0x88e5;
/// Service tag of provider backbone bridging, IEEE 802.1ah.
pub const BACKBONE_SERVICE: u16 = 0x88e7;
/// Port extension, IEEE 802.1BR.
pub const PORT_EXTENSION: u16 = 0x893f;
/// Cisco's tag for virtual interfaces.
pub const VIRTUAL_INTERFACE: u16 = 0x8926;
/// Cisco's metadata: security groups.
pub const CISCO_METADATA: u16 = 0x8909;
/// Arista's time stamps.
pub const ARISTA: u16 = 0xd28b;
/// Web Cache Communication Protocol: redirected IPv4 packets in GRE.
pub const WCCP: u16 = 0x883e;
/// Cisco FabricPath.
pub const FABRIC_PATH: u16 = 0x8903;
/// Network Service Header (RFC 8300).
pub const NSH: u16 = 0x894f;
/// Outer VLAN tag before IEEE 802.1ad.
pub const OUTER_VLAN: u16 = 0x9100;
/// Another outer VLAN tag before IEEE 802.1ad.
pub const OUTER_VLAN_2: u16 = 0x9200;
