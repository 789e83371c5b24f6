//! VXLAN (RFC 7348), its group policy extension and its generic protocol extension.

use super::{Content, Header, TunnelKind};
use crate::net::{Packet, ethertype};

const LENGTH: usize = 8;
/// The network identifier is there.
const IDENTIFIER: u8 = 0x08;
/// A group policy identifier is there (draft-smith-vxlan-group-policy).
const GROUP_POLICY: u8 = 0x80;
/// Of the generic protocol extension (draft-ietf-nvo3-vxlan-gpe): the next protocol is there.
const NEXT_PROTOCOL: u8 = 0x04;
/// Of the generic protocol extension: version, reserved bits, and operations packets.
const GPE_ZERO: u8 = 0xf1;

pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
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

pub(super) fn gpe_header(packet: &Packet<'_>) -> Option<Header> {
    let &[flags, r0, r1, next, v0, v1, v2, reserved] = packet.payload.first_chunk::<LENGTH>()?;
    if flags & (GPE_ZERO | IDENTIFIER) != IDENTIFIER || [r0, r1, reserved] != [0; 3] {
        return None;
    }
    let content = match (flags & NEXT_PROTOCOL, next) {
        (NEXT_PROTOCOL, 1) => Content::EtherType(ethertype::IPV4),
        (NEXT_PROTOCOL, 2) => Content::EtherType(ethertype::IPV6),
        (NEXT_PROTOCOL, 3) | (0, 0) => Content::Ethernet,
        (NEXT_PROTOCOL, 5) => Content::EtherType(ethertype::MPLS),
        _ => return None,
    };
    let id = u32::from_be_bytes([0, v0, v1, v2]);
    Some(packet.tunnel_header(TunnelKind::VxlanGpe, id, LENGTH, content))
}
