//! One pattern after the other, each by memchr's SIMD search for one of its bytes.
//!
//! Worst case: patterns × text length × pattern length byte comparisons.

use memchr::memchr2_iter;

use super::Found;
use super::rarity::rarest_window;
use super::texts::Texts;

/// Patterns to be tried one by one.
#[derive(Default)]
pub(super) struct Linear {
    /// Group, and offset of the byte that is searched for.
    patterns: Vec<(u32, u32)>,
}

impl Linear {
    /// For these groups.
    pub fn new(texts: &Texts, groups: &[u32]) -> Linear {
        let rarest = |group: &u32| (*group, rarest_window(texts.text(*group), 1) as u32);
        Linear { patterns: groups.iter().map(rarest).collect() }
    }

    /// Bytes that so many groups take.
    pub fn bytes_for(groups: usize) -> usize {
        groups.saturating_mul(size_of::<(u32, u32)>())
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Reports what the haystack contains. False when the receiver ended it.
    pub fn search(&self, texts: &Texts, haystack: &[u8], found: &mut impl Found) -> bool {
        for (group, offset) in &self.patterns {
            let offset = *offset as usize;
            let Some(byte) = texts.text(*group).get(offset) else { continue };
            let contained = haystack.get(offset..).is_some_and(|from| {
                memchr2_iter(*byte, byte.to_ascii_uppercase(), from)
                    .any(|start| texts.stands_at(*group, haystack, start))
            });
            if contained && !found.group(*group) {
                return false;
            }
        }
        true
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.patterns.capacity() * size_of::<(u32, u32)>()
    }
}
