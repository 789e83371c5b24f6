//! Many patterns against one text: what is equal, begins, ends with or contains them.
//!
//! Whole texts, beginnings and ends are looked up by a hash that runs along the value, once from each end: their number
//! does not matter. What may stand anywhere is searched for at once ([`Literals`]). A pattern with several parts is
//! filed under its longest one, and checked where that is found.

use super::literals::Literals;
use super::matched::Matched;
use super::pattern::{Bare, Glob, Pattern, Shape};

/// Longest literal in bytes.
pub const MOST_LITERAL: usize = 1024;

/// No entry.
const NONE: u32 = u32::MAX;

/// Where a literal stands in the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    /// It is all of it.
    Whole,
    Begin,
    End,
    Anywhere,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Place of the literal in the text.
    start: u32,
    length: u16,
    anchor: Anchor,
    /// Filter.
    number: u32,
    /// What the value must fit beyond the literal; [`NONE`] for nothing.
    glob: u32,
    /// Next entry with the same literal in the same place.
    next: u32,
}

/// A cell of the hash table: low half of the hash, and number of the entry, from 1.
#[derive(Clone, Copy, Default)]
struct Cell {
    hash: u32,
    entry: u32,
}

/// Lengths of literals.
#[derive(Default)]
struct Lengths {
    bits: [u64; MOST_LITERAL / 64 + 1],
    longest: usize,
}

impl Lengths {
    fn insert(&mut self, length: usize) {
        if let Some(word) = self.bits.get_mut(length / 64) {
            *word |= 1 << (length % 64);
            self.longest = self.longest.max(length);
        }
    }

    #[inline]
    fn contains(&self, length: usize) -> bool {
        self.bits.get(length / 64).is_some_and(|word| word >> (length % 64) & 1 != 0)
    }
}

/// A set of patterns for one kind of text.
#[derive(Default)]
pub struct TextSet {
    /// Literals, one behind the other.
    text: Vec<u8>,
    entries: Vec<Entry>,
    globs: Vec<Glob>,
    cells: Vec<Cell>,
    used: usize,
    whole: Lengths,
    begins: Lengths,
    ends: Lengths,
    /// Filters that every value fits.
    everything: Vec<u32>,
    /// First entries of the literals to be searched for.
    needles: Vec<u32>,
    search: Literals,
}

impl TextSet {
    /// True when no pattern was added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.everything.is_empty()
    }

    /// Adds a pattern of the filter `number`, whose parts have at most [`MOST_LITERAL`] bytes. Until the next
    /// [`build`](Self::build), literals that may stand anywhere are not found.
    pub fn add(&mut self, pattern: &Pattern, bare: Bare, number: u32) {
        let (literal, anchor) = match pattern.shape() {
            Shape::Everything => return self.everything.push(number),
            Shape::Bare(text) => (
                text,
                match bare {
                    Bare::Equals => Anchor::Whole,
                    Bare::Ends => Anchor::End,
                    Bare::Contains => Anchor::Anywhere,
                },
            ),
            Shape::Begins(text) => (text, Anchor::Begin),
            Shape::Ends(text) => (text, Anchor::End),
            Shape::Contains(text) => (text, Anchor::Anywhere),
            Shape::General => {
                let longest = pattern.longest().len();
                let key = match (pattern.head(), pattern.tail()) {
                    (head, _) if head.len() == longest => (head, Anchor::Begin),
                    (_, tail) if tail.len() == longest => (tail, Anchor::End),
                    _ => (pattern.longest(), Anchor::Anywhere),
                };
                let glob = self.globs.len() as u32;
                self.globs.push(Glob::new(pattern));
                return self.insert(key.0, key.1, number, glob);
            }
        };
        self.insert(literal, anchor, number, NONE);
    }

    fn insert(&mut self, literal: &[u8], anchor: Anchor, number: u32, glob: u32) {
        let literal = literal.get(..MOST_LITERAL).unwrap_or(literal);
        let (entry, hash) = (self.entries.len() as u32, hash_of(literal, anchor));
        let length = literal.len() as u16;
        if let Some(first) = self.find_entry(hash, literal, anchor)
            && let Some(known) = self.entries.get_mut(first as usize)
        {
            let (start, next) = (known.start, known.next);
            known.next = entry;
            self.entries.push(Entry { start, length, anchor, number, glob, next });
            return;
        }
        let start = self.text.len() as u32;
        self.text.extend_from_slice(literal);
        self.entries.push(Entry { start, length, anchor, number, glob, next: NONE });
        match anchor {
            Anchor::Whole => self.whole.insert(literal.len()),
            Anchor::Begin => self.begins.insert(literal.len()),
            Anchor::End => self.ends.insert(literal.len()),
            Anchor::Anywhere => self.needles.push(entry),
        }
        if (self.used + 1) * 2 > self.cells.len() {
            let larger = vec![Cell::default(); (self.cells.len() * 2).max(16)];
            for cell in std::mem::replace(&mut self.cells, larger) {
                if cell.entry != 0 {
                    self.place(cell);
                }
            }
        }
        self.place(Cell { hash, entry: entry + 1 });
        self.used += 1;
    }

    fn place(&mut self, cell: Cell) {
        let mask = self.cells.len().wrapping_sub(1);
        let mut at = cell.hash as usize & mask;
        while let Some(place) = self.cells.get_mut(at) {
            if place.entry == 0 {
                *place = cell;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Makes what was added searchable.
    pub fn build(&mut self) {
        let Self { search, needles, entries, text, .. } = self;
        *search = Literals::new(needles.iter().map(|needle| literal(entries, text, *needle)));
    }

    /// Adds the filters that `value` fits.
    pub fn find(&self, value: &[u8], matched: &mut Matched) {
        self.everything.iter().for_each(|number| matched.push(*number));
        if self.used > self.needles.len() {
            self.find_anchored(value, matched);
        }
        if !self.needles.is_empty() {
            self.search.for_each(value, &mut |needle| {
                if let Some(entry) = self.needles.get(needle) {
                    self.report(*entry, value, matched);
                }
            });
        }
    }

    fn find_anchored(&self, value: &[u8], matched: &mut Matched) {
        if self.whole.longest > 0 || self.begins.longest > 0 {
            let most = match self.whole.contains(value.len()) {
                true => value.len(),
                false => self.begins.longest.min(value.len()),
            };
            let mut hash = SEED;
            for (length, octet) in (1..).zip(value.iter().take(most)) {
                hash = step(hash, *octet);
                if self.begins.contains(length) {
                    self.look_up(hash, value.get(..length), Anchor::Begin, value, matched);
                }
            }
            if self.whole.contains(value.len()) {
                self.look_up(hash, Some(value), Anchor::Whole, value, matched);
            }
        }
        let mut hash = SEED;
        for (length, octet) in (1..).zip(value.iter().rev().take(self.ends.longest)) {
            hash = step(hash, *octet);
            if self.ends.contains(length) {
                let end = value.get(value.len() - length..);
                self.look_up(hash, end, Anchor::End, value, matched);
            }
        }
    }

    #[inline]
    fn look_up(&self, hash: u64, part: Option<&[u8]>, anchor: Anchor, value: &[u8], matched: &mut Matched) {
        if let Some(part) = part
            && let Some(entry) = self.find_entry(finish(hash, anchor), part, anchor)
        {
            self.report(entry, value, matched);
        }
    }

    /// The first entry with a literal.
    #[inline]
    fn find_entry(&self, hash: u32, wanted: &[u8], anchor: Anchor) -> Option<u32> {
        let mask = self.cells.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        while let Some(cell) = self.cells.get(at)
            && cell.entry != 0
        {
            let number = cell.entry - 1;
            if cell.hash == hash
                && self.entries.get(number as usize).is_some_and(|entry| entry.anchor == anchor)
                && literal(&self.entries, &self.text, number) == wanted
            {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
        None
    }

    fn report(&self, first: u32, value: &[u8], matched: &mut Matched) {
        let mut next = first;
        while let Some(entry) = self.entries.get(next as usize) {
            if entry.glob == NONE || self.globs.get(entry.glob as usize).is_some_and(|glob| glob.matches(value))
            {
                matched.push(entry.number);
            }
            next = entry.next;
        }
    }
}

fn literal<'t>(entries: &[Entry], text: &'t [u8], entry: u32) -> &'t [u8] {
    entries
        .get(entry as usize)
        .and_then(|entry| text.get(entry.start as usize..)?.get(..usize::from(entry.length)))
        .unwrap_or_default()
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

#[inline]
fn step(hash: u64, octet: u8) -> u64 {
    (hash ^ u64::from(octet)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Never the same for two places of one literal.
#[inline]
fn finish(hash: u64, anchor: Anchor) -> u32 {
    let hash = (hash ^ anchor as u64).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (hash >> 32) as u32
}

fn hash_of(literal: &[u8], anchor: Anchor) -> u32 {
    let hash = match anchor {
        Anchor::End => literal.iter().rev().fold(SEED, |hash, octet| step(hash, *octet)),
        _ => literal.iter().fold(SEED, |hash, octet| step(hash, *octet)),
    };
    finish(hash, anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &TextSet, filters: usize, value: &[u8]) -> Vec<u32> {
        let mut matched = Matched::default();
        matched.begin(filters);
        set.find(value, &mut matched);
        matched.sort_from(0, |number| number);
        matched.iter().collect()
    }

    /// What a pattern means, without any of the machinery.
    fn fits(pattern: &Pattern, bare: Bare, value: &[u8]) -> bool {
        match pattern.shape() {
            Shape::Bare(text) => match bare {
                Bare::Equals => value == text,
                Bare::Ends => value.ends_with(text),
                Bare::Contains => value.windows(text.len()).any(|window| window == text),
            },
            _ => Glob::new(pattern).matches(value),
        }
    }

    #[test]
    fn agrees_with_one_pattern_after_the_other() {
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 20) % bound
        };
        let mut hits = 0;
        for round in 0..300u64 {
            let mut set = TextSet::default();
            let mut patterns = Vec::new();
            for number in 0..1 + next(if round % 10 == 0 { 900 } else { 30 }) {
                let text: Vec<u8> = (0..1 + next(7)).map(|_| b"**aabbc"[next(7) as usize]).collect();
                let pattern = Pattern::parse(&text, false);
                let bare = [Bare::Equals, Bare::Contains, Bare::Ends][next(3) as usize];
                set.add(&pattern, bare, number as u32);
                patterns.push((pattern, bare));
            }
            set.build();
            for _ in 0..30 {
                let value: Vec<u8> = (0..next(12)).map(|_| b"abc"[next(3) as usize]).collect();
                let expected: Vec<u32> = (0u32..)
                    .zip(&patterns)
                    .filter(|(_, (pattern, bare))| fits(pattern, *bare, &value))
                    .map(|(number, _)| number)
                    .collect();
                hits += expected.len();
                assert_eq!(found(&set, patterns.len(), &value), expected, "{}", value.escape_ascii());
            }
        }
        assert!(hits > 10_000, "{hits}");
    }

    #[test]
    fn one_literal_in_many_filters_and_places() {
        let mut set = TextSet::default();
        for (number, (text, bare)) in (0..).zip([
            ("abc", Bare::Equals),
            ("abc", Bare::Contains),
            ("abc*", Bare::Equals),
            ("*abc", Bare::Equals),
            ("abc", Bare::Equals),
            ("abc", Bare::Contains),
            ("abc", Bare::Ends),
            ("**", Bare::Equals),
        ]) {
            set.add(&Pattern::parse(text.as_bytes(), false), bare, number);
        }
        set.build();
        assert_eq!(found(&set, 8, b"abc"), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(found(&set, 8, b"xabc"), [1, 3, 5, 6, 7]);
        assert_eq!(found(&set, 8, b"abcx"), [1, 2, 5, 7]);
        assert_eq!(found(&set, 8, b""), [7]);
    }
}
