//! Fiber Distributed Data Interface: a frame control byte and two addresses in front of LLC.

use super::{Faults, Next, Packet, llc};

const HEADER_LENGTH: usize = 13;
/// Class, address length and format of the frame control byte: LLC frames with long addresses, either class.
const FRAME_FORMAT: u8 = 0x70;
const LLC_FRAME: u8 = 0x50;

pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[frame_control, ..]) = packet.payload.first_chunk::<HEADER_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(HEADER_LENGTH);
    if frame_control & FRAME_FORMAT == LLC_FRAME { llc::decode(packet) } else { Next::End }
}
