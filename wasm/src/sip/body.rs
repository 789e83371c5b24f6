//! Session descriptions in message bodies, alone or as parts of several (RFC 5621, RFC 2046 section 5.1).

use super::address::parameter;
use super::header::{Header, Line, line_at, name_and_value};
use crate::detect::text_message::split_at;

/// How deep bodies within bodies are looked into.
const MOST_DEPTH: u32 = 4;
/// Longest boundary in bytes (RFC 2046 section 5.1.1).
const MOST_BOUNDARY: usize = 70;
/// The types of body parts that are session descriptions, and of such that have parts.
const DESCRIPTION: &[u8] = b"application/sdp";
const SEVERAL: &[u8] = b"multipart/";

/// Calls `found` with each session description in a body.
pub(super) fn for_each_session_description<'a>(
    body: &'a [u8],
    content_type: Option<&'a [u8]>,
    content_encoding: &[u8],
    found: &mut dyn FnMut(&'a [u8]),
) {
    look_into(body, content_type, content_encoding, MOST_DEPTH, found);
}

fn look_into<'a>(
    body: &'a [u8],
    content_type: Option<&'a [u8]>,
    content_encoding: &[u8],
    depth: u32,
    found: &mut dyn FnMut(&'a [u8]),
) {
    if body.is_empty() || !content_encoding.is_empty() && !content_encoding.eq_ignore_ascii_case(b"identity")
    {
        return;
    }
    let Some(content_type) = content_type else {
        if body.starts_with(b"v=0") {
            found(body);
        }
        return;
    };
    if content_type == DESCRIPTION {
        return found(body);
    }
    let (kind, parameters) = split_at(content_type, b';').unwrap_or((content_type, b""));
    // White space around the slash is allowed (RFC 3261 section 25.1, SLASH), and nobody writes it.
    if kind.trim_ascii().eq_ignore_ascii_case(DESCRIPTION) {
        found(body);
    } else if kind.get(..SEVERAL.len()).is_some_and(|start| start.eq_ignore_ascii_case(SEVERAL))
        && let Some(boundary) = parameter(parameters, b"boundary")
        && (1..=MOST_BOUNDARY).contains(&boundary.len())
        && let Some(depth) = depth.checked_sub(1)
    {
        for_each_part(body, boundary, &mut |part| {
            let (content_type, content_encoding, body) = part_of(part);
            look_into(body, content_type, content_encoding, depth, found);
        });
    }
}

/// Calls `found` with what is between the boundaries; the last one may be missing.
fn for_each_part<'a>(body: &'a [u8], boundary: &[u8], found: &mut dyn FnMut(&'a [u8])) {
    // Where the part at hand begins.
    let mut begun = None;
    for at in memchr::memmem::find_iter(body, boundary) {
        let before = body.get(..at).and_then(|before| before.strip_suffix(b"--"));
        let Some(before) = before.filter(|before| matches!(before.last(), None | Some(b'\n'))) else {
            continue;
        };
        let after = body.get(at + boundary.len()..).unwrap_or_default();
        let is_last = after.starts_with(b"--");
        let line = memchr::memchr(b'\n', after).map_or(after.len(), |end| end + 1);
        let padding = after.get(..line).unwrap_or_default();
        // The boundary may be the beginning of a longer one, of the parts within a part.
        if !is_last && !padding.trim_ascii().is_empty() {
            continue;
        }
        if let Some(part) = begun.and_then(|start| before.get(start..)) {
            // The line end before a boundary belongs to it.
            let part = part.strip_suffix(b"\n").unwrap_or(part);
            found(part.strip_suffix(b"\r").unwrap_or(part));
        }
        if is_last {
            return;
        }
        begun = Some(at + boundary.len() + line);
    }
    if let Some(part) = begun.and_then(|start| body.get(start..)) {
        found(part);
    }
}

/// Content-Type, Content-Encoding and body of a part.
fn part_of(part: &[u8]) -> (Option<&[u8]>, &[u8], &[u8]) {
    let (mut content_type, mut content_encoding, mut at) = (None, &b""[..], 0);
    loop {
        match line_at(part, at) {
            Some(Line::Field(end)) => {
                let field = part.get(at..end).unwrap_or_default();
                if let Some((name, value)) = name_and_value(field) {
                    let value = field.get(value).unwrap_or_default();
                    match Header::of(name).filter(|_| name.len() > 1) {
                        Some(Header::ContentType) => content_type = Some(value),
                        Some(Header::ContentEncoding) => content_encoding = value,
                        _ => {}
                    }
                }
                at = end;
            }
            Some(Line::Blank(body)) => {
                return (content_type, content_encoding, part.get(body..).unwrap_or_default());
            }
            None => return (None, b"", b""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptions(content_type: Option<&str>, encoding: &str, body: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for_each_session_description(
            body.as_bytes(),
            content_type.map(str::as_bytes),
            encoding.as_bytes(),
            &mut |text| texts.push(String::from_utf8_lossy(text).into_owned()),
        );
        texts
    }

    #[test]
    fn alone() {
        for (content_type, encoding, body, expected) in [
            (Some("application/sdp"), "", "v=0\r\n", true),
            (Some("Application/SDP ; charset=x"), "Identity", "v=0\r\n", true),
            (None, "", "v=0\r\n", true),
            (None, "", "hello", false),
            (Some("text/plain"), "", "v=0\r\n", false),
            (Some("application/sdpx"), "", "v=0\r\n", false),
            (Some("application/sdp"), "gzip", "\x1f", false),
            (Some("application/sdp"), "", "", false),
        ] {
            let found = descriptions(content_type, encoding, body);
            assert_eq!(found, if expected { vec![body] } else { vec![] }, "{content_type:?} {body}");
        }
    }

    #[test]
    fn parts() {
        let kind = Some("multipart/mixed;boundary=\"b 1\"");
        let body = "preamble\r\n--b 1\r\nContent-Type: application/sdp\r\nc: text/plain\r\n\r\nv=0\r\ns=1\r\n\r\n--b 1 \r\n\
            content-type: multipart/alternative; boundary=b2\r\n\r\n\
            --b2\r\n\r\nv=0\r\n--b2x\r\n--b2\r\nContent-Type: text/plain\r\n\r\nv=0\r\n--b2--\r\nv=0\r\n\
            --b 1\r\nContent-Type: application/sdp\r\nContent-Encoding: gzip\r\n\r\nv=0\r\n\
            --b 1\nContent-Type:\n application/sdp\n\nv=0\n--b 1--\r\n--b 1\r\n\r\nv=0";
        assert_eq!(descriptions(kind, "", body), ["v=0\r\ns=1\r\n", "v=0\r\n--b2x", "v=0"]);
        // Cut: what there is.
        assert_eq!(
            descriptions(kind, "", "--b 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns"),
            ["v=0\r\ns"]
        );
        assert_eq!(descriptions(kind, "", "--b 1\r\nContent-Type: application/sdp\r\n"), [""; 0]);
        for kind in ["multipart/mixed", "multipart/mixed;boundary=", "multipart/mixed;boundary=\"\""] {
            assert_eq!(descriptions(Some(kind), "", body), [""; 0], "{kind}");
        }
    }

    #[test]
    fn not_deeper_than_the_limit() {
        let within = |depth: usize| {
            let mut body = "Content-Type: application/sdp\r\n\r\nv=0".to_owned();
            for number in 0..depth {
                body = format!(
                    "Content-Type: multipart/mixed;boundary=b{number}\r\n\r\n--b{number}\r\n{body}\r\n--b{number}--"
                );
            }
            let (head, body) = body.split_once("\r\n\r\n").unwrap();
            descriptions(head.strip_prefix("Content-Type: "), "", body).len()
        };
        assert_eq!((within(MOST_DEPTH as usize), within(MOST_DEPTH as usize + 1)), (1, 0));
    }
}
