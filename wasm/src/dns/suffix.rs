//! Which part of a name someone registered: base domain and subdomain.
//!
//! The boundary is the Public Suffix List's (RFC 9499 6), its private section included, so `a.github.io` is a
//! base domain of its own, and so are names below `gov.au` and the like. A name that is a public suffix
//! itself is its own base. The top-level domain is the suffix where the list has no rule.

use psl::Psl;

/// Replaces `normal` by `name` in lower case (ASCII, RFC 4343) without one trailing dot.
pub fn normalize(name: &[u8], normal: &mut Vec<u8>) {
    normal.clear();
    normal.extend_from_slice(name);
    normal.make_ascii_lowercase();
    if let [before @ .., b'.'] = normal.as_slice()
        && !ends_in_escape(before)
    {
        normal.pop();
    }
}

/// Splits a normalized name into base domain and subdomain, the dot between them left out.
pub fn split(normal: &[u8]) -> (&[u8], &[u8]) {
    let suffix = psl::List.find(Labels { rest: Some(normal) }).len;
    // The base is the suffix and one label more.
    let Some(above) = normal.len().checked_sub(suffix + 1) else { return (normal, &[]) };
    let Some(dot) = normal.get(..above).and_then(last_dot) else { return (normal, &[]) };
    let subdomain = normal.get(..dot).unwrap_or_default();
    (normal.get(dot + 1..).unwrap_or_default(), subdomain)
}

/// Whether a normalized name belongs to the reverse mapping of addresses (RFC 1035 3.5, RFC 3596 2.5).
pub fn is_reverse_mapping(normal: &[u8]) -> bool {
    [b"in-addr.arpa".as_slice(), b"ip6.arpa"].iter().any(|zone| match normal.strip_suffix(*zone) {
        Some([before @ .., b'.']) => !ends_in_escape(before),
        Some(above) => above.is_empty(),
        None => false,
    })
}

/// The labels of a name from the last to the first.
struct Labels<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let Some(dot) = last_dot(rest) else {
            self.rest = None;
            return Some(rest);
        };
        self.rest = rest.get(..dot);
        rest.get(dot + 1..)
    }
}

/// Where the last dot is that separates labels.
fn last_dot(name: &[u8]) -> Option<usize> {
    let mut end = name.len();
    loop {
        let before = name.get(..end)?;
        let dot = before.iter().rposition(|octet| *octet == b'.')?;
        if !ends_in_escape(name.get(..dot)?) {
            return Some(dot);
        }
        end = dot;
    }
}

/// Whether what follows `text` is escaped: it ends in an odd number of backslashes.
fn ends_in_escape(text: &[u8]) -> bool {
    text.iter().rev().take_while(|octet| **octet == b'\\').count() % 2 == 1
}
