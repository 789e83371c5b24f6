//! SIP (RFC 3261).

use super::http::mask_target;
use super::media::{MediaIndex, find_sdp};
use super::signature::FirstBytes;
use super::state::seen;
use super::text_message::{self, HeaderFields, MOST_START_LINE, StartLine, split_at};
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::sip;

const PORTS: &[u16] = &[5060, 5061];
const VERSION: &[&[u8]] = &[b"SIP/2.0"];
/// Methods of the RFCs, for start lines that are not complete or in the middle of something else; elsewhere any token is one.
pub(crate) const METHODS: &[&[u8]] = &[
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"INFO",
    b"INVITE",
    b"MESSAGE",
    b"NOTIFY",
    b"OPTIONS",
    b"PRACK",
    b"PUBLISH",
    b"REFER",
    b"REGISTER",
    b"SUBSCRIBE",
    b"UPDATE",
];
pub(crate) const SCHEMES: &[&[u8]] = &[b"sip:", b"sips:", b"tel:", b"urn:"];
/// Longest keep-alive in bytes, of whatever they are, in a flow that is known.
const MOST_KEEP_ALIVE: usize = 4;

/// SIP: a start line of version 2.0; line ends alone, as keep-alive, on its ports and in its flows (RFC 5626).
pub static SIP: Signature = Signature {
    name: "SIP",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: PORTS,
    // A token, or line ends before it.
    first: FirstBytes::Ranges(&[
        (b'\n', b'\n'),
        (b'\r', b'\r'),
        (b'!', b'!'),
        (b'%', b'%'),
        (b'\'', b'\''),
        (b'*', b'+'),
        (b'-', b'.'),
        (b'0', b'9'),
        (b'A', b'Z'),
        (b'_', b'z'),
        (b'~', b'~'),
    ]),
    examine,
    continues,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> Verdict {
    let bytes = without_leading_line_ends(payload.bytes);
    if bytes.is_empty() {
        return match matches!(payload.bytes, b"\r\n" | b"\r\n\r\n") && payload.on_port(PORTS) {
            true => Verdict::Is(Confidence::MEDIUM, Method::Port),
            false => Verdict::No,
        };
    }
    let Some(message) = Message::parse(bytes) else {
        let more = payload.carrier == Carrier::Tcp
            && text_message::may_become_start_line(bytes, METHODS, SCHEMES, b"SIP/2.0 ");
        return if more { Verdict::More } else { Verdict::No };
    };
    state.seen |= seen::SIP;
    message.learn(payload, &mut shared.media);
    match message.via.and(message.call_id).and(message.cseq) {
        Some(_) => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        None => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
    }
}

/// Text, or a keep-alive of any bytes. What begins like STUN is left to STUN (RFC 5626 section 3.5.2).
#[inline]
fn continues(payload: &Payload, _: &mut FlowState, shared: &mut Shared) -> bool {
    let first = payload.u8(0).unwrap_or(b'\n');
    if payload.carrier == Carrier::Udp && first < b' ' && !matches!(first, b'\t' | b'\n' | b'\r') {
        return payload.length <= MOST_KEEP_ALIVE;
    }
    // Most messages have no body.
    if first.is_ascii_uppercase()
        && (!payload.bytes.ends_with(b"\r\n\r\n") || payload.bytes.starts_with(b"BYE "))
    {
        learn(payload, shared);
    }
    true
}

#[cold]
fn learn(payload: &Payload, shared: &mut Shared) {
    if let Some(message) = Message::parse(payload.bytes) {
        message.learn(payload, &mut shared.media);
    }
}

fn without_leading_line_ends(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// The parts of a message that are of interest here; of a field that occurs more than once, the first.
struct Message<'a> {
    start: StartLine<'a>,
    via: Option<&'a [u8]>,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    call_id: Option<&'a [u8]>,
    cseq: Option<&'a [u8]>,
    contact: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// A message from its start line on, which is complete; the rest may be cut.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.get(..bytes.len().min(MOST_START_LINE))?;
        let (line, _) = split_at(head, b'\n')?;
        let start = text_message::start_line(line.strip_suffix(b"\r").unwrap_or(line), VERSION)?;
        if let StartLine::Request { target, .. } = start
            && !is_uri(target)
        {
            return None;
        }
        let mut message = Self {
            start,
            via: None,
            from: None,
            to: None,
            call_id: None,
            cseq: None,
            contact: None,
            user_agent: None,
            content_type: None,
            body: &[],
        };
        let mut fields = HeaderFields::of(bytes);
        for (name, value) in &mut fields {
            if let Some(place) = message.place(name) {
                place.get_or_insert(value);
            }
        }
        message.body = fields.body().unwrap_or_default();
        Some(message)
    }

    /// Names and compact forms (RFC 3261 section 7.3.3).
    fn place(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        let is = |long: &str, short: &str| {
            name.eq_ignore_ascii_case(long.as_bytes()) || name.eq_ignore_ascii_case(short.as_bytes())
        };
        Some(match name.first()?.to_ascii_lowercase() {
            b'v' if is("Via", "v") => &mut self.via,
            b'f' if is("From", "f") => &mut self.from,
            b't' if is("To", "t") => &mut self.to,
            b'i' if is("Call-ID", "i") => &mut self.call_id,
            b'c' if is("Call-ID", "i") => &mut self.call_id,
            b'c' if is("CSeq", "CSeq") => &mut self.cseq,
            b'c' if is("Content-Type", "c") => &mut self.content_type,
            b'm' | b'c' if is("Contact", "m") => &mut self.contact,
            b'u' if is("User-Agent", "User-Agent") => &mut self.user_agent,
            _ => return None,
        })
    }

    fn sdp(&self) -> Option<&'a [u8]> {
        // A text message that looks like a session description is none; without Content-Type it is.
        let may_be = self.content_type.is_none_or(|kind| {
            [&b"application/sdp"[..], b"multipart/"]
                .iter()
                .any(|one| kind.get(..one.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(one)))
        });
        find_sdp(self.body).filter(|_| may_be)
    }

    /// Media endpoints of the message's session description; the end of its call.
    fn learn(&self, payload: &Payload, media: &mut MediaIndex) {
        let call_id = self.call_id.unwrap_or_default();
        if matches!(self.start, StartLine::Request { method: b"BYE", .. }) {
            media.end_call(call_id, payload.timestamp_ns);
        }
        let Some(sdp) = self.sdp() else { return };
        // In a stream the last line may go on in the next segment.
        let end = match payload.carrier {
            Carrier::Tcp => memchr::memrchr(b'\n', sdp).map_or(0, |at| at + 1),
            _ => sdp.len(),
        };
        media.announce_sdp(sdp.get(..end).unwrap_or_default(), call_id, payload.timestamp_ns);
    }
}

/// `scheme:rest`, of any scheme (RFC 3261 section 25.1, absoluteURI).
fn is_uri(text: &[u8]) -> bool {
    split_at(text, b':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
    })
}

/// URI and parameters of From, To or Contact (RFC 3261 section 20.10).
fn name_address(value: &[u8]) -> (&[u8], &[u8]) {
    let mut start = 0;
    if value.first() == Some(&b'"') {
        let mut escaped = false;
        let closing = value.iter().skip(1).position(|byte| {
            let closes = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            closes
        });
        start = closing.map_or(0, |at| at + 2);
    }
    let value = value.get(start..).unwrap_or_default();
    if let Some((_, rest)) = split_at(value, b'<') {
        return split_at(rest, b'>').unwrap_or((rest, b""));
    }
    split_at(value, b';').unwrap_or((value, b""))
}

/// The user of a SIP URI without its password, or the number of a tel URI.
fn user(uri: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = split_at(uri.trim_ascii(), b':')?;
    if scheme.eq_ignore_ascii_case(b"tel") {
        return rest.split(|byte| b";?".contains(byte)).next();
    }
    let (user_info, _) = split_at(rest, b'@').filter(|_| is_sip_scheme(scheme))?;
    user_info.split(|byte| b":;?".contains(byte)).next()
}

fn is_sip_scheme(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips")
}

fn tag(parameters: &[u8]) -> Option<&[u8]> {
    parameters.split(|byte| *byte == b';').find_map(|parameter| {
        let (name, value) = split_at(parameter, b'=')?;
        name.trim_ascii().eq_ignore_ascii_case(b"tag").then_some(value.trim_ascii())
    })
}

/// Whether a URI in `text` has a password in its user part (RFC 3261 section 19.1.1): two colons before an `@`.
fn holds_password(text: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b'@');
    parts.next_back();
    parts.any(|part| {
        let uri = part.rsplit(|byte| b"<>,\" \t\r\n".contains(byte)).next().unwrap_or_default();
        uri.iter().filter(|byte| **byte == b':').count() >= 2
    })
}

/// Says a URI without its password, its parameters and its header fields, which may be credentials.
fn say_uri(facts: &mut Facts, uri: &[u8]) {
    match without_parameters(uri) {
        Some(uri) => facts.say(uri),
        None => say_any_uri(facts, uri),
    }
}

/// A SIP URI up to its parameters, if one look at its octets tells that there is no password in it.
fn without_parameters(uri: &[u8]) -> Option<&[u8]> {
    const FIRST: usize = b"sip:".len();
    let rest = uri.strip_prefix(b"sip:")?;
    let mut end = uri.len();
    let mut may_have_user = true;
    for (at, octet) in rest.iter().enumerate() {
        match octet {
            b'@' if may_have_user => may_have_user = false,
            b'@' | 0x80.. => return None,
            // No user behind any of them.
            b':' => may_have_user = false,
            b';' | b'?' | b'#' => {
                may_have_user = false;
                end = end.min(FIRST + at);
            }
            _ => {}
        }
    }
    uri.get(..end)
}

fn say_any_uri(facts: &mut Facts, uri: &[u8]) {
    let before_parameters = |text: &'_ [u8]| text.iter().position(|byte| b";?#".contains(byte));
    let Some((scheme, rest)) = split_at(uri, b':') else { return };
    if !is_sip_scheme(scheme) {
        let mut buffer = [0; 256];
        let shown = mask_target(uri, &mut buffer);
        return facts.say(shown.get(..before_parameters(shown).unwrap_or(shown.len())).unwrap_or_default());
    }
    facts.say(scheme);
    facts.say(b":");
    let host = match split_at(rest, b'@') {
        Some((_, host)) => {
            facts.say(user(uri).unwrap_or_default());
            facts.say(b"@");
            // Where a second one is, nobody knows where the password ends.
            if host.contains(&b'@') { b"***" } else { host }
        }
        None => rest,
    };
    facts.say(host.get(..before_parameters(host).unwrap_or(host.len())).unwrap_or_default());
}

/// The names and addresses of a Contact field, without parameters and header fields.
fn contact_parts(contact: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped, mut in_brackets, mut skips) = (false, false, false, false);
    contact.split(move |byte| {
        match byte {
            _ if quoted => {
                quoted = escaped || *byte != b'"';
                escaped = *byte == b'\\' && !escaped;
            }
            b'"' => quoted = true,
            b'<' => in_brackets = true,
            b'>' => (in_brackets, skips) = (false, false),
            b',' if !in_brackets => skips = false,
            b';' | b'?' => skips = true,
            _ => {}
        }
        skips
    })
}

/// Of a message that has one.
const DESCRIPTION: &[u8] = b", with session description";

/// Says what a message is, in the words of [`describe`], without details.
pub(crate) fn say_message(facts: &mut Facts, message: &sip::message::Message) {
    match message.status() {
        Some(code) => {
            let method = message.cseq().map(|(_, method)| method);
            say_status(facts, code, message.reason(), method);
        }
        None => say_request(facts, message.method(), message.request_uri()),
    }
    if message.body().is_empty() {
        return;
    }
    let mut has_description = false;
    message.session_descriptions(&mut |_| has_description = true);
    if has_description {
        facts.say(DESCRIPTION);
    }
}

fn say_request(facts: &mut Facts, method: &[u8], target: &[u8]) {
    facts.say(b"Request: ");
    facts.say(method);
    facts.say(b" ");
    say_uri(facts, target);
}

fn say_status(facts: &mut Facts, code: u16, reason: &[u8], method: Option<&[u8]>) {
    facts.say(b"Status: ");
    facts.say_number(code.into());
    facts.say(b" ");
    facts.say(reason);
    if let Some(method) = method {
        facts.say(b" (");
        facts.say(method);
        facts.say(b")");
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let bytes = without_leading_line_ends(payload.bytes);
    let Some(message) = Message::parse(bytes) else {
        let is_keep_alive = bytes.is_empty() || payload.length <= MOST_KEEP_ALIVE;
        facts.say(if is_keep_alive { b"Keep-alive" } else { b"Continuation" });
        facts.put("type", if is_keep_alive { b"keep_alive" } else { b"continuation" });
        return;
    };
    match message.start {
        StartLine::Request { method, target } => {
            say_request(facts, method, target);
            facts.put("type", b"request");
            facts.put("method", method);
        }
        StartLine::Status { code, reason } => {
            let method = message.cseq.and_then(text_message::split_at_blank).map(|(_, method)| method);
            say_status(facts, code, reason, method);
            facts.put("type", b"response");
            facts.put_number("status_code", code.into());
            facts.put("reason", reason);
        }
    }
    if message.sdp().is_some() {
        facts.say(DESCRIPTION);
    }
    if let Some(call_id) = message.call_id {
        facts.put("call_id", call_id);
    }
    for (value, user_key, tag_key) in
        [(message.from, "from_user", "from_tag"), (message.to, "to_user", "to_tag")]
    {
        let (uri, parameters) = name_address(value.unwrap_or_default());
        for (key, text) in [(user_key, user(uri)), (tag_key, tag(parameters))] {
            if let Some(text) = text {
                facts.put(key, text);
            }
        }
    }
    if let Some(contact) = message.contact.filter(|contact| !holds_password(contact)) {
        facts.put_all("contact", contact_parts(contact));
    }
    for (key, value) in [("cseq", message.cseq), ("via", message.via), ("user_agent", message.user_agent)] {
        if let Some(value) = value {
            facts.put(key, value);
        }
    }
}

#[cfg(test)]
#[path = "tests/sip.rs"]
mod tests;
