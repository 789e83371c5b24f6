//! Patterns of text: literal parts with stars between them. Matching takes time linear in the value, whatever the
//! pattern.
//!
//! A star stands for any octets, none included. What a pattern without a star means (to be equal, to be contained, to
//! be the end) is the filter type's business, as is whether `\*` is a literal star.

use memchr::memchr2;

/// What a pattern without a star asks of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// To be it.
    Equals,
    /// To contain it.
    Contains,
    /// To end with it.
    Ends,
}

/// A pattern taken apart at its stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The text between the stars: one part where there is no star.
    parts: Vec<Vec<u8>>,
}

/// What a pattern asks for, by the place of its stars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// Stars alone.
    Everything,
    /// No star.
    Bare(&'a [u8]),
    /// One star, behind.
    Begins(&'a [u8]),
    /// One star, in front.
    Ends(&'a [u8]),
    /// Stars at both ends.
    Contains(&'a [u8]),
    /// Anything else: a [`Glob`].
    General,
}

impl Pattern {
    /// Takes `text` apart. `escapes`: `\*` is a literal star.
    pub fn parse(text: &[u8], escapes: bool) -> Self {
        let mut parts = vec![Vec::new()];
        let mut rest = text;
        while let Some((octet, after)) = rest.split_first() {
            rest = after;
            let literal = match octet {
                b'\\' if escapes && rest.first() == Some(&b'*') => {
                    rest = rest.get(1..).unwrap_or_default();
                    b'*'
                }
                b'*' => {
                    parts.push(Vec::new());
                    continue;
                }
                octet => *octet,
            };
            if let Some(part) = parts.last_mut() {
                part.push(literal);
            }
        }
        Self { parts }
    }

    /// A pattern without a star.
    pub fn literal(text: Vec<u8>) -> Self {
        Self { parts: vec![text] }
    }

    /// Whether it has a star.
    pub fn has_star(&self) -> bool {
        self.parts.len() > 1
    }

    /// Whether it has no text but stars.
    pub fn is_textless(&self) -> bool {
        self.parts.iter().all(Vec::is_empty)
    }

    /// The same with every part changed by `change`.
    pub fn map(mut self, change: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        self.parts.iter_mut().for_each(|part| *part = change(part));
        self
    }

    /// What it begins with; empty where that is a star.
    pub fn head(&self) -> &[u8] {
        self.parts.first().map_or(&[], Vec::as_slice)
    }

    /// What it ends with; empty where that is a star.
    pub fn tail(&self) -> &[u8] {
        self.parts.last().map_or(&[], Vec::as_slice)
    }

    /// The longest part.
    pub fn longest(&self) -> &[u8] {
        self.parts.iter().max_by_key(|part| part.len()).map_or(&[], Vec::as_slice)
    }

    /// Its parts, at least one.
    pub fn parts(&self) -> &[Vec<u8>] {
        &self.parts
    }

    /// What it asks for.
    pub fn shape(&self) -> Shape<'_> {
        let mut texts = self.parts.iter().filter(|part| !part.is_empty());
        match (self.has_star(), texts.next(), texts.next()) {
            (false, ..) => Shape::Bare(self.head()),
            (true, None, _) => Shape::Everything,
            (true, Some(_), Some(_)) => Shape::General,
            (true, Some(text), None) if !self.head().is_empty() => Shape::Begins(text),
            (true, Some(text), None) if !self.tail().is_empty() => Shape::Ends(text),
            (true, Some(text), None) => Shape::Contains(text),
        }
    }
}

/// A pattern with stars in any place, compiled.
#[derive(Clone, Debug)]
pub struct Glob {
    /// What the value starts with; all of the value where there is no star.
    head: Vec<u8>,
    /// What stands between two stars, in order, none of it empty.
    middle: Vec<Part>,
    /// What the value ends with, behind the last star; `None` where there is no star.
    tail: Option<Vec<u8>>,
}

/// What the allocator needs for a vector beside its content, bytes, about.
const VECTOR_BYTES: usize = 16;

impl Glob {
    /// Bytes of memory that the compiled pattern takes, about, itself included.
    pub fn bytes_for(pattern: &Pattern) -> usize {
        // A vector that grows may hold twice what is in it.
        let part = |part: &Vec<u8>| 2 * size_of::<Part>() + 2 * VECTOR_BYTES + 5 * part.len();
        2 * size_of::<Glob>() + 3 * VECTOR_BYTES + pattern.parts.iter().map(part).sum::<usize>()
    }

    /// Compiles a pattern. Letters of ASCII fit in either case.
    pub fn new(pattern: &Pattern) -> Self {
        let mut parts = pattern.parts.iter();
        let head = parts.next().cloned().unwrap_or_default();
        let tail = parts.next_back().cloned();
        Self {
            head,
            middle: parts.filter(|part| !part.is_empty()).map(|part| Part::new(part)).collect(),
            tail,
        }
    }

    /// Whether `value` fits the pattern.
    pub fn matches(&self, value: &[u8]) -> bool {
        let Some((head, rest)) = value.split_at_checked(self.head.len()) else { return false };
        if !head.eq_ignore_ascii_case(&self.head) {
            return false;
        }
        let Some(tail) = &self.tail else { return rest.is_empty() };
        let Some(between) = rest.len().checked_sub(tail.len()) else { return false };
        let Some((mut between, end)) = rest.split_at_checked(between) else { return false };
        // With both ends fixed, the first place where a part fits leaves most room for the parts after it.
        end.eq_ignore_ascii_case(tail)
            && self.middle.iter().all(|part| match part.find_end(between) {
                Some(end) => {
                    between = between.get(end..).unwrap_or_default();
                    true
                }
                None => false,
            })
    }
}

/// Text to search for, lower case, with the table of Knuth, Morris and Pratt.
#[derive(Clone, Debug)]
struct Part {
    octets: Vec<u8>,
    /// For each prefix, shortest first: how much of its end is a shorter prefix again.
    borders: Vec<u32>,
}

impl Part {
    fn new(octets: &[u8]) -> Part {
        let mut part =
            Part { octets: octets.to_ascii_lowercase(), borders: Vec::with_capacity(octets.len()) };
        part.borders.push(0);
        let mut matched = 0;
        for octet in octets.iter().skip(1) {
            matched = part.advance(matched, octet.to_ascii_lowercase());
            part.borders.push(matched as u32);
        }
        part
    }

    /// Octets that match once `octet` has followed `matched` matching ones.
    fn advance(&self, mut matched: usize, octet: u8) -> usize {
        loop {
            if self.octets.get(matched) == Some(&octet) {
                return matched + 1;
            }
            let Some(border) = matched.checked_sub(1).and_then(|last| self.borders.get(last)) else {
                return 0;
            };
            matched = *border as usize;
        }
    }

    /// Where the first occurrence in `value` ends.
    fn find_end(&self, value: &[u8]) -> Option<usize> {
        let first = *self.octets.first()?;
        let start = memchr2(first, first.to_ascii_uppercase(), value)?;
        let mut matched = 0;
        for (index, octet) in value.iter().enumerate().skip(start) {
            matched = self.advance(matched, octet.to_ascii_lowercase());
            if matched == self.octets.len() {
                return Some(index + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_with_escapes() {
        for (pattern, shape) in [
            ("alice", Shape::Bare(&b"alice"[..])),
            ("*456789", Shape::Ends(b"456789")),
            ("alice*", Shape::Begins(b"alice")),
            ("*alice*", Shape::Contains(b"alice")),
            (r"\*alice", Shape::Bare(b"*alice")),
            (r"alice\*", Shape::Bare(b"alice*")),
            (r"*\*x*", Shape::Contains(b"*x")),
            (r"a\b\", Shape::Bare(br"a\b\")),
            ("al*ce", Shape::General),
            ("*", Shape::Everything),
            ("**", Shape::Everything),
            ("", Shape::Bare(b"")),
        ] {
            assert_eq!(Pattern::parse(pattern.as_bytes(), true).shape(), shape, "{pattern}");
        }
        assert_eq!(Pattern::parse(br"\*x", false).shape(), Shape::General);
    }

    fn fits(pattern: &str, value: &[u8]) -> bool {
        Glob::new(&Pattern::parse(pattern.as_bytes(), false)).matches(value)
    }

    #[test]
    fn globs() {
        for (pattern, value, expected) in [
            ("example.com", "Example.COM", true),
            ("example.com", "www.example.com", false),
            ("*.example.com", "a.b.example.COM", true),
            ("*.Example.com", "example.com", false),
            ("ads*.net", "ads1.example.net", true),
            ("ads*.net", "ads.net", true),
            ("*.x*.com", "a.x.com.com", true),
            ("foo*bar", "foobar", true),
            ("foo*bar", "fobar", false),
            ("a*a", "a", false),
            ("a*b*c", "abcbc", true),
            ("*a*b", "zabxb", true),
            ("*ab*ab*", "xabab", true),
            ("*ab*ab*", "xabb", false),
            ("*aab*", "aaab", true),
            ("*abac*", "ababac", true),
            ("*", "", true),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
            ("?.com", "a.com", false),
            (r"\*x", "*x", false),
            (r"\*x", r"\ax", true),
            ("münchen.*", "MüNCHEN.de", true),
        ] {
            assert_eq!(fits(pattern, value.as_bytes()), expected, "{pattern} against {value}");
        }
    }

    /// Every way to place the stars, tried one after the other.
    fn slow(pattern: &[u8], value: &[u8]) -> bool {
        match pattern.split_first() {
            None => value.is_empty(),
            Some((b'*', rest)) => (0..=value.len()).any(|from| slow(rest, &value[from..])),
            Some((octet, rest)) => value
                .split_first()
                .is_some_and(|(first, value)| first.eq_ignore_ascii_case(octet) && slow(rest, value)),
        }
    }

    #[test]
    fn agrees_with_the_slow_matcher() {
        let mut random = 88_172_645_463_325_252_u64;
        let mut next = |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 20) % bound
        };
        let mut hits = 0;
        for _ in 0..50_000 {
            let pattern: String = (0..next(9)).map(|_| ['*', '*', 'a', 'B', 'b'][next(5) as usize]).collect();
            let value: Vec<u8> = (0..next(14)).map(|_| b"abA"[next(3) as usize]).collect();
            let expected = slow(pattern.as_bytes(), &value);
            hits += u32::from(expected);
            let value_text = String::from_utf8_lossy(&value);
            assert_eq!(fits(&pattern, &value), expected, "{pattern} against {value_text}");
        }
        assert!((5_000..45_000).contains(&hits), "{hits}");
    }

    #[test]
    fn repetition_costs_nothing() {
        let pattern = format!("*{}b*{}b*", "a".repeat(200), "a".repeat(200));
        let value = "a".repeat(60_000);
        assert!(!fits(&pattern, value.as_bytes()));
        assert!(fits(&pattern, format!("{value}b{value}b").as_bytes()));
    }
}
