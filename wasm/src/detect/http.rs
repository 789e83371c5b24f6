//! HTTP/1 (RFC 9110, RFC 9112), and what its relatives share: start line, header fields, request target.

use super::signature::FirstBytes;
use super::{
    Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls, websocket,
};

/// Longest start line in bytes.
const MOST_LINE: usize = 8 << 10;
/// Most bytes of a head that are waited for.
const MOST_HEAD: usize = 8 << 10;
/// Longest method in bytes.
pub const MOST_METHOD: usize = 24;

/// The registered methods (IANA), and those of UPnP eventing.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"CONNECT",
    b"PATCH",
    b"TRACE",
    b"ACL",
    b"BASELINE-CONTROL",
    b"BIND",
    b"CHECKIN",
    b"CHECKOUT",
    b"COPY",
    b"LABEL",
    b"LINK",
    b"LOCK",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKCOL",
    b"MKREDIRECTREF",
    b"MKWORKSPACE",
    b"MOVE",
    b"NOTIFY",
    b"ORDERPATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"QUERY",
    b"REBIND",
    b"REPORT",
    b"SEARCH",
    b"SUBSCRIBE",
    b"UNBIND",
    b"UNCHECKOUT",
    b"UNLINK",
    b"UNLOCK",
    b"UNSUBSCRIBE",
    b"UPDATE",
    b"UPDATEREDIRECTREF",
    b"VERSION-CONTROL",
];

/// Parameters of a target that are not shown: their names contain one of these.
const SECRET_NAMES: &[&[u8]] =
    &[b"pass", b"pwd", b"secret", b"token", b"auth", b"key", b"sess", b"sig", b"code", b"sid", b"credential"];

/// HTTP/1.0 and HTTP/1.1.
pub static HTTP: Signature = Signature {
    name: "HTTP",
    carriers: &[Carrier::Tcp],
    ports: &[80, 3000, 8000, 8080],
    first: FirstBytes::Ranges(&[(b'A', b'Z')]),
    examine,
    continues,
    asks: FirstBytes::OneOf(b"GHPS\x16"),
    describe,
    ..Signature::BASE
};

/// The first line of a message.
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// Method, a token.
        method: &'a [u8],
        /// Request target as sent.
        target: &'a [u8],
        /// `HTTP/1.0` or `HTTP/1.1`.
        version: &'a [u8],
    },
    /// A response.
    Response {
        /// `HTTP/1.0` or `HTTP/1.1`.
        version: &'a [u8],
        /// Three digits.
        status: &'a [u8],
        /// Reason phrase, often empty.
        reason: &'a [u8],
    },
}

impl<'a> StartLine<'a> {
    /// Reads a start line (RFC 9112 sections 3 and 4).
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        if is_version(line.get(..8)?) {
            let (version, rest) = line.split_at_checked(8)?;
            let (status, reason) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
            let valid = matches!(status, [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9']) && is_text(reason);
            let reason = match reason {
                [] => reason,
                [b' ', reason @ ..] => reason,
                _ => return None,
            };
            return valid.then_some(Self::Response { version, status, reason });
        }
        // Some put blanks behind it (RFC 9112 section 3 lets them pass).
        let line = line.trim_ascii_end();
        let (rest, version) = line.split_at_checked(line.len().checked_sub(8)?)?;
        let rest = rest.strip_suffix(b" ")?;
        let (method, target) = split_at_space(rest)?;
        // Targets with blanks or bytes above 7F in them do occur; control characters do not.
        let valid = is_version(version) && is_method(method) && !target.is_empty() && is_text(target);
        valid.then_some(Self::Request { method, target, version })
    }
}

fn split_at_space(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', bytes)?;
    Some((bytes.get(..space)?, bytes.get(space + 1..)?))
}

fn is_version(bytes: &[u8]) -> bool {
    matches!(bytes, b"HTTP/1.1" | b"HTTP/1.0")
}

fn is_method(bytes: &[u8]) -> bool {
    (1..=MOST_METHOD).contains(&bytes.len()) && bytes.iter().all(|byte| is_in_method(*byte))
}

/// Whether an octet may be in a method's name.
pub fn is_in_method(octet: u8) -> bool {
    octet.is_ascii_uppercase() || matches!(octet, b'-' | b'_' | b'0'..=b'9')
}

fn is_text(bytes: &[u8]) -> bool {
    // Without a way out, so that many bytes are looked at in one step.
    !bytes.iter().fold(false, |bad, byte| bad | (*byte < b' ' && *byte != b'\t' || *byte == 0x7f))
}

/// Whether the bytes begin with a start line, for the flows of other protocols. Cheap where they do not.
pub fn begins_message(bytes: &[u8]) -> bool {
    let Some((method, rest)) = bytes.get(..bytes.len().min(MOST_METHOD)).and_then(split_at_space) else {
        return false;
    };
    let is_target = match rest.first() {
        Some(b'/' | b'h' | b'H' | b'*') => true,
        // A host and a port (RFC 9110 section 9.3.6).
        Some(first) => {
            method == b"CONNECT" && (first.is_ascii_alphanumeric() || matches!(first, b'[' | b'_'))
        }
        None => false,
    };
    let is_request = is_target && METHODS.contains(&method);
    if !is_request && !is_version(method) {
        return false;
    }
    let head = bytes.get(..bytes.len().min(MOST_LINE)).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', head) else { return false };
    let line = head.get(..end).unwrap_or_default();
    StartLine::parse(line.strip_suffix(b"\r").unwrap_or(line)).is_some()
}

/// Whether a line, without its end, is a request line, read as leniently as servers do: blanks in a row are one
/// (RFC 9112 section 3).
pub fn is_request_line(line: &[u8]) -> bool {
    let Some((method, rest)) = split_at_space(line) else { return false };
    let rest = rest.trim_ascii();
    let Some((target, version)) = rest.split_at_checked(rest.len().saturating_sub(8)) else { return false };
    let target = target.trim_ascii_end();
    is_method(method)
        && is_version(version)
        && rest.len() > target.len() + version.len()
        && !target.is_empty()
        && is_text(target)
}

/// Start line and header fields of a message.
pub struct Head<'a> {
    /// The first line.
    pub start: StartLine<'a>,
    /// What follows it.
    fields: &'a [u8],
    /// Whether the empty line that ends the head is there.
    pub is_whole: bool,
}

impl<'a> Head<'a> {
    /// Reads a message from its start line on.
    pub fn parse(payload: &Payload<'a>) -> Option<Self> {
        let start = StartLine::parse(payload.line(MOST_LINE)?)?;
        let fields = payload.from(memchr::memchr(b'\n', payload.bytes)? + 1);
        let end = fields_end(fields);
        let fields = fields.get(..end.unwrap_or(fields.len())).unwrap_or(fields);
        Some(Self { start, fields, is_whole: end.is_some() })
    }

    /// Whether it is a request whose Host field may be still to come.
    fn lacks_host(&self) -> bool {
        let is_request = matches!(self.start, StartLine::Request { .. });
        is_request && !self.is_whole && self.field(b"host").is_none()
    }

    /// The header fields: name, and value without the blanks around it. A line that the capture cuts is left out.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.fields;
        std::iter::from_fn(move || {
            let end = memchr::memchr(b'\n', rest)?;
            let line = rest.get(..end)?;
            rest = rest.get(end + 1..)?;
            Some(line)
        })
        .filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            Some((line.get(..colon)?, line.get(colon + 1..)?.trim_ascii()))
        })
    }

    /// The value of the first field with this name, in any case (RFC 9110 section 5.1).
    pub fn field(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.fields().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Length of the header fields up to the empty line.
fn fields_end(fields: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let rest = fields.get(start..)?;
        if rest.starts_with(b"\r\n") || rest.starts_with(b"\n") {
            return Some(start);
        }
        start += memchr::memchr(b'\n', rest)? + 1;
    }
}

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    match Head::parse(payload) {
        // The host is worth waiting for; it usually comes first.
        Some(head) if head.lacks_host() && payload.bytes.len() < MOST_HEAD && state.may_ask_more(payload) => {
            Verdict::More
        }
        Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        None if !may_begin(payload.bytes) => Verdict::No,
        None if payload.is_whole() => match state.may_ask_more(payload) {
            true => Verdict::More,
            false => Verdict::No,
        },
        // The capture cuts the start line.
        None => Verdict::Is(Confidence::MEDIUM, Method::Payload),
    }
}

/// Whether the bytes may be the beginning of a start line that goes on: a registered method, and a target.
fn may_begin(bytes: &[u8]) -> bool {
    if bytes.len() >= MOST_LINE || bytes.contains(&b'\n') {
        return false;
    }
    if bytes.len() >= 4 && b"HTTP/1.".starts_with(bytes.get(..7).unwrap_or(bytes)) {
        return true;
    }
    match split_at_space(bytes) {
        Some((method, target)) => {
            METHODS.contains(&method) && is_text(target.strip_suffix(b"\r").unwrap_or(target))
        }
        None => bytes.len() >= 3 && METHODS.iter().any(|method| method.starts_with(bytes)),
    }
}

fn continues(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> bool {
    match payload.bytes.first() {
        // An upgrade, a client that knows that the server speaks HTTP/2, or what CONNECT has opened.
        Some(b'G' | b'H') => !websocket::begins(payload),
        Some(b'P') => !payload.bytes.starts_with(b"PRI * HTTP/2.0\r\n"),
        Some(b'S') => !payload.bytes.starts_with(b"SSH-2.0-"),
        Some(0x16) => !tls::begins_client_hello(payload.bytes),
        _ => true,
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(head) = Head::parse(payload) else {
        facts.say(b"Continuation");
        return;
    };
    put_start(&head.start, facts);
    put_fields(
        &head,
        &[
            (b"host", "host"),
            (b"user-agent", "user_agent"),
            (b"content-type", "content_type"),
            (b"server", "server"),
            (b"content-length", "content_length"),
        ],
        facts,
    );
    if let (StartLine::Response { .. }, Some(kind)) = (&head.start, head.field(b"content-type")) {
        facts.say(b" (");
        facts.say(kind.split(|byte| *byte == b';').next().unwrap_or_default());
        facts.say(b")");
    }
}

/// Says the start line, and puts its parts.
pub fn put_start(start: &StartLine, facts: &mut Facts) {
    match start {
        StartLine::Request { method, target, version } => {
            let mut buffer = [0; 256];
            let shown = mask_target(target, &mut buffer);
            facts.put("type", b"request");
            facts.put("method", method);
            facts.put("path", shown);
            facts.put("version", version);
            facts.say(method);
            facts.say(b" ");
            facts.say(shown.get(..shown.len().min(200)).unwrap_or_default());
            facts.say(b" ");
            facts.say(version);
        }
        StartLine::Response { version, status, reason } => {
            facts.put("type", b"response");
            facts.put("version", version);
            facts.put("status_code", status);
            facts.put("reason", reason);
            facts.say(version);
            facts.say(b" ");
            facts.say(status);
            facts.say(b" ");
            facts.say(reason);
        }
    }
}

/// Puts the fields named, by the keys beside them; those that hold an authority or a URI as [`mask_target`] shows it.
pub fn put_fields(head: &Head, wanted: &[(&[u8], &'static str)], facts: &mut Facts) {
    for (name, key) in wanted {
        let Some(value) = head.field(name) else { continue };
        match *key {
            "host" | "origin" | "location" => facts.put(key, mask_target(value, &mut [0; 256])),
            _ => facts.put(key, value),
        }
    }
}

/// A request target, or an authority as in Host, without user information (RFC 3986 section 3.2.1) and without the
/// values of parameters that look like secrets, be they in the path, the query or the fragment. Cut at 256 bytes.
pub fn mask_target<'a>(target: &[u8], buffer: &'a mut [u8; 256]) -> &'a [u8] {
    let mut shown = Shown { buffer, length: 0 };
    let authority = match memchr::memmem::find(target, b"://") {
        Some(at) => at + 3,
        None if target.starts_with(b"//") => 2,
        None if target.starts_with(b"/") => target.len(),
        // Of CONNECT, or of Host.
        None => 0,
    };
    let (scheme, rest) = target.split_at(authority);
    shown.push_parameters(scheme);
    // A delimiter before the last `@` is taken to be a character of the password.
    let host = memchr::memchr(b'/', rest).unwrap_or(rest.len());
    let at = memchr::memrchr(b'@', rest.get(..host).unwrap_or_default());
    if at.is_some() {
        shown.push(b"***");
    }
    shown.push_parameters(rest.get(at.unwrap_or(0)..).unwrap_or_default());
    let Shown { buffer, length } = shown;
    buffer.get(..length).unwrap_or_default()
}

/// A target as far as it is written.
struct Shown<'a> {
    buffer: &'a mut [u8; 256],
    length: usize,
}

impl Shown<'_> {
    fn push(&mut self, bytes: &[u8]) {
        for (place, byte) in self.buffer.iter_mut().skip(self.length).zip(bytes) {
            *place = *byte;
            self.length += 1;
        }
    }

    /// Pushes a path and what follows it, piece by piece.
    fn push_parameters(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| b"?#;&".contains(byte)).unwrap_or(rest.len());
            let (piece, after) = rest.split_at(end);
            let equals = memchr::memchr(b'=', piece).map_or(piece.len(), |at| at + 1);
            let (name, value) = piece.split_at(equals);
            let own_name = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            self.push_without_user(name);
            match !value.is_empty() && is_secret(own_name) {
                true => self.push(b"***"),
                false => self.push_without_user(value),
            }
            let (delimiter, next) = after.split_at(after.len().min(1));
            self.push(delimiter);
            rest = next;
        }
    }

    /// Pushes a text that may have a URI in it.
    fn push_without_user(&mut self, mut rest: &[u8]) {
        while let Some(at) = memchr::memmem::find(rest, b"://") {
            let (scheme, behind) = rest.split_at(at + 3);
            self.push(scheme);
            let host = memchr::memchr(b'/', behind).unwrap_or(behind.len());
            let at = memchr::memrchr(b'@', behind.get(..host).unwrap_or_default());
            if at.is_some() {
                self.push(b"***");
            }
            rest = behind.get(at.unwrap_or(0)..).unwrap_or_default();
        }
        self.push(rest);
    }
}

fn is_secret(name: &[u8]) -> bool {
    SECRET_NAMES
        .iter()
        .any(|secret| name.windows(secret.len()).any(|window| window.eq_ignore_ascii_case(secret)))
}

#[cfg(test)]
#[path = "tests/http.rs"]
mod tests;
