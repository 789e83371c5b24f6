//! Globs for domain names: `*` stands for any octets, none included; nothing else is special, a backslash and a
//! question mark stand for themselves. Case-insensitive in ASCII.
//!
//! Names are compared without one trailing dot, in pattern and value. There is no label boundary:
//! `*example.com` fits `badexample.com`; `*.example.com` does not fit `example.com`.

use memchr::memchr2;

/// A compiled pattern. Matching takes time linear in the value, whatever the pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    /// What the value starts with; all of the value where there is no star.
    head: Vec<u8>,
    /// What stands between two stars, in order, none of it empty.
    middle: Vec<Part>,
    /// What the value ends with, behind the last star; `None` where there is no star.
    tail: Option<Vec<u8>>,
}

impl Glob {
    /// Compiles a pattern. Every text is one: the empty pattern fits the empty value alone.
    pub fn new(pattern: &str) -> Glob {
        let pattern = without_trailing_dot(pattern.as_bytes()).to_ascii_lowercase();
        let mut parts = pattern.split(|octet| *octet == b'*');
        let head = parts.next().unwrap_or_default().to_vec();
        let tail = parts.next_back().map(<[u8]>::to_vec);
        let middle = parts.filter(|part| !part.is_empty()).map(Part::new).collect();
        Glob { head, middle, tail }
    }

    /// Whether `value` fits the pattern.
    pub fn matches(&self, value: &[u8]) -> bool {
        let value = without_trailing_dot(value);
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
    borders: Vec<usize>,
}

impl Part {
    fn new(octets: &[u8]) -> Part {
        let mut part = Part { octets: octets.to_vec(), borders: vec![0] };
        let mut matched = 0;
        for octet in octets.iter().skip(1) {
            matched = part.advance(matched, *octet);
            part.borders.push(matched);
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
            matched = *border;
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

fn without_trailing_dot(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn vectors() {
        for (pattern, value, fits) in [
            ("example.com", "Example.COM", true),
            ("example.com", "www.example.com", false),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "example.com.", false),
            ("*.example.com", "a.example.com.", true),
            ("example.com.", "example.com", true),
            ("*.Example.com", "a.example.COM", true),
            ("*.Example.com", "example.com", false),
            ("*example.com", "badexample.com", true),
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
            ("", ".", true),
            (".", "", true),
            ("", "x", false),
            ("?.com", "a.com", false),
            (r"\*x", "*x", false),
            (r"\*x", r"\ax", true),
            ("münchen.*", "MüNCHEN.de", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(value.as_bytes()), fits, "{pattern} against {value}");
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
            assert_eq!(Glob::new(&pattern).matches(&value), expected, "{pattern} against {value_text}");
        }
        assert!((5_000..45_000).contains(&hits), "{hits}");
    }

    #[test]
    fn repetition_costs_nothing() {
        let pattern = format!("*{}b*{}b*", "a".repeat(200), "a".repeat(200));
        let value = "a".repeat(60_000);
        assert!(!Glob::new(&pattern).matches(value.as_bytes()));
        assert!(Glob::new(&pattern).matches(format!("{value}b{value}b").as_bytes()));
    }
}
