//! Where lines end: sixteen octets at once.

/// Octets that are looked at at once.
const BLOCK: usize = 16;

/// The line feeds of a text, one after the other.
pub(super) struct LineFeeds<'a> {
    text: &'a [u8],
    /// Where the block begins that was looked at last, and a bit for each line feed in it that was not told yet.
    start: usize,
    found: u32,
}

impl<'a> LineFeeds<'a> {
    /// Those from `at` on.
    #[inline]
    pub(super) fn from(text: &'a [u8], at: usize) -> Self {
        let mut feeds = Self { text, start: at, found: 0 };
        feeds.look();
        feeds
    }

    #[inline]
    fn look(&mut self) {
        let rest = self.text.get(self.start..).unwrap_or_default();
        self.found = match rest.first_chunk::<BLOCK>() {
            Some(block) => line_feeds_in(block),
            None => rest.iter().rev().fold(0, |bits, octet| bits << 1 | u32::from(*octet == b'\n')),
        };
    }

    /// Where the next one is.
    #[inline]
    pub(super) fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            self.start += BLOCK;
            if self.start >= self.text.len() {
                return None;
            }
            self.look();
        }
        let at = self.start + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(at)
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline]
fn line_feeds_in(block: &[u8; BLOCK]) -> u32 {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2};
    let (words, _) = block.as_chunks::<8>();
    let &[low, high] = words else { return 0 };
    let octets = u64x2(u64::from_le_bytes(low), u64::from_le_bytes(high));
    u8x16_bitmask(u8x16_eq(octets, u8x16_splat(b'\n'))).into()
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
fn line_feeds_in(block: &[u8; BLOCK]) -> u32 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let (words, _) = block.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        let other = u64::from_le_bytes(*word) ^ u64::from_ne_bytes([b'\n'; 8]);
        // The highest bit of each octet that is 0, exactly; then all of them side by side.
        let zeros = !((other & LOW).wrapping_add(LOW) | other | LOW);
        bits << 8 | (zeros >> 7).wrapping_mul(0x0102_0408_1020_4080).wrapping_shr(56) as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_line_feeds() {
        for length in 0..70 {
            for step in 1..20 {
                let octet =
                    |at: usize| [b'\n', b'\r', 0x8a, 0][if at.is_multiple_of(step) { 0 } else { 1 + at % 3 }];
                let text: Vec<u8> = (0..length).map(octet).collect();
                for from in 0..=length {
                    let mut feeds = LineFeeds::from(&text, from);
                    let found: Vec<usize> = std::iter::from_fn(|| feeds.next()).collect();
                    let expected: Vec<usize> = (from..length).filter(|at| text[*at] == b'\n').collect();
                    assert_eq!(found, expected, "{length} {step} {from}");
                }
            }
        }
    }
}
