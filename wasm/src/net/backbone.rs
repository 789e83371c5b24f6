//! Ethernet frames in Ethernet frames: provider backbone bridging (IEEE 802.1ah), where tags inside are those of a network within
//! the network, and Cisco FabricPath, where they are the frame's own.

use super::{Faults, Next, Packet, ethernet};

/// Priority, flags and service identifier behind the EtherType.
const SERVICE_TAG_LENGTH: usize = 4;
/// Forwarding tag and time to live behind the EtherType.
const FABRIC_TAG_LENGTH: usize = 2;

pub(super) fn decode_service(packet: &mut Packet<'_>) -> Next {
    packet.tags_are_inner = true;
    enter(packet, SERVICE_TAG_LENGTH)
}

pub(super) fn decode_fabric(packet: &mut Packet<'_>) -> Next {
    enter(packet, FABRIC_TAG_LENGTH)
}

#[inline(never)]
fn enter(packet: &mut Packet<'_>, tag_length: usize) -> Next {
    if packet.payload.len() < tag_length {
        return packet.stop(Faults::HEADER_CUT);
    }
    packet.strip(tag_length);
    ethernet::decode(packet)
}
