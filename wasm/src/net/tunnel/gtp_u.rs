//! GTP-U (3GPP TS 29.281): the messages that carry a user's IP packet.

use super::{Content, Header, TunnelKind};
use crate::net::Packet;

const FIXED_LENGTH: usize = 8;
/// Sequence number, N-PDU number and the type of the first extension header.
const OPTIONAL_LENGTH: usize = 4;
/// Version, protocol type and a spare bit: version 1, GTP.
const VERSION: u8 = 0xf8;
const VERSION_1: u8 = 0x30;
/// Any of extension header, sequence number and N-PDU number.
const OPTIONAL: u8 = 0x07;
const EXTENSION: u8 = 0x04;
const USER_PACKET: u8 = 255;
/// Most extension headers that are passed over.
const MOST_EXTENSIONS: usize = 8;

pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
    let &[flags, message_type, l0, l1, e0, e1, e2, e3] = packet.payload.first_chunk::<FIXED_LENGTH>()?;
    let announced = FIXED_LENGTH + usize::from(u16::from_be_bytes([l0, l1]));
    if flags & VERSION != VERSION_1
        || message_type != USER_PACKET
        || announced != packet.payload_length as usize
    {
        return None;
    }
    let mut length = FIXED_LENGTH;
    if flags & OPTIONAL != 0 {
        length += OPTIONAL_LENGTH;
    }
    if flags & EXTENSION != 0 {
        length += extensions_length(packet.payload.get(FIXED_LENGTH + OPTIONAL_LENGTH - 1..)?)?;
    }
    let (ethertype, _) = packet.ip_at(length)?;
    let id = u32::from_be_bytes([e0, e1, e2, e3]);
    Some(packet.tunnel_header(TunnelKind::GtpU, id, length, Content::EtherType(ethertype)))
}

/// Length of the extension headers behind the byte with the type of the first one. Each has its length in units of
/// 4 bytes first, and the type of the next one last.
fn extensions_length(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    for _ in 0..MOST_EXTENSIONS {
        if *bytes.get(end)? == 0 {
            return Some(end);
        }
        match *bytes.get(end + 1)? {
            0 => return None,
            units => end += usize::from(units) * 4,
        }
    }
    None
}
