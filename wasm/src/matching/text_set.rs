//! Many patterns against one text: what is equal, begins, ends with or contains them, by a [`PatternSet`]. A pattern with
//! several parts is filed under its longest one, and checked where that is found.

use super::matched::Matched;
use super::pattern::{Bare, Glob, Pattern, Shape};
use super::search::{Algorithm, Build, BuildError, Kind, Matches, PatternSet, PatternSetBuilder};

/// No glob.
const NONE: u32 = u32::MAX;

/// How patterns are searched for.
#[derive(Clone, Copy, Debug)]
pub struct SearchOptions {
    /// For patterns that may stand anywhere.
    pub algorithm: Algorithm,
    /// Memory for the patterns of one kind of text, bytes.
    pub memory_limit: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { algorithm: Algorithm::Auto, memory_limit: 64 << 20 }
    }
}

/// A filter's pattern.
#[derive(Clone, Copy)]
struct Entry {
    /// Number of the filter.
    number: u32,
    /// What the value must fit beyond the literal that was found; [`NONE`] for nothing.
    glob: u32,
}

/// A set of patterns for one kind of text.
#[derive(Default)]
pub struct TextSet {
    /// By number of the pattern in the set.
    entries: Vec<Entry>,
    globs: Vec<Glob>,
    /// Filters that every value fits.
    everything: Vec<u32>,
    /// Filters that the empty value fits, beside those.
    nothing: Vec<u32>,
    collected: Option<Box<PatternSetBuilder>>,
    build: Option<Box<Build>>,
    set: PatternSet,
}

impl TextSet {
    /// True when no pattern was added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.everything.is_empty() && self.nothing.is_empty()
    }

    /// Adds a pattern of the filter `number`. It takes effect once the set is [built](Self::build_step), after which
    /// none can be added.
    pub fn add(
        &mut self,
        pattern: &Pattern,
        bare: Bare,
        number: u32,
        options: SearchOptions,
    ) -> Result<(), BuildError> {
        let (literal, kind) = match pattern.shape() {
            Shape::Everything => {
                self.everything.push(number);
                return Ok(());
            }
            Shape::Bare(b"") => {
                self.nothing.push(number);
                return Ok(());
            }
            Shape::Bare(text) => (
                text,
                match bare {
                    Bare::Equals => Kind::Whole,
                    Bare::Ends => Kind::Suffix,
                    Bare::Contains => Kind::Contains,
                },
            ),
            Shape::Begins(text) => (text, Kind::Prefix),
            Shape::Ends(text) => (text, Kind::Suffix),
            Shape::Contains(text) => (text, Kind::Contains),
            Shape::General => {
                let longest = pattern.longest();
                match longest.len() {
                    length if length == pattern.head().len() => (pattern.head(), Kind::Prefix),
                    length if length == pattern.tail().len() => (pattern.tail(), Kind::Suffix),
                    _ => (longest, Kind::Contains),
                }
            }
        };
        let builder = self.collected.get_or_insert_with(|| {
            let builder = PatternSetBuilder::new();
            Box::new(builder.algorithm(options.algorithm).memory_limit(options.memory_limit))
        });
        let general = pattern.shape() == Shape::General;
        let beside = 2 * size_of::<Entry>() + if general { Glob::bytes_for(pattern) } else { 0 };
        builder.take(beside)?;
        if let Err(error) = builder.add(kind, literal) {
            builder.give_back(beside);
            return Err(error);
        }
        let glob = if general {
            self.globs.push(Glob::new(pattern));
            self.globs.len() as u32 - 1
        } else {
            NONE
        };
        self.entries.push(Entry { number, glob });
        Ok(())
    }

    /// Works on about so many patterns. False when nothing is left to do. After an error, no pattern with text is found.
    pub fn build_step(&mut self, patterns: usize) -> Result<bool, BuildError> {
        if let Some(builder) = self.collected.take() {
            self.build = Some(Box::new(builder.start()));
        }
        let Some(mut build) = self.build.take() else { return Ok(false) };
        match build.advance(patterns)? {
            Some(set) => self.set = set,
            None => self.build = Some(build),
        }
        Ok(true)
    }

    /// Filters of this set that there was no room for: it never finds them.
    pub fn left_out(&self) -> impl Iterator<Item = u32> {
        let entries = self.set.left_out().iter().filter_map(|pattern| self.entries.get(*pattern as usize));
        entries.map(|entry| entry.number)
    }

    /// Filters whose pattern has text.
    pub fn with_text(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().map(|entry| entry.number)
    }

    /// Whether there is a pattern that `value` fits.
    pub fn fits_any(&self, value: &[u8], matches: &mut Matches) -> bool {
        if !self.everything.is_empty() || value.is_empty() && !self.nothing.is_empty() {
            return true;
        }
        !self.set.is_empty()
            && self.set.find(value, matches).iter().any(|pattern| self.entry(*pattern, value).is_some())
    }

    /// The filter of a pattern that was found in `value`, if that fits the whole pattern.
    fn entry(&self, pattern: u32, value: &[u8]) -> Option<u32> {
        let Entry { number, glob } = *self.entries.get(pattern as usize)?;
        let fits = glob == NONE || self.globs.get(glob as usize).is_some_and(|glob| glob.matches(value));
        fits.then_some(number)
    }

    /// Adds the filters that `value` fits, in the order of their numbers.
    pub fn find(&self, value: &[u8], matches: &mut Matches, matched: &mut Matched) {
        self.everything.iter().for_each(|number| matched.push(*number));
        if value.is_empty() {
            self.nothing.iter().for_each(|number| matched.push(*number));
        }
        if self.set.is_empty() {
            return;
        }
        for pattern in self.set.find(value, matches) {
            if let Some(number) = self.entry(*pattern, value) {
                matched.push(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &TextSet, filters: usize, value: &[u8]) -> Vec<u32> {
        let mut matched = Matched::default();
        matched.begin(filters);
        set.find(value, &mut Matches::default(), &mut matched);
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
            let algorithm = [Algorithm::Auto, Algorithm::Linear, Algorithm::AhoCorasick][round as usize % 3];
            let options = SearchOptions { algorithm, ..SearchOptions::default() };
            let mut patterns = Vec::new();
            for number in 0..1 + next(if round % 10 == 0 { 900 } else { 30 }) {
                let text: Vec<u8> = (0..1 + next(7)).map(|_| b"**aabbc"[next(7) as usize]).collect();
                let pattern = Pattern::parse(&text, false);
                let bare = [Bare::Equals, Bare::Contains, Bare::Ends][next(3) as usize];
                set.add(&pattern, bare, number as u32, options).unwrap();
                patterns.push((pattern, bare));
            }
            while set.build_step(7).unwrap() {}
            for _ in 0..30 {
                let value: Vec<u8> = (0..next(12)).map(|_| b"abc"[next(3) as usize]).collect();
                let expected: Vec<u32> = (0u32..)
                    .zip(&patterns)
                    .filter(|(_, (pattern, bare))| fits(pattern, *bare, &value))
                    .map(|(number, _)| number)
                    .collect();
                hits += expected.len();
                assert_eq!(found(&set, patterns.len(), &value), expected, "{}", value.escape_ascii());
                assert_eq!(set.fits_any(&value, &mut Matches::default()), !expected.is_empty());
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
            ("", Bare::Equals),
        ]) {
            set.add(&Pattern::parse(text.as_bytes(), false), bare, number, SearchOptions::default()).unwrap();
        }
        while set.build_step(7).unwrap() {}
        assert_eq!(found(&set, 9, b"abc"), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(found(&set, 9, b"xabc"), [1, 3, 5, 6, 7]);
        assert_eq!(found(&set, 9, b"abcx"), [1, 2, 5, 7]);
        assert_eq!(found(&set, 9, b""), [7, 8]);
    }

    #[test]
    fn patterns_with_many_stars_count_for_the_memory_they_take() {
        let options = SearchOptions { memory_limit: 1 << 20, ..SearchOptions::default() };
        let mut set = TextSet::default();
        let mut refused = 0;
        for number in 0..2000 {
            let text = format!("*{}{number}", "ab*".repeat(330));
            match set.add(&Pattern::parse(text.as_bytes(), false), Bare::Equals, number, options) {
                Ok(()) => assert_eq!(refused, 0),
                Err(error) => {
                    assert_eq!(error, BuildError::TooLarge);
                    refused += 1;
                }
            }
        }
        // Each of 330 parts has two vectors, which are at least 24 bytes themselves.
        assert!((10..(1 << 20) / (330 * 48)).contains(&set.globs.len()), "{} are kept", set.globs.len());
        // What is small still fits, and what was refused took nothing away.
        set.add(&Pattern::parse(b"a*b", false), Bare::Equals, 2000, options).unwrap();
        while set.build_step(7).unwrap() {}
        let value = format!("x{}0", "ab".repeat(330));
        assert_eq!(found(&set, 2001, value.as_bytes()), [0]);
        assert_eq!(found(&set, 2001, b"a-b"), [2000]);
    }
}
