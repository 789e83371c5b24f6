//! The header of an RTP packet, and where its payload lies (RFC 3550 section 5).

/// Bytes of the fixed header (RFC 3550 section 5.1).
pub const FIXED_HEADER: usize = 12;

/// A header that is sound in itself. Contributing sources and the header extension (RFC 8285) are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Synchronisation source.
    pub ssrc: u32,
    /// In units of the payload type's clock.
    pub timestamp: u32,
    /// Sequence number.
    pub sequence: u16,
    /// 0 to 127, without 64 to 95.
    pub payload_type: u8,
    /// What it marks is the profile's: the first packet after silence (audio), the last of a frame (video).
    pub marker: bool,
    /// Version, padding, extension and CSRC count, as they are in the first byte.
    pub first: u8,
    /// Bytes of padding at the end; 0 where its count is impossible, as when the payload is encrypted, or was not
    /// captured.
    pub padding: u8,
    /// Whether the padding is possible if the payload is not encrypted: its last byte counts it.
    pub padding_fits: bool,
    /// Where the payload begins, in bytes from the packet's start.
    pub payload_offset: u32,
    /// Bytes of payload without padding; with SRTP also its authentication tag.
    pub payload_length: u32,
}

impl Header {
    /// The header of a packet that is all of `bytes`: of version 2, with room for what it announces.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Self::parse_captured(bytes, bytes.len())
    }

    /// The header of a packet of `length` bytes, of which `bytes` were captured. What was not captured is believed: an
    /// extension whose length is missing is taken to be empty.
    #[inline]
    pub fn parse_captured(bytes: &[u8], length: usize) -> Option<Self> {
        let &[first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = bytes.first_chunk::<FIXED_HEADER>()?;
        if first >> 6 != 2 || is_rtcp(second) {
            return None;
        }
        let mut offset = FIXED_HEADER + 4 * usize::from(first & 15);
        if first & 0x10 != 0 {
            offset = extension_end(bytes, length, offset)?;
        }
        let room = length.checked_sub(offset)?;
        let mut padding = 0;
        let mut padding_fits = true;
        if first & 0x20 != 0 {
            (padding, padding_fits) = padding_of(bytes, length, room);
        }
        Some(Self {
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            sequence: u16::from_be_bytes([s0, s1]),
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            first,
            padding,
            padding_fits,
            payload_offset: u32::try_from(offset).ok()?,
            payload_length: u32::try_from(room - usize::from(padding)).ok()?,
        })
    }

    /// Whether the packet ends in padding.
    #[inline]
    pub const fn has_padding(&self) -> bool {
        self.first & 0x20 != 0
    }

    /// Whether a header extension follows the contributing sources.
    #[inline]
    pub const fn has_extension(&self) -> bool {
        self.first & 0x10 != 0
    }

    /// Number of contributing sources, 0 to 15.
    #[inline]
    pub const fn csrc_count(&self) -> u8 {
        self.first & 15
    }

    /// The payload in the bytes that the header was read from; cut where they are.
    #[cfg(test)]
    fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = bytes.get(self.payload_offset as usize..).unwrap_or_default();
        rest.get(..self.payload_length as usize).unwrap_or(rest)
    }
}

/// Whether the second byte is that of RTCP (RFC 5761 section 4): as RTP, payload types 64 to 95 with or without marker.
#[inline]
pub const fn is_rtcp(second: u8) -> bool {
    matches!(second & 0x7f, 64..=95)
}

#[cold]
fn extension_end(bytes: &[u8], length: usize, offset: usize) -> Option<usize> {
    let words = match bytes.get(offset + 2..offset + 4) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ if bytes.len() < length => 0,
        _ => return None,
    };
    Some(offset + 4 + 4 * usize::from(words))
}

/// The padding's length if it is possible in `room` bytes, and whether it is.
#[cold]
fn padding_of(bytes: &[u8], length: usize, room: usize) -> (u8, bool) {
    match length.checked_sub(1).and_then(|last| bytes.get(last)) {
        None => (0, true),
        Some(&count) if (1..=room).contains(&usize::from(count)) => (count, true),
        Some(_) => (0, false),
    }
}

#[cfg(test)]
#[path = "tests/packet.rs"]
mod tests;
