//! MPLS label stacks (RFC 3032), and what is beneath them, which no field names.

use super::{Faults, Next, Packet, ethernet, ethertype};

const ENTRY_LENGTH: usize = 4;
/// Most entries of a stack that are read.
const MOST_ENTRIES: usize = 16;
const BOTTOM_OF_STACK: u8 = 1;
const CONTROL_WORD_LENGTH: usize = 4;

/// Length of the label stack at the front of `bytes`, if it ends there.
pub(super) fn stack_length(bytes: &[u8]) -> Option<usize> {
    let mut entries = bytes.as_chunks::<ENTRY_LENGTH>().0.iter().take(MOST_ENTRIES);
    let last = entries.position(|[_, _, label_low, _]| label_low & BOTTOM_OF_STACK != 0)?;
    Some((last + 1) * ENTRY_LENGTH)
}

#[inline(never)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    for _ in 0..MOST_ENTRIES {
        let Some(&[_, _, label_low, _]) = packet.payload.first_chunk::<ENTRY_LENGTH>() else {
            return packet.stop(Faults::HEADER_CUT);
        };
        packet.strip(ENTRY_LENGTH);
        if label_low & BOTTOM_OF_STACK != 0 {
            return content(packet);
        }
    }
    packet.stop(Faults::TOO_DEEP)
}

/// By the first four bits (RFC 4928): IP, or a pseudowire's control word (RFC 4385).
fn content(packet: &mut Packet<'_>) -> Next {
    match packet.payload.first().map(|byte| byte >> 4) {
        Some(4) => Next::EtherType(ethertype::IPV4),
        Some(6) => Next::EtherType(ethertype::IPV6),
        Some(0) => pseudowire(packet),
        Some(_) => Next::End,
        None => packet.stop(Faults::HEADER_CUT),
    }
}

/// Whether `bytes` begin with an Ethernet pseudowire.
pub(super) fn is_pseudowire(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| byte >> 4 == 0)
        && (bytes.get(CONTROL_WORD_LENGTH..).is_some_and(is_ethernet) || is_ethernet(bytes))
}

/// An Ethernet pseudowire (RFC 4448). The control word is optional: without it, the four bits are the address's.
fn pseudowire(packet: &mut Packet<'_>) -> Next {
    if packet.payload.get(CONTROL_WORD_LENGTH..).is_some_and(is_ethernet) {
        packet.strip(CONTROL_WORD_LENGTH);
    } else if !is_ethernet(packet.payload) {
        return Next::End;
    }
    packet.tags_are_inner = true;
    ethernet::decode(packet)
}

/// Whether `bytes` begin with an Ethernet header whose EtherType is known and, for IP, fits what follows.
pub(super) fn is_ethernet(bytes: &[u8]) -> bool {
    let Some((&[.., high, low], [next, ..])) = bytes.split_first_chunk::<{ ethernet::HEADER_LENGTH }>()
    else {
        return false;
    };
    match u16::from_be_bytes([high, low]) {
        ethertype::IPV4 => next >> 4 == 4,
        ethertype::IPV6 => next >> 4 == 6,
        ethertype::ARP
        | ethertype::VLAN
        | ethertype::SERVICE_VLAN
        | ethertype::OUTER_VLAN
        | ethertype::OUTER_VLAN_2
        | ethertype::MPLS
        | ethertype::MPLS_UPSTREAM
        | ethertype::PPPOE_SESSION => true,
        _ => false,
    }
}
