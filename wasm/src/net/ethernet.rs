//! Ethernet II and IEEE 802.3 with SNAP.

use super::{Faults, Next, Packet, ethertype, llc};

pub(super) const HEADER_LENGTH: usize = 14;

#[inline]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[.., high, low]) = packet.payload.first_chunk::<HEADER_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(HEADER_LENGTH);
    by_type_or_length(packet, u16::from_be_bytes([high, low]))
}

/// What follows the addresses of a frame, or a VLAN tag.
#[inline]
pub(super) fn by_type_or_length(packet: &mut Packet<'_>, type_or_length: u16) -> Next {
    if type_or_length < ethertype::LEAST {
        ieee_802_3(packet, type_or_length)
    } else {
        Next::EtherType(type_or_length)
    }
}

#[cold]
fn ieee_802_3(packet: &mut Packet<'_>, length: u16) -> Next {
    packet.ethertype = 0;
    if length != 0 {
        packet.truncate(u32::from(length));
    }
    llc::decode(packet)
}
