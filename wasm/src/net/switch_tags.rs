//! Tags that switches and their taps put in front of the EtherType for their own ends: what follows is the frame as it was.

use super::{Faults, Next, Packet, ethernet};

/// Port extenders (IEEE 802.1BR): priority, ingress and own channel.
const EXTENSION_TAG_LENGTH: usize = 6;
/// Cisco's tag for virtual interfaces.
const VIRTUAL_INTERFACE_TAG_LENGTH: usize = 4;
/// Cisco's metadata in version 1: version, length in units of 4 bytes behind these two and the option's type, option, group.
const METADATA_LENGTH: usize = 6;
const METADATA_VERSION_AND_LENGTH: [u8; 2] = [1, 1];
/// Arista's time stamps: kind of the tag, and version.
const TIMESTAMP_HEADER_LENGTH: usize = 4;
const TIMESTAMP_KIND: [u8; 2] = [0, 1];

pub(super) fn decode_extension(packet: &mut Packet<'_>) -> Next {
    pass_over(packet, EXTENSION_TAG_LENGTH)
}

pub(super) fn decode_virtual_interface(packet: &mut Packet<'_>) -> Next {
    pass_over(packet, VIRTUAL_INTERFACE_TAG_LENGTH)
}

/// Metadata of another length stays in the payload.
pub(super) fn decode_metadata(packet: &mut Packet<'_>) -> Next {
    match packet.payload.first_chunk::<2>() {
        Some(&METADATA_VERSION_AND_LENGTH) | None => pass_over(packet, METADATA_LENGTH),
        Some(_) => Next::End,
    }
}

/// Time stamps of 64 and of 48 bits, of atomic time and of UTC. Others stay in the payload.
pub(super) fn decode_timestamp(packet: &mut Packet<'_>) -> Next {
    match packet.payload.first_chunk::<TIMESTAMP_HEADER_LENGTH>() {
        Some(&[k0, k1, 0 | 1, 0x10]) if [k0, k1] == TIMESTAMP_KIND => {
            pass_over(packet, TIMESTAMP_HEADER_LENGTH + 8)
        }
        Some(&[k0, k1, 0 | 1, 0x20]) if [k0, k1] == TIMESTAMP_KIND => {
            pass_over(packet, TIMESTAMP_HEADER_LENGTH + 6)
        }
        Some(_) => Next::End,
        None => packet.stop(Faults::HEADER_CUT),
    }
}

/// Goes on with the EtherType behind a tag.
#[inline(never)]
fn pass_over(packet: &mut Packet<'_>, length: usize) -> Next {
    let type_or_length = packet.payload.get(length..).and_then(<[u8]>::first_chunk::<2>);
    let Some(type_or_length) = type_or_length.map(|bytes| u16::from_be_bytes(*bytes)) else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(length + 2);
    ethernet::by_type_or_length(packet, type_or_length)
}
