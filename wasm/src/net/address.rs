//! IP addresses of both versions in one small value, and their text form.

use std::fmt;
use std::net::Ipv6Addr;

/// An IPv4 or IPv6 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    version: u8,
    octets: [u8; 16],
}

impl Address {
    /// Longest text form in bytes.
    pub const MOST_TEXT: usize = 39;

    /// An IPv4 address.
    #[inline]
    pub const fn v4(octets: [u8; 4]) -> Self {
        let [a, b, c, d] = octets;
        Self { version: 4, octets: [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }
    }

    /// An IPv6 address.
    #[inline]
    pub const fn v6(octets: [u8; 16]) -> Self {
        Self { version: 6, octets }
    }

    /// The address that a text form stands for: dotted decimal, or any form of RFC 4291 section 2.2 without a zone.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        if let Some(octets) = dotted(text) {
            return Some(Self::v4(octets));
        }
        str::from_utf8(text).ok()?.parse().ok().map(|address: Ipv6Addr| Self::v6(address.octets()))
    }

    /// 4 or 6.
    #[inline]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The address in network byte order: 4 or 16 bytes.
    #[inline]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..if self.version == 4 { 4 } else { 16 }).unwrap_or_default()
    }

    /// The octets as one number, those of IPv4 in the upper 32 bits: equal for equal addresses of one version.
    #[inline]
    pub const fn bits(&self) -> u128 {
        u128::from_be_bytes(self.octets)
    }

    /// The octets as two numbers in the machine's byte order, those of IPv4 in the first: equal for equal addresses of
    /// one version, and cheaper to get than [`bits`](Self::bits).
    #[inline]
    pub const fn words(&self) -> [u64; 2] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.octets;
        [u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u64::from_ne_bytes([i, j, k, l, m, n, o, p])]
    }

    /// Appends the text form: dotted decimal, or that of RFC 5952 (an IPv4-mapped address ends in dotted decimal).
    pub fn write_text(&self, out: &mut Vec<u8>) {
        if self.version == 4 {
            return write_dotted(self.octets(), out);
        }
        if self.octets.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]) {
            out.extend_from_slice(b"::ffff:");
            return write_dotted(self.octets.get(12..).unwrap_or_default(), out);
        }
        let mut groups = [0u16; 8];
        for (group, pair) in groups.iter_mut().zip(self.octets.as_chunks::<2>().0) {
            *group = u16::from_be_bytes(*pair);
        }
        let (start, length) = longest_zeros(&groups);
        let (before, rest) = groups.split_at_checked(start).unwrap_or((&groups, &[]));
        write_groups(before, out);
        if length != 0 {
            out.extend_from_slice(b"::");
            write_groups(rest.get(length..).unwrap_or_default(), out);
        }
    }
}

/// Four decimal numbers without leading zeros: several times as fast as the standard library.
fn dotted(text: &[u8]) -> Option<[u8; 4]> {
    let (a, rest) = leading_octet(text)?;
    let (b, rest) = leading_octet(rest.strip_prefix(b".")?)?;
    let (c, rest) = leading_octet(rest.strip_prefix(b".")?)?;
    let (d, rest) = leading_octet(rest.strip_prefix(b".")?)?;
    rest.is_empty().then_some([a, b, c, d])
}

/// The number of at most three digits that `text` begins with, and what follows it.
#[inline]
fn leading_octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let number = |digits: &[u8]| digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
    let (value, rest) = match text {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => (number(&[*a, *b, *c]), rest),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', rest @ ..] => (number(&[*a, *b]), rest),
        [a @ b'0'..=b'9', rest @ ..] => (number(&[*a]), rest),
        _ => return None,
    };
    Some((u8::try_from(value).ok()?, rest))
}

/// Start and length of the first longest run of two or more zero groups; (8, 0) if there is none.
fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let mut longest = (groups.len(), 0);
    let mut run = 0;
    for (index, group) in groups.iter().enumerate() {
        run = if *group == 0 { run + 1 } else { 0 };
        if run >= 2 && run > longest.1 {
            longest = (index + 1 - run, run);
        }
    }
    longest
}

fn write_groups(groups: &[u16], out: &mut Vec<u8>) {
    for (index, group) in groups.iter().enumerate() {
        if index != 0 {
            out.push(b':');
        }
        let digits = (16 - group.leading_zeros()).div_ceil(4).max(1);
        for digit in (0..digits).rev() {
            let value = (group >> (digit * 4)) as u8 & 0xf;
            out.push(if value < 10 { b'0' + value } else { b'a' - 10 + value });
        }
    }
}

/// Octets as text with a dot behind, in arrays of one size, which are copied faster than slices; and their lengths.
const OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([0; 4], 0); 256];
    let mut value = 0;
    while value < 256 {
        let (hundreds, tens, ones) =
            (b'0' + (value / 100) as u8, b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8);
        octets[value] = match value {
            0..10 => ([ones, b'.', 0, 0], 2),
            10..100 => ([tens, ones, b'.', 0], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        value += 1;
    }
    octets
};

fn write_dotted(octets: &[u8], out: &mut Vec<u8>) {
    for octet in octets {
        let (text, length) = &OCTETS[usize::from(*octet)];
        let start = out.len();
        out.extend_from_slice(text);
        out.truncate(start + usize::from(*length));
    }
    out.pop();
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(Self::MOST_TEXT);
        self.write_text(&mut text);
        f.pad(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
