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
