//! Multi-pattern search: which of up to some 100,000 patterns occur in a text, each told once.
//!
//! A [`PatternSet`] is immutable; make it with a [`PatternSetBuilder`], put it in force by moving it, and keep one
//! [`Matches`] beside it, so that a search allocates nothing:
//!
//! ```
//! use caracal_engine::matching::search::{Kind, Matches, PatternSetBuilder};
//! let mut builder = PatternSetBuilder::new();
//! let alice = builder.add(Kind::Contains, b"alice").unwrap();
//! builder.add(Kind::Suffix, b"456789").unwrap();
//! let set = builder.build().unwrap();
//! let mut matches = Matches::default();
//! assert_eq!(set.find(b"sip:Alice@example.com", &mut matches), [alice]);
//! assert!(set.matches_any(b"+49123456789"));
//! ```
//!
//! Patterns are plain bytes, compared without regard to ASCII case, as language A knows them: contained in the text,
//! its beginning, its end, or all of it. Whoever parses a pattern refuses the empty one; here it matches nothing.
//!
//! Prefixes, suffixes and whole texts are looked up by the hash of that end of the text ([`anchored`]): no byte
//! between is read. For patterns contained in the text there are:
//!
//! | algorithm | cost of a text | used for |
//! |---|---|---|
//! | [`linear`] | each pattern reads the text | asked for only |
//! | [`teddy`] | 16 bytes a step (SIMD), patterns tried where three bytes fit | few patterns, or the few short ones |
//! | [`anchors`] | 16 bytes a step (SIMD), one hash where rare pairs of bytes are | many patterns that have such pairs |
//! | [`grams`] | one hash for every few bytes, patterns tried where one is known | many patterns |
//! | [`automaton`] | at most two steps per byte, whatever the text | what the others cannot bound, or asked for |
//!
//! The worst a text can do to each is said there. No search allocates once its `Matches` has grown to the set.

mod anchored;
mod anchors;
mod automaton;
mod builder;
mod grams;
mod linear;
mod lists;
mod rarity;
mod teddy;
mod texts;
mod traffic;
mod vector;

#[cfg(test)]
mod tests;

pub use builder::{Build, BuildError, PATTERN_BYTES, PatternSetBuilder};

use anchored::Anchored;
use anchors::Anchors;
use automaton::Automaton;
use grams::Grams;
use linear::Linear;
use teddy::Teddy;
use texts::Texts;

/// Where in a text the pattern must stand. Numbers as on the wire and in the specification, and one more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Anywhere.
    #[default]
    Contains,
    /// At the beginning.
    Prefix,
    /// At the end.
    Suffix,
    /// From the beginning to the end: equality.
    Whole,
}

/// How patterns of [`Kind::Contains`] are searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// By the number of patterns and their lengths.
    #[default]
    Auto,
    /// One pattern after the other.
    Linear,
    /// One automaton for all.
    AhoCorasick,
}

impl Algorithm {
    /// The algorithm of that name, as `--pattern-algorithm` takes it.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        match name {
            "auto" => Some(Algorithm::Auto),
            "linear" => Some(Algorithm::Linear),
            "aho-corasick" => Some(Algorithm::AhoCorasick),
            _ => None,
        }
    }
}

/// A set of patterns, ready to be searched for. Immutable.
#[derive(Default)]
pub struct PatternSet {
    texts: Texts,
    anchored: Anchored,
    linear: Linear,
    teddy: Option<Teddy>,
    grams: Option<Grams>,
    anchors: Option<Anchors>,
    automaton: Option<Automaton>,
    left_out: Vec<u32>,
}

/// Receives each group that matches, perhaps more than once; returns false to end the search.
trait Found {
    /// A group matches. Whether to go on.
    fn group(&mut self, group: u32) -> bool;
    /// Whether the group was received before.
    fn has(&self, group: u32) -> bool;
}

impl PatternSet {
    /// Patterns, empty ones included.
    pub fn len(&self) -> usize {
        self.texts.patterns()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of the patterns that are never found, in no order: there was no room for them.
    pub fn left_out(&self) -> &[u32] {
        &self.left_out
    }

    /// Bytes of memory that the set holds.
    pub fn memory_bytes(&self) -> usize {
        self.texts.memory_bytes()
            + self.anchored.memory_bytes()
            + self.linear.memory_bytes()
            + self.teddy.as_ref().map_or(0, Teddy::memory_bytes)
            + self.grams.as_ref().map_or(0, Grams::memory_bytes)
            + self.anchors.as_ref().map_or(0, Anchors::memory_bytes)
            + self.automaton.as_ref().map_or(0, Automaton::memory_bytes)
    }

    /// What is at work for the patterns of [`Kind::Contains`], for logs: names joined by `+`, empty for none.
    pub fn engines(&self) -> String {
        [
            (!self.linear.is_empty()).then_some("linear"),
            self.teddy.as_ref().map(|_| "teddy"),
            self.grams.as_ref().map(|_| "grams"),
            self.anchors.as_ref().map(|_| "anchors"),
            self.automaton.as_ref().map(|_| "aho-corasick"),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("+")
    }

    /// Numbers of the patterns that match `haystack`, ascending, each once. `matches` may come from a search with
    /// another set.
    #[inline]
    pub fn find<'m>(&self, haystack: &[u8], matches: &'m mut Matches) -> &'m [u32] {
        matches.begin(self.texts.groups());
        self.search(haystack, &mut Finding { texts: &self.texts, matches: &mut *matches });
        if matches.numbers.len() > 1 {
            matches.numbers.sort_unstable();
        }
        &matches.numbers
    }

    /// Whether any pattern matches `haystack`.
    #[inline]
    pub fn matches_any(&self, haystack: &[u8]) -> bool {
        let mut any = Any(false);
        self.search(haystack, &mut any);
        any.0
    }

    fn search(&self, haystack: &[u8], found: &mut impl Found) {
        let goes_on = self.anchored.search(&self.texts, haystack, found)
            && self.teddy.as_ref().is_none_or(|teddy| teddy.search(&self.texts, haystack, found))
            && self.grams.as_ref().is_none_or(|grams| grams.search(&self.texts, haystack, found))
            && self.anchors.as_ref().is_none_or(|anchors| anchors.search(&self.texts, haystack, found))
            && self.automaton.as_ref().is_none_or(|automaton| automaton.search(haystack, found));
        if goes_on {
            self.linear.search(&self.texts, haystack, found);
        }
    }
}

/// What a search found, and the memory it needs: reuse it for the next one.
#[derive(Default)]
pub struct Matches {
    numbers: Vec<u32>,
    /// By group: the search that found it last.
    seen: Vec<u32>,
    search: u32,
}

impl Matches {
    /// Numbers of the patterns that the last search found, ascending.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    #[inline]
    fn begin(&mut self, groups: usize) {
        self.numbers.clear();
        if self.seen.len() < groups {
            self.seen.resize(groups, 0);
        }
        self.search = self.search.wrapping_add(1);
        if self.search == 0 {
            self.seen.fill(0);
            self.search = 1;
        }
    }
}

struct Finding<'a> {
    texts: &'a Texts,
    matches: &'a mut Matches,
}

impl Found for Finding<'_> {
    #[inline]
    fn group(&mut self, group: u32) -> bool {
        if let Some(seen) = self.matches.seen.get_mut(group as usize)
            && *seen != self.matches.search
        {
            *seen = self.matches.search;
            self.matches.numbers.extend(self.texts.numbers(group));
        }
        true
    }

    #[inline]
    fn has(&self, group: u32) -> bool {
        self.matches.seen.get(group as usize) == Some(&self.matches.search)
    }
}

struct Any(bool);

impl Found for Any {
    #[inline]
    fn group(&mut self, _: u32) -> bool {
        self.0 = true;
        false
    }

    #[inline]
    fn has(&self, _: u32) -> bool {
        false
    }
}
