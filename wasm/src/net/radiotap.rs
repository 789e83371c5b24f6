//! Radiotap and Prism headers: what the radio measured, in front of IEEE 802.11.

use super::{Faults, Next, Packet, ieee_802_11};

const FIXED_LENGTH: usize = 8;
const PRESENT_WORD_LENGTH: usize = 4;
/// Most words of the presence bitmap that are read.
const MOST_PRESENT_WORDS: usize = 16;
/// Bits of the presence bitmap.
mod present {
    pub(super) const TSFT: u32 = 1;
    pub(super) const FLAGS: u32 = 1 << 1;
    pub(super) const ANOTHER_WORD: u32 = 1 << 31;
}
/// Bit of the Flags field: the IEEE 802.11 header is padded to a multiple of 4 bytes.
const DATA_PAD: u8 = 0x20;

/// AVS headers share the link type of Prism headers, and begin with one of these.
const AVS_MAGIC: [[u8; 4]; 2] = [[0x80, 0x21, 0x10, 0x01], [0x80, 0x21, 0x10, 0x02]];

/// Radiotap.
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[_, _, l0, l1, ..]) = packet.payload.first_chunk::<FIXED_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let Some(header) = packet.payload.get(..length) else {
        return packet.stop(Faults::HEADER_CUT);
    };
    if length < FIXED_LENGTH {
        return packet.stop(Faults::LINK_LENGTH);
    }
    packet.strip(length);
    let padded = flags(header).is_some_and(|flags| flags & DATA_PAD != 0);
    ieee_802_11::decode_padded(packet, if padded { 4 } else { 1 })
}

/// The Flags field; only TSFT, aligned to its 8 bytes, can be in front of it.
fn flags(header: &[u8]) -> Option<u8> {
    let words = header.get(4..)?.as_chunks::<PRESENT_WORD_LENGTH>().0;
    let words = words.iter().map(|word| u32::from_le_bytes(*word));
    let first = words.clone().next()?;
    let last = words.take(MOST_PRESENT_WORDS).position(|word| word & present::ANOTHER_WORD == 0)?;
    if first & present::FLAGS == 0 {
        return None;
    }
    let fields = 4 + (last + 1) * PRESENT_WORD_LENGTH;
    let at = if first & present::TSFT == 0 { fields } else { fields.next_multiple_of(8) + 8 };
    header.get(at).copied()
}

/// Prism or AVS: a message code and the length of the header.
pub(super) fn decode_prism(packet: &mut Packet<'_>) -> Next {
    let Some((code, rest)) = packet.payload.split_first_chunk::<4>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    let Some(&length) = rest.first_chunk::<4>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    // Prism headers are in the byte order of the capturing machine; the smaller reading is the right one.
    let length = match AVS_MAGIC.contains(code) {
        true => u32::from_be_bytes(length),
        false => u32::from_be_bytes(length).min(u32::from_le_bytes(length)),
    } as usize;
    if length < FIXED_LENGTH {
        return packet.stop(Faults::LINK_LENGTH);
    }
    if packet.payload.len() < length {
        return packet.stop(Faults::HEADER_CUT);
    }
    packet.strip(length);
    ieee_802_11::decode(packet)
}
