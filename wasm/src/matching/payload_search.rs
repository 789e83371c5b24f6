//! A pattern set by itself, for batches of payloads that no capture record carries: the `cpu-simd` backend.

use super::search::{Algorithm, Kind, Matches, PatternSet, PatternSetBuilder};

/// A set of patterns and the memory to search with it.
pub struct PayloadSearch {
    set: PatternSet,
    matches: Matches,
}

impl PayloadSearch {
    /// Makes the set of `texts`, which stand back to back: pattern `n` ends at `ends[n]` and stands where `kinds[n]`
    /// says: 0 anywhere, 1 at the beginning, 2 at the end, 3 from the beginning to the end. It may take `memory_limit`
    /// bytes. The error names the pattern, counted from 1.
    pub fn new(texts: &[u8], ends: &[u32], kinds: &[u8], memory_limit: usize) -> Result<Self, String> {
        let mut builder = PatternSetBuilder::new().algorithm(Algorithm::Auto).memory_limit(memory_limit);
        for (number, (text, kind)) in pieces(texts, ends).zip(kinds).enumerate() {
            if text.is_empty() {
                return Err(format!("pattern {} is empty", number + 1));
            }
            let kind = match kind {
                1 => Kind::Prefix,
                2 => Kind::Suffix,
                3 => Kind::Whole,
                _ => Kind::Contains,
            };
            builder.add(kind, text).map_err(|error| format!("pattern {}: {error}", number + 1))?;
        }
        let set = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { set, matches: Matches::default() })
    }

    /// Searches `payloads`, which stand back to back, payload `n` up to `ends[n]`. For each of them the answer has the
    /// number of patterns found, and then their numbers, ascending.
    pub fn find(&mut self, payloads: &[u8], ends: &[u32]) -> Vec<u32> {
        let mut answer = Vec::with_capacity(ends.len());
        for payload in pieces(payloads, ends) {
            let found = self.set.find(payload, &mut self.matches);
            answer.push(found.len() as u32);
            answer.extend_from_slice(found);
        }
        answer
    }
}

/// The pieces of `bytes` that end at `ends`; an end that makes no sense gives an empty one.
fn pieces<'a>(bytes: &'a [u8], ends: &'a [u32]) -> impl Iterator<Item = &'a [u8]> {
    let mut start = 0;
    ends.iter().map(move |&end| {
        let piece = bytes.get(start..end as usize).unwrap_or_default();
        start = end as usize;
        piece
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_payload() {
        let mut search = PayloadSearch::new(b"aliceababb", &[5, 7, 8, 10], &[0, 1, 2, 3], 1 << 20).unwrap();
        let answer = search.find(b"xALICEabba", &[6, 6, 9, 10]);
        assert_eq!(answer, [1, 0, 0, 1, 1, 1, 2]);
        let answer = search.find(b"bb", &[2]);
        assert_eq!(answer, [1, 3]);
    }

    #[test]
    fn ends_without_sense_are_empty() {
        let mut search = PayloadSearch::new(b"a", &[1], &[0], 1 << 20).unwrap();
        assert_eq!(search.find(b"aa", &[9, 1, 2, u32::MAX]), [0, 0, 1, 0, 0]);
    }

    #[test]
    fn what_is_refused_is_named() {
        assert_eq!(PayloadSearch::new(b"a", &[1, 1], &[0, 0], 1 << 20).err().unwrap(), "pattern 2 is empty");
        let long = vec![b'x'; 1025];
        let error = PayloadSearch::new(&long, &[1025], &[0], 1 << 20).err().unwrap();
        assert!(error.starts_with("pattern 1: ") && error.contains("1024"), "{error}");
        assert!(PayloadSearch::new(b"abc", &[1, 2, 3], &[0, 0, 0], 10).is_err());
    }
}
