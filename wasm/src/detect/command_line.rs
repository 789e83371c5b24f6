//! Command and reply lines, as SMTP, FTP and POP3 have them.

use crate::flow::key::Direction;

/// Longest line in bytes that is looked at.
pub const MOST_LINE: usize = 1024;

/// A reply of three digits (RFC 5321 section 4.2, RFC 959 section 4.2).
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// The code, 100 to 599.
    pub code: u16,
    /// Whether further lines follow.
    pub is_multiline: bool,
    /// What follows the code.
    pub text: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads a line without its line end.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (code, rest) = line.split_at_checked(3)?;
        let &[a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] = code else { return None };
        let (is_multiline, text) = match rest {
            [] => (false, rest),
            [b' ', text @ ..] => (false, text),
            [b'-', text @ ..] => (true, text),
            _ => return None,
        };
        let code = [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        is_text(text).then_some(Self { code, is_multiline, text })
    }

    /// What the first digit means.
    pub fn category(&self) -> &'static str {
        match self.code {
            100..=199 => "Preliminary",
            200..=299 => "Success",
            300..=399 => "Intermediate",
            400..=499 => "Transient Failure",
            _ => "Permanent Failure",
        }
    }
}

/// The last whole reply line of a payload: that of a reply of several lines, or of several replies.
pub fn last_reply(bytes: &[u8]) -> Option<Reply<'_>> {
    let whole = bytes.strip_suffix(b"\n")?;
    let start = memchr::memrchr(b'\n', whole).map_or(0, |end| end + 1);
    let line = whole.get(start..)?;
    Reply::parse(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Verb and arguments of a command line without its line end; `None` unless the verb is one of `verbs`, in any case.
/// The verb is given as it stands in the list.
pub fn command<'a>(line: &'a [u8], verbs: &'static [&'static [u8]]) -> Option<(&'static [u8], &'a [u8])> {
    let end = memchr::memchr(b' ', line).unwrap_or(line.len());
    let (verb, arguments) = line.split_at_checked(end)?;
    let verb = verbs.iter().find(|known| known.eq_ignore_ascii_case(verb))?;
    is_text(arguments).then_some((*verb, arguments.trim_ascii()))
}

/// No control characters but the tab.
pub fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\t')
}

/// Whether `bytes` hold `word` in any case.
pub fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// A direction as a number in a flow's notes; 0 stands for none.
pub fn side(direction: Direction) -> u32 {
    match direction {
        Direction::Forward => 1,
        Direction::Reverse => 2,
    }
}

/// The number of the other direction.
pub fn other_side(direction: Direction) -> u32 {
    3 - side(direction)
}
