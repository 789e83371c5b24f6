//! The texts of a set, in lower case, back to back; equal ones of one kind are one group.

use super::{BuildError, Kind};

/// End of a list of numbers.
const NONE: u32 = u32::MAX;

/// Multiplier of the hashes: 2^64 by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Texts by group, and the patterns of each group.
#[derive(Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// By group: where its text ends in `bytes`.
    ends: Vec<u32>,
    kinds: Vec<Kind>,
    /// By group: its first pattern.
    first: Vec<u32>,
    /// By pattern: the next one of its group.
    next: Vec<u32>,
}

impl Texts {
    /// Adds a text that no group has. The caller sees to it that it is in lower case.
    pub fn add_group(&mut self, kind: Kind, text: &[u8]) -> u32 {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
        self.kinds.push(kind);
        self.first.push(NONE);
        (self.ends.len() - 1) as u32
    }

    /// Adds a pattern to a group, or to none.
    pub fn add_pattern(&mut self, group: Option<u32>) -> u32 {
        let number = self.next.len() as u32;
        let first = group.and_then(|group| self.first.get_mut(group as usize));
        self.next.push(first.map_or(NONE, |first| std::mem::replace(first, number)));
        number
    }

    /// Patterns in all.
    pub fn patterns(&self) -> usize {
        self.next.len()
    }

    /// Groups in all.
    pub fn groups(&self) -> usize {
        self.ends.len()
    }

    /// Pattern numbers of a group.
    #[inline]
    pub fn numbers(&self, group: u32) -> impl Iterator<Item = u32> {
        let first = self.first.get(group as usize).copied();
        std::iter::successors(first.filter(|number| *number != NONE), |number| {
            self.next.get(*number as usize).copied().filter(|number| *number != NONE)
        })
    }

    /// Text of a group.
    #[inline]
    pub fn text(&self, group: u32) -> &[u8] {
        let group = group as usize;
        let start =
            group.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let end = self.ends.get(group).copied().unwrap_or_default();
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Kind of a group.
    pub fn kind(&self, group: u32) -> Kind {
        self.kinds.get(group as usize).copied().unwrap_or_default()
    }

    /// Whether a group's text stands at `start` of the haystack.
    #[inline]
    pub fn stands_at(&self, group: u32, haystack: &[u8], start: usize) -> bool {
        let text = self.text(group);
        let there = start.checked_add(text.len()).and_then(|end| haystack.get(start..end));
        there.is_some_and(|there| equals_folded(there, text))
    }

    /// Bytes of memory in use, not counting room for more.
    pub fn used_bytes(&self) -> usize {
        self.bytes.len() + self.kinds.len() + 4 * (self.ends.len() + self.first.len() + self.next.len())
    }

    /// Gives back room for more.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.kinds.shrink_to_fit();
        for words in [&mut self.ends, &mut self.first, &mut self.next] {
            words.shrink_to_fit();
        }
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.kinds.capacity()
            + 4 * (self.ends.capacity() + self.first.capacity() + self.next.capacity())
    }

    /// Room for one more pattern of `bytes` bytes, or the reason why not.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), BuildError> {
        let refused = |_| BuildError::OutOfMemory;
        if self.bytes.len().saturating_add(bytes) > u32::MAX as usize || self.next.len() >= NONE as usize {
            return Err(BuildError::OutOfMemory);
        }
        self.bytes.try_reserve(bytes).map_err(refused)?;
        self.kinds.try_reserve(1).map_err(refused)?;
        self.ends.try_reserve(1).map_err(refused)?;
        self.first.try_reserve(1).map_err(refused)?;
        self.next.try_reserve(1).map_err(refused)
    }
}

/// One step of a hash.
#[inline]
pub(super) fn absorb(state: u64, word: u64) -> u64 {
    let mixed = (state ^ word).wrapping_mul(MULTIPLIER);
    mixed ^ (mixed >> 29)
}

/// Spreads the low bits of `word` over the high ones.
#[inline]
pub(super) fn spread(word: u64) -> u64 {
    word.wrapping_mul(MULTIPLIER)
}

/// Up to 7 bytes as a little-endian word.
#[inline]
pub(super) fn partial_word(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Eight bytes from `at` on; zeros for those behind the end.
#[inline]
pub(super) fn word_at(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(word) = rest.first_chunk() {
        return u64::from_le_bytes(*word);
    }
    match bytes.last_chunk() {
        Some(word) if !rest.is_empty() => u64::from_le_bytes(*word).wrapping_shr(64 - 8 * rest.len() as u32),
        _ => partial_word(rest),
    }
}

/// Bytes from `at` on, `N` of them, at least 16; zeros for those behind the end, and behind the sixteenth.
#[inline]
pub(super) fn block_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut block = [0; N];
    if let Some(sixteen) = block.first_chunk_mut::<16>() {
        let (low, high) = (word_at(bytes, at), word_at(bytes, at + 8));
        *sixteen = (u128::from(low) | u128::from(high) << 64).to_le_bytes();
    }
    block
}

/// Eight bytes with their ASCII capitals made small.
#[inline]
pub(super) fn fold_word(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * ONES);
    let from_a = low + (0x80 - 0x41) * ONES;
    let beyond_z = low + (0x80 - 0x5b) * ONES;
    let capitals = (from_a ^ beyond_z) & !word & (0x80 * ONES);
    word | capitals >> 2
}

/// Whether `bytes`, made small, are `text`, which is of the same length and small.
#[inline]
fn equals_folded(bytes: &[u8], text: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let (text_words, text_rest) = text.as_chunks::<8>();
    words.iter().zip(text_words).all(|(a, b)| fold_word(u64::from_le_bytes(*a)) == u64::from_le_bytes(*b))
        && fold_word(partial_word(rest)) == partial_word(text_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_blocks_end_in_zeros() {
        let bytes: Vec<u8> = (1..=40).collect();
        for length in 0..bytes.len() {
            for at in 0..=length + 9 {
                let mut padded = bytes[..length].to_vec();
                padded.resize(70, 0);
                let (bytes, padded) = (&bytes[..length], &padded[at..]);
                assert_eq!(word_at(bytes, at).to_le_bytes(), padded[..8]);
                let block: [u8; 18] = block_at(bytes, at);
                assert_eq!((&block[..16], &block[16..]), (&padded[..16], &[0, 0][..]));
            }
        }
    }

    #[test]
    fn words_fold_as_bytes_do() {
        for byte in 0..=255u8 {
            for other in [0, b'@', b'A', b'Z', b'[', 0x7f, 0x80, 0xff] {
                let mut word = [other; 8];
                word[usize::from(byte % 8)] = byte;
                let folded = fold_word(u64::from_le_bytes(word)).to_le_bytes();
                assert_eq!(folded, word.map(|byte| byte.to_ascii_lowercase()));
            }
        }
    }
}
