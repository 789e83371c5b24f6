//! Which anchors serve a set, and the tables for them.

use super::super::BuildError;
use super::super::builder::filled;
use super::super::lists::{Bits, Lists, run_hash};
use super::super::texts::{Texts, partial_word};
use super::super::traffic::{CLASSES, class, pair, pair_chances};
use super::{Anchors, Filter, LARGE_FILTER, WINDOW, window_hash};

/// Most patterns listed for one run.
pub const MOST_SHARING: u32 = 32;

/// Longest run, bytes: the window and what follows it.
const RUN: usize = 10;

/// Share of places with an anchor that nothing need be done about.
const RARE: f32 = 0.02;

/// Most patterns known in a small filter.
const SMALL_PATTERNS: usize = 6 << 10;

/// Patterns that the first anchors are chosen from.
const SAMPLE: usize = 1 << 12;

/// Runs considered at each end of a pattern.
const CONSIDERED: usize = 24;

/// Pairs of classes.
const PAIRS: usize = CLASSES * CLASSES;

/// What a search takes per byte of text, and per place where an anchor can be, nanoseconds; measured, as are those of
/// [`super::super::grams`].
const PASS_NS: f32 = 0.27;
const PLACE_NS: f32 = 5.0;

/// Counters of runs by hash.
const SKETCH: usize = 1 << 19;

/// Patterns that may be left to others because they are short.
const MOST_SHORT: usize = 16;

/// Bytes that the shortest pattern must have.
pub const SHORTEST: usize = 4;

/// Bytes that patterns must have to be searched for so: all of them, if need be all but a few that others search for.
pub fn shortest(texts: &Texts, groups: &[u32]) -> usize {
    let mut lengths: Vec<usize> = groups.iter().map(|group| texts.text(*group).len()).collect();
    let few = MOST_SHORT.min(lengths.len().saturating_sub(1));
    let with_few_short = *lengths.select_nth_unstable(few).1;
    let all = lengths.iter().copied().min().unwrap_or_default();
    if all > SHORTEST { all } else { with_few_short.clamp(SHORTEST, SHORTEST + 1) }
}

/// [`Anchors`] in the making.
pub struct AnchorsBuild {
    anchors: Anchors,
    groups: Vec<u32>,
    /// By group: offset of its run, or [`REFUSED`].
    chosen: Vec<u32>,
    /// How many patterns have a run of that hash, 255 for more.
    sketch: Vec<u8>,
    chances: Vec<f32>,
    /// Bytes that anchors have.
    bytes: [bool; 256],
    /// The pairs that SIMD lets pass.
    sets: Vec<Set>,
    /// By number of the pair: whether one of `sets` has it.
    passing: Vec<bool>,
    most: Bounds,
    pass: Pass,
    done: usize,
}

const REFUSED: u32 = u32::MAX;

/// What makes anchors worth their while.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// Places of traffic where an anchor can be, of all.
    pub share: f32,
    /// Patterns left to others.
    pub refused: usize,
}

impl Bounds {
    /// Those for which a search takes less time than one that takes so many nanoseconds per byte.
    pub fn cheaper_than(nanoseconds: f32, refused: usize) -> Bounds {
        Bounds { share: (nanoseconds - PASS_NS) / PLACE_NS, refused }
    }
}

/// How far [`AnchorsBuild`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// It is ready.
    Ready,
    /// It is not worth its while.
    GivenUp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Count,
    Cover,
    Choose,
    Fill,
}

impl AnchorsBuild {
    /// Bytes that tables and making take for so many groups.
    pub fn bytes_for(groups: usize) -> usize {
        Lists::bytes_for(groups)
            .saturating_add(12 * LARGE_FILTER + SKETCH + (1 << 20) + groups.saturating_mul(4))
    }

    /// Begins it for groups of which the shortest text has `shortest` bytes.
    pub fn new(groups: Vec<u32>, shortest: usize, most: Bounds) -> Result<AnchorsBuild, BuildError> {
        // As long as can be: with few anchors, it is crowding that asks for others.
        let width = shortest.clamp(SHORTEST, WINDOW);
        let small = groups.len() <= SMALL_PATTERNS;
        Ok(AnchorsBuild {
            anchors: Anchors {
                tables: Default::default(),
                mask: u64::MAX >> (64 - 8 * width),
                width,
                run: shortest.clamp(SHORTEST, RUN),
                filter: if small {
                    Filter::Small(Bits::new()?, Bits::new()?)
                } else {
                    Filter::Large(Bits::new()?, Bits::new()?)
                },
                lists: Lists::new(groups.len())?,
            },
            chosen: filled(groups.len(), REFUSED)?,
            sketch: filled(SKETCH, 0)?,
            chances: pair_chances(),
            bytes: [false; 256],
            sets: Vec::new(),
            passing: filled(PAIRS, false)?,
            most,
            groups,
            pass: Pass::Count,
            done: 0,
        })
    }

    /// Works on about so many groups. When it is ready, `refused` has the groups that it leaves to others too.
    pub fn advance(
        &mut self,
        texts: &Texts,
        count: usize,
        refused: &mut Vec<u32>,
    ) -> Result<Progress, BuildError> {
        if self.pass == Pass::Cover {
            self.cover(texts)?;
            self.join();
            self.pass = Pass::Choose;
            return Ok(self.progress(refused));
        }
        let end = self.done.saturating_add(count).min(self.groups.len());
        for index in self.done..end {
            let Some(group) = self.groups.get(index).copied() else { break };
            let text = texts.text(group);
            match self.pass {
                Pass::Count => self.count(text),
                Pass::Choose => {
                    let choice = self.choose(text);
                    if choice == REFUSED {
                        refused.try_reserve(1).map_err(|_| BuildError::OutOfMemory)?;
                        refused.push(group);
                    }
                    if let Some(slot) = self.chosen.get_mut(index) {
                        *slot = choice;
                    }
                }
                _ => {
                    let offset = self.chosen.get(index).copied().unwrap_or(REFUSED);
                    if offset != REFUSED {
                        let hash = self.hash(text, offset as usize);
                        self.anchors.lists.put(hash, group, offset);
                    }
                }
            }
        }
        self.done = end;
        if end < self.groups.len() {
            return Ok(Progress::More);
        }
        self.done = 0;
        self.pass = match self.pass {
            Pass::Count => Pass::Cover,
            Pass::Choose => {
                self.anchors.lists.lay()?;
                self.lay_tables();
                Pass::Fill
            }
            _ => return Ok(Progress::Ready),
        };
        Ok(self.progress(refused))
    }

    fn progress(&self, refused: &[u32]) -> Progress {
        let passing = self.passing.iter().zip(&self.chances).filter(|(passing, _)| **passing);
        let share: f32 = passing.map(|(_, chance)| chance).sum();
        // With shorter runs there may be rarer ones.
        let most = if self.anchors.run > WINDOW { self.most.share.min(RARE) } else { self.most.share };
        let worth = self.pass == Pass::Count || share <= most && refused.len() <= self.most.refused;
        if worth { Progress::More } else { Progress::GivenUp }
    }

    /// Begins again with shorter runs, which leave more anchors to choose from; the groups where they are as short as can
    /// be.
    pub fn again(self) -> Result<Result<AnchorsBuild, Vec<u32>>, BuildError> {
        if self.anchors.run <= WINDOW {
            return Ok(Err(self.groups));
        }
        Self::new(self.groups, WINDOW, self.most).map(Ok)
    }

    /// Hash of the run of a text at `start`.
    fn hash(&self, text: &[u8], start: usize) -> u64 {
        run_hash(text.get(start..start + self.anchors.run).unwrap_or_default())
    }

    /// Runs that a text has.
    fn starts(&self, text: &[u8]) -> usize {
        (text.len() + 1).saturating_sub(self.anchors.run)
    }

    fn count(&mut self, text: &[u8]) {
        for start in considered(self.starts(text)) {
            let hash = self.hash(text, start);
            if let Some(counter) = self.sketch.get_mut(sketch_place(hash)) {
                *counter = counter.saturating_add(1);
            }
        }
    }

    /// Runs of a text that are not too crowded: start, hash, patterns that share it, number of the anchor.
    fn runs(&self, text: &[u8]) -> impl Iterator<Item = (usize, u64, u8, usize)> {
        considered(self.starts(text)).filter_map(move |start| {
            let hash = self.hash(text, start);
            let sharing = self.sketch.get(sketch_place(hash)).copied().unwrap_or_default();
            let Some([first, second]) = text.get(start..start + 2) else { return None };
            (u32::from(sharing) <= MOST_SHARING).then_some((start, hash, sharing, pair(*first, *second)))
        })
    }

    fn chance(&self, pair: usize) -> f32 {
        self.chances.get(pair).copied().unwrap_or_default()
    }

    /// Chooses anchors for a sample of the patterns: time and again that which serves most of them for its chance.
    fn cover(&mut self, texts: &Texts) -> Result<(), BuildError> {
        let mut unserved: Vec<Vec<u32>> = Vec::new();
        let mut counts = filled(PAIRS, 0u32)?;
        for group in self.groups.iter().step_by(self.groups.len().div_ceil(SAMPLE).max(1)) {
            let mut own: Vec<u32> = self.runs(texts.text(*group)).map(|(.., pair)| pair as u32).collect();
            own.sort_unstable();
            own.dedup();
            for pair in &own {
                if let Some(count) = counts.get_mut(*pair as usize) {
                    *count += 1;
                }
            }
            unserved.push(own);
        }
        loop {
            let worth = |(pair, count): &(usize, &u32)| **count as f32 / self.chance(*pair);
            let known = counts.iter().enumerate().filter(|(_, count)| **count > 0);
            let Some((best, _)) = known.max_by(|a, b| worth(a).total_cmp(&worth(b))) else { return Ok(()) };
            if let Some(anchor) = self.passing.get_mut(best) {
                *anchor = true;
            }
            unserved.retain(|own| {
                let serves = own.binary_search(&(best as u32)).is_ok();
                for pair in own.iter().filter(|_| serves) {
                    if let Some(count) = counts.get_mut(*pair as usize) {
                        *count -= 1;
                    }
                }
                !serves
            });
        }
    }

    /// The run that fewest share of those with an anchor, noted; another anchor where there is none. [`REFUSED`] where
    /// all are too crowded.
    fn choose(&mut self, text: &[u8]) -> u32 {
        let mut best = (f32::MAX, 0, 0, 0);
        for (start, hash, sharing, pair) in self.runs(text) {
            let passes = self.passing.get(pair).copied().unwrap_or_default();
            let cost = if passes { -1.0 } else { self.chance(pair) } + 1e-6 * f32::from(sharing);
            if cost < best.0 && self.anchors.lists.counted(hash) < MOST_SHARING {
                best = (cost, start, hash, pair);
            }
        }
        let (cost, start, hash, pair) = best;
        if cost == f32::MAX {
            return REFUSED;
        }
        if cost > 0.0 {
            self.admit(pair);
        }
        for byte in text.get(start..start + 2).unwrap_or_default() {
            for either in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                if let Some(known) = self.bytes.get_mut(usize::from(either)) {
                    *known = true;
                }
            }
        }
        self.anchors.lists.count(hash);
        let window = partial_word(text.get(start..start + self.anchors.width).unwrap_or_default());
        let window = window_hash(window, self.anchors.mask);
        match &mut self.anchors.filter {
            Filter::Small(bits, runs) => (bits.note(window), runs.note(hash)),
            Filter::Large(bits, runs) => (bits.note(window), runs.note(hash)),
        };
        start as u32
    }

    /// Makes eight sets of the pairs: those that have the first byte in common are one, and such ones are joined that
    /// accept the least beyond.
    fn join(&mut self) {
        let chances = &self.chances;
        let mut sets: Vec<(Set, f32)> = (self.passing.chunks(CLASSES).zip(0..))
            .filter_map(|(row, first)| {
                let seconds = row.iter().zip(0..).filter(|(anchor, _)| **anchor);
                seconds.map(|(_, second)| Set::of(first, second)).reduce(Set::or)
            })
            .map(|set| (set, set.chance(chances)))
            .collect();
        let more = |a: &(Set, f32), b: &(Set, f32)| a.0.or(b.0).chance(chances) - a.1 - b.1;
        // Of each set but the first, what it costs to join it with one before it, and with which.
        let cheapest = |sets: &[(Set, f32)], one: usize| {
            let before = sets.iter().take(one).enumerate();
            let costs = before.filter_map(|(other, b)| Some((more(sets.get(one)?, b), other)));
            costs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f32::MAX, 0))
        };
        let mut nearest: Vec<(f32, usize)> = (0..sets.len()).map(|one| cheapest(&sets, one)).collect();
        while sets.len() > 8 {
            let costs = nearest.iter().enumerate().min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0));
            let Some((one, (_, other))) = costs.map(|(one, cost)| (one, *cost)) else { break };
            let (joined, _) = sets.remove(one);
            nearest.remove(one);
            if let Some(set) = sets.get_mut(other) {
                let joined = set.0.or(joined);
                *set = (joined, joined.chance(chances));
            }
            for at in other..sets.len() {
                let Some((_, with)) = nearest.get(at).copied() else { break };
                let new = if at == other || with == other || with == one {
                    cheapest(&sets, at)
                } else {
                    let (cost, with) = nearest.get(at).copied().unwrap_or((f32::MAX, 0));
                    let with = if with > one { with - 1 } else { with };
                    let joined = sets.get(at).zip(sets.get(other)).map_or(f32::MAX, |(a, b)| more(a, b));
                    if joined < cost { (joined, other) } else { (cost, with) }
                };
                if let Some(slot) = nearest.get_mut(at) {
                    *slot = new;
                }
            }
        }
        self.sets = sets.into_iter().map(|(set, _)| set).collect();
        self.note_passing();
    }

    fn note_passing(&mut self) {
        for (number, passing) in self.passing.iter_mut().enumerate() {
            *passing = self.sets.iter().any(|set| set.has(number / CLASSES, number % CLASSES));
        }
    }

    /// Lets a pair more pass.
    fn admit(&mut self, pair: usize) {
        let one = Set::of(pair / CLASSES, pair % CLASSES);
        let chances = &self.chances;
        let more = |set: &Set| set.or(one).chance(chances) - set.chance(chances);
        if self.sets.len() < 8 {
            self.sets.push(one);
        } else if let Some(set) = self.sets.iter_mut().min_by(|a, b| more(a).total_cmp(&more(b))) {
            *set = set.or(one);
        }
        self.note_passing();
    }

    fn lay_tables(&mut self) {
        let [first, second] = &mut self.anchors.tables;
        for (set, bit) in self.sets.iter().zip(0..8) {
            for byte in (0..=255u8).filter(|byte| self.bytes.get(usize::from(*byte)) == Some(&true)) {
                for (side, tables) in [(&set.first, &mut *first), (&set.second, &mut *second)] {
                    if side.has(class(byte)) {
                        tables.low[usize::from(byte >> 4 & 1)][usize::from(byte & 15)] |= 1 << bit;
                        tables.high[usize::from(byte >> 4)] |= 1 << bit;
                    }
                }
            }
        }
    }
}

/// Classes as the tables tell them apart: any lowest five bits with letters, others or both.
#[derive(Clone, Copy)]
struct Side {
    low: u32,
    high: u8,
}

impl Side {
    fn of(class: usize) -> Side {
        Side { low: 1 << (class & 31), high: 1 << (class >> 5) }
    }

    fn or(self, other: Side) -> Side {
        Side { low: self.low | other.low, high: self.high | other.high }
    }

    fn has(self, class: usize) -> bool {
        self.low >> (class & 31) & 1 != 0 && self.high >> (class >> 5) & 1 != 0
    }
}

/// Pairs that the tables cannot tell apart.
#[derive(Clone, Copy)]
struct Set {
    first: Side,
    second: Side,
}

impl Set {
    fn of(first: usize, second: usize) -> Set {
        Set { first: Side::of(first), second: Side::of(second) }
    }

    fn or(self, other: Set) -> Set {
        Set { first: self.first.or(other.first), second: self.second.or(other.second) }
    }

    fn has(&self, first: usize, second: usize) -> bool {
        self.first.has(first) && self.second.has(second)
    }

    fn chance(&self, chances: &[f32]) -> f32 {
        let rows = chances.as_chunks::<CLASSES>().0.iter().enumerate();
        let columns: [f32; CLASSES] =
            std::array::from_fn(|second| if self.second.has(second) { 1.0 } else { 0.0 });
        let of_row =
            |row: &[f32; CLASSES]| row.iter().zip(&columns).map(|(one, column)| one * column).sum::<f32>();
        rows.filter(|(first, _)| self.first.has(*first)).map(|(_, row)| of_row(row)).sum()
    }
}

impl From<AnchorsBuild> for Anchors {
    fn from(build: AnchorsBuild) -> Anchors {
        build.anchors
    }
}

/// Of `starts` places, those near either end.
fn considered(starts: usize) -> impl Iterator<Item = usize> {
    let tail = starts.saturating_sub(CONSIDERED).max(CONSIDERED.min(starts));
    (0..CONSIDERED.min(starts)).chain(tail..starts)
}

fn sketch_place(hash: u64) -> usize {
    (hash >> 45) as usize
}
