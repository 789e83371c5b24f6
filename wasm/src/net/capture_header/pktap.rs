//! PKTAP of Darwin: what its kernel knows of a packet, and the link type of the frame behind that.

use super::{Content, Faults, has, link_layer};

/// Length of the header; later versions may append to it.
const LEAST_HEADER_LENGTH: usize = 108;
/// Where the link type of what follows is.
pub(super) const LINK_TYPE_AT: usize = 8;
/// Record type: a packet follows.
const PACKET: u32 = 1;
/// Where the name of the interface is, which zeros fill up.
const INTERFACE_NAME: std::ops::Range<usize> = 12..36;

/// PKTAP under its own number.
pub(super) fn find(frame: &[u8]) -> Result<Content, Faults> {
    let Some((&[length, record_type, link_type], _)) = frame.as_chunks::<4>().0.split_first_chunk() else {
        return Err(Faults::HEADER_CUT);
    };
    let header_length = u32::from_le_bytes(length) as usize;
    if header_length < LEAST_HEADER_LENGTH {
        return Err(Faults::LINK_LENGTH);
    }
    if header_length > frame.len() || u32::from_le_bytes(record_type) != PACKET {
        return Err(Faults::HEADER_CUT);
    }
    let link_type = u32::from_le_bytes(link_type);
    if has(link_type) { Err(Faults::default()) } else { Ok(Content { link_type, header_length }) }
}

/// PKTAP under a number for private use, as Darwin once wrote it. Anything else under that number is left.
pub(super) fn find_under_private_number(frame: &[u8]) -> Result<Content, Faults> {
    let content = find(frame).map_err(|_| Faults::default())?;
    let is_sure = link_layer(content.link_type).is_some() && names_interface(frame);
    if is_sure { Ok(content) } else { Err(Faults::default()) }
}

fn names_interface(frame: &[u8]) -> bool {
    let Some(name) = frame.get(INTERFACE_NAME) else { return false };
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let (name, rest) = name.split_at(end);
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic) && rest.iter().all(|byte| *byte == 0)
}
