//! Where messages begin in a stream that is not, or not any more, read from a known beginning.

use super::framing::{Framed, MOST_LINE, begin_record};
use super::start_line::StartLine;
use crate::detect::sip::{METHODS, SCHEMES};
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
    (is_version || is_word) && !word.is_empty()
}

/// What a status line begins with.
const STATUS: &[u8] = b"SIP/2.0 ";

/// The first line, without its end; of a longest one what there is.
fn first_line(bytes: &[u8]) -> &[u8] {
    let most = bytes.get(..bytes.len().min(MOST_LINE)).unwrap_or_default();
    memchr::memchr(b'\n', most).and_then(|end| most.get(..end)).unwrap_or(most)
}

/// Whether the bytes begin with a whole start line.
#[cold]
pub fn is_start_line(bytes: &[u8]) -> bool {
    let line = first_line(bytes);
    line.len() < bytes.len().min(MOST_LINE) && StartLine::parse(line).is_ok()
}

/// Where in the first line a start line begins, or where what may become one does if the end of the line is still to
/// come: behind a body without a line end, of which the beginning is not known. None also where it is the whole line.
#[cold]
#[inline(never)]
pub fn start_line_inside(bytes: &[u8]) -> Option<usize> {
    let line = first_line(bytes);
    let found = if line.len() < bytes.len().min(MOST_LINE) {
        request_inside(line).or_else(|| status_inside(line))
    } else if !may_become_message(line) {
        beginning_inside(line)
    } else {
        None
    };
    // Not where messages are quoted in something binary, as in captured packets that are sent elsewhere.
    let is_text = |octet: &u8| !octet.is_ascii_control() || *octet == b'\t';
    found.filter(|at| *at > 0 && line.get(..*at).is_some_and(|before| before.iter().all(is_text)))
}

/// Where the method begins of the request line that ends the line.
fn request_inside(line: &[u8]) -> Option<usize> {
    let front = line.trim_ascii_end().strip_suffix(b" SIP/2.0")?;
    let (before, uri) = front.split_at_checked(memchr::memrchr(b' ', front)?)?;
    if !uri.contains(&b':') || before.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    method_at_end(before)
}

fn method_at_end(bytes: &[u8]) -> Option<usize> {
    METHODS.iter().filter(|method| bytes.ends_with(method)).map(|method| bytes.len() - method.len()).min()
}

fn status_inside(line: &[u8]) -> Option<usize> {
    let is_status = |at: &usize| line.get(*at..).is_some_and(|line| StartLine::parse(line).is_ok());
    memchr::memmem::find_iter(line, STATUS).find(is_status)
}

/// Where at the end of the bytes a start line may begin.
fn beginning_inside(bytes: &[u8]) -> Option<usize> {
    let last = memchr::memrchr(b' ', bytes);
    let (before, word) = last.and_then(|last| bytes.split_at_checked(last)).unwrap_or_default();
    let is_version = word.get(1..).is_some_and(|word| b"SIP/2.0\r".starts_with(word));
    let with_version =
        memchr::memrchr(b' ', before).filter(|_| is_version).and_then(|at| method_at_end(before.get(..at)?));
    // Of fewer octets, most are the end of something else.
    let cut = (3..=STATUS.len().max(10)).rev().find_map(|length| {
        let at = bytes.len().checked_sub(length)?;
        let end = bytes.get(at..)?;
        (STATUS.starts_with(end) || METHODS.iter().any(|method| method.starts_with(end))).then_some(at)
    });
    [status_inside(bytes), with_version, method_at_end(before), cut]
        .into_iter()
        .flatten()
        .find(|at| bytes.get(*at..).is_some_and(may_become_message))
}

/// Length of the binary header of a PROXY protocol (version 2, section 2.2) that the bytes begin with.
#[inline]
pub fn proxy_header(bytes: &[u8]) -> Option<usize> {
    let header = bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let length = header.get(2..4).and_then(|length| <[u8; 2]>::try_from(length).ok());
    Some(16 + length.map_or(0, |length| usize::from(u16::from_be_bytes(length))))
        .filter(|length| *length <= MOST_LINE)
}

/// Whether the bytes begin with the header of a PROXY protocol in text (version 1, section 2.1).
#[cold]
pub fn is_proxy_line(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PROXY ")
}

/// Whether the first bytes of a connection, which begin no message, are not what may precede messages either: that is a
/// header of a PROXY protocol, a keep-alive of few bytes or of zeros, SOCKS, a tunnel through HTTP (RFC 9110 section 9.3.6),
/// and what is like a start line.
#[cold]
pub fn opens_other_protocol(bytes: &[u8]) -> bool {
    let line = first_line(bytes);
    let may_precede = match bytes {
        // Requests and answers of SOCKS 4, the methods of SOCKS 5 (RFC 1928 section 3).
        [4, 1, ..] | [0, 90..=93, ..] => true,
        [5, count, methods @ ..] if methods.len() == usize::from(*count) => true,
        _ => {
            bytes.len() <= 4
                || is_proxy_line(bytes)
                || is_tunnel(line)
                || is_request_to_sip(line)
                || line.iter().all(|octet| *octet == 0)
        }
    };
    is_quoting(bytes) || !may_precede && memchr::memmem::find(line, b"SIP/").is_none()
}

/// Whether a line begins like a request line, though its end is damaged, or beyond the longest line: a server answers it,
/// and other requests follow.
fn is_request_to_sip(line: &[u8]) -> bool {
    let rest = METHODS.iter().find_map(|method| line.strip_prefix(*method)?.strip_prefix(b" "));
    rest.is_some_and(|rest| {
        SCHEMES
            .iter()
            .any(|scheme| rest.get(..scheme.len()).is_some_and(|one| one.eq_ignore_ascii_case(scheme)))
    })
}

/// Whether the bytes ask for a tunnel through HTTP (RFC 9110 section 9.3.6).
#[cold]
pub fn asks_for_tunnel(bytes: &[u8]) -> bool {
    bytes.starts_with(b"CONNECT ")
}

fn is_tunnel(line: &[u8]) -> bool {
    let reason = line.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(6..16));
    asks_for_tunnel(line) || reason.is_some_and(|reason| reason.eq_ignore_ascii_case(b"Connection"))
}

/// Whether the bytes begin with a line of a protocol that carries texts, with messages quoted in them: a start line of
/// HTTP (RFC 9112 section 2.1), a command of SMTP (RFC 5321 section 4.1.1), a packet of HEP.
#[cold]
pub fn is_quoting(bytes: &[u8]) -> bool {
    const COMMANDS: [&[u8]; 4] = [b"EHLO ", b"HELO ", b"MAIL FROM:", b"RCPT TO:"];
    let line = first_line(bytes).trim_ascii_end();
    let is_command =
        |command: &&[u8]| line.get(..command.len()).is_some_and(|start| start.eq_ignore_ascii_case(command));
    let is_request = matches!(line, [.., b' ', b'H', b'T', b'T', b'P', b'/', b'1' | b'2', b'.', b'0' | b'1']);
    let is_status = matches!(line, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', ..]);
    (is_request || is_status) && !is_tunnel(line)
        || line.starts_with(b"HEP3")
        || COMMANDS.iter().any(is_command)
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

    #[test]
    fn start_lines_inside_of_lines() {
        for (text, expected) in [
            (&b"</presence>NOTIFY sip:x SIP/2.0\r\n"[..], Some("NOTIFY sip:x")),
            (b"hello worldINVITE sip:x SIP/2.0\n", Some("INVITE sip:x")),
            (b"helloINVITE sip:x SIP/2.0\r\nVia", Some("INVITE sip:x")),
            (b"some text SIP/2.0 200 OK\r\n", Some("SIP/2.0 200")),
            (b"<a>SIP/2.0 180 \r\n", Some("SIP/2.0 180")),
            (b"</presence>NOTIFY sip:", Some("NOTIFY")),
            (b"</presence>NOTIFY sip:x SIP/", Some("NOTIFY")),
            (b"</presence>INV", Some("INV")),
            (b"</presence>SIP/2", Some("SIP/2")),
            (b"INVITE sip:x SIP/2.0\r\n", None),
            (b"PREFER sip:x SIP/2.0\r\n", None),
            (b"SIP/2.0 200 like SIP/2.0 200 OK\r\n", None),
            (b"</presence>NOTIFY x SIP/2.0\r\n", None),
            (b"</presence>NOTIFY sip:x SIP/1.0\r\n", None),
            (b"Via: SIP/2.0/TCP x\r\n", None),
            (b"\x82\x03INVITE sip:x SIP/2.0\r\n", None),
            (b"\0\0SIP/2.0 200 OK\r\n", None),
            (b"\x7fNOTIFY sip:", None),
            (b"SIP/2.0 999\r\n", None),
            (b"</presence>", None),
            (b"INVITE sip:x", None),
            (b"", None),
        ] {
            let found = start_line_inside(text).and_then(|at| text.get(at..)).unwrap_or_default();
            assert!(
                found.starts_with(expected.unwrap_or_default().as_bytes())
                    && found.is_empty() == expected.is_none(),
                "{}: {}",
                text.escape_ascii(),
                found.escape_ascii()
            );
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
            b"INVITE sip:a\x7f\x01b@c SIP/2.0",
            b"SIP/2.0 200 O\x1bK",
            b"SIP/2.0 \x0c200",
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
