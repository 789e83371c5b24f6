//! Per-Packet Information: fields of capture tools, most of them about radio, in front of a frame whose link type is
//! told.

use super::{Content, Faults, has};

const FIXED_LENGTH: usize = 8;
/// Where the link type of what follows is.
pub(super) const LINK_TYPE_AT: usize = 4;
/// The only version there is.
const VERSION: u8 = 0;

pub(super) fn find(frame: &[u8]) -> Result<Content, Faults> {
    let Some(&[version, _, l0, l1, ref link_type @ ..]) = frame.first_chunk::<FIXED_LENGTH>() else {
        return Err(Faults::HEADER_CUT);
    };
    let header_length = usize::from(u16::from_le_bytes([l0, l1]));
    if version != VERSION || header_length < FIXED_LENGTH {
        return Err(Faults::LINK_LENGTH);
    }
    if header_length > frame.len() {
        return Err(Faults::HEADER_CUT);
    }
    let link_type = u32::from_le_bytes(*link_type);
    if has(link_type) { Err(Faults::default()) } else { Ok(Content { link_type, header_length }) }
}
