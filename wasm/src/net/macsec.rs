//! MACsec (IEEE 802.1AE) that protects integrity alone: a security tag, data as it was, and a check value.

use super::{Faults, Next, Packet, ethernet};

/// Tag control information and association number, short length, and packet number.
const LEAST_TAG_LENGTH: usize = 6;
const CHANNEL_IDENTIFIER_LENGTH: usize = 8;
/// Of the cipher suites that are in the standard.
const CHECK_VALUE_LENGTH: u32 = 16;

/// Tag control information.
mod control {
    pub(super) const VERSION: u8 = 0x80;
    pub(super) const END_STATION: u8 = 0x40;
    pub(super) const CHANNEL_IDENTIFIER: u8 = 0x20;
    pub(super) const ENCRYPTED: u8 = 0x08;
    pub(super) const CHANGED: u8 = 0x04;
}
/// What is 0 in the byte of the short length.
const RESERVED: u8 = 0xc0;
/// Data of this length or longer has 0 as its short length.
const LEAST_LONG_DATA: u8 = 48;

/// What is encrypted, or of another version, stays in the payload with the tag.
#[inline(never)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[control, short_length, _, _, _, _]) = packet.payload.first_chunk::<LEAST_TAG_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    let named_twice = control::END_STATION | control::CHANNEL_IDENTIFIER;
    if control & (control::VERSION | control::ENCRYPTED | control::CHANGED) != 0
        || control & named_twice == named_twice
        || short_length & RESERVED != 0
        || short_length >= LEAST_LONG_DATA
    {
        return Next::End;
    }
    let has_channel = control & control::CHANNEL_IDENTIFIER != 0;
    let tag_length = LEAST_TAG_LENGTH + if has_channel { CHANNEL_IDENTIFIER_LENGTH } else { 0 };
    // By what was captured, so that the frame is read the same when a tunnel is taken off.
    let room = packet.payload.len().saturating_sub(tag_length) as u32;
    let data_length = match short_length {
        // Where the capture is cut, this takes some of the data: of what is in it, the lengths say so.
        0 => room.checked_sub(CHECK_VALUE_LENGTH),
        short => Some(short.into()).filter(|short| *short <= room),
    };
    let type_or_length = packet.payload.get(tag_length..).and_then(<[u8]>::first_chunk::<2>);
    let (Some(data_length @ 2..), Some(&type_or_length)) = (data_length, type_or_length) else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(tag_length);
    packet.truncate(data_length);
    packet.strip(type_or_length.len());
    ethernet::by_type_or_length(packet, u16::from_be_bytes(type_or_length))
}
