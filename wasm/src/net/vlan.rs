//! VLAN tags: IEEE 802.1Q, IEEE 802.1ad and the older outer tags.

use super::{Faults, Next, Packet, ethernet, ethertype};

pub(super) const TAG_LENGTH: usize = 4;
/// Of the tag control information.
pub(super) const IDENTIFIER: u16 = 0x0fff;

/// Whether an EtherType announces a tag.
#[inline(always)]
pub(super) fn is_tag(ethertype: u16) -> bool {
    matches!(
        ethertype,
        ethertype::VLAN | ethertype::SERVICE_VLAN | ethertype::OUTER_VLAN | ethertype::OUTER_VLAN_2
    )
}

#[inline]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[tci_high, tci_low, high, low]) = packet.payload.first_chunk::<TAG_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(TAG_LENGTH);
    let type_or_length = u16::from_be_bytes([high, low]);
    if packet.tags_are_inner {
        return ethernet::by_type_or_length(packet, type_or_length);
    }
    if let Some(slot) = packet.vlans.get_mut(usize::from(packet.vlan_count)) {
        *slot = u16::from_be_bytes([tci_high, tci_low]) & IDENTIFIER;
        packet.vlan_count += 1;
    }
    ethernet::by_type_or_length(packet, type_or_length)
}
