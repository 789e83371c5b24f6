use super::builder::Many;
use super::*;

/// Ways to search, each of which must find the same.
const ENGINES: [(&str, Algorithm, usize, Many); 5] = [
    ("linear", Algorithm::Linear, 64, Many::Cheapest),
    ("aho-corasick", Algorithm::AhoCorasick, 64, Many::Cheapest),
    ("teddy", Algorithm::Auto, usize::MAX, Many::Cheapest),
    ("grams", Algorithm::Auto, 0, Many::Grams),
    ("anchors", Algorithm::Auto, 0, Many::Anchors),
];

fn set_of(
    patterns: &[(Kind, &[u8])],
    algorithm: Algorithm,
    simd_patterns: usize,
    many: Many,
    step: usize,
) -> PatternSet {
    let mut builder = PatternSetBuilder::new().algorithm(algorithm);
    builder.simd_patterns = simd_patterns;
    builder.many = many;
    for (number, (kind, text)) in patterns.iter().enumerate() {
        assert_eq!(builder.add(*kind, text), Ok(number as u32));
    }
    let mut build = builder.start();
    loop {
        if let Some(set) = build.advance(step).unwrap() {
            return set;
        }
    }
}

fn naive(patterns: &[(Kind, &[u8])], haystack: &[u8]) -> Vec<u32> {
    let haystack = haystack.to_ascii_lowercase();
    let fits = |(kind, text): &(Kind, &[u8])| {
        let text = text.to_ascii_lowercase();
        !text.is_empty()
            && match kind {
                Kind::Contains => haystack.windows(text.len()).any(|window| window == text),
                Kind::Prefix => haystack.starts_with(&text),
                Kind::Suffix => haystack.ends_with(&text),
                Kind::Whole => haystack == text,
            }
    };
    (0u32..).zip(patterns).filter(|(_, pattern)| fits(pattern)).map(|(number, _)| number).collect()
}

#[track_caller]
fn all_find(patterns: &[(Kind, &[u8])], haystacks: &[&[u8]]) {
    for (name, algorithm, simd_patterns, many) in ENGINES {
        let set = set_of(patterns, algorithm, simd_patterns, many, 3);
        let mut matches = Matches::default();
        for haystack in haystacks {
            let expected = naive(patterns, haystack);
            let found = set.find(haystack, &mut matches);
            assert!(
                found == expected,
                "{name}: {found:?} instead of {expected:?} in {} of {:?}",
                haystack.escape_ascii(),
                patterns
                    .iter()
                    .map(|(kind, text)| (kind, text.escape_ascii().to_string()))
                    .collect::<Vec<_>>(),
            );
            assert_eq!(set.matches_any(haystack), !expected.is_empty(), "{name}");
        }
    }
}

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> Vec<u8> {
        (0..length).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

#[test]
fn kinds_case_and_order() {
    use Kind::{Contains, Prefix, Suffix, Whole};
    let vectors: &[(Kind, &str, &str, bool)] = &[
        (Contains, "alice", "Malice", true),
        (Contains, "ALICE", "xaliCe", true),
        (Contains, "*31#", "*31#49", true),
        (Contains, "al*ce", "alice", false),
        (Contains, "al*ce", "al*ce", true),
        (Prefix, "alice", "malice", false),
        (Prefix, "alice", "ALICE1", true),
        (Suffix, "456789", "+49123456789", true),
        (Suffix, "456789", "4567890", false),
        (Whole, "110", "110", true),
        (Whole, "110", "1100", false),
        (Contains, "MÜLLER", "mÜller", true),
        (Contains, "MÜLLER", "müller", false),
        (Contains, "@", "`", false),
        (Contains, "[{", "{[", false),
        (Contains, "", "x", false),
        (Prefix, "", "", false),
        (Suffix, "", "x", false),
        (Whole, "", "", false),
        (Contains, "k", "\u{212a}", false),
    ];
    let patterns: Vec<(Kind, &[u8])> =
        vectors.iter().map(|(kind, text, ..)| (*kind, text.as_bytes())).collect();
    for (number, (_, _, haystack, fits)) in vectors.iter().enumerate() {
        assert_eq!(naive(&patterns, haystack.as_bytes()).contains(&(number as u32)), *fits, "{haystack}");
        all_find(&patterns, &[haystack.as_bytes()]);
        all_find(&patterns[number..=number], &[haystack.as_bytes()]);
    }
}

#[test]
fn equal_patterns_are_all_told() {
    let patterns: Vec<(Kind, &[u8])> = [
        Kind::Contains,
        Kind::Prefix,
        Kind::Contains,
        Kind::Suffix,
        Kind::Whole,
        Kind::Prefix,
        Kind::Contains,
    ]
    .into_iter()
    .zip([&b"alice"[..], b"Alice", b"ALICE", b"alicE", b"alice", b"alice", b"lice"])
    .collect();
    all_find(&patterns, &[b"aLice", b"alicex", b"xalice", b"", b"lice"]);
}

#[test]
fn patterns_that_end_begin_and_hold_others() {
    let texts: Vec<Vec<u8>> = (1..=70).map(|length| vec![b'a'; length]).collect();
    let mut patterns: Vec<(Kind, &[u8])> = texts.iter().map(|text| (Kind::Contains, &text[..])).collect();
    patterns.extend([(Kind::Contains, &b"aaab"[..]), (Kind::Contains, b"ba"), (Kind::Suffix, b"aaa")]);
    let long = vec![b'A'; 3000];
    all_find(
        &patterns,
        &[b"", b"a", b"aaaaaaa", b"aaabaaaa", &long, &[&long[..40], b"b", &long[..20]].concat()],
    );
}

#[test]
fn every_place_and_alignment() {
    let longest = vec![b'q'; PATTERN_BYTES];
    let texts: [&[u8]; 9] =
        [b"z", b"yx", b"wvu", b"x-34", b"56789", b"longer pattern", &longest, b"\0\0\0", b"\xff\xfe"];
    let patterns: Vec<(Kind, &[u8])> = texts.iter().map(|text| (Kind::Contains, *text)).collect();
    let mut buffer = vec![b'.'; 1200];
    for text in &texts {
        for length in [text.len(), text.len() + 1, 15, 16, 17, 31, 32, 33, 34, 35, 48, 70, 1100] {
            for start in (0..(length + 1).saturating_sub(text.len()))
                .filter(|start| *start < 80 || length - start < 1060)
            {
                buffer.fill(b'.');
                buffer[start..start + text.len()].copy_from_slice(text);
                if length < 80 || start % 37 == 0 {
                    all_find(&patterns, &[&buffer[..length]]);
                }
            }
        }
    }
}

#[test]
fn what_all_engines_find_is_what_a_naive_matcher_finds() {
    let alphabets: [&[u8]; 6] = [
        b"ab",
        b"aAbB",
        b"0123456789",
        b"abcdefghijklmnopqrstuvwxyzABC .-@",
        b"\0\x20@`[{",
        &std::array::from_fn::<u8, 256, _>(|at| at as u8),
    ];
    let mut random = Random(0x9e37_79b9);
    for round in 0..600 {
        let alphabet = alphabets[random.below(alphabets.len())];
        let longest = [3, 6, 12, 40][random.below(4)];
        let shortest = 1 + random.below(longest);
        let most = [3, 20, 120][random.below(3)];
        let count = 1 + random.below(most);
        let texts: Vec<(Kind, Vec<u8>)> = (0..count)
            .map(|_| {
                let kind =
                    [Kind::Contains, Kind::Contains, Kind::Contains, Kind::Prefix, Kind::Suffix, Kind::Whole];
                let length = shortest + random.below(longest - shortest + 1);
                (kind[random.below(6)], random.text(alphabet, length))
            })
            .collect();
        let patterns: Vec<(Kind, &[u8])> = texts.iter().map(|(kind, text)| (*kind, &text[..])).collect();
        let mut haystacks = Vec::new();
        for _ in 0..4 {
            let most = [20, 60, 500][random.below(3)];
            let length = random.below(most);
            let mut haystack = random.text(alphabet, length);
            // Patterns somewhere in it, cut short at times.
            for _ in 0..random.below(4) {
                let text = &texts[random.below(texts.len())].1;
                let at = random.below(haystack.len() + 1);
                let cut = text.len() - usize::from(random.below(4) == 0);
                haystack.splice(at..at, text[..cut].to_ascii_uppercase());
            }
            haystacks.push(haystack);
        }
        haystacks.push(texts[round % texts.len()].1.clone());
        all_find(&patterns, &haystacks.iter().map(|haystack| &haystack[..]).collect::<Vec<_>>());
    }
}

#[test]
fn crowded_windows_are_left_to_the_automaton() {
    let texts: Vec<Vec<u8>> = (0..400u32)
        .map(|at| [&vec![b'a'; at as usize % 20][..], b"shared", &vec![b'a'; at as usize / 20][..]].concat())
        .collect();
    let patterns: Vec<(Kind, &[u8])> = texts.iter().map(|text| (Kind::Contains, &text[..])).collect();
    let engines = |many: Many| set_of(&patterns, Algorithm::Auto, 64, many, 7).engines();
    assert_eq!(engines(Many::Grams), "grams+aho-corasick");
    assert_eq!(engines(Many::Anchors), "anchors+aho-corasick");
    assert_eq!(engines(Many::Cheapest), "grams+aho-corasick", "anchors are given up");
    let haystack = [&[b'a'; 12][..], b"SHARED", &[b'A'; 9], b"shared"].concat();
    all_find(&patterns, &[&haystack, &texts[399], b"shared", b"share"]);
}

#[test]
fn auto_goes_by_number_and_length() {
    let engines = |count: usize, short: usize| {
        let texts: Vec<String> = (0..count).map(|at| format!("user-{at:06}-{}", at * 7919 % 1000)).collect();
        let shorts: Vec<String> = (0..short).map(|at| format!("{at:02}")).collect();
        let patterns: Vec<(Kind, &[u8])> =
            texts.iter().chain(&shorts).map(|text| (Kind::Contains, text.as_bytes())).collect();
        set_of(&patterns, Algorithm::Auto, teddy::MOST_PATTERNS, Many::Cheapest, 1000).engines()
    };
    assert_eq!(engines(0, 0), "");
    assert_eq!(engines(64, 0), "teddy");
    assert_eq!(engines(65, 0), "grams");
    assert_eq!(engines(1000, 3), "teddy+grams");
    assert_eq!(engines(1000, 100), "grams+aho-corasick");
    let numbers: Vec<String> = (0..1000).map(|at| format!("+4915{:08}", at * 7_919)).collect();
    let patterns: Vec<(Kind, &[u8])> =
        numbers.iter().map(|number| (Kind::Contains, number.as_bytes())).collect();
    let set = set_of(&patterns, Algorithm::Auto, teddy::MOST_PATTERNS, Many::Cheapest, 1000);
    assert_eq!(set.engines(), "anchors", "a plus is rare");
}

#[test]
fn matches_serve_sets_of_any_size_one_after_the_other() {
    let mut matches = Matches::default();
    for round in 0..5 {
        for texts in [&["a", "b", "c", "d"][..], &["x"], &["d", "a"]] {
            let patterns: Vec<(Kind, &[u8])> =
                texts.iter().map(|text| (Kind::Contains, text.as_bytes())).collect();
            let set = set_of(&patterns, Algorithm::AhoCorasick, 64, Many::Cheapest, 1);
            assert_eq!(set.find(b"xad", &mut matches), naive(&patterns, b"xad"));
        }
        // The count of searches begins anew.
        if round == 2 {
            matches.search = u32::MAX - 1;
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut builder = PatternSetBuilder::new();
    assert_eq!(builder.add(Kind::Contains, &[b'x'; PATTERN_BYTES + 1]), Err(BuildError::TooLong));
    assert_eq!(builder.add(Kind::Contains, b"fits"), Ok(0), "the refused pattern left nothing behind");
    for algorithm in [Algorithm::Auto, Algorithm::AhoCorasick, Algorithm::Linear] {
        let (mut refused, mut made) = (0, 0);
        for limit in (12..22).map(|bits| 1 << bits) {
            let mut builder = PatternSetBuilder::new().algorithm(algorithm).memory_limit(limit);
            let added = (0..2000u32)
                .try_for_each(|at| builder.add(Kind::Contains, format!("{at:09}").as_bytes()).map(drop));
            match added.and_then(|()| builder.build()) {
                Ok(set) => {
                    assert!(set.memory_bytes() <= limit, "{algorithm:?}: {} of {limit}", set.memory_bytes());
                    assert_eq!(set.find(b"x000001999", &mut Matches::default()), [1999]);
                    made += 1;
                }
                Err(error) => {
                    assert_eq!(error, BuildError::TooLarge, "{algorithm:?}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 0 && made > 0, "{algorithm:?}: {refused} refused, {made} made");
    }
}

#[test]
fn what_was_added_can_be_built() {
    let mut random = Random(7);
    for round in 0..60 {
        let algorithm = [Algorithm::Auto, Algorithm::AhoCorasick, Algorithm::Linear][round % 3];
        let mut builder =
            PatternSetBuilder::new().algorithm(algorithm).memory_limit(1 << (12 + round / 3 % 10));
        let longest = [6, 12, 300][random.below(3)];
        let mut kept = Vec::new();
        let mut refused = 0;
        for _ in 0..3000 {
            let length = 1 + random.below(longest);
            let text = random.text([&b"0123456789"[..], b"ab", b"abcdefgh.@"][round % 3], length);
            let kind = [Kind::Contains, Kind::Contains, Kind::Suffix][random.below(3)];
            match builder.add(kind, &text) {
                Ok(_) => kept.push(text),
                Err(error) => {
                    assert_eq!(error, BuildError::TooLarge);
                    refused += 1;
                }
            }
        }
        let set = builder.build().unwrap();
        assert_eq!(set.len(), kept.len());
        assert!(round / 3 % 10 > 3 || refused > 0);
        for (number, text) in kept.iter().enumerate().step_by(37) {
            assert!(set.find(text, &mut Matches::default()).contains(&(number as u32)), "{}", set.engines());
        }
    }
}

#[test]
fn algorithms_have_names() {
    assert_eq!(Algorithm::from_name("auto"), Some(Algorithm::Auto));
    assert_eq!(Algorithm::from_name("linear"), Some(Algorithm::Linear));
    assert_eq!(Algorithm::from_name("aho-corasick"), Some(Algorithm::AhoCorasick));
    assert_eq!(Algorithm::from_name("simple"), None);
}

#[test]
fn many_patterns_are_told_apart() {
    let text = |at: u32| format!("user{:06}.{}", at.wrapping_mul(7919) % 1_000_000, at % 10);
    let texts: Vec<String> = (0..20_000).map(text).collect();
    let patterns: Vec<(Kind, &[u8])> = texts.iter().map(|text| (Kind::Contains, text.as_bytes())).collect();
    for (_, algorithm, _, many) in [ENGINES[1], ENGINES[3], ENGINES[4]] {
        let set = set_of(&patterns, algorithm, teddy::MOST_PATTERNS, many, 777);
        let mut matches = Matches::default();
        for at in (0..20_000).step_by(61) {
            let (one, other) = (&texts[at], &texts[20_000 - 1 - at]);
            let expected: Vec<u32> = if at < 10_000 {
                vec![at as u32, 19_999 - at as u32]
            } else {
                vec![19_999 - at as u32, at as u32]
            };
            let haystack = format!("sip:{}@host, x{other};user0", one.to_uppercase());
            assert_eq!(set.find(haystack.as_bytes(), &mut matches), expected, "{}", set.engines());
            assert_eq!(
                set.find(text(20_000 + at as u32).as_bytes(), &mut matches),
                [0u32; 0],
                "{}",
                set.engines()
            );
        }
    }
}

/// Texts whose windows are nearly all the same, so that only an automaton is good for them, which is large.
fn crowded(number: u32) -> Vec<u8> {
    let bits = number.wrapping_mul(0x9e37_79b9);
    (0..20).flat_map(|at| [b"ab"[(bits >> at & 1) as usize]; 20]).collect()
}

#[test]
fn surplus_patterns_are_left_out_by_number() {
    for limit in [3 << 20, 4 << 20, 8 << 20] {
        let mut builder = PatternSetBuilder::new().memory_limit(limit);
        let texts: Vec<Vec<u8>> = (0..3000).map(crowded).collect();
        for text in &texts {
            builder.add(Kind::Contains, text).unwrap();
        }
        // A text that is left out is so for all its patterns.
        builder.add(Kind::Contains, &texts[2999]).unwrap();
        builder.add(Kind::Suffix, b"end").unwrap();
        let mut build = builder.start();
        let set = loop {
            if let Some(set) = build.advance(100).unwrap() {
                break set;
            }
        };
        assert!(set.memory_bytes() <= limit, "{} of {limit}", set.memory_bytes());
        let left_out = set.left_out();
        assert!(left_out.contains(&2999) && left_out.contains(&3000) && left_out.len() < 3001, "{limit}");
        let mut matches = Matches::default();
        for (number, text) in (0u32..).zip(&texts) {
            let found = set.find(text, &mut matches).contains(&number);
            assert_eq!(found, !left_out.contains(&number), "{number}");
        }
        assert_eq!(set.find(b"the end", &mut matches), [3001]);
    }
}

#[test]
fn what_tells_long_patterns_apart_may_stand_anywhere_in_them() {
    for (before, after) in [(70, 70), (130, 130), (5, 400), (250, 20)] {
        let text = |at: u32| format!("{}{:06}{}", "p".repeat(before), at * 7, "s".repeat(after));
        let texts: Vec<String> = (0..2000).map(text).collect();
        let patterns: Vec<(Kind, &[u8])> =
            texts.iter().map(|text| (Kind::Contains, text.as_bytes())).collect();
        let set = set_of(&patterns, Algorithm::Auto, 64, Many::Grams, 100);
        assert_eq!(set.engines(), "grams", "{before} and {after} bytes in common");
        let mut matches = Matches::default();
        for at in [0, 7, 1999] {
            let haystack = format!("GET {} HTTP/1.1", texts[at as usize]);
            assert_eq!(set.find(haystack.as_bytes(), &mut matches), [at]);
        }
    }
}
