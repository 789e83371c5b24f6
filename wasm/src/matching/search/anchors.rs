//! An anchored hash filter, for large sets. Of every pattern a pair of bytes that is rare in traffic is its anchor, and
//! up to eight bytes from there on, the window, are known by their hash, and so are some more of them, the run. SIMD
//! finds the places of a text where an anchor can be, sixteen at once, by tables much as in [`super::teddy`], but
//! for all patterns together. There a bit filter refuses most windows by their hash; where one passes, the run is looked
//! up, and the patterns listed there are compared.
//!
//! Few different anchors serve all patterns: they are chosen as a weighted set cover of a sample of the patterns, by the
//! chance of the pair in traffic. Each pattern has one window only: the filter stays small enough for a processor's
//! caches. Places are collected first and looked up then, four at a time: a branch that depends on the text costs more
//! than the look-up.
//!
//! Patterns whose runs are all shared by more than [`MOST_SHARING`](build::MOST_SHARING) are left to others.
//!
//! Worst case: at every byte of text, a window is looked up, and as many patterns compared.

mod build;

pub(super) use build::{AnchorsBuild, Bounds, Progress, SHORTEST, shortest};

use super::Found;
use super::lists::{Bits, FOLD, Lists, run_hash};
use super::texts::{Texts, block_at, spread, word_at};
use super::vector::Bytes16;

/// Longest window, bytes.
const WINDOW: usize = 8;

/// Words of 64 bits in the bit filter of small sets: 16 KiB.
const SMALL_FILTER: usize = 1 << 11;

/// And of all others: 256 KiB.
const LARGE_FILTER: usize = 1 << 15;

/// Starts per step of the search: one bit of a word for each.
const STEP: usize = 64;

/// Starts whose anchors are collected before windows are looked up.
const SPAN: usize = 256;

/// Anchors written and looked up at once, whether there are so many or not: so nothing has to be guessed.
const AT_ONCE: usize = 4;

/// What bytes can stand at one of the two places of an anchor: bit n for the n-th set of pairs. By the lowest five bits
/// of a byte, in two halves, and by its upper four.
#[derive(Clone, Copy, Default)]
struct Tables {
    low: [[u8; 16]; 2],
    high: [u8; 16],
}

/// Anchors and windows.
pub(super) struct Anchors {
    tables: [Tables; 2],
    /// Bytes of a window, as those of a word.
    mask: u64,
    width: usize,
    /// Bytes of a run.
    run: usize,
    filter: Filter,
    lists: Lists,
}

/// The windows and the runs that are known.
enum Filter {
    Small(Bits<SMALL_FILTER>, Bits<{ SMALL_FILTER / 2 }>),
    Large(Bits<LARGE_FILTER>, Bits<{ LARGE_FILTER / 2 }>),
}

impl Anchors {
    /// Reports what the haystack contains. False when the receiver ended it.
    pub fn search(&self, texts: &Texts, haystack: &[u8], found: &mut impl Found) -> bool {
        match &self.filter {
            Filter::Small(bits, runs) => self.search_with((bits, runs), texts, haystack, found),
            Filter::Large(bits, runs) => self.search_with((bits, runs), texts, haystack, found),
        }
    }

    #[inline]
    fn search_with<const WORDS: usize, const RUN_WORDS: usize>(
        &self,
        filter: (&Bits<WORDS>, &Bits<RUN_WORDS>),
        texts: &Texts,
        haystack: &[u8],
        found: &mut impl Found,
    ) -> bool {
        let tables = self.tables.map(|Tables { low: [low, other], high }| {
            (Bytes16::load(&low), Bytes16::load(&other), Bytes16::load(&high))
        });
        let mut at = 0;
        if haystack.len() >= STEP + WINDOW {
            let mut places = [0u8; SPAN + AT_ONCE];
            while let Some(span) = haystack.get(at..).filter(|rest| rest.len() >= STEP + WINDOW) {
                let (passed, count) = collect(&tables, span, &mut places);
                let places = places.get(..count.next_multiple_of(AT_ONCE)).unwrap_or_default();
                if !self.look_up(filter, texts, haystack, at, places, found) {
                    return false;
                }
                at += passed;
            }
        }
        while let Some(block) = haystack.get(at..).and_then(|rest| rest.first_chunk()) {
            let lanes = fits(&tables, block);
            if lanes != 0 && !self.look_up_lanes(filter, texts, haystack, at, lanes, found) {
                return false;
            }
            at += 16;
        }
        // Zeros behind the end: a window that would need them is none.
        if at + self.run <= haystack.len() {
            let lanes = fits(&tables, &block_at(haystack, at));
            return lanes == 0 || self.look_up_lanes(filter, texts, haystack, at, lanes, found);
        }
        true
    }

    /// Looks up the windows at places behind `base`, where eight bytes are left at least.
    #[inline(never)]
    fn look_up<const WORDS: usize, const RUN_WORDS: usize>(
        &self,
        (bits, runs): (&Bits<WORDS>, &Bits<RUN_WORDS>),
        texts: &Texts,
        haystack: &[u8],
        base: usize,
        places: &[u8],
        found: &mut impl Found,
    ) -> bool {
        let Some(span) = haystack.get(base..) else { return true };
        let (fours, _) = places.as_chunks::<AT_ONCE>();
        fours.iter().all(|places| {
            let hashes = places.map(|place| {
                let word = span.get(usize::from(place)..).and_then(|rest| rest.first_chunk());
                window_hash(word.map_or(0, |word| u64::from_le_bytes(*word)), self.mask)
            });
            let [a, b, c, d] = hashes.map(|hash| bits.may_know(hash));
            (a | b | c | d) & 1 == 0
                || places.iter().zip([a, b, c, d]).all(|(place, known)| {
                    known & 1 == 0 || self.report(runs, texts, haystack, base + usize::from(*place), found)
                })
        })
    }

    #[inline(never)]
    fn look_up_lanes<const WORDS: usize, const RUN_WORDS: usize>(
        &self,
        (bits, runs): (&Bits<WORDS>, &Bits<RUN_WORDS>),
        texts: &Texts,
        haystack: &[u8],
        at: usize,
        mut lanes: u16,
        found: &mut impl Found,
    ) -> bool {
        while lanes != 0 {
            let place = at + lanes.trailing_zeros() as usize;
            lanes &= lanes - 1;
            let hash = window_hash(word_at(haystack, place), self.mask);
            if bits.may_know(hash) & 1 != 0 && !self.report(runs, texts, haystack, place, found) {
                return false;
            }
        }
        true
    }

    /// Reports the patterns with the run at `place`.
    #[inline]
    fn report<const WORDS: usize>(
        &self,
        runs: &Bits<WORDS>,
        texts: &Texts,
        haystack: &[u8],
        place: usize,
        found: &mut impl Found,
    ) -> bool {
        haystack.get(place..place + self.run).map(run_hash).is_none_or(|hash| {
            runs.may_know(hash) & 1 == 0 || self.lists.report(hash, texts, haystack, place, found)
        })
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        12 * LARGE_FILTER + self.lists.memory_bytes()
    }
}

/// The starts where a pair can be an anchor.
#[inline]
fn fits(tables: &[(Bytes16, Bytes16, Bytes16); 2], block: &[u8; 17]) -> u16 {
    let place = |at: usize| {
        let bytes = Bytes16::load(block.get(at..).and_then(|rest| rest.first_chunk()).unwrap_or(&[0; 16]));
        let (low, other, high) = tables[at];
        let five = bytes.low_five();
        low.pick(five).or(other.pick(five.minus_16())).and(high.pick(bytes.high_nibbles()))
    };
    place(0).and(place(1)).nonzero()
}

/// Collects the places of a span where an anchor can be: how many bytes it looked at, and how many places there are.
#[inline]
fn collect(
    tables: &[(Bytes16, Bytes16, Bytes16); 2],
    span: &[u8],
    places: &mut [u8; SPAN + AT_ONCE],
) -> (usize, usize) {
    let (mut at, mut count) = (0, 0);
    while at < SPAN
        && let Some(block) = span.get(at..).and_then(|rest| rest.first_chunk::<{ STEP + WINDOW }>())
    {
        let lanes = |start: usize| {
            let block = block.get(start..).and_then(|rest| rest.first_chunk());
            u64::from(block.map_or(0, |block| fits(tables, block))) << start
        };
        let mut lanes = lanes(0) | lanes(16) | lanes(32) | lanes(48);
        let end = count + lanes.count_ones() as usize;
        loop {
            let slots = places.get_mut(count..).and_then(|rest| rest.first_chunk_mut::<AT_ONCE>());
            for slot in slots.into_iter().flatten() {
                *slot = (at + lanes.trailing_zeros() as usize) as u8;
                lanes &= lanes.wrapping_sub(1);
            }
            count += AT_ONCE;
            if count >= end {
                break;
            }
        }
        count = end;
        at += STEP;
    }
    (at, count)
}

/// Hash of the window that a word begins with.
#[inline]
fn window_hash(word: u64, mask: u64) -> u64 {
    spread((word | FOLD) & mask)
}
