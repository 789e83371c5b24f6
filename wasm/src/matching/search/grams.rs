//! A sampled q-gram filter, for sets of any size. Of every pattern, `stride` windows side by side are known; so it is
//! enough to look at every `stride`-th window of the text, whose hash a bit table refuses for most. What it lets
//! pass is looked up in a table of windows, and the patterns listed there are compared.
//!
//! Which windows of a pattern are known is chosen by rarity: in text, and among the patterns. Where even the best are
//! shared by more than [`MOST_SHARING`] patterns, the pattern is given to the automaton instead; so are patterns
//! that are too short.
//!
//! Worst case: at every `stride`-th byte of text, [`MOST_SHARING`] patterns are compared.

use super::builder::filled;
use super::rarity::probability;
use super::texts::{Texts, partial_word, spread};
use super::{BuildError, Found};

/// Most patterns listed for one window.
const MOST_SHARING: u32 = 16;

/// What a window looks like in lower case, roughly: the bit that sets small letters apart. Other bytes that differ
/// in it alone are taken for the same.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// Longest step through the text, bytes.
const LONGEST_STRIDE: usize = 12;

/// Largest bit table: 2 to the power of this many bits. 512 KiB.
const MOST_BITS: u32 = 22;

/// Patterns that are looked at to make a plan.
const SAMPLE: usize = 4096;

/// Patterns that may be left to the SIMD prefilter because they are short.
const MOST_SHORT: usize = 16;

/// What the SIMD prefilter costs per byte of text, in look-ups.
const SECOND_PASS: f32 = 0.25;

/// Windows considered at each end of a pattern.
const CONSIDERED: usize = 64;

/// Sizes, chosen for a set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Bytes that a pattern must have.
    pub shortest: usize,
    /// Bytes of a window, 3 to 8.
    window: usize,
    /// Bytes from one window of the text to the next.
    stride: usize,
    /// Of the bit table.
    bits: u32,
}

impl Plan {
    /// The cheapest plan for these groups.
    pub fn new(texts: &Texts, groups: &[u32]) -> Plan {
        let step = groups.len().div_ceil(SAMPLE).max(1);
        let mut sample: Vec<&[u8]> = groups.iter().step_by(step).map(|group| texts.text(*group)).collect();
        sample.sort_unstable_by_key(|text| text.len());
        let mut lengths: Vec<usize> = groups.iter().map(|group| texts.text(*group).len()).collect();
        let few = MOST_SHORT.min(lengths.len().saturating_sub(1));
        let (_, with_few_short, _) = lengths.select_nth_unstable(few);
        let with_few_short = (*with_few_short).max(3);
        let all = lengths.iter().copied().min().unwrap_or_default().max(3);
        let plans = [all, with_few_short].into_iter().flat_map(|shortest| {
            (3..=shortest.min(8)).map(move |window| Plan::of(shortest, window, groups.len()))
        });
        let cheapest =
            plans.min_by(|a, b| a.cost(&sample, groups.len()).total_cmp(&b.cost(&sample, groups.len())));
        cheapest.unwrap_or(Plan::of(3, 3, groups.len()))
    }

    fn of(shortest: usize, window: usize, patterns: usize) -> Plan {
        let stride = (shortest + 1 - window).min(LONGEST_STRIDE);
        let bits =
            patterns.saturating_mul(stride).saturating_mul(32).max(1 << 12).next_power_of_two().ilog2();
        Plan { shortest, window, stride, bits: bits.min(MOST_BITS) }
    }

    /// What a byte of text costs, in look-ups, where letters and digits are as usual.
    fn cost(&self, sample: &[&[u8]], patterns: usize) -> f32 {
        let windows = |text: &&[u8]| {
            let run =
                text.get(text.len().saturating_sub(self.window + self.stride - 1)..).unwrap_or_default();
            run.windows(self.window).map(probability).sum::<f32>()
        };
        let long = sample.iter().filter(|text| text.len() >= self.shortest);
        let known = long.map(windows).sum::<f32>() * patterns as f32 / sample.len().max(1) as f32;
        let full = (patterns * self.stride) as f32 / (1u64 << self.bits) as f32;
        // Short patterns need a second pass.
        let second =
            if sample.first().is_some_and(|text| text.len() < self.shortest) { SECOND_PASS } else { 0.0 };
        (1.0 + 8.0 * (known + full).min(1.0)) / self.stride as f32 + second
    }

    /// Bytes that table and making take for so many groups.
    pub fn bytes_for(&self, groups: usize) -> usize {
        let entries = groups.saturating_mul(self.stride).saturating_mul(size_of::<Entry>());
        entries
            .saturating_add((1 << self.bits) / 8 + 4 * (1usize << self.bucket_bits(groups)))
            .saturating_add(groups.saturating_mul(4).saturating_add(SKETCH))
    }

    fn bucket_bits(&self, groups: usize) -> u32 {
        groups.saturating_mul(self.stride).max(64).next_power_of_two().ilog2().min(24)
    }

    #[inline]
    fn mask(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.window.clamp(1, 8))
    }
}

/// A window of a pattern.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// Bits of the window's hash beside those that lead to it.
    check: u32,
    group: u32,
    /// Of the window in the pattern's text.
    offset: u32,
}

/// Bit table and windows.
pub(super) struct Grams {
    window: usize,
    stride: usize,
    mask: u64,
    /// By the upper bits of a hash.
    bits: Vec<u64>,
    bits_shift: u32,
    /// By the upper bits of a hash: where its entries begin; they end where the next begin.
    starts: Vec<u32>,
    starts_shift: u32,
    entries: Vec<Entry>,
}

impl Grams {
    /// Reports what the haystack contains. False when the receiver ended it.
    pub fn search(&self, texts: &Texts, haystack: &[u8], found: &mut impl Found) -> bool {
        let stride = self.stride;
        let mut at = 0;
        while let Some(span) = haystack.get(at..).and_then(|rest| rest.get(..3 * stride + 8)) {
            let word = |start: usize| span.get(start..).and_then(|rest| rest.first_chunk::<8>());
            let [Some(a), Some(b), Some(c), Some(d)] =
                [word(0), word(stride), word(2 * stride), word(3 * stride)]
            else {
                break;
            };
            let hashes = [a, b, c, d].map(|word| self.hash(u64::from_le_bytes(*word)));
            let [a, b, c, d] = hashes.map(|hash| self.may_know(hash));
            if (a | b | c | d) & 1 != 0 {
                for (step, hash) in hashes.into_iter().enumerate() {
                    if self.may_know(hash) & 1 != 0
                        && !self.verify(texts, haystack, at + step * stride, hash, found)
                    {
                        return false;
                    }
                }
            }
            at += 4 * stride;
        }
        while let Some(rest) = haystack.get(at..)
            && rest.len() >= self.window
        {
            let word = match rest.first_chunk::<8>() {
                Some(word) => u64::from_le_bytes(*word),
                None => partial_word(rest),
            };
            let hash = self.hash(word);
            if self.may_know(hash) & 1 != 0 && !self.verify(texts, haystack, at, hash, found) {
                return false;
            }
            at += stride;
        }
        true
    }

    #[inline]
    fn hash(&self, word: u64) -> u64 {
        spread((word | FOLD) & self.mask)
    }

    /// In the lowest bit whether the window can be known.
    #[inline]
    fn may_know(&self, hash: u64) -> u64 {
        let at = hash >> self.bits_shift;
        self.bits.get((at >> 6) as usize).copied().unwrap_or_default() >> (at & 63)
    }

    fn verify(&self, texts: &Texts, haystack: &[u8], at: usize, hash: u64, found: &mut impl Found) -> bool {
        let bucket = (hash >> self.starts_shift) as usize;
        let start = |bucket: usize| self.starts.get(bucket).copied().unwrap_or_default() as usize;
        let entries = self.entries.get(start(bucket)..start(bucket + 1)).unwrap_or_default();
        for entry in entries {
            if entry.check == check(hash)
                && let Some(start) = at.checked_sub(entry.offset as usize)
                && !found.has(entry.group)
                && texts.stands_at(entry.group, haystack, start)
                && !found.group(entry.group)
            {
                return false;
            }
        }
        true
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        8 * self.bits.capacity() + 4 * self.starts.capacity() + size_of::<Entry>() * self.entries.capacity()
    }
}

#[inline]
fn check(hash: u64) -> u32 {
    (hash >> 8) as u32
}

/// Counters of the windows of all patterns, by hash.
const SKETCH: usize = 1 << 19;

/// Windows known in [`Grams`], in the making.
pub(super) struct GramsBuild {
    plan: Plan,
    grams: Grams,
    groups: Vec<u32>,
    /// By group: offset of the first window that is known, or [`REFUSED`].
    chosen: Vec<u32>,
    /// How many patterns have a window of that hash, 255 for more.
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
        let bucket_bits = plan.bucket_bits(groups.len());
        Ok(GramsBuild {
            grams: Grams {
                window: plan.window,
                stride: plan.stride,
                mask: plan.mask(),
                bits: filled(1 << (plan.bits - 6), 0)?,
                bits_shift: 64 - plan.bits,
                starts: filled((1 << bucket_bits) + 1, 0)?,
                starts_shift: 64 - bucket_bits,
                entries: Vec::new(),
            },
            chosen: filled(groups.len(), REFUSED)?,
            sketch: filled(SKETCH, 0)?,
            plan,
            groups,
            pass: Pass::Count,
            done: 0,
        })
    }

    /// Works on so many groups. True when it is done; `refused` then has the groups that it leaves to others.
    pub fn advance(
        &mut self,
        texts: &Texts,
        count: usize,
        refused: &mut Vec<u32>,
    ) -> Result<bool, BuildError> {
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
                Pass::Fill => self.fill(index, group, text),
            }
        }
        self.done = end;
        if end < self.groups.len() {
            return Ok(false);
        }
        self.done = 0;
        match self.pass {
            Pass::Count => self.pass = Pass::Choose,
            Pass::Choose => {
                // From counts to ends: filling goes down from there, and leaves the starts.
                let mut sum = 0u32;
                for start in &mut self.grams.starts {
                    sum = sum.wrapping_add(*start);
                    *start = sum;
                }
                self.grams.entries = filled(sum as usize, Entry::default())?;
                self.pass = Pass::Fill;
            }
            Pass::Fill => return Ok(true),
        }
        Ok(false)
    }

    fn count(&mut self, text: &[u8]) {
        for start in considered(text.len() + 1 - self.plan.window.min(text.len())) {
            let hash = self.hash(text, start);
            if let Some(counter) = self.sketch.get_mut(sketch_place(hash)) {
                *counter = counter.saturating_add(1);
            }
        }
    }

    /// The run of windows that costs least, its windows noted; [`REFUSED`] where all are too crowded.
    fn choose(&mut self, text: &[u8]) -> u32 {
        let (window, stride) = (self.plan.window, self.plan.stride);
        let runs = (text.len() + 2).saturating_sub(window + stride);
        let patterns = self.groups.len() as f32;
        let cost = |start: usize| {
            let gram = text.get(start..start + window).unwrap_or_default();
            let sharing = self.sketch.get(sketch_place(self.hash(text, start))).copied().unwrap_or_default();
            // What many patterns have is often in the traffic that they are for.
            let crowded = if u32::from(sharing) > MOST_SHARING { 1.0 } else { 0.0 };
            probability(gram) + 0.02 * f32::from(sharing) / patterns + crowded
        };
        let mut best = (f32::MAX, REFUSED);
        // By start: its cost, for those of the run that is looked at.
        let mut ring = [0.0f32; LONGEST_STRIDE];
        let mut sum_from = usize::MAX;
        for start in considered(runs) {
            // A run after a gap is summed anew.
            let fresh = if sum_from.wrapping_add(1) == start {
                start + stride - 1..start + stride
            } else {
                start..start + stride
            };
            for at in fresh {
                if let Some(slot) = ring.get_mut(at % stride) {
                    *slot = cost(at);
                }
            }
            sum_from = start;
            let sum = ring.iter().take(stride).sum::<f32>();
            if sum < best.0 && self.has_room(text, start) {
                best = (sum, start as u32);
            }
        }
        if best.1 != REFUSED {
            for start in (best.1 as usize..).take(stride) {
                self.note(self.hash(text, start));
            }
        }
        best.1
    }

    /// Whether all windows of a run can list one pattern more.
    fn has_room(&self, text: &[u8], start: usize) -> bool {
        (start..start + self.plan.stride).all(|start| {
            let bucket = (self.hash(text, start) >> self.grams.starts_shift) as usize;
            self.grams.starts.get(bucket).is_some_and(|count| *count < MOST_SHARING)
        })
    }

    fn note(&mut self, hash: u64) {
        let at = hash >> self.grams.bits_shift;
        if let Some(word) = self.grams.bits.get_mut((at >> 6) as usize) {
            *word |= 1 << (at & 63);
        }
        if let Some(count) = self.grams.starts.get_mut((hash >> self.grams.starts_shift) as usize) {
            *count += 1;
        }
    }

    fn fill(&mut self, index: usize, group: u32, text: &[u8]) {
        let first = self.chosen.get(index).copied().unwrap_or(REFUSED);
        if first == REFUSED {
            return;
        }
        for offset in (first..).take(self.plan.stride) {
            let hash = self.hash(text, offset as usize);
            let Some(start) = self.grams.starts.get_mut((hash >> self.grams.starts_shift) as usize) else {
                continue;
            };
            *start = start.wrapping_sub(1);
            if let Some(slot) = self.grams.entries.get_mut(*start as usize) {
                *slot = Entry { check: check(hash), group, offset };
            }
        }
    }

    fn hash(&self, text: &[u8], start: usize) -> u64 {
        self.grams.hash(partial_word(text.get(start..start + self.plan.window).unwrap_or_default()))
    }
}

impl From<GramsBuild> for Grams {
    fn from(build: GramsBuild) -> Grams {
        build.grams
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
