//! Patterns and a text, of the input's bytes: every algorithm finds what a naive matcher finds, the set built in steps of
//! any size.
#![no_main]

mod input;

use caracal_engine::matching::search::{Algorithm, Kind, Matches, PatternSet, PatternSetBuilder};
use input::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let (step, copies) = (1 + usize::from(input.u8()), [0, 0, 7, 40][usize::from(input.u8() & 3)]);
    let mut patterns = Vec::new();
    for _ in 0..input.u8() & 31 {
        let kind = [
            Kind::Contains,
            Kind::Contains,
            Kind::Contains,
            Kind::Contains,
            Kind::Prefix,
            Kind::Suffix,
            Kind::Whole,
        ][usize::from(input.u8() % 7)];
        let length = input.u8();
        let text = input.bytes(usize::from(length));
        patterns.push((kind, text.to_vec()));
        // Like it, but for a byte: more patterns than the small sets have, and crowded ones.
        for copy in 0..copies {
            let mut text = text.to_vec();
            if let Some(byte) = text.get_mut(copy % 13) {
                *byte = byte.wrapping_add(copy as u8);
            }
            patterns.push((kind, text));
        }
    }
    let text = input.rest();
    let sets = [Algorithm::Auto, Algorithm::Linear, Algorithm::AhoCorasick]
        .map(|algorithm| build(&patterns, algorithm, step));
    let mut matches = Matches::default();
    let (first, second) = text.split_at(text.len() / 2);
    for part in [text, first, second, &text[text.len().min(1)..]] {
        let expected = naive(&patterns, part);
        for set in &sets {
            assert_eq!(set.find(part, &mut matches), expected, "{}", set.engines());
            assert_eq!(set.matches_any(part), !expected.is_empty(), "{}", set.engines());
        }
    }
});

fn build(patterns: &[(Kind, Vec<u8>)], algorithm: Algorithm, step: usize) -> PatternSet {
    let mut builder = PatternSetBuilder::new().algorithm(algorithm);
    for (number, (kind, text)) in patterns.iter().enumerate() {
        assert_eq!(builder.add(*kind, text), Ok(number as u32));
    }
    let mut build = builder.start();
    loop {
        if let Some(set) = build.advance(step).expect("a small set") {
            return set;
        }
    }
}

fn naive(patterns: &[(Kind, Vec<u8>)], text: &[u8]) -> Vec<u32> {
    let text = text.to_ascii_lowercase();
    let fits = |(_, (kind, pattern)): &(u32, &(Kind, Vec<u8>))| {
        let pattern = pattern.to_ascii_lowercase();
        !pattern.is_empty()
            && match kind {
                Kind::Contains => text.windows(pattern.len()).any(|window| window == pattern),
                Kind::Prefix => text.starts_with(&pattern),
                Kind::Suffix => text.ends_with(&pattern),
                Kind::Whole => text == pattern,
            }
    };
    (0u32..).zip(patterns).filter(fits).map(|(number, _)| number).collect()
}
