use super::super::names::{self, NameError};
use super::super::stream::{looks_like_dns, messages};
use super::super::{Analyzer, FlowView};
use super::*;

/// Decodes the name at `start` behind a prefix that must be left alone.
fn name(message: &[u8], start: usize) -> Option<(String, usize)> {
    let mut text = b"before".to_vec();
    let end = names::decode(message, start, &mut text);
    assert!(text.starts_with(b"before"));
    match end {
        Some(end) => Some((string(&text[6..]), end)),
        None => {
            assert_eq!(text, b"before", "nothing of a bad name is left");
            None
        }
    }
}

#[test]
fn text_of_names() {
    for (wire, expected) in [
        ("00", ""),
        ("016100", "a"),
        ("0141016200", "A.b"),
        ("03612e6200", r"a\.b"),
        ("03615c6200", r"a\\b"),
        ("03612062 00", "a b"),
        ("0400091f7f 00", r"\000\009\031\127"),
        ("02ff41 00", r"\255A"),
        ("02c3a9 00", "é"),
        ("02c285 00", r"\194\133"),
        ("02c2a0 00", "\u{a0}"),
        ("03e282ac 00", "€"),
        ("02e282 01ac 00", r"\226\130.\172"),
        ("03eda080 00", r"\237\160\128"),
        ("04f09f9880 00", "😀"),
        ("02c080 00", r"\192\128"),
    ] {
        let wire = hex(wire);
        assert_eq!(name(&wire, 0), Some((expected.to_string(), wire.len())));
        assert_eq!(names::skip(&wire, 0), Ok(wire.len()));
    }
}

#[test]
fn rules_of_names() {
    use NameError::{Cut, Malformed};
    let label = |length: usize| [vec![length as u8], vec![b'x'; length]].concat();
    let longest = [label(63), label(63), label(63), label(61), vec![0]].concat();
    let too_long = [label(63), label(63), label(63), label(62), vec![0]].concat();
    assert_eq!((longest.len(), too_long.len()), (255, 256));
    assert!(name(&longest, 0).is_some());
    assert_eq!(names::skip(&longest, 0), Ok(255));
    assert_eq!(name(&too_long, 0), None);
    assert_eq!(names::skip(&too_long, 0), Err(Malformed));
    // The limit counts what a pointer adds: 252 octets, and 3 or 4 before them.
    let tail = [label(63), label(63), label(63), label(58), vec![0]].concat();
    for (length, fits) in [(2, true), (3, false)] {
        let message = [tail.clone(), label(length), vec![0xc0, 0x00]].concat();
        assert_eq!(name(&message, tail.len()).is_some(), fits, "{length}");
    }
    for (wire, start, expected, skipped) in [
        ("", 0, None, Err(Cut)),
        ("01", 0, None, Err(Cut)),
        ("0161", 0, None, Err(Cut)),
        ("0261", 0, None, Err(Cut)),
        ("c0", 0, None, Err(Cut)),
        ("4000", 0, None, Err(Malformed)),
        ("8000", 0, None, Err(Malformed)),
        ("bf00", 0, None, Err(Malformed)),
        // To itself, forward, into the run of labels that it ends.
        ("c000", 0, None, Err(Malformed)),
        ("c0020000", 0, None, Err(Malformed)),
        ("0161c000", 0, None, Err(Malformed)),
        ("0161c001", 0, None, Err(Malformed)),
        ("0000000161c003", 3, None, Err(Malformed)),
        // Back to the root, to a name, to a pointer.
        ("000161c000", 1, Some(("a", 5)), Ok(5)),
        ("0161000162c000", 3, Some(("b.a", 7)), Ok(7)),
        ("016100c000c003", 5, Some(("a", 7)), Ok(7)),
        // What is pointed to leads back to where the pointer is: two names, each pointing to the other.
        ("0161c0040162c000", 4, None, Ok(8)),
        // A pointer to something that is no name.
        ("40000161c000", 2, None, Ok(6)),
    ] {
        let message = hex(wire);
        let expected = expected.map(|(text, end)| (String::from(text), end));
        assert_eq!(name(&message, start), expected, "{wire} at {start}");
        assert_eq!(names::skip(&message, start), skipped, "{wire} at {start}");
    }
}

#[test]
fn pointer_chains_are_short() {
    // A name, and pointers each to the one before.
    let mut message = hex("016100");
    for target in std::iter::once(0).chain((3..).step_by(2)).take(200) {
        message.extend_from_slice(&[0xc0 | (target >> 8) as u8, target as u8]);
    }
    let at = |pointers: usize| 3 + 2 * (pointers - 1);
    assert_eq!(name(&message, at(127)).map(|(text, _)| text), Some("a".to_string()));
    assert_eq!(name(&message, at(128)), None);
}

#[test]
fn names_survive_the_round_trip() {
    // Text back to labels, as RFC 1035 5.1 says.
    fn labels(text: &[u8]) -> Vec<Vec<u8>> {
        let mut labels = vec![Vec::new()];
        let mut at = 0;
        while let Some(&octet) = text.get(at) {
            match (octet, text.get(at + 1)) {
                (b'.', _) => labels.push(Vec::new()),
                (b'\\', Some(digit)) if digit.is_ascii_digit() => {
                    let value = std::str::from_utf8(&text[at + 1..at + 4]).unwrap().parse().unwrap();
                    labels.last_mut().unwrap().push(value);
                    at += 3;
                }
                (b'\\', Some(other)) => {
                    labels.last_mut().unwrap().push(*other);
                    at += 1;
                }
                _ => labels.last_mut().unwrap().push(octet),
            }
            at += 1;
        }
        labels
    }
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..20_000 {
        let mut expected = Vec::new();
        let mut wire = Vec::new();
        for _ in 0..=random.below(5) {
            let length = 1 + random.below(20);
            let label: Vec<u8> = (0..length)
                .map(|_| match random.below(4) {
                    0 => random.next() as u8,
                    1 => b".\\ \x7f\xc2\x85\xc3\xa9"[random.below(8)],
                    _ => b'a' + random.below(26) as u8,
                })
                .collect();
            wire.push(length as u8);
            wire.extend_from_slice(&label);
            expected.push(label);
        }
        wire.push(0);
        let (text, _) = name(&wire, 0).unwrap();
        assert_eq!(labels(text.as_bytes()), expected, "{text}");
        assert!(!text.chars().any(char::is_control), "{text}");
    }
}

/// Everything that takes octets from outside, and what must hold of the result.
fn feed(
    payload: &[u8],
    mdns: bool,
    message: &mut Message,
    analyzer: &mut Analyzer,
    out: &mut Vec<u8>,
) -> Outcome {
    let outcome = message.parse(payload, mdns);
    assert_eq!(outcome == Outcome::NotDns, payload.len() < 12);
    assert!(message.consumed() <= payload.len());
    for name in message.names() {
        assert!(std::str::from_utf8(name).is_ok());
    }
    let mut used = 0;
    for answer in message.answers() {
        for span in [answer.name, answer.data] {
            let text = std::str::from_utf8(message.text(span)).expect("text is UTF-8");
            assert!(!text.chars().any(char::is_control), "{text:?}");
            used += text.len();
        }
    }
    assert!(used <= (16 * 1024).max(2 * payload.len()));
    out.clear();
    write_info(message, out);
    assert!(std::str::from_utf8(out).is_ok());
    let flow = FlowView { transport: 17, scored: true, ..FlowView::default() };
    let verdict = analyzer.observe(message, &flow, 0);
    assert!((0.0..=1.0).contains(&verdict.tunneling_score), "{verdict:?}");
    assert!((0.0..=8.0).contains(&verdict.entropy_score), "{verdict:?}");
    looks_like_dns(payload, payload.len());
    for framed in messages(payload) {
        assert!(framed.bytes.len() >= 12 && framed.bytes.len() <= framed.length);
        assert_eq!(framed.complete, framed.bytes.len() == framed.length);
    }
    outcome
}

#[test]
fn no_input_panics() {
    let corpus: Vec<Vec<u8>> = VECTORS.iter().map(|vector| hex(vector)).chain(records()).collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut message = Message::new();
    let mut analyzer = Analyzer::new(true);
    let mut out = Vec::new();
    let mut outcomes = [0u32; 3];
    for round in 0..100_000 {
        let mut payload = corpus[random.below(corpus.len())].clone();
        if round % 10 == 0 {
            payload = (0..random.below(200)).map(|_| random.next() as u8).collect();
        }
        for _ in 0..random.below(6) {
            let at = random.below(payload.len());
            match random.below(5) {
                0 => payload.truncate(at),
                1 if at < payload.len() => payload[at] = random.next() as u8,
                2 if at < payload.len() => payload[at] ^= 1 << random.below(8),
                3 if at < payload.len() => payload[at] = [0, 0xc0, 0xff, 0x3f, 0x40, 12][random.below(6)],
                _ => {
                    let other = &corpus[random.below(corpus.len())];
                    let piece = &other[random.below(other.len())..];
                    payload.splice(at..at, piece.iter().copied());
                }
            }
        }
        let outcome = feed(&payload, round % 2 == 0, &mut message, &mut analyzer, &mut out);
        outcomes[outcome as usize] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 1000), "{outcomes:?}");
}

/// One response per type that has a presentation form, each with some data.
fn records() -> Vec<Vec<u8>> {
    let data = hex("0001 0161c00c 0001 0003 026832 0004 0004 c0000201");
    (1..=263).map(|rr_type| answering(7, "a.example.com", rr_type, &data)).collect()
}

#[test]
fn every_cut_of_every_message() {
    let mut message = Message::new();
    let mut analyzer = Analyzer::new(true);
    let mut out = Vec::new();
    for payload in VECTORS.iter().map(|vector| hex(vector)).chain(records()) {
        for length in 0..=payload.len() {
            feed(&payload[..length], false, &mut message, &mut analyzer, &mut out);
        }
    }
}

#[test]
fn names_are_checked_and_hashed_by_the_rules_that_they_are_decoded_by() {
    let mut state = 5u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for _ in 0..20_000 {
        let mut message: Vec<u8> = (0..64)
            .map(|_| match random() % 4 {
                0 => random() % 8,
                1 => 0xc0 | (random() & 1),
                _ => random(),
            })
            .collect();
        let start = usize::from(random()) % 64;
        let end = names::decode(&message, start, &mut Vec::new());
        assert_eq!(names::check(&message, start), end);
        let hash = names::hash(&message, start);
        assert_eq!(hash.map(|(_, end)| end), end);
        // Letters alone, not the lengths, which are too small to be letters.
        for octet in &mut message {
            *octet = octet.to_ascii_lowercase();
        }
        assert_eq!(names::hash(&message, start), hash);
    }
    let whole = hex("03777777 07657861 6d706c65 03636f6d 00");
    let mut compressed = hex("07455841 6d706c65 03434f4d 00");
    let start = compressed.len();
    compressed.extend(hex("03575757 c000"));
    assert_eq!(names::hash(&whole, 0).unwrap().0, names::hash(&compressed, start).unwrap().0);
    assert_ne!(names::hash(&whole, 0).unwrap().0, names::hash(&whole, 4).unwrap().0);
}
