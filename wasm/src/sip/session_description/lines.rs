//! The lines of a description, `a=sendrecv` and the like.

use crate::sip::lines::LineFeeds;

/// The lines that have a type, one after the other; others are passed over.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    feeds: LineFeeds<'a>,
    /// Where the line begins that was read last, and where the next one does.
    start: usize,
    next: usize,
}

impl<'a> Lines<'a> {
    #[inline]
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { text, feeds: LineFeeds::from(text, 0), start: 0, next: 0 }
    }

    /// The next one: its letter, in lower case, and its value without blanks around.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        while self.next < self.text.len() {
            self.start = self.next;
            let end = self.feeds.next().unwrap_or(self.text.len());
            self.next = end + 1;
            let line = self.text.get(self.start..end)?;
            if let Some(found) = usual(line).or_else(|| unusual(line)) {
                return Some(found);
            }
        }
        self.start = self.text.len();
        None
    }

    /// The text from the line on that was read last; nothing after the end.
    #[inline]
    pub(super) fn here(&self) -> &'a [u8] {
        self.text.get(self.start..).unwrap_or_default()
    }
}

/// Most lines are a letter, a value that does not begin or end with a blank, and one carriage return.
#[inline(always)]
fn usual(line: &[u8]) -> Option<(u8, &[u8])> {
    let [letter, equals, first, _] = u32::from_le_bytes(*line.first_chunk()?).to_le_bytes();
    let [last, end] = u16::from_le_bytes(*line.last_chunk()?).to_le_bytes();
    let is_bare = matches!((first, last), (b'!'..=b'~', b'!'..=b'~'));
    let is_usual = letter.is_ascii_lowercase() && equals == b'=' && end == b'\r' && is_bare;
    line.get(2..line.len() - 1).filter(|_| is_usual).map(|value| (letter, value))
}

#[cold]
#[inline(never)]
fn unusual(line: &[u8]) -> Option<(u8, &[u8])> {
    let [letter, b'=', value @ ..] = line.trim_ascii() else { return None };
    Some((letter.to_ascii_lowercase(), value.trim_ascii_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_lines_are_read_like_all_others() {
        let octets = [b'a', b'Z', b'=', b' ', b'\r', b'\t', b'~', 0x7f, b'0'];
        for number in 0..octets.len().pow(5) {
            let line: Vec<u8> =
                (0..5).map(|at| octets[number / octets.len().pow(at) % octets.len()]).collect();
            for line in [&line[..], &[&line, &b"\r"[..]].concat(), &[b"a=", &line[..], b"\r"].concat()] {
                assert!(usual(line).is_none_or(|found| Some(found) == unusual(line)), "{line:?}");
            }
        }
        for line in ["v=0\r", "s=-\r", "a=x y\r"] {
            assert!(usual(line.as_bytes()).is_some(), "{line:?}");
        }
    }

    #[test]
    fn lines_and_where_they_begin() {
        for (text, expected) in [
            ("", vec![]),
            ("v=0", vec![(b'v', "0", "v=0")]),
            ("\n\r\nV = x\n s= a \r\nx", vec![(b's', "a", " s= a \r\nx")]),
            ("a=\nb=c\r\n", vec![(b'a', "", "a=\nb=c\r\n"), (b'b', "c", "b=c\r\n")]),
        ] {
            let mut lines = Lines::of(text.as_bytes());
            for (letter, value, here) in expected {
                assert_eq!(lines.next(), Some((letter, value.as_bytes())), "{text:?}");
                assert_eq!(lines.here(), here.as_bytes(), "{text:?}");
            }
            assert_eq!((lines.next(), lines.here()), (None, &b""[..]), "{text:?}");
        }
    }
}
