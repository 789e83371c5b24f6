//! A sampled q-gram filter, for sets of any size. Of every pattern a run of bytes is known: `stride` windows, each
//! one byte further than the last. So it is enough to look at every `stride`-th window of the text: a bit table
//! refuses most by their hash. Where one passes, a second bit table is asked for the `stride` runs that it can be in;
//! one that passes again is looked up, and the patterns listed there are compared.
//!
//! Which run of a pattern is known is chosen by rarity: in text, and among the patterns. Where even the best is shared
//! by more than [`MOST_SHARING`] patterns, the pattern is given to the automaton instead; so are patterns that are
//! too short.
//!
//! Worst case: at every `stride`-th byte of text, `stride` runs are looked up, and [`MOST_SHARING`] patterns compared
//! for each.

use super::builder::filled;
use super::lists::{Bits, FOLD, Lists, MOST_SHARING, run_hash};
use super::rarity::probability;
use super::texts::{Texts, partial_word, spread, word_at};
use super::{BuildError, Found};

/// Longest step through the text, bytes.
const LONGEST_STRIDE: usize = 12;

/// Words of 64 bits in the bit table of small sets: 32 KiB, which a processor's first cache holds.
const SMALL_TABLE: usize = 1 << 12;

/// And of all others: 512 KiB.
const LARGE_TABLE: usize = 1 << 16;

/// Most windows known in a small table.
const SMALL_WINDOWS: usize = 12 << 10;

/// Patterns that are looked at to make a plan: to know, and to try.
const SAMPLE: (usize, usize) = (16 << 10, 2 << 10);

/// How much of the traffic may look like patterns; the rest is text as usual.
const LIKENESS: f32 = 0.3;

/// What it costs to look up the runs around a window, in windows.
const CANDIDATE: f32 = 25.0;

/// Patterns that may be left to the SIMD prefilter because they are short.
const MOST_SHORT: usize = 16;

/// What the SIMD prefilter costs per byte of text, in look-ups.
const SECOND_PASS: f32 = 0.25;

/// Runs considered of a long pattern, about: at least, and at most.
const CONSIDERED: (usize, usize) = (16, 48);

/// Bytes of text that are as much work as a pattern.
const PATTERN_TEXT: usize = 32;

/// Sizes, chosen for a set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Bytes that a pattern must have.
    pub shortest: usize,
    /// Bytes of a window, 3 to 8.
    window: usize,
    /// Bytes from one window of the text to the next.
    stride: usize,
    /// Words of the bit table.
    table: usize,
}

/// Plans to choose from, tried one at a time.
pub(super) struct Planning {
    groups: Vec<u32>,
    /// Shortest pattern, window, what else a byte of text costs.
    left: Vec<(usize, usize, f32)>,
    best: (f32, Plan),
}

impl Planning {
    /// Begins it for these groups.
    pub fn new(texts: &Texts, groups: Vec<u32>) -> Planning {
        let mut lengths: Vec<usize> = groups.iter().map(|group| texts.text(*group).len()).collect();
        let few = MOST_SHORT.min(lengths.len().saturating_sub(1));
        let with_few_short = (*lengths.select_nth_unstable(few).1).max(3);
        let all = lengths.iter().copied().min().unwrap_or_default().max(3);
        let windows = |shortest: usize, passes: f32| {
            (3..=shortest.min(8)).rev().map(move |window| (shortest, window, passes))
        };
        // Tried from the end on.
        let left = windows(with_few_short, SECOND_PASS).chain(windows(all, 0.0)).collect();
        Planning { left, best: (f32::MAX, Plan::of(3, 3, groups.len())), groups }
    }

    /// Tries the next one. The cheapest and the groups when all were tried, once.
    pub fn advance(&mut self, texts: &Texts) -> Result<Option<(Plan, Vec<u32>)>, BuildError> {
        let Some((shortest, window, passes)) = self.left.pop() else {
            return Ok(Some((self.best.1, std::mem::take(&mut self.groups))));
        };
        let plan = Plan::of(shortest, window, self.groups.len());
        let cost = plan.cost(texts, &self.groups)? + passes;
        if cost < self.best.0 {
            self.best = (cost, plan);
        }
        Ok(None)
    }
}

impl Plan {
    fn of(shortest: usize, window: usize, patterns: usize) -> Plan {
        let stride = (shortest + 1 - window).min(LONGEST_STRIDE);
        let small = patterns.saturating_mul(stride) <= SMALL_WINDOWS;
        Plan { shortest, window, stride, table: if small { SMALL_TABLE } else { LARGE_TABLE } }
    }

    /// What a byte of text costs, in windows: of text as usual, and of patterns that are not known.
    fn cost(&self, texts: &Texts, groups: &[u32]) -> Result<f32, BuildError> {
        let (known, tried) = SAMPLE;
        let sample = |count: usize, first: usize| {
            groups
                .iter()
                .skip(first)
                .step_by(groups.len().div_ceil(count).max(2))
                .map(|group| texts.text(*group))
        };
        let mut table = filled(1 << 13, 0u64)?;
        let place = |gram: &[u8]| {
            let at = spread((partial_word(gram) | FOLD) & self.mask()) >> (64 - 19);
            ((at >> 6) as usize, 1 << (at & 63))
        };
        let (mut usual, mut count) = (0.0, 0usize);
        for (index, text) in sample(known, 0).enumerate() {
            // Any run: which one is the rarest is not known yet.
            let runs = (text.len() + 2).saturating_sub(self.window + self.stride);
            let start = if runs == 0 { continue } else { index % runs };
            let run = text.get(start..start + self.run()).unwrap_or_default();
            for gram in run.windows(self.window) {
                usual += probability(gram);
                let (word, bit) = place(gram);
                if let Some(word) = table.get_mut(word) {
                    *word |= bit;
                }
            }
            count += 1;
        }
        let (mut hits, mut windows) = (0u32, 0u32);
        for gram in sample(tried, 1).flat_map(|text| text.windows(self.window)) {
            let (word, bit) = place(gram);
            hits += u32::from(table.get(word).is_some_and(|word| word & bit != 0));
            windows += 1;
        }
        let usual = usual * groups.len() as f32 / count.max(1) as f32;
        let like = LIKENESS * hits as f32 / windows.max(1) as f32;
        // Two bits for each window.
        let full = (2 * groups.len() * self.stride) as f32 / (64 * self.table) as f32;
        Ok((1.0 + CANDIDATE * (usual + like + full * full).min(1.0)) / self.stride as f32)
    }

    /// What a byte of text takes, in nanoseconds where those were measured that tell anchors' worth.
    pub fn nanoseconds(&self) -> f32 {
        (if self.table == SMALL_TABLE { 2.0 } else { 3.0 }) / self.stride as f32
    }

    /// Bytes of a run.
    fn run(&self) -> usize {
        self.window + self.stride - 1
    }

    /// Bytes that tables and making take for so many groups.
    pub fn bytes_for(&self, groups: usize) -> usize {
        bytes_for(groups, self.table)
    }

    /// The same, whatever the plan.
    pub fn most_bytes_for(groups: usize) -> usize {
        bytes_for(groups, LARGE_TABLE)
    }

    fn mask(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.window.clamp(1, 8))
    }
}

fn bytes_for(groups: usize, table: usize) -> usize {
    Lists::bytes_for(groups).saturating_add(10 * table + SKETCH + groups.saturating_mul(4))
}

/// Bit table and runs.
pub(super) struct Grams {
    window: usize,
    stride: u8,
    run: usize,
    mask: u64,
    table: Table,
    /// By a run's hash.
    lists: Lists,
}

impl Grams {
    /// Reports what the haystack contains. False when the receiver ended it.
    pub fn search(&self, texts: &Texts, haystack: &[u8], found: &mut impl Found) -> bool {
        match &self.table {
            Table::Small(bits, runs) => self.search_with((bits, runs), texts, haystack, found),
            Table::Large(bits, runs) => self.search_with((bits, runs), texts, haystack, found),
        }
    }

    #[inline]
    fn search_with<const WORDS: usize, const RUN_WORDS: usize>(
        &self,
        (bits, runs): (&Bits<WORDS>, &Bits<RUN_WORDS>),
        texts: &Texts,
        haystack: &[u8],
        found: &mut impl Found,
    ) -> bool {
        let stride = usize::from(self.stride);
        let mut at = 0;
        while let Some(span) = haystack.get(at..).and_then(|rest| rest.get(..3 * stride + 8)) {
            let word = |start: usize| span.get(start..).and_then(|rest| rest.first_chunk::<8>());
            let [Some(a), Some(b), Some(c), Some(d)] =
                [word(0), word(stride), word(2 * stride), word(3 * stride)]
            else {
                break;
            };
            let hashes = [a, b, c, d].map(|word| self.hash(u64::from_le_bytes(*word)));
            let [a, b, c, d] = hashes.map(|hash| bits.may_know(hash));
            if (a | b | c | d) & 1 != 0 && !self.verify_four(runs, texts, haystack, at, [a, b, c, d], found) {
                return false;
            }
            at += 4 * stride;
        }
        while at + self.window <= haystack.len() {
            let known = bits.may_know(self.hash(word_at(haystack, at))) & 1 != 0;
            if known && !self.verify(runs, texts, haystack, at, found) {
                return false;
            }
            at += stride;
        }
        true
    }

    /// Hash of the window that a word begins with.
    #[inline]
    fn hash(&self, word: u64) -> u64 {
        spread((word | FOLD) & self.mask)
    }

    #[inline(never)]
    fn verify_four<const WORDS: usize>(
        &self,
        runs: &Bits<WORDS>,
        texts: &Texts,
        haystack: &[u8],
        at: usize,
        passes: [u64; 4],
        found: &mut impl Found,
    ) -> bool {
        passes.into_iter().zip(0..).all(|(pass, step)| {
            pass & 1 == 0 || self.verify(runs, texts, haystack, at + step * usize::from(self.stride), found)
        })
    }

    /// Reports the patterns whose run has the window at `at`.
    #[inline]
    fn verify<const WORDS: usize>(
        &self,
        runs: &Bits<WORDS>,
        texts: &Texts,
        haystack: &[u8],
        at: usize,
        found: &mut impl Found,
    ) -> bool {
        let mut passed = 0u32;
        for back in 0..usize::from(self.stride).min(at + 1) {
            if let Some(run) = haystack.get(at - back..at - back + self.run) {
                passed |= ((runs.may_know(run_hash(run)) & 1) as u32) << back;
            }
        }
        while passed != 0 {
            let start = at - passed.trailing_zeros() as usize;
            passed &= passed - 1;
            let run = haystack.get(start..start + self.run).unwrap_or_default();
            if !self.lists.report(run_hash(run), texts, haystack, start, found) {
                return false;
            }
        }
        true
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let table = match &self.table {
            Table::Small(..) => 10 * SMALL_TABLE,
            Table::Large(..) => 10 * LARGE_TABLE,
        };
        table + self.lists.memory_bytes()
    }
}

/// The windows and the runs that are known.
enum Table {
    Small(Bits<SMALL_TABLE>, Bits<{ SMALL_TABLE / 4 }>),
    Large(Bits<LARGE_TABLE>, Bits<{ LARGE_TABLE / 4 }>),
}

/// Counters of the runs of all patterns, by hash.
const SKETCH: usize = 1 << 19;

/// [`Grams`] in the making.
pub(super) struct GramsBuild {
    plan: Plan,
    grams: Grams,
    groups: Vec<u32>,
    /// By group: offset of the run that is known, or [`REFUSED`].
    chosen: Vec<u32>,
    /// How many patterns have a run of that hash, 255 for more.
    sketch: Vec<u8>,
    pass: Pass,
    done: usize,
}

const REFUSED: u32 = u32::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Count,
    Choose,
    Fill,
}

impl GramsBuild {
    /// Begins it for groups whose texts have at least `plan.shortest` bytes.
    pub fn new(plan: Plan, groups: Vec<u32>) -> Result<GramsBuild, BuildError> {
        Ok(GramsBuild {
            grams: Grams {
                window: plan.window,
                stride: plan.stride as u8,
                run: plan.run(),
                mask: plan.mask(),
                table: match plan.table {
                    SMALL_TABLE => Table::Small(Bits::new()?, Bits::new()?),
                    _ => Table::Large(Bits::new()?, Bits::new()?),
                },
                lists: Lists::new(groups.len())?,
            },
            chosen: filled(groups.len(), REFUSED)?,
            sketch: filled(SKETCH, 0)?,
            plan,
            groups,
            pass: Pass::Count,
            done: 0,
        })
    }

    /// Works on so many groups, fewer where they are long. True when it is done; `refused` then has the groups that it
    /// leaves to others.
    pub fn advance(
        &mut self,
        texts: &Texts,
        count: usize,
        refused: &mut Vec<u32>,
    ) -> Result<bool, BuildError> {
        let mut bytes = count.saturating_mul(PATTERN_TEXT);
        while let Some(group) = self.groups.get(self.done).copied().filter(|_| bytes > 0) {
            let (index, text) = (self.done, texts.text(group));
            self.done += 1;
            bytes = bytes.saturating_sub(text.len().max(PATTERN_TEXT));
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
                Pass::Fill => self.fill(index, group, text),
            }
        }
        if self.done < self.groups.len() {
            return Ok(false);
        }
        self.done = 0;
        match self.pass {
            Pass::Count => self.pass = Pass::Choose,
            Pass::Choose => {
                self.grams.lists.lay()?;
                self.pass = Pass::Fill;
            }
            Pass::Fill => return Ok(true),
        }
        Ok(false)
    }

    fn count(&mut self, text: &[u8]) {
        for start in considered(self.runs(text), self.plan.run()) {
            let place = sketch_place(self.run_hash(text, start));
            if let Some(counter) = self.sketch.get_mut(place) {
                *counter = counter.saturating_add(1);
            }
        }
    }

    /// The run that costs least, noted; [`REFUSED`] where all are too crowded.
    fn choose(&mut self, text: &[u8]) -> u32 {
        let (window, stride) = (self.plan.window, self.plan.stride);
        let patterns = self.groups.len() as f32;
        let mut best = (f32::MAX, REFUSED);
        for start in considered(self.runs(text), self.plan.run()) {
            let hash = self.run_hash(text, start);
            let sharing = self.sketch.get(sketch_place(hash)).copied().unwrap_or_default();
            // What many patterns have is often in the traffic that they are for.
            let shared = 0.02 * f32::from(sharing) / patterns;
            let crowded = if u32::from(sharing) > MOST_SHARING { 1.0 } else { 0.0 };
            let run = text.get(start..start + self.plan.run()).unwrap_or_default();
            let cost = crowded + shared + run.windows(window).map(probability).sum::<f32>();
            if cost < best.0 && self.grams.lists.counted(hash) < MOST_SHARING {
                best = (cost, start as u32);
            }
        }
        let (_, chosen) = best;
        if chosen == REFUSED {
            return REFUSED;
        }
        let hash = self.run_hash(text, chosen as usize);
        match &mut self.grams.table {
            Table::Small(_, runs) => runs.note(hash),
            Table::Large(_, runs) => runs.note(hash),
        }
        self.grams.lists.count(hash);
        let run = text.get(chosen as usize..).unwrap_or_default();
        for gram in run.windows(window).take(stride) {
            let hash = self.grams.hash(partial_word(gram));
            match &mut self.grams.table {
                Table::Small(bits, _) => bits.note(hash),
                Table::Large(bits, _) => bits.note(hash),
            }
        }
        chosen
    }

    fn fill(&mut self, index: usize, group: u32, text: &[u8]) {
        let offset = self.chosen.get(index).copied().unwrap_or(REFUSED);
        if offset == REFUSED {
            return;
        }
        let hash = self.run_hash(text, offset as usize);
        self.grams.lists.put(hash, group, offset);
    }

    /// Runs that a text has.
    fn runs(&self, text: &[u8]) -> usize {
        (text.len() + 1).saturating_sub(self.plan.run())
    }

    fn run_hash(&self, text: &[u8], start: usize) -> u64 {
        run_hash(text.get(start..start + self.plan.run()).unwrap_or_default())
    }
}

impl From<GramsBuild> for Grams {
    fn from(build: GramsBuild) -> Grams {
        build.grams
    }
}

/// Of `starts` places, those that are considered: all where they are few, else some from either end to the middle, if it can
/// be so near to each other that every part of the text is in a run. What patterns have in common at one end stands in
/// the same place then, and is counted as shared.
fn considered(starts: usize, run: usize) -> impl Iterator<Item = usize> {
    let (least, most) = CONSIDERED;
    let step = match starts <= 2 * least {
        true => 1,
        false => (run / 2).max(starts.div_ceil(most)).min(starts.div_ceil(least)).max(1),
    };
    let middle = starts / 2;
    let from_end = (0..starts - middle).step_by(step).map(move |at| starts - 1 - at);
    (0..middle).step_by(step).chain(from_end)
}

fn sketch_place(hash: u64) -> usize {
    (hash >> 45) as usize
}
