//! Patterns that must stand at an end of the text: looked up by length and hash.
//!
//! Worst case: one look-up for each distinct length of a kind that the text reaches, at most 1,024 per kind, and one
//! pass over that many bytes at either end; patterns are compared where 32 bits of their hash, beside the place in
//! the table, fit.

use super::builder::filled;
use super::texts::{Texts, absorb, fold_word, partial_word};
use super::{BuildError, Found, Kind};

/// "No group" in the table.
const NONE: u32 = u32::MAX;

/// Prefixes, suffixes and whole texts.
#[derive(Default)]
pub(super) struct Anchored {
    /// Open addressing, a power of two of cells, at most half of them in use: high half of the hash, group.
    cells: Vec<(u32, u32)>,
    /// Distinct lengths, ascending.
    prefixes: Vec<u32>,
    suffixes: Vec<u32>,
    wholes: Vec<u32>,
}

impl Anchored {
    /// Bytes that a table for so many groups takes.
    pub fn bytes_for(groups: usize) -> usize {
        if groups == 0 { 0 } else { groups.saturating_mul(2).next_power_of_two().saturating_mul(8) }
    }

    /// An empty table with room for so many groups.
    pub fn new(groups: usize) -> Result<Anchored, BuildError> {
        Ok(Anchored { cells: filled(Self::bytes_for(groups) / 8, (0, NONE))?, ..Anchored::default() })
    }

    /// Adds a group.
    pub fn add(&mut self, texts: &Texts, group: u32) {
        let (kind, text) = (texts.kind(group), texts.text(group));
        let length = text.len() as u32;
        let lengths = match kind {
            Kind::Prefix => &mut self.prefixes,
            Kind::Suffix => &mut self.suffixes,
            Kind::Whole | Kind::Contains => &mut self.wholes,
        };
        if let Err(at) = lengths.binary_search(&length) {
            lengths.insert(at, length);
        }
        let hash = match kind {
            Kind::Suffix => Backward::new(text).hash(text.len()),
            _ => Forward::new(text, kind).hash(text.len()),
        };
        let mask = self.cells.len().wrapping_sub(1);
        for step in 0..self.cells.len() {
            let at = (hash as usize).wrapping_add(step) & mask;
            if let Some(cell) = self.cells.get_mut(at)
                && cell.1 == NONE
            {
                *cell = ((hash >> 32) as u32, group);
                return;
            }
        }
    }

    /// Reports what matches. False when the receiver ended it.
    #[inline]
    pub fn search(&self, texts: &Texts, haystack: &[u8], found: &mut impl Found) -> bool {
        self.cells.is_empty() || self.search_table(texts, haystack, found)
    }

    fn search_table(&self, texts: &Texts, haystack: &[u8], found: &mut impl Found) -> bool {
        let reached = |length: &&u32| **length as usize <= haystack.len();
        if !self.prefixes.is_empty() {
            let mut text = Forward::new(haystack, Kind::Prefix);
            for length in self.prefixes.iter().take_while(reached) {
                let hash = text.hash(*length as usize);
                if !self.look_up(texts, haystack, (Kind::Prefix, 0, *length), hash, found) {
                    return false;
                }
            }
        }
        if !self.suffixes.is_empty() {
            let mut text = Backward::new(haystack);
            for length in self.suffixes.iter().take_while(reached) {
                let (hash, start) = (text.hash(*length as usize), haystack.len() - *length as usize);
                if !self.look_up(texts, haystack, (Kind::Suffix, start, *length), hash, found) {
                    return false;
                }
            }
        }
        let length = haystack.len() as u32;
        if self.wholes.binary_search(&length).is_err() {
            return true;
        }
        let hash = Forward::new(haystack, Kind::Whole).hash(haystack.len());
        self.look_up(texts, haystack, (Kind::Whole, 0, length), hash, found)
    }

    #[inline]
    fn look_up(
        &self,
        texts: &Texts,
        haystack: &[u8],
        (kind, start, length): (Kind, usize, u32),
        hash: u64,
        found: &mut impl Found,
    ) -> bool {
        let mask = self.cells.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        while let Some((high, group)) = self.cells.get(at).copied()
            && group != NONE
        {
            if high == (hash >> 32) as u32
                && texts.kind(group) == kind
                && texts.text(group).len() == length as usize
                && texts.stands_at(group, haystack, start)
            {
                return found.group(group);
            }
            at = (at + 1) & mask;
        }
        true
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        8 * self.cells.capacity()
            + 4 * (self.prefixes.capacity() + self.suffixes.capacity() + self.wholes.capacity())
    }
}

/// Hashes of a text's first bytes, for growing lengths.
struct Forward<'a> {
    rest: &'a [u8],
    hashed: usize,
    state: u64,
    kind: Kind,
}

impl<'a> Forward<'a> {
    fn new(text: &'a [u8], kind: Kind) -> Self {
        Self { rest: text, hashed: 0, state: 0, kind }
    }

    /// Of the first `length` bytes: as many as the text has, and not fewer than last time.
    #[inline]
    fn hash(&mut self, length: usize) -> u64 {
        while length - self.hashed >= 8
            && let Some((word, rest)) = self.rest.split_first_chunk::<8>()
        {
            self.state = absorb(self.state, fold_word(u64::from_le_bytes(*word)));
            self.rest = rest;
            self.hashed += 8;
        }
        let last = self.rest.get(..length - self.hashed).unwrap_or_default();
        close(self.state, last, self.kind, length)
    }
}

/// Hashes of a text's last bytes, for growing lengths.
struct Backward<'a> {
    rest: &'a [u8],
    hashed: usize,
    state: u64,
}

impl<'a> Backward<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { rest: text, hashed: 0, state: 0 }
    }

    /// Of the last `length` bytes: as many as the text has, and not fewer than last time.
    #[inline]
    fn hash(&mut self, length: usize) -> u64 {
        while length - self.hashed >= 8
            && let Some((rest, word)) = self.rest.split_last_chunk::<8>()
        {
            self.state = absorb(self.state, fold_word(u64::from_le_bytes(*word)));
            self.rest = rest;
            self.hashed += 8;
        }
        let start = self.rest.len().saturating_sub(length - self.hashed);
        close(self.state, self.rest.get(start..).unwrap_or_default(), Kind::Suffix, length)
    }
}

/// The hash of what was absorbed and up to 7 bytes more.
#[inline]
fn close(state: u64, last: &[u8], kind: Kind, length: usize) -> u64 {
    let tag = (length as u64) << 2 | kind as u64;
    let hash = absorb(state ^ tag << 32, fold_word(partial_word(last)) ^ tag << 56);
    hash ^ (hash >> 32)
}
