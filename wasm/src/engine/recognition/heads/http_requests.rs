//! Heads of HTTP/1 requests, told from bodies, and from what servers say.

use super::{Progress, Sighting, phase, without_body};
use crate::detect::http;
use crate::detect::text_message::{HeaderFields, number};
use crate::matching::contents::Content;

/// What a response of HTTP begins with, and where its status code is.
const REPLY: &[u8] = b"HTTP/1.";
const STATUS: std::ops::Range<usize> = 9..12;
/// Lower ones announce another (RFC 9110 section 15.2).
const LEAST_FINAL_STATUS: u32 = 200;
/// Longest line in front of a chunk, and trailer, in bytes.
const MOST_CHUNK_LINE: usize = 4 << 10;
/// Most bytes of empty lines in front of a request.
const MOST_EMPTY_LINES: usize = 64;
/// What a chunk ends with.
const CHUNK_END_LENGTH: u32 = 2;

impl Sighting {
    /// Heads of requests. What is in bodies, or comes from the server, is none.
    pub(super) fn take_http(&mut self, bytes: &[u8], progress: &mut Progress) -> usize {
        let mut rest = bytes;
        loop {
            if *progress.phase == phase::EXPECTING && !rest.is_empty() {
                // Refused, the body does not come (RFC 9110 section 10.1.1).
                if *progress.other_body >= LEAST_FINAL_STATUS {
                    (*progress.phase, *progress.body) = (phase::REQUESTS, 0);
                } else {
                    *progress.phase = if *progress.body == 0 { phase::CHUNKS } else { phase::REQUESTS };
                }
            }
            if *progress.phase != phase::REPLIES {
                rest = without_body(rest, progress.body);
            }
            if rest.is_empty() {
                return bytes.len();
            }
            let taken = match *progress.phase {
                phase::COMMANDS if REPLY.starts_with(rest.get(..REPLY.len()).unwrap_or(rest)) => {
                    if rest.len() < REPLY.len() {
                        return bytes.len() - rest.len();
                    }
                    *progress.phase = phase::REPLIES;
                    continue;
                }
                phase::COMMANDS if progress.is_server => return bytes.len(),
                phase::REPLIES => {
                    if let Some(Some(status)) =
                        rest.starts_with(REPLY).then(|| rest.get(STATUS).and_then(number))
                    {
                        *progress.body = status;
                    }
                    return bytes.len();
                }
                phase::CHUNKS | phase::TRAILERS => take_chunk_line(rest, progress),
                _ => self.take_request(rest, progress),
            };
            match taken {
                Taken::All => return bytes.len(),
                Taken::Some(length) => rest = rest.get(length..).unwrap_or_default(),
                Taken::Begun => return bytes.len() - rest.len(),
            }
        }
    }

    fn take_request(&mut self, bytes: &[u8], progress: &mut Progress) -> Taken {
        // A server passes over empty lines (RFC 9112 section 2.2).
        let empty_lines = bytes.iter().take_while(|octet| b"\r\n".contains(octet)).count();
        if empty_lines > 0 {
            return if empty_lines > MOST_EMPTY_LINES { Taken::All } else { Taken::Some(empty_lines) };
        }
        let begin = bytes.get(..http::MOST_METHOD + 1).unwrap_or(bytes);
        let method_end = begin.iter().position(|octet| !http::is_in_method(*octet));
        if method_end.map_or(begin.len() > http::MOST_METHOD, |end| end == 0 || begin.get(end) != Some(&b' '))
        {
            return Taken::All;
        }
        if let Some(end) = memchr::memchr(b'\n', bytes)
            && !http::is_request_line(bytes.get(..end).unwrap_or_default().trim_ascii_end())
        {
            return Taken::All;
        }
        let Some(end) = end_of_head(bytes) else { return Taken::Begun };
        let head = bytes.get(..end).unwrap_or(bytes);
        self.add(Content::Http, head);
        let framing = Framing::of(head);
        *progress.body = framing.length;
        // What comes with the head was not waited for.
        let is_waiting = framing.is_expecting && bytes.len() <= end;
        *progress.phase = match framing {
            _ if is_waiting => phase::EXPECTING,
            Framing { is_chunked: true, .. } => phase::CHUNKS,
            _ => phase::REQUESTS,
        };
        if is_waiting && progress.is_answered {
            *progress.other_body = 0;
        }
        Taken::Some(end)
    }
}

/// What became of the beginning of some bytes.
enum Taken {
    /// So many of them are done with.
    Some(usize),
    /// They go on.
    Begun,
    /// They are none of what is looked for, all of them.
    All,
}

/// What follows the head of a request (RFC 9112 section 6).
#[derive(Default)]
struct Framing {
    /// Bytes of Content-Length; 0 where there are chunks instead.
    length: u32,
    is_chunked: bool,
    /// It comes when the server says so.
    is_expecting: bool,
}

impl Framing {
    fn of(head: &[u8]) -> Self {
        let mut framing = Self::default();
        let mut expects = false;
        for (name, value) in HeaderFields::of(head) {
            let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
            if is(b"Transfer-Encoding") {
                // The last coding is that of the message.
                let last = value.rsplit(|octet| *octet == b',').next().unwrap_or_default();
                framing.is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            } else if is(b"Content-Length") {
                framing.length = length_of(value);
            } else if is(b"Expect") {
                expects = value.eq_ignore_ascii_case(b"100-continue");
            }
        }
        if framing.is_chunked {
            framing.length = 0;
        }
        framing.is_expecting = expects && (framing.is_chunked || framing.length > 0);
        framing
    }
}

/// A Content-Length; what is beyond measure is the longest one, and 0 what is none.
fn length_of(value: &[u8]) -> u32 {
    let digit = |octet: &u8| octet.is_ascii_digit().then(|| u32::from(octet - b'0'));
    let length = value
        .iter()
        .try_fold(0u32, |length, octet| Some(length.saturating_mul(10).saturating_add(digit(octet)?)));
    length.unwrap_or(0)
}

/// The line in front of a chunk, or a trailer (RFC 9112 section 7.1).
fn take_chunk_line(bytes: &[u8], progress: &mut Progress) -> Taken {
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        if bytes.len() <= MOST_CHUNK_LINE {
            return Taken::Begun;
        }
        *progress.phase = phase::REQUESTS;
        return Taken::All;
    };
    let line = bytes.get(..end).unwrap_or_default().trim_ascii_end();
    if *progress.phase == phase::TRAILERS {
        if line.is_empty() {
            *progress.phase = phase::REQUESTS;
        }
        return Taken::Some(end + 1);
    }
    let digits = line.split(|octet| b"; \t".contains(octet)).next().unwrap_or_default();
    let size = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match size.and_then(|size| size.checked_add(CHUNK_END_LENGTH)) {
        Some(CHUNK_END_LENGTH) => *progress.phase = phase::TRAILERS,
        Some(length) => *progress.body = length,
        // No chunk, or the place is lost: perhaps a request.
        None => {
            *progress.phase = phase::REQUESTS;
            return Taken::Some(0);
        }
    }
    Taken::Some(end + 1)
}

/// Behind the empty line that ends a head.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| {
        let rest = bytes.get(at + 1..)?;
        let blank = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
        (blank > 0).then_some(at + 1 + blank)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Apart;
    use super::super::tests::{assert_taken, taken};
    use super::*;

    #[test]
    fn requests_are_found_behind_bodies() {
        let post = b"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\n";
        let body = b"GET /no HTTP/1.1\r\nHost: a\r\n\r\nA";
        let empty = b"GET /0 HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        let next = b"GET /1 HTTP/1.1\r\nHost: b\r\n\r\n";
        assert_eq!(body.len(), 30);
        let stream = [&post[..], body, empty, next].concat();
        assert_taken(Content::Http, &stream, &[&post[..], empty, next].concat());
    }

    #[test]
    fn requests_are_found_behind_chunks_and_refused_bodies() {
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let trap = b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n";
        let chunks = [&b"1;x=y\r\nA\r\n1D\r\n"[..], trap, b"\r\n0\r\nGET: /no HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(trap.len(), 0x1d);
        let next = b"GET /1 HTTP/1.1\r\nHost: b\r\n\r\n";
        let expected = [&chunked[..], next].concat();
        assert_taken(Content::Http, &[&chunked[..], &chunks, b"\r\n", next].concat(), &expected);
        let expecting = b"PUT / HTTP/1.1\r\nContent-Length: 30\r\nExpect: 100-Continue\r\n\r\n";
        let expected = [&expecting[..], next].concat();
        let like_a_request = [&trap[..], b"x"].concat();
        for (status, body) in [(417, &b""[..]), (100, &like_a_request), (0, &[b'x'; 30])] {
            let stream = [&expecting[..], body, next].concat();
            let (mut remembered, mut given) = (Apart::default(), Vec::new());
            // That of an earlier response, and what is said then.
            for (part, status) in [(&stream[..expecting.len()], 200), (&stream[expecting.len()..], status)] {
                remembered.other_body = status;
                let mut sighting = Sighting::default();
                let mut progress = Progress { is_answered: true, ..remembered.progress() };
                assert_eq!(sighting.take(Content::Http, part, false, &mut progress), part.len());
                given.extend(sighting.bytes);
                assert!(remembered.other_body != 200);
            }
            assert_eq!(given.escape_ascii().to_string(), expected.escape_ascii().to_string());
            // What comes with the head is the body, whatever is said of it.
            if body.len() == 30 {
                assert_eq!(taken(Content::Http, &stream, stream.len()), expected);
            }
        }
        let lenient = b"GET   /1 HTTP/1.1 \r\nHost: b\r\n\r\n";
        let long = [&b"GET /"[..], &[b'x'; 9000], b" HTTP/1.0\n\n"].concat();
        let stream = [&b"\r\n"[..], lenient, b"\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n"].concat();
        let expected = [&lenient[..], b"CONNECT a:1 HTTP/1.1\r\n\r\n"].concat();
        assert_taken(Content::Http, &stream, &expected);
        assert!(taken(Content::Http, &long, 1000) == long);
    }

    #[test]
    fn lengths_and_codings() {
        let next = b"GET /1 HTTP/1.1\r\nHost: b\r\n\r\n";
        for (fields, body) in [
            ("Content-Length: 0000000000", ""),
            ("Content-Length: 00000000003", "GET"),
            ("Content-Length: 3x", ""),
            ("Transfer-Encoding: identity", ""),
            ("Transfer-Encoding: gzip, Chunked", "3\r\nGET\r\n0\r\n\r\n"),
            ("Transfer-Encoding: chunked", ""),
        ] {
            let head = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
            let stream = [head.as_bytes(), body.as_bytes(), next].concat();
            assert_taken(Content::Http, &stream, &[head.as_bytes(), next].concat());
        }
        for (value, expected) in
            [("1000000020", 1_000_000_020), ("99999999999999999999", u32::MAX), ("", 0), ("-1", 0)]
        {
            assert_eq!(length_of(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn what_servers_say_is_no_request() {
        let trap = b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n";
        for stream in
            [[&b"HTTP/1.1 200 OK\r\n\r\n"[..], trap].concat(), [&b"HTTP/1.0 100 \r\n\r\n"[..], trap].concat()]
        {
            assert_taken(Content::Http, &stream, b"");
        }
        let mut sighting = Sighting::default();
        let mut apart = Apart::default();
        let mut progress = Progress { is_server: true, ..apart.progress() };
        assert_eq!(sighting.take(Content::Http, trap, true, &mut progress), trap.len());
        assert!(sighting.content.is_none());
        // A body in chunks of which a part is lost.
        let mut remembered = Apart { phase: phase::CHUNKS, body: 10, other_body: 0 };
        let mut progress = remembered.progress();
        progress.skip(Some(10));
        assert!(!progress.may_begin_request(0));
        progress.skip(Some(1));
        assert!(progress.may_begin_request(0));
        // The status code of a response is no length.
        let mut remembered = Apart { phase: phase::REPLIES, body: 417, other_body: 0 };
        remembered.progress().skip(Some(300));
        assert_eq!(remembered.body, 417);
    }
}
