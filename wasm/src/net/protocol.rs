//! IP protocol numbers that [`decode`](super::decode) knows (IANA).

/// IPv6 hop-by-hop options.
pub const HOP_BY_HOP: u8 = 0;
/// IPv4 in IP (RFC 2003, RFC 2473).
pub const IPV4: u8 = 4;
/// Transmission Control Protocol.
pub const TCP: u8 = 6;
/// User Datagram Protocol.
pub const UDP: u8 = 17;
/// IPv6 in IP (RFC 2473, RFC 4213).
pub const IPV6: u8 = 41;
/// IPv6 routing header.
pub const ROUTING: u8 = 43;
/// IPv6 fragment header.
pub const FRAGMENT: u8 = 44;
/// Generic Routing Encapsulation (RFC 2784).
pub const GRE: u8 = 47;
/// Authentication Header.
pub const AUTHENTICATION: u8 = 51;
/// No next header.
pub const NO_NEXT_HEADER: u8 = 59;
/// IPv6 destination options.
pub const DESTINATION_OPTIONS: u8 = 60;
/// Ethernet in IP (RFC 3378).
pub const ETHERIP: u8 = 97;
/// Stream Control Transmission Protocol.
pub const SCTP: u8 = 132;
/// IPv6 mobility header.
pub const MOBILITY: u8 = 135;
/// UDP-Lite (RFC 3828).
pub const UDP_LITE: u8 = 136;
/// Host Identity Protocol.
pub const HOST_IDENTITY: u8 = 139;
/// Shim6.
pub const SHIM6: u8 = 140;
/// Ethernet in IPv6 segment routing (RFC 8986).
pub const ETHERNET: u8 = 143;
