//! Messages, as far as filters look at them (RFC 3261 section 7): start line, header fields in long and compact form, on
//! one line or folded, and the session description in the body.

use super::address::{Uri, list, name_address, parameter, unquoted};
use super::equipment::{IMEI_DIGITS, IMSI_DIGITS, imei, imsi};
use crate::detect::media::find_sdp;
use crate::detect::text_message::{HeaderFields, number, split_at};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Somebody it is from, to or about: Request-URI, From, To, P-Asserted-Identity and P-Preferred-Identity (RFC 3325),
    /// P-Called-Party-ID (RFC 7315).
    Identity(Uri<'a>),
    /// The subscriber, by an identity or by the user name in Authorization.
    Imsi([u8; IMSI_DIGITS]),
    /// The equipment, by the `+sip.instance` of a Contact (RFC 5626).
    Imei([u8; IMEI_DIGITS]),
    /// Call-ID.
    CallId(&'a [u8]),
    /// A session description, or the beginning of one.
    SessionDescription(&'a [u8]),
}

/// A header field that is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Identity,
    Contact,
    Authorization,
    CallId,
    ContentLength,
}

fn field(name: &[u8]) -> Option<Field> {
    let is = |long: &[u8]| name.eq_ignore_ascii_case(long);
    Some(match (name.first()?.to_ascii_lowercase(), name.len()) {
        (b'f' | b't', 1) => Field::Identity,
        (b'i', 1) => Field::CallId,
        (b'm', 1) => Field::Contact,
        (b'l', 1) => Field::ContentLength,
        (b'f', 4) if is(b"From") => Field::Identity,
        (b't', 2) if is(b"To") => Field::Identity,
        (b'p', 19) if is(b"P-Asserted-Identity") => Field::Identity,
        (b'p', 20) if is(b"P-Preferred-Identity") => Field::Identity,
        (b'p', 17) if is(b"P-Called-Party-ID") => Field::Identity,
        (b'c', 7) if is(b"Call-ID") => Field::CallId,
        (b'c', 7) if is(b"Contact") => Field::Contact,
        (b'c', 14) if is(b"Content-Length") => Field::ContentLength,
        (b'a', 13) if is(b"Authorization") => Field::Authorization,
        _ => return None,
    })
}

/// Without the line ends before it, which are a keep-alive (RFC 3261 section 7.5, RFC 5626).
pub fn without_leading_line_ends(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|octet| !matches!(octet, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// The start line's Request-URI, empty for a response; none where the bytes do not begin with a start line. White space
/// may be repeated.
fn request_uri(message: &[u8]) -> Option<&[u8]> {
    let line = memchr::memchr(b'\n', message).map_or(message, |end| message.get(..end).unwrap_or_default());
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_version = |word: &[u8]| word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"));
    let first = words.next()?;
    if is_version(first) {
        return Some(b"");
    }
    let (uri, version) = (words.next()?, words.next()?);
    (is_version(version) && words.next().is_none()).then_some(uri)
}

/// Calls `found` with the parts of a message, the end of which may be missing. False where the bytes are none.
pub fn for_each_part<'a>(bytes: &'a [u8], found: &mut dyn FnMut(Part<'a>)) -> bool {
    let message = without_leading_line_ends(bytes);
    let Some(target) = request_uri(message) else { return false };
    put_identity(target, found);
    let mut fields = HeaderFields::of(message);
    for (name, value) in &mut fields {
        match field(name) {
            Some(Field::Identity) => {
                for address in list(value) {
                    put_identity(name_address(address).0, found);
                }
            }
            Some(Field::Contact) => {
                for address in list(value) {
                    let (_, parameters) = name_address(address);
                    if let Some(number) = parameter(parameters, b"+sip.instance").and_then(imei) {
                        found(Part::Imei(number));
                    }
                }
            }
            Some(Field::Authorization) => {
                if let Some(number) = user_name(value).and_then(subscriber) {
                    found(Part::Imsi(number));
                }
            }
            Some(Field::CallId) => found(Part::CallId(value)),
            Some(Field::ContentLength) | None => {}
        }
    }
    if let Some(description) = fields.body().and_then(find_sdp) {
        found(Part::SessionDescription(description));
    }
    true
}

fn put_identity<'a>(uri: &'a [u8], found: &mut dyn FnMut(Part<'a>)) {
    let Some(uri) = Uri::parse(uri) else { return };
    found(Part::Identity(uri));
    if let Some(number) = imsi(uri.user, uri.host) {
        found(Part::Imsi(number));
    }
}

/// The `username` of credentials (RFC 3261 section 25.1, RFC 7616).
fn user_name(credentials: &[u8]) -> Option<&[u8]> {
    let (_, parameters) = split_at(credentials, b' ')?;
    list(parameters).find_map(|one| {
        let (name, value) = split_at(one, b'=')?;
        let value = unquoted(value).split(|octet| b" \t".contains(octet)).next();
        value.filter(|_| name.trim_ascii().eq_ignore_ascii_case(b"username"))
    })
}

fn subscriber(name: &[u8]) -> Option<[u8; IMSI_DIGITS]> {
    if let Some(uri) = Uri::parse(name) {
        return imsi(uri.user, uri.host);
    }
    let (user, host) = split_at(name, b'@')?;
    imsi(user, host)
}

/// A message at the front of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// So many bytes.
    Whole(usize),
    /// Its end is still to come.
    Begun,
    /// These bytes are no message.
    Not,
}

/// Where the message at the front of a stream ends (RFC 3261 section 18.3); without Content-Length it has no body.
pub fn frame(bytes: &[u8]) -> Framed {
    let leading = bytes.len() - without_leading_line_ends(bytes).len();
    let message = bytes.get(leading..).unwrap_or_default();
    if message.is_empty() {
        return Framed::Begun;
    }
    let has_line = memchr::memchr(b'\n', message).is_some();
    if has_line && request_uri(message).is_none() {
        return Framed::Not;
    }
    let mut fields = HeaderFields::of(message);
    let mut length = 0;
    for (name, value) in &mut fields {
        if field(name) == Some(Field::ContentLength) {
            length = number(value).unwrap_or(0) as usize;
        }
    }
    let Some(body) = fields.body() else { return Framed::Begun };
    match body.len().checked_sub(length) {
        Some(rest) => Framed::Whole(bytes.len() - rest),
        None => Framed::Begun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(message: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for_each_part(message.as_bytes(), &mut |part| {
            texts.push(match part {
                Part::Identity(uri) => {
                    let mut text = Vec::new();
                    uri.write_address(&mut text);
                    String::from_utf8_lossy(&text).into_owned()
                }
                Part::Imsi(digits) => format!("imsi {}", String::from_utf8_lossy(&digits)),
                Part::Imei(digits) => format!("imei {}", String::from_utf8_lossy(&digits)),
                Part::CallId(id) => format!("call {}", String::from_utf8_lossy(id)),
                Part::SessionDescription(text) => format!("sdp {}", text.len()),
            });
        });
        texts
    }

    #[test]
    fn what_a_request_says() {
        let message = "\r\nINVITE  sip:bob@x SIP/2.0\r\n\
            f : \"a, b\" <sip:alice@a.example>;tag=1\r\n\
            TO:\r\n <sip:carol@c>\r\n\
            P-Asserted-Identity: <sip:310260123456789@ims.mnc260.mcc310.3gppnetwork.org>, <tel:+1-2>\r\n\
            p-called-party-id: <sip:dave@d>\r\n\
            Authorization: Digest username=\"310260123456780@ims.mnc260.mcc310.3gppnetwork.org\", realm=\"x\"\r\n\
            m: <sip:x@y>;q=1;+sip.instance=\"<urn:gsma:imei:90420156-025763-0>\"\r\n\
            i: abc@d\r\n\
            Via: SIP/2.0/UDP sip:nobody@nowhere\r\n\
            \r\n\
            v=0\r\no=mallory 1\r\n";
        assert_eq!(
            parts(message),
            [
                "bob@x",
                "alice@a.example",
                "carol@c",
                "310260123456789@ims.mnc260.mcc310.3gppnetwork.org",
                "imsi 310260123456789",
                "+12",
                "dave@d",
                "imsi 310260123456780",
                "imei 90420156025763",
                "call abc@d",
                "sdp 18",
            ]
        );
    }

    #[test]
    fn what_is_no_message_says_nothing() {
        for text in [
            "",
            "\r\n\r\n",
            "v=0\r\n",
            "GET / HTTP/1.1\r\nFrom: <sip:a@b>\r\n\r\n",
            "INVITE sip:a b SIP/2.0\r\n",
        ] {
            assert!(!for_each_part(text.as_bytes(), &mut |part| panic!("{part:?}")), "{text}");
        }
        assert_eq!(parts("SIP/2.0 200\nFrom: sip:a@b"), ["a@b"]);
    }

    #[test]
    fn frames() {
        let message = b"\r\nBYE sip:a SIP/2.0\r\nl: 3\r\n\r\nabcSIP/2.0 200 OK\r\n\r\n";
        assert_eq!(frame(message), Framed::Whole(32));
        assert_eq!(frame(&message[32..]), Framed::Whole(message.len() - 32));
        for end in 0..32 {
            assert_eq!(frame(&message[..end]), Framed::Begun, "{end}");
        }
        assert_eq!(frame(b"nonsense\r\n"), Framed::Not);
    }
}
