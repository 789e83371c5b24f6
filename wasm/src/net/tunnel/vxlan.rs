//! VXLAN (RFC 7348), its group policy extension and its generic protocol extension.

use super::{Content, Header, TunnelKind};
use crate::net::{Packet, ethernet, ethertype};

const LENGTH: usize = 8;
/// The network identifier is there.
const IDENTIFIER: u8 = 0x08;
/// A group policy identifier is there (draft-smith-vxlan-group-policy).
const GROUP_POLICY: u8 = 0x80;
/// Of the generic protocol extension (draft-ietf-nvo3-vxlan-gpe): the next protocol is there.
const NEXT_PROTOCOL: u8 = 0x04;
/// Of the generic protocol extension: version, reserved bits, and operations packets.
const GPE_ZERO: u8 = 0xf1;

/// What is sent to a port that is not VXLAN's alone has to be without fault.
pub(super) fn strict_header(packet: &Packet<'_>) -> Option<Header> {
    let &[flags, r0, r1, r2, v0, v1, v2, reserved] = packet.payload.first_chunk::<LENGTH>()?;
    let sound = match flags {
        IDENTIFIER => [r0, r1, r2] == [0; 3],
        flags => flags == IDENTIFIER | GROUP_POLICY,
    };
    if !sound || reserved != 0 {
        return None;
    }
    let id = u32::from_be_bytes([0, v0, v1, v2]);
    Some(packet.tunnel_header(TunnelKind::Vxlan, id, LENGTH, Content::Ethernet))
}

/// Receivers ignore all bits that are reserved (RFC 7348 section 5). Text to that port may look like a header with such
/// bits: what follows it has to be a frame of a protocol that is known.
pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
    strict_header(packet).or_else(|| {
        let &[flags, _, _, _, v0, v1, v2, _] = packet.payload.first_chunk::<LENGTH>()?;
        let frame = packet.payload.get(LENGTH..)?.first_chunk::<{ ethernet::HEADER_LENGTH }>()?;
        let &[.., high, low] = frame;
        let is_known = matches!(
            u16::from_be_bytes([high, low]),
            ethertype::IPV4
                | ethertype::IPV6
                | ethertype::ARP
                | ethertype::VLAN
                | ethertype::SERVICE_VLAN
                | ethertype::MPLS
                | ethertype::PPPOE_SESSION
        );
        let id = u32::from_be_bytes([0, v0, v1, v2]);
        (flags & IDENTIFIER != 0 && is_known)
            .then(|| packet.tunnel_header(TunnelKind::Vxlan, id, LENGTH, Content::Ethernet))
    })
}

pub(super) fn gpe_header(packet: &Packet<'_>) -> Option<Header> {
    let &[flags, r0, r1, next, v0, v1, v2, reserved] = packet.payload.first_chunk::<LENGTH>()?;
    if flags & (GPE_ZERO | IDENTIFIER) != IDENTIFIER || [r0, r1, reserved] != [0; 3] {
        return None;
    }
    let content = match (flags & NEXT_PROTOCOL, next) {
        (NEXT_PROTOCOL, 1) => Content::EtherType(ethertype::IPV4),
        (NEXT_PROTOCOL, 2) => Content::EtherType(ethertype::IPV6),
        (NEXT_PROTOCOL, 3) | (0, 0) => Content::Ethernet,
        (NEXT_PROTOCOL, 4) if packet.has_nsh_at(LENGTH) => Content::EtherType(ethertype::NSH),
        (NEXT_PROTOCOL, 5) => Content::EtherType(ethertype::MPLS),
        _ => return None,
    };
    let id = u32::from_be_bytes([0, v0, v1, v2]);
    Some(packet.tunnel_header(TunnelKind::VxlanGpe, id, LENGTH, content))
}
