//! The texts in a packet that filters compare, by what the packet carries.
//!
//! A packet is judged by what it says itself. Nothing is kept of a flow: what its first packets said does not make the
//! later ones match.

use super::filter_type::Field;
use super::number::{Digits, LEAST_SUFFIX, without_international_prefix};
use crate::detect::text_message::{HeaderFields, split_at};
use crate::detect::tls;
use crate::detect::tls_fingerprint::{Transport, ja3, ja3s, ja4};
use crate::detect::tls_hello::Hello;
use crate::sip::address::Uri;
use crate::sip::framing::{Framed, frame};
use crate::sip::message::Message;
use crate::sip::parts::{self, Known, Part, Wanted};
use crate::sip::session_description::{for_each_codec, static_codec};

/// What the bytes at hand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A SIP message.
    Sip,
    /// One or more SIP messages of a stream.
    SipStream,
    /// An RTP packet.
    Rtp,
    /// Media that is no RTP, and reports on media.
    Media,
    /// TLS records that begin with a hello.
    Tls,
    /// The handshake message in QUIC Initial packets.
    QuicHello,
    /// Heads of HTTP/1 requests.
    Http,
    /// Commands of an SMTP client, and header fields of mails, line by line.
    Mail,
}

/// Header fields of mails that name senders and recipients (RFC 5322 sections 3.6.2, 3.6.3 and 3.6.6).
const ADDRESS_FIELDS: [&[u8]; 11] = [
    b"From",
    b"To",
    b"Cc",
    b"Bcc",
    b"Sender",
    b"Reply-To",
    b"Resent-From",
    b"Resent-To",
    b"Resent-Cc",
    b"Resent-Bcc",
    b"Resent-Sender",
];

impl Content {
    /// The texts that it may have, as bits by the number of the [`Field`].
    pub fn fields(self) -> u32 {
        let bits = |fields: &[Field]| fields.iter().fold(0, |bits, field| bits | 1 << *field as u32);
        match self {
            Self::Sip | Self::SipStream => bits(&[
                Field::Imsi,
                Field::Imei,
                Field::User,
                Field::Number,
                Field::Uri,
                Field::CallId,
                Field::Codec,
            ]),
            Self::Rtp => bits(&[Field::Codec]),
            Self::Media => 0,
            Self::Tls | Self::QuicHello => bits(&[Field::ServerName, Field::Ja3, Field::Ja3s, Field::Ja4]),
            Self::Http => bits(&[Field::Host, Field::Url]),
            Self::Mail => bits(&[Field::MailAddress, Field::Subject]),
        }
    }
}

/// Buffers for texts, used again for the next packet.
#[derive(Default)]
pub struct Texts {
    text: Vec<u8>,
    second: Vec<u8>,
}

/// Gets each text.
type Found<'f> = dyn FnMut(Field, &[u8]) + 'f;

impl Texts {
    /// Calls `found` with the texts of `bytes`. Those that are not among the `wanted` fields need not be among them.
    pub fn for_each(&mut self, content: Content, bytes: &[u8], wanted: u32, found: &mut Found) {
        match content {
            Content::Sip => self.sip(bytes, wanted, found),
            Content::SipStream => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (message, after) = match frame(rest) {
                        Framed::Whole(length) => rest.split_at(length.min(rest.len())),
                        Framed::KeepAlive(length) | Framed::Not(length) => {
                            rest = rest.get(length..).unwrap_or_default();
                            continue;
                        }
                        Framed::Begun | Framed::Tls => (rest, &[][..]),
                    };
                    self.sip(message, wanted, found);
                    rest = after;
                }
            }
            Content::Rtp => {
                let codec = bytes.get(1).map_or("", |second| static_codec(second & 0x7f));
                if !codec.is_empty() {
                    found(Field::Codec, codec.as_bytes());
                }
            }
            Content::Media => {}
            Content::Tls => {
                let message = tls::handshake(bytes, &mut self.second);
                hello(message, Transport::Tcp, wanted, found);
            }
            Content::QuicHello => hello(bytes, Transport::Quic, wanted, found),
            Content::Http => self.http(bytes, wanted, found),
            Content::Mail => self.mail(bytes, found),
        }
    }

    fn sip(&mut self, bytes: &[u8], wanted: u32, found: &mut Found) {
        if let Ok(message) = Message::scan(bytes) {
            self.message(&message, wanted, Known::default(), found);
        }
    }

    /// Calls `found` with the texts of a message that was read, but for those of `known` parties.
    pub fn message(&mut self, message: &Message, wanted: u32, known: Known, found: &mut Found) {
        let wants = |field: Field| wanted >> field as u32 & 1 != 0;
        let text = &mut self.text;
        let parts = Wanted {
            identities: wants(Field::User) || wants(Field::Number) || wants(Field::Uri),
            imsi: wants(Field::Imsi),
            imei: wants(Field::Imei),
            call_id: wants(Field::CallId),
            descriptions: wants(Field::Codec),
        };
        parts::for_each_part_of(message, parts, known, &mut |part| match part {
            Part::Identity(uri) => {
                if put_identity(&uri, text, wanted, found) {
                    put_without_separators(uri, text, wanted, found);
                }
            }
            Part::Imsi(digits) => found(Field::Imsi, &digits),
            Part::Imei(digits) => found(Field::Imei, &digits),
            Part::CallId(id) => found(Field::CallId, id),
            Part::SessionDescription(description) => {
                for_each_codec(description, &mut |name| found(Field::Codec, name));
            }
        });
    }

    /// Heads, one behind the other. Of the last one the end may be missing.
    fn http(&mut self, bytes: &[u8], wanted: u32, found: &mut Found) {
        let mut rest = bytes;
        while let Some((method, target)) = request_line(rest) {
            // A target in absolute form takes the place of Host (RFC 9112 section 3.2.2).
            let (authority, path) = match split_absolute(target) {
                Some((scheme, after)) if !scheme.is_empty() => {
                    let end = after.iter().position(|octet| b"/?".contains(octet)).unwrap_or(after.len());
                    let (host, path) = after.split_at_checked(end).unwrap_or((after, b""));
                    (Some(host), path)
                }
                _ if method == b"CONNECT" => (Some(target), &b""[..]),
                _ => (None, target),
            };
            let mut named = authority.is_some();
            if let Some(host) = authority {
                self.site(host, path, wanted, found);
            }
            let mut fields = HeaderFields::of(rest);
            for (name, value) in &mut fields {
                // Which one counts where there are several differs from server to server.
                if authority.is_none() && name.eq_ignore_ascii_case(b"Host") {
                    self.site(value, path, wanted, found);
                    named = true;
                }
            }
            if !named {
                self.site(b"", path, wanted, found);
            }
            rest = fields.body().unwrap_or_default();
        }
    }

    /// What a request is for.
    fn site(&mut self, authority: &[u8], path: &[u8], wanted: u32, found: &mut Found) {
        // User information is no part of the host (RFC 9110 section 4.2.4).
        let host = authority.rsplit(|octet| *octet == b'@').next().unwrap_or_default();
        if !host.is_empty() {
            found(Field::Host, host);
        }
        let without_port = crate::sip::address::host_of(host);
        if !without_port.is_empty() && without_port.len() < host.len() {
            found(Field::Host, without_port);
        }
        if wanted >> Field::Url as u32 & 1 != 0 && !path.is_empty() {
            self.url(host, path, found);
        }
    }

    fn url(&mut self, host: &[u8], path: &[u8], found: &mut Found) {
        let without_query = split_at(path, b'?').map(|(path, _)| path);
        for path in [Some(path), without_query].into_iter().flatten() {
            let text = &mut self.text;
            text.clear();
            text.extend_from_slice(b"http://");
            text.extend(host.iter().chain(path));
            found(Field::Url, text);
            for skipped in [b"http://".len(), b"http://".len() + host.len()] {
                if !host.is_empty() || skipped == b"http://".len() {
                    found(Field::Url, text.get(skipped..).unwrap_or_default());
                }
            }
        }
    }

    fn mail(&mut self, bytes: &[u8], found: &mut Found) {
        for (name, value) in HeaderFields::of_lines(bytes) {
            let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
            if is(b"MAIL FROM") || is(b"RCPT TO") {
                let (_, rest) = split_at(value, b'<').unwrap_or((b"", value));
                let address = until_unquoted(b"> \t", rest);
                // A source route may be in front (RFC 5321 section 4.1.2).
                let address = match address.first() {
                    Some(b'@') => split_at(address, b':').map_or(address, |(_, rest)| rest),
                    _ => address,
                };
                put_address(address, found);
            } else if is(b"Subject") {
                put_unfolded(&mut self.text, value);
                found(Field::Subject, &self.text);
            } else if ADDRESS_FIELDS.iter().any(|one| is(one)) {
                for element in crate::sip::address::list(value) {
                    put_address(mailbox(element), found);
                }
            }
        }
    }
}

/// Calls `found` with the texts of who is named. True where that is a number with visual separators, and they are in them.
#[inline]
fn put_identity(uri: &Uri, text: &mut Vec<u8>, wanted: u32, found: &mut Found) -> bool {
    let wants = |field: Field| wanted >> field as u32 & 1 != 0;
    let mut is_separated = false;
    if (wants(Field::User) || wants(Field::Number)) && !uri.user.is_empty() {
        text.clear();
        is_separated = uri.write_user(text);
        found(Field::User, text);
        if wants(Field::Number) {
            // A name that has letters may hold a number, and hardly a short code.
            let least = if text.iter().any(u8::is_ascii_alphabetic) { LEAST_SUFFIX } else { 1 };
            let digits = Digits::of(text);
            let digits = Some(digits.as_bytes()).filter(|digits| digits.len() >= least);
            let digits = digits.unwrap_or_default();
            let national = without_international_prefix(digits);
            if !digits.is_empty() {
                found(Field::Number, digits);
            }
            if national.len() < digits.len() {
                found(Field::Number, national);
            }
        }
    }
    if wants(Field::Uri) {
        text.clear();
        is_separated = uri.write_address(text);
        if !text.is_empty() {
            found(Field::Uri, text);
        }
    }
    is_separated
}

/// The same as a tel URI would say it: a telephone number is the same with visual separators and without.
#[cold]
#[inline(never)]
fn put_without_separators(uri: Uri, text: &mut Vec<u8>, wanted: u32, found: &mut Found) {
    put_identity(&Uri { is_tel: true, ..uri }, text, wanted, found);
}

/// The address in an element of an address list (RFC 5322 section 3.4): behind a display name in angle brackets, or by
/// itself, with comments beside it, and the name of a group before it.
fn mailbox(element: &[u8]) -> &[u8] {
    if let Some(at) = memchr::memrchr(b'<', element) {
        let rest = element.get(at + 1..).unwrap_or_default();
        return until_unquoted(b">", rest).trim_ascii();
    }
    if element.first() == Some(&b'"') {
        return element;
    }
    let mut words = element.split(|octet| b" \t\r\n()<>;:".contains(octet));
    words.find(|word| word.contains(&b'@')).unwrap_or_default()
}

/// What is in front of the first of these octets that is in no quoted string (RFC 5321 section 4.1.2, RFC 5322 section 3.2.4).
fn until_unquoted<'b>(ends: &[u8], bytes: &'b [u8]) -> &'b [u8] {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = bytes.iter().position(|octet| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        match octet {
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => return !is_quoted && ends.contains(octet),
        }
        false
    });
    // A quote that nothing closes quotes nothing.
    let end = if is_quoted { bytes.iter().position(|octet| ends.contains(octet)) } else { end };
    end.and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}

fn put_address(address: &[u8], found: &mut Found) {
    if address.contains(&b'@') {
        found(Field::MailAddress, address);
    }
}

/// Line ends left out (RFC 5322 section 2.2.3).
fn put_unfolded(out: &mut Vec<u8>, text: &[u8]) {
    out.clear();
    out.extend(text.iter().filter(|octet| !b"\r\n".contains(octet)));
}

/// Method and target of a request of HTTP/1.
fn request_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, _) = split_at(bytes, b'\n')?;
    let (method, rest) = split_at(line.trim_ascii_end(), b' ')?;
    let at = memchr::memrchr(b' ', rest)?;
    let (target, version) = rest.split_at_checked(at)?;
    (version.starts_with(b" HTTP/1.") && !target.is_empty()).then_some((method, target.trim_ascii()))
}

/// Scheme, and what follows `://`.
fn split_absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let (scheme, rest) = split_at(target, b':')?;
    let is_scheme = scheme.iter().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(octet));
    Some((scheme, rest.strip_prefix(b"//").filter(|_| is_scheme)?))
}

fn hello(message: &[u8], transport: Transport, wanted: u32, found: &mut Found) {
    let wants = |field: Field| wanted >> field as u32 & 1 != 0;
    let Some(hello) = Hello::parse(message) else { return };
    if let Some(name) = hello.server_name().filter(|_| wants(Field::ServerName)) {
        found(Field::ServerName, name.strip_suffix(b".").unwrap_or(name));
    }
    // What is not all there has another fingerprint.
    if !hello.is_whole() || hello.is_retry() {
        return;
    }
    if !hello.is_client() {
        if wants(Field::Ja3s) {
            found(Field::Ja3s, &ja3s(&hello));
        }
        return;
    }
    if wants(Field::Ja3) {
        found(Field::Ja3, &ja3(&hello));
    }
    if wants(Field::Ja4) {
        found(Field::Ja4, &ja4(&hello, transport));
    }
}
