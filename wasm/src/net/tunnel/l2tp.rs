//! L2TP version 2 (RFC 2661): data messages with an IP packet in PPP.

use super::{Content, Header, Tunnel, TunnelKind};
use crate::net::{Packet, ppp};

const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;
const PRIORITY: u16 = 0x0100;
const VERSION_2: u16 = 2;

pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
    let field = |at: usize| Some(u16::from_be_bytes(*packet.payload.get(at..)?.first_chunk()?));
    let flags = field(0)?;
    // Control messages, other versions and reserved bits are left.
    if flags & !(LENGTH | SEQUENCE | OFFSET | PRIORITY) != VERSION_2 {
        return None;
    }
    let mut length = 2;
    let mut total_length = packet.payload_length;
    if flags & LENGTH != 0 {
        total_length = u32::from(field(length)?);
        length += 2;
    }
    let id = u32::from(field(length)?) << 16 | u32::from(field(length + 2)?);
    length += 4;
    if flags & SEQUENCE != 0 {
        length += 4;
    }
    if flags & OFFSET != 0 {
        length += 2 + usize::from(field(length)?);
    }
    let (ppp_length, ethertype) = ppp::header(packet.payload.get(length..)?)?;
    length += ppp_length;
    let (version, ip_length) = packet.ip_at(length)?;
    (version == ethertype
        && total_length <= packet.payload_length
        && length + ip_length <= total_length as usize)
        .then_some(Header {
            tunnel: Tunnel { kind: TunnelKind::L2tp, id },
            length,
            content: Content::EtherType(ethertype),
            total_length,
        })
}
