//! ERSPAN, mirrored frames in GRE, types II and III (draft-foschiano-erspan); type I has no header.

use super::{Content, Header, TunnelKind};
use crate::net::{Packet, ethertype};

/// GRE protocol types.
pub(super) const TYPE_I_OR_II: u16 = 0x88be;
pub(super) const TYPE_III: u16 = 0x22eb;

const LENGTH_II: usize = 8;
const LENGTH_III: usize = 12;
const SUBHEADER_LENGTH: usize = 8;
const VERSION_II: u8 = 1;
const VERSION_III: u8 = 2;
const SESSION: u16 = 0x03ff;
/// Frame type of type III, in its 11th byte: 0 for Ethernet, 2 for IP.
const FRAME_TYPE: u8 = 0x7c;
const FRAME_TYPE_IP: u8 = 2 << 2;
/// In the 12th byte of type III: a platform subheader follows.
const SUBHEADER: u8 = 0x01;

/// Type II, `offset` bytes into the payload.
pub(super) fn header(packet: &Packet<'_>, offset: usize) -> Option<Header> {
    let &[version, _, s0, s1, ..] = packet.payload.get(offset..)?.first_chunk::<LENGTH_II>()?;
    (version >> 4 == VERSION_II).then(|| {
        packet.tunnel_header(
            TunnelKind::Erspan,
            u32::from(u16::from_be_bytes([s0, s1]) & SESSION),
            offset + LENGTH_II,
            Content::Ethernet,
        )
    })
}

/// Type III, `offset` bytes into the payload.
pub(super) fn header_iii(packet: &Packet<'_>, offset: usize) -> Option<Header> {
    let &[version, _, s0, s1, .., frame_type, options] =
        packet.payload.get(offset..)?.first_chunk::<LENGTH_III>()?;
    if version >> 4 != VERSION_III {
        return None;
    }
    let subheader_length = if options & SUBHEADER != 0 { SUBHEADER_LENGTH } else { 0 };
    let length = offset + LENGTH_III + subheader_length;
    let content = match frame_type & FRAME_TYPE {
        0 => Content::Ethernet,
        FRAME_TYPE_IP => match packet.payload.get(length)? >> 4 {
            4 => Content::EtherType(ethertype::IPV4),
            6 => Content::EtherType(ethertype::IPV6),
            _ => return None,
        },
        _ => return None,
    };
    let session = u32::from(u16::from_be_bytes([s0, s1]) & SESSION);
    Some(packet.tunnel_header(TunnelKind::Erspan, session, length, content))
}
