//! PKTAP of Darwin: what its kernel knows of a packet, and the link type of the frame behind that.

use super::{Faults, Next, Packet, link_layer, link_type};

/// Length of the header; later versions may append to it.
const LEAST_HEADER_LENGTH: usize = 108;
/// Where the link type of what follows is.
pub(super) const LINK_TYPE_AT: usize = 8;
/// Record type: a packet follows.
const PACKET: u32 = 1;
/// Where the name of the interface is, which zeros fill up.
const INTERFACE_NAME: std::ops::Range<usize> = 12..36;

/// PKTAP under its own number.
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some((link_type, length)) = header(packet.payload) else {
        let length = packet.payload.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
        let is_short = length.is_some_and(|length| length < LEAST_HEADER_LENGTH);
        return packet.stop(if is_short { Faults::LINK_LENGTH } else { Faults::HEADER_CUT });
    };
    packet.strip(length);
    match link_layer(link_type).filter(|_| !is_pktap(link_type)) {
        Some(link_layer) => link_layer(packet),
        None => Next::End,
    }
}

/// PKTAP under a number for private use, as Darwin once wrote it. Anything else under that number is left.
pub(super) fn decode_private(packet: &mut Packet<'_>) -> Next {
    match content(link_type::USER2, packet.payload) {
        Some(_) => decode(packet),
        None => Next::End,
    }
}

/// Link type and bytes of the frame in a PKTAP frame of this link type; `None` for what is none.
pub fn content(link_type: u32, frame: &[u8]) -> Option<(u32, &[u8])> {
    if !is_pktap(link_type) {
        return None;
    }
    let (inner, length) = header(frame)?;
    let is_known = !is_pktap(inner) && link_layer(inner).is_some();
    let is_sure = link_type == link_type::PKTAP || names_interface(frame);
    (is_known && is_sure).then_some((inner, frame.get(length..)?))
}

fn is_pktap(link_type: u32) -> bool {
    matches!(link_type, link_type::PKTAP | link_type::USER2)
}

/// Link type of what follows the header, and the header's length.
fn header(frame: &[u8]) -> Option<(u32, usize)> {
    let ([length, record_type, link_type], _) = frame.as_chunks::<4>().0.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    let fits = (LEAST_HEADER_LENGTH..=frame.len()).contains(&length);
    (fits && u32::from_le_bytes(*record_type) == PACKET).then_some((u32::from_le_bytes(*link_type), length))
}

fn names_interface(frame: &[u8]) -> bool {
    let Some(name) = frame.get(INTERFACE_NAME) else { return false };
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let (name, rest) = name.split_at(end);
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic) && rest.iter().all(|byte| *byte == 0)
}
