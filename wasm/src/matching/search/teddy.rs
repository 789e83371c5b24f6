//! A SIMD prefilter after the idea of Hyperscan's Teddy: eight buckets of patterns, each bucket with the nibbles that
//! its patterns have at three places side by side. Sixteen starts are tried at once with six table look-ups; where
//! all three bytes fit a bucket, its patterns are compared.
//!
//! Of each pattern the rarest three bytes count. Tables accept both cases: the haystack is not folded.
//!
//! Worst case: at every byte of text, all patterns of the set, at most [`MOST_PATTERNS`], are compared.

use super::Found;
use super::rarity::{probability, rarest_window};
use super::texts::{Texts, block_at};
use super::vector::Bytes16;

/// Patterns that eight buckets tell apart well enough.
pub(super) const MOST_PATTERNS: usize = 64;

/// Bytes that a pattern is recognised by.
const WIDTH: usize = 3;

/// Bytes read for sixteen starts.
const STEP: usize = 16 + WIDTH - 1;

/// Starts of sixteen bytes behind which there are those that they are recognised by.
const TAIL_STARTS: usize = 16 + 1 - WIDTH;

/// Nibble tables of one of the three places: bit n stands for bucket n.
#[derive(Clone, Copy, Default)]
struct Place {
    low: [u8; 16],
    high: [u8; 16],
}

/// Prefilter and buckets.
#[derive(Default)]
pub(super) struct Teddy {
    places: [Place; WIDTH],
    /// Group, and where in its text the recognised bytes begin.
    buckets: [Vec<(u32, u32)>; 8],
}

impl Teddy {
    /// For at most [`MOST_PATTERNS`] groups.
    pub fn new(texts: &Texts, groups: &[u32]) -> Teddy {
        let mut this = Teddy::default();
        for group in groups {
            let text = texts.text(*group);
            let offset = rarest_window(text, WIDTH);
            let Some(gram) = text.get(offset..(offset + WIDTH).min(text.len())) else { continue };
            // The bucket that will then still refuse most.
            let cost = |bucket: &usize| {
                let mut tried = this.places;
                admit(&mut tried, *bucket, gram);
                let old = acceptance(&this.places, *bucket);
                (acceptance(&tried, *bucket) - old)
                    * (this.buckets.get(*bucket).map_or(0, Vec::len) + 1) as f32
            };
            let bucket = (0..8).min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or_default();
            admit(&mut this.places, bucket, gram);
            if let Some(bucket) = this.buckets.get_mut(bucket) {
                bucket.push((*group, offset as u32));
            }
        }
        this
    }

    /// Reports what the haystack contains. False when the receiver ended it.
    pub fn search(&self, texts: &Texts, haystack: &[u8], found: &mut impl Found) -> bool {
        let tables = self.places.map(|place| (Bytes16::load(&place.low), Bytes16::load(&place.high)));
        let mut at = 0;
        while let Some(block) = haystack.get(at..).and_then(|rest| rest.first_chunk::<STEP>()) {
            let fits = fits(&tables, block);
            if !fits.is_zero() && !self.verify(texts, haystack, at, fits, found) {
                return false;
            }
            at += 16;
        }
        // What is left is shorter than a step: zeros behind it, and the comparison tells the end.
        while at < haystack.len() {
            let fits = fits(&tables, &block_at(haystack, at));
            if !fits.is_zero() && !self.verify(texts, haystack, at, fits, found) {
                return false;
            }
            at += TAIL_STARTS;
        }
        true
    }

    #[cold]
    fn verify(
        &self,
        texts: &Texts,
        haystack: &[u8],
        at: usize,
        fits: Bytes16,
        found: &mut impl Found,
    ) -> bool {
        let (mut lanes, bytes) = (fits.nonzero(), fits.bytes());
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize;
            lanes &= lanes - 1;
            let mut buckets = bytes.get(lane).copied().unwrap_or_default();
            while buckets != 0 {
                let bucket = self.buckets.get(buckets.trailing_zeros() as usize);
                buckets &= buckets - 1;
                for (group, offset) in bucket.into_iter().flatten() {
                    if let Some(start) = (at + lane).checked_sub(*offset as usize)
                        && !found.has(*group)
                        && texts.stands_at(*group, haystack, start)
                        && !found.group(*group)
                    {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Bytes of memory held beyond the set's own.
    pub fn memory_bytes(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.capacity() * size_of::<(u32, u32)>()).sum()
    }
}

/// By start: the buckets that fit.
#[inline]
fn fits(tables: &[(Bytes16, Bytes16); WIDTH], block: &[u8; STEP]) -> Bytes16 {
    let place = |at: usize| {
        let bytes = Bytes16::load(block.get(at..).and_then(|rest| rest.first_chunk()).unwrap_or(&[0; 16]));
        let (low, high) = tables[at];
        low.pick(bytes.low_nibbles()).and(high.pick(bytes.high_nibbles()))
    };
    place(0).and(place(1)).and(place(2))
}

/// Lets `bucket` accept a gram; beyond a gram of fewer bytes, anything.
fn admit(places: &mut [Place; WIDTH], bucket: usize, gram: &[u8]) {
    let bit = 1u8 << (bucket & 7);
    for (at, place) in places.iter_mut().enumerate() {
        let Some(byte) = gram.get(at) else {
            place.low.iter_mut().chain(&mut place.high).for_each(|entry| *entry |= bit);
            continue;
        };
        for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
            place.low[usize::from(byte & 0x0f)] |= bit;
            place.high[usize::from(byte >> 4)] |= bit;
        }
    }
}

/// Chance that `bucket` accepts a place of a text.
fn acceptance(places: &[Place; WIDTH], bucket: usize) -> f32 {
    let bit = 1u8 << (bucket & 7);
    let accepts = |place: &Place, byte: u8| {
        place.low[usize::from(byte & 0x0f)] & place.high[usize::from(byte >> 4)] & bit != 0
    };
    let chance = |place: &Place| {
        (0..=255u8).filter(|byte| accepts(place, *byte)).map(|byte| probability(&[byte])).sum::<f32>()
    };
    places.iter().map(chance).product()
}
