//! The log of Linux' netfilter: an address family, and attributes, one of which is the packet.

use super::{Faults, Next, Packet, loopback};

const HEADER_LENGTH: usize = 4;
const ATTRIBUTE_HEADER_LENGTH: usize = 4;
/// Most attributes that are passed over; there are some twenty kinds.
const MOST_ATTRIBUTES: usize = 64;
/// NFULA_PAYLOAD.
const PAYLOAD: u16 = 9;

pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[family, ..]) = packet.payload.first_chunk::<HEADER_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(HEADER_LENGTH);
    for _ in 0..MOST_ATTRIBUTES {
        let Some(&[l0, l1, t0, t1]) = packet.payload.first_chunk::<ATTRIBUTE_HEADER_LENGTH>() else {
            return packet.stop(Faults::HEADER_CUT);
        };
        // In the byte order of the capturing machine; kinds are small numbers.
        let (length, kind) = if t1 == 0 {
            (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([t0, t1]))
        } else {
            (u16::from_be_bytes([l0, l1]), u16::from_be_bytes([t0, t1]))
        };
        let length = usize::from(length);
        let Some(value_length) = length.checked_sub(ATTRIBUTE_HEADER_LENGTH) else {
            return packet.stop(Faults::LINK_LENGTH);
        };
        if kind == PAYLOAD {
            packet.strip(ATTRIBUTE_HEADER_LENGTH);
            packet.truncate(value_length as u32);
            return loopback::by_family(u32::from(family));
        }
        packet.strip(length.next_multiple_of(4));
    }
    packet.stop(Faults::TOO_DEEP)
}
