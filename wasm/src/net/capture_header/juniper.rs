//! What Junos writes in front of captured frames: a magic number, flags, and perhaps more.

use super::{Content, Faults, link_type};

const MAGIC: [u8; 3] = [0x4d, 0x47, 0x43];
const FIXED_LENGTH: usize = 4;
const EXTENSION_LENGTH_LENGTH: usize = 2;
/// An address family, in front of a packet that has no link layer.
const FAMILY_LENGTH: usize = 4;

mod flag {
    /// The packet was on its way before it had a link layer.
    pub(super) const NO_LINK_LAYER: u8 = 0x02;
    pub(super) const EXTENSION: u8 = 0x80;
}

/// `link_type` is what the interface has where there is a link layer.
pub(super) fn find(frame: &[u8], link_type: u32) -> Result<Content, Faults> {
    let Some((&[ref magic @ .., flags], rest)) = frame.split_first_chunk::<FIXED_LENGTH>() else {
        return Err(Faults::HEADER_CUT);
    };
    if *magic != MAGIC {
        return Err(Faults::default());
    }
    let extension = match (flags & flag::EXTENSION, rest.first_chunk()) {
        (0, _) => 0,
        (_, Some(length)) => EXTENSION_LENGTH_LENGTH + usize::from(u16::from_be_bytes(*length)),
        (_, None) => return Err(Faults::HEADER_CUT),
    };
    let (link_type, family_length) = match flags & flag::NO_LINK_LAYER {
        0 => (link_type, 0),
        _ => (link_type::RAW, FAMILY_LENGTH),
    };
    let header_length = FIXED_LENGTH + extension + family_length;
    if header_length > frame.len() {
        return Err(Faults::HEADER_CUT);
    }
    Ok(Content { link_type, header_length })
}
