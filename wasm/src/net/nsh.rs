//! The Network Service Header (RFC 8300).

use super::{Faults, Next, Packet, ethernet, ethertype};

/// Base header and service path header.
const LEAST_LENGTH: usize = 8;
/// Version, and the bit of packets that are not a user's.
const VERSION_AND_OPERATIONS: u8 = 0xe0;
/// Length in units of 4 bytes, in the second byte.
const LENGTH: u8 = 0x3f;
const METADATA_TYPE: u8 = 0x0f;
/// Length of a header with metadata of fixed length (section 2.4).
const FIXED_METADATA_LENGTH: usize = 24;

/// What the header says that follows it.
enum Content {
    EtherType(u16),
    Ethernet,
}

/// A header that is not sound, or of something else, stays in the payload.
#[inline(never)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some((content, length)) = header(packet.payload) else {
        let is_cut = packet.payload.len() < LEAST_LENGTH;
        return if is_cut { packet.stop(Faults::HEADER_CUT) } else { Next::End };
    };
    if packet.payload.len() < length {
        return packet.stop(Faults::HEADER_CUT);
    }
    packet.strip(length);
    match content {
        Content::EtherType(ethertype) => Next::EtherType(ethertype),
        Content::Ethernet => {
            packet.tags_are_inner = true;
            ethernet::decode(packet)
        }
    }
}

/// Whether `bytes` begin with a header of something that is read.
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    header(bytes).is_some()
}

/// What follows the header, and its length.
fn header(bytes: &[u8]) -> Option<(Content, usize)> {
    let &[first, second, metadata_type, next, ..] = bytes.first_chunk::<LEAST_LENGTH>()?;
    let length = usize::from(second & LENGTH) * 4;
    let has_length = match metadata_type & METADATA_TYPE {
        1 => length == FIXED_METADATA_LENGTH,
        2 => length >= LEAST_LENGTH,
        _ => false,
    };
    if first & VERSION_AND_OPERATIONS != 0 || !has_length {
        return None;
    }
    let content = match next {
        1 => Content::EtherType(ethertype::IPV4),
        2 => Content::EtherType(ethertype::IPV6),
        3 => Content::Ethernet,
        4 => Content::EtherType(ethertype::NSH),
        5 => Content::EtherType(ethertype::MPLS),
        _ => return None,
    };
    Some((content, length))
}
