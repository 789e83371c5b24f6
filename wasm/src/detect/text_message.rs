//! Start lines and header fields of SIP and RTSP messages (RFC 3261 section 7, RFC 7826 section 5).

use crate::short::find;

/// Longest start line in bytes that is looked at.
pub(crate) const MOST_START_LINE: usize = 4096;
/// Longest method that is taken for one.
pub(crate) const MOST_METHOD: usize = 64;

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartLine<'a> {
    /// `method SP target SP version`.
    Request { method: &'a [u8], target: &'a [u8] },
    /// `version SP code SP reason`.
    Status { code: u16, reason: &'a [u8] },
}

/// The start line that `line` (without its line end) is, if its version is one of `versions`.
pub(crate) fn start_line<'a>(line: &'a [u8], versions: &[&[u8]]) -> Option<StartLine<'a>> {
    if let Some(rest) = versions.iter().find_map(|version| line.strip_prefix(*version)) {
        return status(rest);
    }
    let (method, rest) = split_at_blank(line)?;
    let (target, version) = split_at_blank(rest)?;
    (is_method(method) && !target.is_empty() && versions.contains(&version))
        .then_some(StartLine::Request { method, target })
}

/// ` 200 OK`; the reason may be empty.
fn status(rest: &[u8]) -> Option<StartLine<'_>> {
    let (digits, reason) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
    let reason = if reason.is_empty() { reason } else { reason.strip_prefix(b" ")? };
    let code = number(digits)?;
    (100..=699).contains(&code).then_some(StartLine::Status { code: code as u16, reason })
}

/// Whether a start line that is not complete can become one: a method and the beginning of a target of `schemes`, or
/// the beginning of a status line.
pub(crate) fn may_become_start_line(
    bytes: &[u8],
    methods: &[&[u8]],
    schemes: &[&[u8]],
    version: &[u8],
) -> bool {
    let begins =
        |whole: &[u8], part: &[u8]| part.len() >= 3 && (whole.starts_with(part) || part.starts_with(whole));
    if bytes.len() > MOST_START_LINE || bytes.contains(&b'\n') {
        return false;
    }
    if begins(version, bytes) {
        return true;
    }
    let Some((method, target)) = split_at_blank(bytes) else {
        return methods.iter().any(|method| bytes.len() >= 3 && method.starts_with(bytes));
    };
    is_method(method)
        && schemes.iter().any(|scheme| {
            let length = target.len().min(scheme.len());
            let known = length == scheme.len() || methods.contains(&method);
            known
                && target
                    .get(..length)
                    .zip(scheme.get(..length))
                    .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
        })
}

/// A decimal number of one to nine digits, and nothing else.
pub(crate) fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits
        .iter()
        .try_fold(0u32, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')))
}

/// What is before and after the first blank.
pub(crate) fn split_at_blank(text: &[u8]) -> Option<(&[u8], &[u8])> {
    split_at(text, b' ')
}

/// What is before and after the first `separator`.
pub(crate) fn split_at(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = find(text, separator)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A token of sensible length.
pub(crate) fn is_method(text: &[u8]) -> bool {
    (1..=MOST_METHOD).contains(&text.len()) && is_token(text)
}

/// Whether all octets are those of a token (RFC 3261 section 25.1).
pub(crate) fn is_token(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte))
}

/// The header fields of a message, first to last, up to the first empty line. A value that is folded over several
/// lines keeps its line ends.
pub(crate) struct HeaderFields<'a> {
    rest: &'a [u8],
    ended: bool,
}

impl<'a> HeaderFields<'a> {
    /// The fields of a message that begins with its start line; empty where that has no end.
    pub(crate) fn of(message: &'a [u8]) -> Self {
        let rest = memchr::memchr(b'\n', message).and_then(|end| message.get(end + 1..));
        Self::of_lines(rest.unwrap_or_default())
    }

    /// The fields of lines without a start line.
    pub(crate) fn of_lines(lines: &'a [u8]) -> Self {
        Self { rest: lines, ended: false }
    }

    /// What follows the empty line, once all fields were read; none where the empty line is missing.
    pub(crate) fn body(&self) -> Option<&'a [u8]> {
        self.ended.then_some(self.rest)
    }
}

impl<'a> Iterator for HeaderFields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && !self.rest.is_empty() {
            let mut end = line_end(self.rest, 0);
            let line = self.rest.get(..end)?;
            if matches!(line, b"\r\n" | b"\n") {
                self.ended = true;
                self.rest = self.rest.get(end..)?;
                return None;
            }
            while matches!(self.rest.get(end), Some(b' ' | b'\t')) {
                end = line_end(self.rest, end);
            }
            let (field, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest;
            if let Some((name, value)) = split_at(field, b':') {
                return Some((name.trim_ascii(), value.trim_ascii()));
            }
        }
        None
    }
}

/// Behind the line feed of the line that begins at `start`, or the end of the text.
fn line_end(text: &[u8], start: usize) -> usize {
    let line = text.get(start..).unwrap_or_default();
    start + memchr::memchr(b'\n', line).map_or(line.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIP: &[&[u8]] = &[b"SIP/2.0"];

    #[test]
    fn start_lines() {
        let request = |method, target| Some(StartLine::Request { method, target });
        let status = |code, reason| Some(StartLine::Status { code, reason });
        for (line, expected) in [
            (&b"INVITE sip:bob@x SIP/2.0"[..], request(&b"INVITE"[..], &b"sip:bob@x"[..])),
            (b"X-y.z!%*_+`'~ tel:+1 SIP/2.0", request(b"X-y.z!%*_+`'~", b"tel:+1")),
            (b"SIP/2.0 180 Ringing now", status(180, b"Ringing now")),
            (b"SIP/2.0 699 ", status(699, b"")),
            (b"SIP/2.0 200", status(200, b"")),
            (b"SIP/2.0 99 x", None),
            (b"SIP/2.0 700 x", None),
            (b"SIP/2.0 2000 x", None),
            (b"SIP/2.0  200 x", None),
            (b"SIP/2.00 200 x", None),
            (b"INVITE  SIP/2.0", None),
            (b"INVITE sip:a SIP/2.0 ", None),
            (b"INVITE sip:a b SIP/2.0", None),
            (b"IN(VITE sip:a SIP/2.0", None),
            (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA sip:a SIP/2.0", None),
            (b"INVITE sip:a SIP/3.0", None),
            (b" sip:a SIP/2.0", None),
            (b"", None),
        ] {
            assert_eq!(start_line(line, SIP), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn beginnings_of_start_lines() {
        let may = |text: &[u8]| {
            may_become_start_line(text, &[b"INVITE", b"INFO"], &[b"sip:", b"tel:"], b"SIP/2.0 ")
        };
        for text in
            [&b"INV"[..], b"INVITE ", b"INVITE s", b"INVITE SIP:bob@", b"FOO tel:1", b"SIP/2", b"SIP/2.0 20"]
        {
            assert!(may(text), "{}", text.escape_ascii());
        }
        for text in [&b"IN"[..], b"INX", b"INFO {", b"FOO t", b"SIP/3", b"GET /", b"INVITE sip:bob\n", b"I"] {
            assert!(!may(text), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn header_fields_end_at_the_first_empty_line() {
        let text = b"start\r\nA : 1\r\n 2\r\n\t3\r\nnonsense\r\nb:\r\n\r\nC: 4\r\n";
        let mut fields = HeaderFields::of(text);
        assert_eq!(fields.next(), Some((&b"A"[..], &b"1\r\n 2\r\n\t3"[..])));
        assert_eq!(fields.next(), Some((&b"b"[..], &b""[..])));
        assert_eq!((fields.next(), fields.body()), (None, Some(&b"C: 4\r\n"[..])));
        let mut cut = HeaderFields::of(b"start\nA: 1");
        assert_eq!(cut.next(), Some((&b"A"[..], &b"1"[..])));
        assert_eq!((cut.next(), cut.body()), (None, None));
        assert_eq!(HeaderFields::of(b"start").next(), None);
    }
}
