//! Where lines end: many octets at once.

use crate::short::{BLOCK, places_of};

/// Octets that are looked at at once.
const WINDOW: usize = 4 * BLOCK;

/// The line feeds of a text, one after the other.
pub(super) struct LineFeeds<'a> {
    text: &'a [u8],
    /// Where the window begins that was looked at last, and a bit for each line feed in it that was not told yet.
    start: usize,
    found: u64,
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
        let (blocks, tail) = rest.get(..WINDOW).unwrap_or(rest).as_chunks::<BLOCK>();
        let places = |block| u64::from(places_of(block, [b'\n']));
        self.found = match blocks {
            [first, second, third, fourth] => {
                places(first) | places(second) << 16 | places(third) << 32 | places(fourth) << 48
            }
            _ => {
                let in_tail = tail.iter().rev().fold(0, |bits, octet| bits << 1 | u64::from(*octet == b'\n'));
                blocks.iter().rev().fold(in_tail, |bits, block| bits << BLOCK | places(block))
            }
        };
    }

    /// Where the next one is.
    #[inline]
    pub(super) fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            self.start += WINDOW;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_line_feeds() {
        for length in (0..70).chain([126, 127, 128, 129, 145, 200]) {
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
