//! Generic Routing Encapsulation: RFC 2784 and RFC 2890, the routing of RFC 1701, and the enhanced form of PPTP.

use super::{Content, Header, Tunnel, TunnelKind, erspan};
use crate::net::{Packet, ethertype, ppp};

const FIXED_LENGTH: usize = 4;
const FIELD_LENGTH: usize = 4;
const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// Of version 1 only.
const ACKNOWLEDGMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;
/// What is 0 in version 1.
const ENHANCED_ZERO: u16 = 0xcf78;
/// Cisco's metadata: EtherType, version, length, option, security group.
const METADATA_LENGTH: usize = 8;
/// Most source route entries that are passed over.
const MOST_ROUTES: usize = 16;

pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
    let &[f0, f1, t0, t1] = packet.payload.first_chunk::<FIXED_LENGTH>()?;
    let flags = u16::from_be_bytes([f0, f1]);
    let protocol_type = u16::from_be_bytes([t0, t1]);
    match flags & VERSION {
        0 => version_0(packet, flags, protocol_type),
        1 if protocol_type == ethertype::PPP => version_1(packet, flags),
        _ => None,
    }
}

/// RFC 8086: no routing, and nothing but IP, labels and Ethernet is plausible on a mere port.
pub(super) fn header_in_udp(packet: &Packet<'_>) -> Option<Header> {
    let &[f0, f1, ..] = packet.payload.first_chunk::<FIXED_LENGTH>()?;
    if u16::from_be_bytes([f0, f1]) & !(CHECKSUM | KEY | SEQUENCE) != 0 {
        return None;
    }
    let mut header = header(packet)?;
    header.tunnel.kind = TunnelKind::GreInUdp;
    Some(header)
}

fn version_0(packet: &Packet<'_>, flags: u16, protocol_type: u16) -> Option<Header> {
    let mut length = FIXED_LENGTH;
    if flags & (CHECKSUM | ROUTING) != 0 {
        length += FIELD_LENGTH;
    }
    let mut key = 0;
    if flags & KEY != 0 {
        key = u32::from_be_bytes(*packet.payload.get(length..)?.first_chunk()?);
        length += FIELD_LENGTH;
    }
    let sequenced = flags & SEQUENCE != 0;
    if sequenced {
        length += FIELD_LENGTH;
    }
    if flags & ROUTING != 0 {
        length += routes_length(packet.payload.get(length..)?)?;
    }
    let content = match protocol_type {
        ethertype::TRANSPARENT_ETHERNET => Content::Ethernet,
        known @ (ethertype::IPV4 | ethertype::IPV6 | ethertype::MPLS | ethertype::MPLS_UPSTREAM) => {
            Content::EtherType(known)
        }
        // Unlike in frames, the EtherType of what follows comes first.
        ethertype::CISCO_METADATA => {
            let &[t0, t1, 1, 1, ..] = packet.payload.get(length..)?.first_chunk::<METADATA_LENGTH>()? else {
                return None;
            };
            length += METADATA_LENGTH;
            match u16::from_be_bytes([t0, t1]) {
                known @ (ethertype::IPV4 | ethertype::IPV6 | ethertype::MPLS) => Content::EtherType(known),
                _ => return None,
            }
        }
        ethertype::ARP if packet.has_arp_at(length) => Content::EtherType(ethertype::ARP),
        ethertype::NSH if packet.has_nsh_at(length) => Content::EtherType(ethertype::NSH),
        // Version 2 has four bytes of its own in front of the packet.
        ethertype::WCCP => {
            let is_bare = packet.payload.get(length).is_some_and(|first| first >> 4 == 4);
            length += if is_bare { 0 } else { FIELD_LENGTH };
            Content::EtherType(ethertype::IPV4)
        }
        ethertype::PPP => {
            let (ppp_length, known) = ppp::header(packet.payload.get(length..)?)?;
            length += ppp_length;
            Content::EtherType(known)
        }
        erspan::TYPE_I_OR_II if sequenced => return erspan::header(packet, length),
        erspan::TYPE_I_OR_II => {
            return Some(packet.tunnel_header(TunnelKind::Erspan, 0, length, Content::Ethernet));
        }
        erspan::TYPE_III => return erspan::header_iii(packet, length),
        _ => return None,
    };
    Some(packet.tunnel_header(TunnelKind::Gre, key, length, content))
}

/// Length of the source route entries, with the empty one at their end.
fn routes_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for _ in 0..MOST_ROUTES {
        let &[a0, a1, _, route_length] = bytes.get(length..)?.first_chunk()?;
        length += FIELD_LENGTH + usize::from(route_length);
        if [a0, a1, route_length] == [0; 3] {
            return Some(length);
        }
    }
    None
}

/// The key is the length of the content and the call; an acknowledgment alone has no content.
fn version_1(packet: &Packet<'_>, flags: u16) -> Option<Header> {
    let &[_, _, _, _, l0, l1, c0, c1] = packet.payload.first_chunk()?;
    if flags & (ENHANCED_ZERO | KEY | SEQUENCE) != KEY | SEQUENCE {
        return None;
    }
    let mut length = FIXED_LENGTH + 2 * FIELD_LENGTH;
    if flags & ACKNOWLEDGMENT != 0 {
        length += FIELD_LENGTH;
    }
    let total_length = length as u32 + u32::from(u16::from_be_bytes([l0, l1]));
    let (ppp_length, known) = ppp::header(packet.payload.get(length..)?)?;
    (total_length <= packet.payload_length).then(|| Header {
        tunnel: Tunnel { kind: TunnelKind::Pptp, id: u32::from(u16::from_be_bytes([c0, c1])) },
        length: length + ppp_length,
        content: Content::EtherType(known),
        total_length,
    })
}
