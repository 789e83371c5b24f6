use super::super::entropy::Entropy;
use super::super::name_facts::{NameFacts, NameReader, hash};
use super::super::tunneling::{Detector, MAX_DOMAINS, MAX_IDLE_NS, MAX_SUBDOMAINS, Sample};
use super::super::{Analyzer, FlowView, Verdict, suffix};
use super::*;

const A: u16 = 1;
const NULL: u16 = 10;
const TXT: u16 = 16;

/// An analyzer with one flow.
struct Session {
    analyzer: Analyzer,
    flow: FlowView,
    time: i64,
}

impl Session {
    fn new() -> Self {
        Self {
            analyzer: Analyzer::new(true),
            flow: FlowView {
                transport: 17,
                source_port: 40_000,
                destination_port: 53,
                scored: true,
                ..FlowView::default()
            },
            time: 1_700_000_000_000_000_000,
        }
    }

    fn observe(&mut self, payload: &[u8]) -> Verdict {
        self.time += 1_000_000;
        self.analyzer.observe(&parsed(payload).0, &self.flow, self.time)
    }

    fn query(&mut self, name: &str, rr_type: u16) -> f64 {
        self.observe(&asking(1, 0x0100, name, rr_type)).tunneling_score
    }
}

#[track_caller]
fn close(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 1e-6, "{actual} is not {expected}");
}

#[test]
fn entropies() {
    let mut entropy = Entropy::new();
    let mut normal = Vec::new();
    for (text, expected) in [
        ("", 0.0),
        ("...", 0.0),
        ("aa", 0.0),
        ("ab", 1.0),
        ("AbAb", 1.0),
        ("example.com", 2.921928),
        ("www.example.com", 3.026987),
        ("0123456789abcdef.com", 4.142664),
        ("aGVsbG93b3JsZHRoaXNpc2F0ZXN0.suspicious.example.com", 4.431128),
        // Escapes are the octets that they stand for: here four that differ, and two that do not.
        (r"\000\001\002\003", 2.0),
        (r"\255\255", 0.0),
        // An escaped dot is a character, a backslash and its escape are one.
        (r"\.\..", 0.0),
        (r"a\.", 1.0),
        (r"\\\\", 0.0),
        (r"a\097", 0.0),
        // Characters, not octets; in lower case.
        ("éÉ", 0.0),
        ("é€", 1.0),
        ("日本", 1.0),
    ] {
        suffix::normalize(text.as_bytes(), &mut normal);
        assert!((entropy.of(&normal) - expected).abs() < 1e-6, "{text}");
    }
}

/// The formula as it is written.
fn slow_entropy(text: &str) -> f64 {
    let counted: Vec<char> = text.to_lowercase().chars().filter(|character| *character != '.').collect();
    let mut counts = std::collections::BTreeMap::new();
    for character in &counted {
        *counts.entry(character).or_insert(0.0) += 1.0;
    }
    let n = counted.len() as f64;
    -counts.values().map(|count| count / n * (count / n).log2()).sum::<f64>()
}

#[test]
fn entropy_agrees_with_the_formula() {
    let mut entropy = Entropy::new();
    let mut random = Random(0x0123_4567_89ab_cdef);
    for round in 0..20_000 {
        let alphabet: Vec<char> = if round % 4 == 0 {
            "abcXYZ0189.-é€日😀".chars().collect()
        } else {
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_".chars().collect()
        };
        let letters = 1 + random.below(alphabet.len());
        let text: String =
            (0..random.below(300)).map(|_| alphabet[random.below(letters)].to_ascii_lowercase()).collect();
        let cut = text.char_indices().nth(random.below(text.chars().count())).map_or(0, |(at, _)| at);
        let (prefix, whole) = entropy.of_prefix_and_whole(text.as_bytes(), cut);
        close(whole, slow_entropy(&text));
        close(prefix, slow_entropy(&text[..cut]));
        close(entropy.of(text.as_bytes()), whole);
    }
    // A single character repeated, at lengths around the end of the tables.
    for length in [1, 2, 254, 255, 256, 257, 1000] {
        assert_eq!(entropy.of("a".repeat(length).as_bytes()), 0.0, "{length}");
        close(entropy.of("ab".repeat(length).as_bytes()), 1.0);
    }
}

#[test]
fn base_domains() {
    let mut normal = Vec::new();
    for (name, base, subdomain) in [
        ("www.bbc.co.uk", "bbc.co.uk", "www"),
        ("bbc.co.uk", "bbc.co.uk", ""),
        ("co.uk", "co.uk", ""),
        ("uk", "uk", ""),
        ("localhost", "localhost", ""),
        ("Example.COM.", "example.com", ""),
        ("", "", ""),
        (".", "", ""),
        ("a.b.example.com", "example.com", "a.b"),
        // A public suffix by the list: the base is the label above it.
        ("foo.gov.au", "foo.gov.au", ""),
        ("a.foo.gov.au", "foo.gov.au", "a"),
        ("x.y.com.br", "y.com.br", "x"),
        ("x.y.co.in", "y.co.in", "x"),
        // Private section, wildcard and exception rules.
        ("deep.project.github.io", "project.github.io", "deep"),
        ("a.b.c.ck", "b.c.ck", "a"),
        ("a.www.ck", "www.ck", "a"),
        // A top-level domain without a rule.
        ("a.b.internal-zone", "b.internal-zone", "a"),
        // Escaped dots separate nothing.
        (r"a\.b.com", r"a\.b.com", ""),
        (r"x.a\.b.com", r"a\.b.com", "x"),
        (r"a\\.b.com", "b.com", r"a\\"),
        (r"a.b.com\.", r"b.com\.", "a"),
        (r"a.b.com\\.", r"b.com\\", "a"),
        ("MÜNCHEN.Example.de", "example.de", "mÜnchen"),
    ] {
        suffix::normalize(name.as_bytes(), &mut normal);
        let (found_base, found_subdomain) = suffix::split(&normal);
        assert_eq!((string(found_base), string(found_subdomain)), (base.into(), subdomain.into()), "{name}");
    }
    // The fifteen suffixes that must be known at least.
    for (top, seconds) in
        [("uk", "co org ac gov"), ("au", "com org net edu"), ("nz", "co org net"), ("jp", "co or ne ac")]
    {
        for second in seconds.split(' ') {
            let name = format!("a.b.{second}.{top}");
            let expected = (format!("b.{second}.{top}"), "a".to_string());
            let (base, subdomain) = suffix::split(name.as_bytes());
            assert_eq!((string(base), string(subdomain)), expected);
        }
    }
}

#[test]
fn reverse_mapping() {
    for (name, expected) in [
        ("1.2.0.192.in-addr.arpa", true),
        ("in-addr.arpa", true),
        ("0.1.ip6.arpa", true),
        ("xin-addr.arpa", false),
        (r"x\.in-addr.arpa", false),
        ("arpa", false),
        ("in-addr.arpa.example.com", false),
        ("", false),
    ] {
        assert_eq!(suffix::is_reverse_mapping(name.as_bytes()), expected, "{name}");
    }
}

#[test]
fn remembered_names_have_the_facts_of_new_ones() {
    let mut entropy = Entropy::new();
    let mut reader = NameReader::new();
    let mut check = |name: &str, hash_of_name: u64| {
        let facts = reader.facts(name.as_bytes(), hash_of_name);
        let (base, subdomain) = suffix::split(name.as_bytes());
        let expected = NameFacts {
            length: name.len(),
            base: hash(base),
            subdomain: hash(subdomain),
            subdomain_length: subdomain.len(),
            entropy: entropy.of(name.as_bytes()),
            subdomain_entropy: entropy.of(subdomain),
            reverse_mapping: name.ends_with(".in-addr.arpa"),
        };
        assert_eq!(facts, expected, "{name}");
    };
    let mut random = Random(0x0bad_cafe_0bad_cafe);
    for _ in 0..50_000 {
        let label = "x".repeat(random.below(30));
        let name = format!("{label}{}.y{}.co.uk", random.below(3000), random.below(10));
        check(&name, hash(name.as_bytes()));
    }
    // Names with the same hash, one after the other.
    for name in ["a.example.com", "b.example.com", "b.example.co", "", "a.example.com", "1.in-addr.arpa", ""]
    {
        check(name, 7);
    }
}

#[test]
fn first_query_of_a_tunnel() {
    let name = "aGVsbG93b3JsZHRoaXNpc2F0ZXN0.suspicious.example.com";
    for (rr_type, score) in [(TXT, 0.630338), (NULL, 0.630338), (A, 0.480338)] {
        let verdict = Session::new().observe(&asking(1, 0x0100, name, rr_type));
        close(verdict.entropy_score, 4.431128);
        close(verdict.tunneling_score, score);
    }
}

#[test]
fn distinct_subdomains() {
    let mut session = Session::new();
    let mut score = |number: usize| session.query(&format!("h{number}.example.com"), A);
    for number in 0..10 {
        close(score(number), 0.0);
    }
    close(score(10), 0.0275);
    for number in 11..119 {
        score(number);
    }
    close(score(119), 0.25);
}

#[test]
fn distinct_subdomains_have_an_end() {
    let mut detector = Detector::new(10);
    for number in 1..=3 * MAX_SUBDOMAINS {
        let subdomain = number.to_string();
        let score = detector.query(&Sample { rr_type: A, ..sample("a.com", &subdomain, 0) });
        let expected = if number > 10 { 0.25 * (number as f64 / 100.0).min(1.0) } else { 0.0 };
        close(score, expected);
    }
}

#[test]
fn distinct_subdomains_are_counted_once() {
    let mut session = Session::new();
    for _ in 0..50 {
        for number in 0..10 {
            let name = format!("H{number}.example.com");
            close(session.query(&name, A), 0.0);
            close(session.query(&name.to_lowercase(), A), 0.0);
        }
    }
    // Each new one is worth a four-hundredth.
    for number in 10..100 {
        close(session.query(&format!("h{number}.example.com"), A), 0.25 * (number + 1) as f64 / 100.0);
    }
}

#[test]
fn long_and_random_names() {
    for (name, score) in [
        ("abcdefghijklmnopqrst.example.com".to_string(), 0.426969),
        ("abcdefghijklmnopqrs.example.com".to_string(), 0.205569),
        (format!("{}.{}.com", "a".repeat(60), "a".repeat(40)), 0.055),
    ] {
        close(Session::new().query(&name, A), score);
    }
}

#[test]
fn share_of_suspicious_types() {
    let mut session = Session::new();
    close(session.query("example.com", A), 0.0);
    close(session.query("example.com", TXT), 0.075);
    close(session.query("example.com", NULL), 0.1);
    // CNAME queries are not counted.
    close(session.query("example.com", 5), 0.075);
}

#[test]
fn responses_report_and_change_nothing() {
    let mut session = Session::new();
    let response = |name: &str| answering(1, name, TXT, b"\x01x");
    // Nothing was asked yet: only the name itself counts.
    close(session.observe(&response("example.com")).tunneling_score, 0.0);
    close(session.query("example.com", TXT), 0.15);
    for _ in 0..20 {
        close(session.observe(&response("example.com")).tunneling_score, 0.15);
    }
    close(session.query("example.com", A), 0.075);
    close(session.observe(&response("other.example.com")).tunneling_score, 0.075);
}

#[test]
fn names_that_are_not_scored() {
    let tunnel = "abcdefghijklmnopqrst.example.com";
    let mut session = Session::new();
    for name in
        ["1.2.0.192.in-addr.arpa", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"]
    {
        let verdict = session.observe(&asking(1, 0x0100, name, TXT));
        assert_eq!(verdict.tunneling_score, 0.0);
        assert!(verdict.entropy_score > 2.0);
    }
    let root = session.observe(&hex(VECTORS[15]));
    assert_eq!((root.tunneling_score, root.entropy_score), (0.0, 0.0));
    session.flow.scored = false;
    assert_eq!(session.query(tunnel, TXT), 0.0);
    let mut off = Session { analyzer: Analyzer::new(false), ..Session::new() };
    assert_eq!(off.observe(&asking(1, 0x0100, tunnel, TXT)), Verdict::default());
}

/// A query for data below `base`, of a name without entropy.
fn sample(base: &str, subdomain: &str, timestamp_ns: i64) -> Sample {
    let name = NameFacts {
        length: base.len(),
        base: hash(base.as_bytes()),
        subdomain: hash(subdomain.as_bytes()),
        subdomain_length: subdomain.len(),
        ..NameFacts::default()
    };
    Sample { name, rr_type: TXT, timestamp_ns }
}

#[test]
fn the_domain_asked_for_longest_ago_is_forgotten() {
    let mut detector = Detector::new(MAX_DOMAINS);
    let names: Vec<String> = (0..=MAX_DOMAINS).map(|number| format!("d{number}.com")).collect();
    for (time, name) in names[..MAX_DOMAINS].iter().enumerate() {
        detector.query(&sample(name, "", time as i64));
    }
    assert_eq!((detector.domains(), detector.evictions()), (MAX_DOMAINS, 0));
    // The first is asked for again, so the second is the oldest; a response keeps nothing young.
    detector.query(&sample(&names[0], "", 6000));
    detector.response(&sample(&names[1], "", 6000));
    detector.query(&sample(&names[MAX_DOMAINS], "", 6001));
    assert_eq!((detector.domains(), detector.evictions()), (MAX_DOMAINS, 1));
    for (name, score) in [(&names[0], 0.15), (&names[1], 0.0), (&names[2], 0.15), (&names[MAX_DOMAINS], 0.15)]
    {
        close(detector.response(&sample(name, "", 6002)), score);
    }
}

#[test]
fn an_evicted_domain_leaves_nothing_to_the_next() {
    let mut detector = Detector::new(1);
    for number in 0..50 {
        let subdomain = format!("s{number}");
        detector.query(&sample("a.com", &subdomain, 0));
    }
    let first = detector.query(&Sample { rr_type: A, ..sample("b.com", "s1", 1) });
    close(first, 0.0);
    assert_eq!((detector.domains(), detector.evictions()), (1, 1));
    for number in 0..11 {
        let subdomain = format!("s{number}");
        let score = detector.query(&Sample { rr_type: A, ..sample("b.com", &subdomain, 1) });
        close(score, if number == 10 { 0.0275 } else { 0.0 });
    }
}

#[test]
fn idle_domains_expire() {
    let mut detector = Detector::new(10);
    detector.query(&sample("a.com", "", 0));
    detector.query(&sample("b.com", "", 1000));
    close(detector.response(&sample("a.com", "", MAX_IDLE_NS)), 0.15);
    close(detector.response(&sample("a.com", "", MAX_IDLE_NS + 1)), 0.0);
    detector.query(&sample("c.com", "", MAX_IDLE_NS + 1));
    assert_eq!((detector.domains(), detector.evictions()), (2, 0));
    // Time that goes back expires nothing.
    detector.query(&sample("d.com", "", -5));
    assert_eq!(detector.domains(), 3);
}
