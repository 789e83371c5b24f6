//! Where messages begin in a stream that is not, or not any more, read from a known beginning.

use super::framing::{Framed, MOST_LINE, begin_record};
use super::start_line::StartLine;
use crate::detect::sip::METHODS;
use crate::detect::text_message::{MOST_METHOD, is_method, is_token};

/// Line ends before a message: two of a keep-alive (RFC 5626 section 3.5.1).
const MOST_LINE_ENDS: usize = 4;

/// Whether a segment begins with the whole start line of a message, the method being one of the RFCs. Few octets are
/// looked at where it does not.
#[inline]
pub fn begins_message(segment: &[u8]) -> bool {
    // Upper case, or a line end.
    matches!(segment.first(), Some(b'A'..=b'Z' | b'\r' | b'\n')) && begins_with_start_line(segment)
}

#[inline(never)]
fn begins_with_start_line(segment: &[u8]) -> bool {
    let line_ends = segment.iter().take(MOST_LINE_ENDS).take_while(|octet| matches!(octet, b'\r' | b'\n'));
    let line = segment.get(line_ends.count()..).unwrap_or_default();
    let is_known = line.starts_with(b"SIP/2.0 ")
        || METHODS
            .iter()
            .any(|method| line.strip_prefix(*method).is_some_and(|rest| rest.first() == Some(&b' ')));
    if !is_known {
        return false;
    }
    let most = line.get(..line.len().min(MOST_LINE)).unwrap_or_default();
    memchr::memchr(b'\n', most)
        .and_then(|end| most.get(..end))
        .is_some_and(|line| StartLine::parse(line).is_ok())
}

/// Whether bytes without a line end may become a start line with what follows them, or a TLS record.
pub fn may_become_message(bytes: &[u8]) -> bool {
    if begin_record(bytes) == Some(Framed::Begun) {
        return true;
    }
    let end = memchr::memchr(b' ', bytes).unwrap_or(bytes.len());
    let (word, rest) = bytes.split_at_checked(end).unwrap_or_default();
    let is_version = word.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"SIP/"));
    let is_word = if rest.is_empty() { word.len() <= MOST_METHOD && is_token(word) } else { is_method(word) };
    let is_control = |octet: &u8| octet.is_ascii_control() && !matches!(octet, b'\t' | b'\r');
    (is_version || is_word) && !word.is_empty() && !bytes.iter().any(is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_that_begin_with_a_message() {
        for segment in [
            &b"INVITE sip:bob@x SIP/2.0\r\nVia"[..],
            b"\r\n\r\nBYE tel:+1 SIP/2.0\n",
            b"SIP/2.0 100 \r\n",
            b"PRACK sips:b SIP/2.0\r\n",
        ] {
            assert!(begins_message(segment), "{}", segment.escape_ascii());
        }
        for segment in [
            &b""[..],
            b"\r\n\r\n",
            b"INVITE sip:bob@x SIP/2.0",
            b"invite sip:bob@x SIP/2.0\r\n",
            b"VITE sip:bob@x SIP/2.0\r\n",
            b"INVITES sip:bob@x SIP/2.0\r\n",
            b"OPTIONS rtsp://x RTSP/1.0\r\n",
            b"OPTIONS * HTTP/1.1\r\n",
            b"SIP/2.0/TCP x\r\n",
            b"SIP/2.0 20x\r\n",
            b"\0INVITE sip:bob@x SIP/2.0\r\n",
        ] {
            assert!(!begins_message(segment), "{}", segment.escape_ascii());
        }
    }

    /// Nothing that becomes a start line is given up before it is one.
    #[test]
    fn beginnings_of_start_lines_may_become_one() {
        for line in [
            &b"INVITE sip:bob@x SIP/2.0\r"[..],
            b"sip/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe\r",
            b"SIP/2.0 200",
            b"!interesting-Method0123456789_*+`.%indeed'~ sip:a%00@x;p=\"\xff\" SIP/2.0",
            b"OPTIONS  urn:service:sos   SIP/2.0  \r",
            b"INVITE sip:bob@x\t SIP/2.0",
        ] {
            assert!(StartLine::parse(line).is_ok(), "{}", line.escape_ascii());
            for length in 1..=line.len() {
                assert!(may_become_message(&line[..length]), "{}", line[..length].escape_ascii());
            }
        }
        for bytes in
            [&b"a=sendrecv"[..], b"</presence>", b"\0", b"\x17\x03\x09", b" INVITE", b"{\"a\": 1", b"a\0b c"]
        {
            assert!(!may_become_message(bytes), "{}", bytes.escape_ascii());
        }
    }
}
