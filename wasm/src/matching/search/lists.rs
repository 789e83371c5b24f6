//! Patterns by the hash of some bytes that they have: two-bit filters for what is known at all, and lists.

use super::builder::filled;
use super::texts::{Texts, absorb, partial_word};
use super::{BuildError, Found};

/// What bytes look like in lower case, roughly: the bit that sets small letters apart. Other bytes that differ
/// in it alone are taken for the same.
pub(super) const FOLD: u64 = 0x2020_2020_2020_2020;

/// Most patterns listed for one hash.
pub(super) const MOST_SHARING: u32 = 16;

/// A pattern in a list.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// Bits of the hash beside those that lead to the list.
    check: u32,
    group: u32,
    /// Of the hashed bytes in the pattern's text.
    offset: u32,
}

/// Patterns by hash. Made in three passes over them: [`count`](Self::count), [`lay`](Self::lay), [`put`](Self::put).
#[derive(Default)]
pub(super) struct Lists {
    /// By the upper bits of a hash: where its entries begin; they end where the next begin.
    starts: Vec<u32>,
    shift: u32,
    entries: Vec<Entry>,
}

impl Lists {
    /// For so many groups.
    pub fn new(groups: usize) -> Result<Lists, BuildError> {
        let bits = bits_for(groups);
        Ok(Lists { starts: filled((1 << bits) + 1, 0)?, shift: 64 - bits, entries: Vec::new() })
    }

    /// Bytes that lists of so many groups take.
    pub fn bytes_for(groups: usize) -> usize {
        groups.saturating_mul(size_of::<Entry>()).saturating_add(4 << bits_for(groups))
    }

    /// Sees to a place for a pattern with this hash.
    pub fn count(&mut self, hash: u64) {
        if let Some(count) = self.starts.get_mut((hash >> self.shift) as usize) {
            *count += 1;
        }
    }

    /// Patterns counted for that hash so far.
    pub fn counted(&self, hash: u64) -> u32 {
        self.starts.get((hash >> self.shift) as usize).copied().unwrap_or_default()
    }

    /// Makes room for the patterns that were counted.
    pub fn lay(&mut self) -> Result<(), BuildError> {
        // From counts to ends: filling goes down from there, and leaves the starts.
        let mut sum = 0u32;
        for start in &mut self.starts {
            sum = sum.wrapping_add(*start);
            *start = sum;
        }
        self.entries = filled(sum as usize, Entry::default())?;
        Ok(())
    }

    /// Lists a pattern whose bytes at `offset` have this hash.
    pub fn put(&mut self, hash: u64, group: u32, offset: u32) {
        if let Some(start) = self.starts.get_mut((hash >> self.shift) as usize) {
            *start = start.wrapping_sub(1);
            if let Some(slot) = self.entries.get_mut(*start as usize) {
                *slot = Entry { check: check(hash), group, offset };
            }
        }
    }

    /// Reports the patterns of that hash that stand around `at`. False when the receiver ended it.
    #[inline]
    pub fn report(
        &self,
        hash: u64,
        texts: &Texts,
        haystack: &[u8],
        at: usize,
        found: &mut impl Found,
    ) -> bool {
        let list = (hash >> self.shift) as usize;
        let start = |list: usize| self.starts.get(list).copied().unwrap_or_default() as usize;
        let entries = self.entries.get(start(list)..start(list + 1)).unwrap_or_default();
        entries.iter().all(|entry| {
            entry.check != check(hash)
                || at.checked_sub(entry.offset as usize).is_none_or(|start| {
                    found.has(entry.group)
                        || !texts.stands_at(entry.group, haystack, start)
                        || found.group(entry.group)
                })
        })
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        4 * self.starts.capacity() + size_of::<Entry>() * self.entries.capacity()
    }
}

/// Bits of a hash that lead to a list.
fn bits_for(groups: usize) -> u32 {
    groups.saturating_mul(2).max(64).next_power_of_two().ilog2().min(24)
}

/// The lower bits of a product depend on few bytes.
fn check(hash: u64) -> u32 {
    hash as u32 ^ (hash >> 32) as u32
}

/// Which hashes are known: two bits of one word for each.
///
/// The number of words is part of the type, so that no access needs a check.
pub(super) struct Bits<const WORDS: usize>(Box<[u64; WORDS]>);

impl<const WORDS: usize> Bits<WORDS> {
    /// Nothing is known.
    pub fn new() -> Result<Self, BuildError> {
        let words = filled(WORDS, 0)?.into_boxed_slice();
        words.try_into().map(Bits).map_err(|_| BuildError::OutOfMemory)
    }

    /// In the lowest bit whether that hash can be known.
    #[inline]
    pub fn may_know(&self, hash: u64) -> u64 {
        let (word, [one, other]) = Self::places(hash);
        let word = self.0.get(word).copied().unwrap_or_default();
        word.wrapping_shr(one) & word.wrapping_shr(other)
    }

    /// Makes it known.
    pub fn note(&mut self, hash: u64) {
        let (word, [one, other]) = Self::places(hash);
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1u64.wrapping_shl(one) | 1u64.wrapping_shl(other);
        }
    }

    /// The word, and the bits in it, modulo 64.
    #[inline]
    fn places(hash: u64) -> (usize, [u32; 2]) {
        ((hash >> (64 - WORDS.ilog2())) as usize, [(hash >> 16) as u32, (hash >> 24) as u32])
    }
}

/// Hash of a run of 3 to 24 bytes.
#[inline]
pub(super) fn run_hash(run: &[u8]) -> u64 {
    let folded = |word: &[u8; 8]| u64::from_le_bytes(*word) | FOLD;
    let (Some(first), Some(last)) = (run.first_chunk(), run.last_chunk()) else {
        return absorb(0, partial_word(run) | FOLD);
    };
    let ends = absorb(absorb(0, folded(first)), folded(last));
    match run.get(8..16).and_then(|middle| middle.first_chunk()) {
        Some(middle) if run.len() > 16 => absorb(ends, folded(middle)),
        _ => ends,
    }
}
