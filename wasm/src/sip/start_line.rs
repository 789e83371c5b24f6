//! Start lines (RFC 3261 sections 7.1 and 7.2).

use crate::detect::text_message::{is_method, split_at};

/// Why bytes are not taken for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// They do not begin with a start line: `method SP Request-URI SP SIP/2.0` or `SIP/2.0 SP code SP reason`.
    StartLine,
    /// A version other than 2.0 (RFC 4475 section 3.1.2.16).
    Version,
    /// A status code that is not within 100 to 699 (RFC 4475 section 3.1.2.19).
    StatusCode,
    /// No Call-ID, or an empty one (RFC 4475 section 3.3.1).
    NoCallId,
    /// A Call-ID of more than [`super::message::MOST_CALL_ID`] bytes, or with control characters.
    CallId,
}

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// Of a request. The Request-URI is as written, and may hold white space where the line is damaged.
    Request {
        /// Any token: methods are case-sensitive.
        method: &'a [u8],
        /// Request-URI.
        uri: &'a [u8],
    },
    /// Of a response.
    Status {
        /// 100 to 699.
        code: u16,
        /// Any text, also none.
        reason: &'a [u8],
    },
}

impl<'a> StartLine<'a> {
    /// Reads a line, with or without its end. More blanks than one are taken (RFC 4475 sections 3.1.2.9 and 3.1.2.10).
    pub fn parse(line: &'a [u8]) -> Result<Self, Refusal> {
        let line = line.trim_ascii_end();
        if let Some(status) = plain_status(line) {
            return Ok(status);
        }
        if let Some(is_ours) = version(line.get(..8).unwrap_or(line)) {
            return if is_ours { status_line(line) } else { Err(Refusal::Version) };
        }
        let (method, rest) = split_at(line, b' ').ok_or(Refusal::StartLine)?;
        let at = match rest.last_chunk() {
            Some(b" SIP/2.0") => rest.len() - b" SIP/2.0".len(),
            _ => memchr::memrchr(b' ', rest).ok_or(Refusal::StartLine)?,
        };
        let (uri, word) = rest.split_at_checked(at).ok_or(Refusal::StartLine)?;
        match version(word.get(1..).unwrap_or_default()) {
            Some(true) => {}
            Some(false) if is_method(method) => return Err(Refusal::Version),
            _ => return Err(Refusal::StartLine),
        }
        let uri = uri.trim_ascii();
        // Those of the RFCs are told apart from damage at a glance.
        let is_known = method.len() < 16 && method.iter().all(u8::is_ascii_uppercase);
        if method.is_empty() || !is_known && !is_method(method) || uri.is_empty() {
            return Err(Refusal::StartLine);
        }
        Ok(Self::Request { method, uri })
    }
}

/// Whether `word` begins like a version, and if so, whether it is `SIP/2.0` in any case.
#[inline]
fn version(word: &[u8]) -> Option<bool> {
    if word == b"SIP/2.0" || word == b"SIP/2.0 " {
        return Some(true);
    }
    let (name, number) = word.split_at_checked(4)?;
    name.eq_ignore_ascii_case(b"SIP/").then_some(matches!(number, b"2.0" | b"2.0 "))
}

/// A status line with one blank between its words, as mostly.
#[inline]
fn plain_status(line: &[u8]) -> Option<StartLine<'_>> {
    let (version, rest) = line.split_first_chunk()?;
    let (&[digits @ .., blank], reason) = rest.split_first_chunk::<4>()?;
    let [hundreds, tens, ones] = digits.map(|digit| u16::from(digit.wrapping_sub(b'0')));
    let code = hundreds * 100 + tens * 10 + ones;
    let is_code = tens <= 9 && ones <= 9 && (100..=699).contains(&code);
    let is_plain = version == b"SIP/2.0 " && is_code && blank == b' ' && *reason.first()? > b' ';
    is_plain.then_some(StartLine::Status { code, reason })
}

/// `SIP/2.0 200 OK`.
fn status_line(line: &[u8]) -> Result<StartLine<'_>, Refusal> {
    let rest = line.get(8..).unwrap_or_default().trim_ascii_start();
    let (digits, reason) = rest.split_at_checked(3).ok_or(Refusal::StatusCode)?;
    let code = digits.iter().try_fold(0, |code, digit| {
        digit.is_ascii_digit().then(|| code * 10 + u16::from(digit - b'0')).ok_or(Refusal::StatusCode)
    })?;
    if !(100..=699).contains(&code) || reason.first().is_some_and(|octet| *octet != b' ') {
        return Err(Refusal::StatusCode);
    }
    Ok(StartLine::Status { code, reason: reason.trim_ascii() })
}

/// Without the line ends before it, which are a keep-alive (section 7.5, RFC 5626 section 3.5.1).
pub fn without_leading_line_ends(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b'\r' | b'\n', after @ ..] = rest {
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_status_lines_are_read_like_others() {
        let mut plain = 0;
        for version in ["SIP/2.0 ", "sip/2.0 ", "SIP/2.0", "SIP/2.0  ", "SIP/3.0 "] {
            for code in
                ["200", "100", "699", "099", "700", "2x0", "20", "2000", ":00", "1:0", "10:", "\u{ff}0"]
            {
                for reason in ["", " ", " OK", "  OK", "OK", "\tOK", " \u{1}", " Not found", " \u{e9}", " x"]
                {
                    let line = format!("{version}{code}{reason}");
                    let Some(status) = plain_status(line.as_bytes()) else { continue };
                    assert_eq!(Ok(status), status_line(line.as_bytes()), "{line:?}");
                    plain += 1;
                }
            }
        }
        assert!(plain >= 12, "{plain}");
    }
}
