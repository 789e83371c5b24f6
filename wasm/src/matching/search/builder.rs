//! Making a pattern set: in one go, or a part at a time between other work, within a bound of memory.

use std::collections::HashMap;
use std::fmt;

use super::anchored::Anchored;
use super::anchors::{self, Anchors, AnchorsBuild, Bounds, Progress};
use super::automaton::AutomatonBuild;
use super::grams::{Grams, GramsBuild, Plan, Planning};
use super::linear::Linear;
use super::teddy::{MOST_PATTERNS, Teddy};
use super::texts::{Texts, absorb, partial_word};
use super::{Algorithm, Kind, PatternSet};

/// Longest pattern, bytes.
pub const PATTERN_BYTES: usize = 1024;

/// Memory for a set if nothing else is said, bytes.
const MEMORY_BYTES: usize = 64 << 20;

/// Bytes that the making needs for each pattern, at most, beside the set.
const INDEX_BYTES: usize = 40;

/// Why a set could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The pattern is longer than [`PATTERN_BYTES`].
    TooLong,
    /// The set would take more memory than the builder may.
    TooLarge,
    /// There is not so much memory.
    OutOfMemory,
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::TooLong => write!(formatter, "the pattern is longer than {PATTERN_BYTES} bytes"),
            Self::TooLarge => {
                formatter.write_str("the patterns need more memory than --pattern-buffer-mb allows")
            }
            Self::OutOfMemory => formatter.write_str("there is not enough memory for the patterns"),
        }
    }
}

impl std::error::Error for BuildError {}

/// What more patterns than the SIMD prefilter takes are searched for with.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Many {
    /// What takes least time.
    #[default]
    Cheapest,
    #[cfg(test)]
    Anchors,
    #[cfg(test)]
    Grams,
}

/// Collects patterns for a [`PatternSet`].
pub struct PatternSetBuilder {
    algorithm: Algorithm,
    memory_limit: usize,
    /// Up to so many contained patterns are left to the SIMD prefilter alone.
    pub(super) simd_patterns: usize,
    pub(super) many: Many,
    texts: Texts,
    /// Group by hash of kind and text; the next free number where hashes are equal and texts are not.
    index: HashMap<u64, u32>,
    contained: Vec<u32>,
    /// Bytes of the texts of those.
    contained_bytes: usize,
    /// Of those of them that only an automaton may be good for.
    short_bytes: usize,
    anchored: Vec<u32>,
    small: Vec<u8>,
}

impl Default for PatternSetBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl PatternSetBuilder {
    /// No patterns, [`Algorithm::Auto`], 64 MiB.
    pub fn new() -> Self {
        Self {
            algorithm: Algorithm::Auto,
            memory_limit: MEMORY_BYTES,
            simd_patterns: MOST_PATTERNS,
            many: Many::Cheapest,
            texts: Texts::default(),
            index: HashMap::new(),
            contained: Vec::new(),
            contained_bytes: 0,
            short_bytes: 0,
            anchored: Vec::new(),
            small: Vec::new(),
        }
    }

    /// Chooses the algorithm.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The making and the set may take so many bytes of memory, about.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Takes so many bytes of the memory for something else that patterns need.
    pub fn take(&mut self, bytes: usize) -> Result<(), BuildError> {
        self.memory_limit = self.memory_limit.checked_sub(bytes).ok_or(BuildError::TooLarge)?;
        Ok(())
    }

    /// Gives back what was [taken](Self::take).
    pub fn give_back(&mut self, bytes: usize) {
        self.memory_limit = self.memory_limit.saturating_add(bytes);
    }

    /// Adds a pattern and returns its number: they are counted from 0. After an error the builder is as before.
    pub fn add(&mut self, kind: Kind, text: &[u8]) -> Result<u32, BuildError> {
        if text.len() > PATTERN_BYTES {
            return Err(BuildError::TooLong);
        }
        let own = self.memory_bytes().saturating_add(text.len() + INDEX_BYTES);
        if own.saturating_add(self.search_bytes(kind, text.len())) > self.memory_limit {
            return Err(BuildError::TooLarge);
        }
        let refused = |_| BuildError::OutOfMemory;
        self.texts.reserve(text.len())?;
        self.index.try_reserve(1).map_err(|_| BuildError::OutOfMemory)?;
        self.contained.try_reserve(1).map_err(refused)?;
        self.anchored.try_reserve(1).map_err(refused)?;
        if text.is_empty() {
            return Ok(self.texts.add_pattern(None));
        }
        self.small.clear();
        self.small.extend(text.iter().map(u8::to_ascii_lowercase));
        let group = self.group(kind);
        Ok(self.texts.add_pattern(Some(group)))
    }

    /// The group of `small`.
    fn group(&mut self, kind: Kind) -> u32 {
        let (words, rest) = self.small.as_chunks::<8>();
        let seed = absorb(kind as u64, self.small.len() as u64);
        let state = words.iter().fold(seed, |state, word| absorb(state, u64::from_le_bytes(*word)));
        let mut key = absorb(state, partial_word(rest));
        while let Some(group) = self.index.get(&key) {
            if self.texts.kind(*group) == kind && self.texts.text(*group) == self.small {
                return *group;
            }
            key = key.wrapping_add(1);
        }
        let group = self.texts.add_group(kind, &self.small);
        self.index.insert(key, group);
        if kind == Kind::Contains {
            self.contained.push(group);
            self.contained_bytes += self.small.len();
            if self.small.len() < anchors::SHORTEST {
                self.short_bytes += self.small.len();
            }
        } else {
            self.anchored.push(group);
        }
        group
    }

    /// What a search for all patterns takes, and for one more of so many bytes: what was added can be built. Unless windows
    /// of very many are crowded: then the last ones are left out.
    fn search_bytes(&self, kind: Kind, bytes: usize) -> usize {
        let (contained, anchored) = match kind {
            Kind::Contains => (1, 0),
            _ => (0, 1),
        };
        let contained_bytes = self.contained_bytes.saturating_add(contained * bytes);
        let contained = self.contained.len() + contained;
        let automaton = AutomatonBuild::bytes_for(contained_bytes);
        let search = match self.algorithm {
            Algorithm::Linear => Linear::bytes_for(contained),
            Algorithm::AhoCorasick => automaton,
            Algorithm::Auto if contained <= self.simd_patterns => Linear::bytes_for(contained),
            Algorithm::Auto => {
                let short = self.short_bytes + if bytes < anchors::SHORTEST { bytes } else { 0 };
                automaton.min(Plan::most_bytes_for(contained) + AutomatonBuild::bytes_for(short))
            }
        };
        search.saturating_add(Anchored::bytes_for(self.anchored.len() + anchored))
    }

    fn memory_bytes(&self) -> usize {
        self.texts.used_bytes().saturating_add(self.texts.groups().saturating_mul(INDEX_BYTES))
    }

    /// Makes the set.
    pub fn build(self) -> Result<PatternSet, BuildError> {
        let mut build = self.start();
        loop {
            if let Some(set) = build.advance(usize::MAX)? {
                return Ok(set);
            }
        }
    }

    /// Begins to make the set, for those who cannot wait for all of it at once.
    pub fn start(mut self) -> Build {
        self.texts.shrink();
        Build {
            builder: self,
            set: PatternSet::default(),
            stage: Stage::Anchored { done: 0 },
            others: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

/// A set in the making.
pub struct Build {
    builder: PatternSetBuilder,
    set: PatternSet,
    stage: Stage,
    /// Contained patterns that grams are no good for.
    others: Vec<u32>,
    /// Groups that there was no room for.
    left_out: Vec<u32>,
}

enum Stage {
    Anchored {
        done: usize,
    },
    Contained,
    Plan {
        planning: Planning,
    },
    Grams {
        build: Box<GramsBuild>,
    },
    /// And what else it could be, and how many patterns are too short for anchors.
    Anchors {
        build: Box<AnchorsBuild>,
        plan: Plan,
        short: usize,
    },
    Rest,
    Automaton {
        build: Box<AutomatonBuild>,
    },
}

impl Build {
    /// Works on about so many patterns. The set when it is ready, once; do not go on after that or after an error.
    pub fn advance(&mut self, patterns: usize) -> Result<Option<PatternSet>, BuildError> {
        let patterns = patterns.max(1);
        let stage = std::mem::replace(&mut self.stage, Stage::Rest);
        self.stage = match stage {
            Stage::Anchored { done } => self.advance_anchored(done, patterns)?,
            Stage::Contained => self.contained(),
            Stage::Plan { mut planning } => match planning.advance(&self.builder.texts)? {
                Some((plan, groups)) => self.choose(plan, groups)?,
                None => Stage::Plan { planning },
            },
            Stage::Grams { mut build } => {
                if build.advance(&self.builder.texts, patterns, &mut self.others)? {
                    self.set.grams = Some(Grams::from(*build));
                    Stage::Rest
                } else {
                    Stage::Grams { build }
                }
            }
            Stage::Anchors { mut build, plan, short } => {
                match build.advance(&self.builder.texts, patterns, &mut self.others)? {
                    Progress::More => Stage::Anchors { build, plan, short },
                    Progress::Ready => {
                        self.set.anchors = Some(Anchors::from(*build));
                        Stage::Rest
                    }
                    Progress::GivenUp => {
                        self.others.truncate(short);
                        match build.again()? {
                            Ok(build) => Stage::Anchors { build: Box::new(build), plan, short },
                            Err(groups) => self.grams(plan, groups)?,
                        }
                    }
                }
            }
            Stage::Rest => match self.rest()? {
                Some(stage) => stage,
                None => return Ok(Some(self.finish())),
            },
            Stage::Automaton { mut build } => {
                self.set.automaton = build.advance(&self.builder.texts, patterns)?;
                if self.set.automaton.is_some() {
                    self.left_out = build.take_left_out();
                    return Ok(Some(self.finish()));
                }
                Stage::Automaton { build }
            }
        };
        Ok(None)
    }

    fn advance_anchored(&mut self, done: usize, patterns: usize) -> Result<Stage, BuildError> {
        let groups = &self.builder.anchored;
        if done == 0 {
            self.allows(Anchored::bytes_for(groups.len()))?;
            self.set.anchored = Anchored::new(groups.len())?;
        }
        let end = done.saturating_add(patterns).min(groups.len());
        for group in groups.get(done..end).unwrap_or_default() {
            self.set.anchored.add(&self.builder.texts, *group);
        }
        Ok(if end == groups.len() { Stage::Contained } else { Stage::Anchored { done: end } })
    }

    fn contained(&mut self) -> Stage {
        let groups = std::mem::take(&mut self.builder.contained);
        if self.builder.algorithm != Algorithm::Auto || groups.len() <= self.builder.simd_patterns {
            self.others = groups;
            return Stage::Rest;
        }
        Stage::Plan { planning: Planning::new(&self.builder.texts, groups) }
    }

    fn choose(&mut self, plan: Plan, groups: Vec<u32>) -> Result<Stage, BuildError> {
        let texts = &self.builder.texts;
        let most = match self.builder.many {
            Many::Cheapest => Bounds::cheaper_than(plan.nanoseconds(), self.builder.simd_patterns),
            #[cfg(test)]
            Many::Anchors => Bounds { share: f32::MAX, refused: usize::MAX },
            #[cfg(test)]
            Many::Grams => return self.grams(plan, groups),
        };
        let shortest = anchors::shortest(texts, &groups);
        let long;
        (long, self.others) = groups.into_iter().partition(|group| texts.text(*group).len() >= shortest);
        if self.others.len() > most.refused || self.allows(AnchorsBuild::bytes_for(long.len())).is_err() {
            return self.grams(plan, long);
        }
        let short = self.others.len();
        Ok(Stage::Anchors { build: Box::new(AnchorsBuild::new(long, shortest, most)?), plan, short })
    }

    /// Of these groups and the others.
    fn grams(&mut self, plan: Plan, mut groups: Vec<u32>) -> Result<Stage, BuildError> {
        let texts = &self.builder.texts;
        groups.try_reserve(self.others.len()).map_err(|_| BuildError::OutOfMemory)?;
        groups.append(&mut self.others);
        let long;
        (long, self.others) = groups.into_iter().partition(|group| texts.text(*group).len() >= plan.shortest);
        if self.allows(plan.bytes_for(long.len())).is_err() {
            // The automaton takes less where texts are few and short.
            self.others.extend(long);
            return Ok(Stage::Rest);
        }
        Ok(Stage::Grams { build: Box::new(GramsBuild::new(plan, long)?) })
    }

    /// What is left for others: the next stage if that takes its time.
    fn rest(&mut self) -> Result<Option<Stage>, BuildError> {
        let groups = std::mem::take(&mut self.others);
        let texts = &self.builder.texts;
        match self.builder.algorithm {
            _ if groups.is_empty() => {}
            Algorithm::Linear => self.set.linear = Linear::new(texts, &groups),
            Algorithm::Auto if groups.len() <= self.builder.simd_patterns => {
                self.set.teddy = Some(Teddy::new(texts, &groups))
            }
            Algorithm::Auto | Algorithm::AhoCorasick => {
                let left = self.allows(0).unwrap_or_default();
                let build = Box::new(AutomatonBuild::new(texts, groups, left)?);
                return Ok(Some(Stage::Automaton { build }));
            }
        }
        Ok(None)
    }

    fn finish(&mut self) -> PatternSet {
        let texts = std::mem::take(&mut self.builder.texts);
        self.set.left_out = self.left_out.iter().flat_map(|group| texts.numbers(*group)).collect();
        self.set.texts = texts;
        std::mem::take(&mut self.set)
    }

    /// Bytes left after `bytes` more.
    fn allows(&self, bytes: usize) -> Result<usize, BuildError> {
        let taken = self.builder.memory_bytes() + self.set.memory_bytes();
        self.builder.memory_limit.checked_sub(taken.saturating_add(bytes)).ok_or(BuildError::TooLarge)
    }
}

/// A table of `length` times `value`.
pub(super) fn filled<T: Clone>(length: usize, value: T) -> Result<Vec<T>, BuildError> {
    let mut table = Vec::new();
    table.try_reserve_exact(length).map_err(|_| BuildError::OutOfMemory)?;
    table.resize(length, value);
    Ok(table)
}
