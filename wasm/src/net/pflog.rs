//! The log of BSD's packet filter: its own length, the address family, and more that differs among systems.

use super::{Faults, Next, Packet, loopback};

/// Length of the shortest header there has been.
const LEAST_HEADER_LENGTH: u8 = 45;

pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[length, family]) = packet.payload.first_chunk::<2>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    if length < LEAST_HEADER_LENGTH {
        return packet.stop(Faults::LINK_LENGTH);
    }
    // The length leaves out the padding.
    let length = usize::from(length).next_multiple_of(4);
    if packet.payload.len() < length {
        return packet.stop(Faults::HEADER_CUT);
    }
    packet.strip(length);
    loopback::by_family(u32::from(family))
}
