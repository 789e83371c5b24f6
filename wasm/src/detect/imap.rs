//! IMAP (RFC 9051, RFC 3501).

use super::command_line::{MOST_LINE, contains, is_text, other_side, side};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};

/// Commands, and whether arguments follow them (RFC 9051, RFC 3501 and the usual extensions).
const COMMANDS: &[(&[u8], bool)] = &[
    (b"CAPABILITY", false),
    (b"NOOP", false),
    (b"LOGOUT", false),
    (b"LOGIN", true),
    (b"AUTHENTICATE", true),
    (b"STARTTLS", false),
    (b"ENABLE", true),
    (b"SELECT", true),
    (b"EXAMINE", true),
    (b"CREATE", true),
    (b"DELETE", true),
    (b"RENAME", true),
    (b"SUBSCRIBE", true),
    (b"UNSUBSCRIBE", true),
    (b"LIST", true),
    (b"LSUB", true),
    (b"XLIST", true),
    (b"NAMESPACE", false),
    (b"STATUS", true),
    (b"APPEND", true),
    (b"IDLE", false),
    (b"CHECK", false),
    (b"CLOSE", false),
    (b"UNSELECT", false),
    (b"EXPUNGE", false),
    (b"SEARCH", true),
    (b"FETCH", true),
    (b"STORE", true),
    (b"COPY", true),
    (b"MOVE", true),
    (b"UID", true),
    (b"ID", true),
    (b"SORT", true),
    (b"THREAD", true),
    (b"GETQUOTA", true),
    (b"GETQUOTAROOT", true),
    (b"COMPRESS", true),
];

/// Commands whose arguments are names of mailboxes, message numbers or data items, and so may be shown.
const OPEN: &[&[u8]] = &[
    b"ENABLE",
    b"SELECT",
    b"EXAMINE",
    b"CREATE",
    b"DELETE",
    b"RENAME",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"LIST",
    b"LSUB",
    b"XLIST",
    b"STATUS",
    b"FETCH",
    b"STORE",
    b"COPY",
    b"MOVE",
    b"GETQUOTA",
    b"GETQUOTAROOT",
    b"COMPRESS",
];

/// Words of notes.
mod note {
    /// Whether what the client sends belongs to a command that it has begun: a literal, or credentials.
    pub const LITERAL: usize = 0;
    /// The client's direction, or 0: known from the greeting on.
    pub const CLIENT: usize = 1;
}

/// IMAP: on its ports any command or response, elsewhere a greeting that says so, or greeting and command.
pub static IMAP: Signature = Signature {
    name: "IMAP",
    carriers: &[Carrier::Tcp],
    ports: &[143, 220, 993],
    first: FirstBytes::Ranges(&[
        (b'*', b'*'),
        (b'0', b'9'),
        (b'A', b'Z'),
        (b'a', b'z'),
        (b'$', b'$'),
        (b'.', b'.'),
    ]),
    examine,
    continues,
    describe,
    ..Signature::BASE
};

/// A line that begins a command or a response.
enum Line<'a> {
    Command {
        tag: &'a [u8],
        verb: &'static [u8],
        arguments: &'a [u8],
    },
    /// A tagged or untagged status response, greeting included.
    Status {
        tag: Option<&'a [u8]>,
        status: &'static [u8],
        text: &'a [u8],
    },
    /// An untagged response with data: its name.
    Data(&'static [u8]),
}

const STATUSES: &[&[u8]] = &[b"OK", b"NO", b"BAD", b"PREAUTH", b"BYE"];
const DATA: &[&[u8]] = &[
    b"CAPABILITY",
    b"LIST",
    b"LSUB",
    b"XLIST",
    b"STATUS",
    b"SEARCH",
    b"ESEARCH",
    b"FLAGS",
    b"EXISTS",
    b"RECENT",
    b"EXPUNGE",
    b"FETCH",
    b"NAMESPACE",
    b"ENABLED",
    b"ID",
    b"QUOTA",
    b"QUOTAROOT",
];

fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', bytes) {
        Some(end) => (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default()),
        None => (bytes, &[]),
    }
}

fn find(list: &'static [&'static [u8]], wanted: &[u8]) -> Option<&'static [u8]> {
    list.iter().find(|one| one.eq_ignore_ascii_case(wanted)).copied()
}

fn is_tag(tag: &[u8]) -> bool {
    (1..=32).contains(&tag.len())
        && tag.iter().all(|byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'+' | b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\')
        })
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        if !is_text(line) {
            return None;
        }
        let (tag, rest) = word(line);
        let (name, text) = word(rest);
        if tag == b"*" {
            if let Some(status) = find(STATUSES, name) {
                return Some(Self::Status { tag: None, status, text });
            }
            // A number comes before the name of what it counts.
            let name =
                if !name.is_empty() && name.iter().all(u8::is_ascii_digit) { word(text).0 } else { name };
            return find(DATA, name).map(Self::Data);
        }
        if !is_tag(tag) {
            return None;
        }
        let tagged: &'static [&'static [u8]] = &[b"OK", b"NO", b"BAD"];
        if let Some(status) = tagged.iter().find(|one| **one == name) {
            return Some(Self::Status { tag: Some(tag), status, text });
        }
        let (verb, takes_arguments) = COMMANDS.iter().find(|(verb, _)| verb.eq_ignore_ascii_case(name))?;
        (*takes_arguments != text.is_empty()).then_some(Self::Command { tag, verb, arguments: text })
    }
}

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let on_port = payload.on_port(IMAP.ports);
    let Some(line) = payload.line(MOST_LINE) else {
        let known = on_port || payload.bytes.starts_with(b"* OK ");
        let more = known && payload.bytes.len() < MOST_LINE && is_text(payload.bytes);
        return if more && state.may_ask_more(payload) { Verdict::More } else { Verdict::No };
    };
    match Line::parse(line) {
        Some(Line::Status { tag: None, status, text }) => {
            state.claim_notes()[note::CLIENT] = other_side(payload.direction);
            if contains(text, b"IMAP") {
                return Verdict::Is(Confidence::VERY_HIGH, Method::Payload);
            }
            match on_port {
                true => Verdict::Is(Confidence::HIGH, Method::Port),
                false if matches!(status, b"OK" | b"PREAUTH") => Verdict::Candidate,
                false => Verdict::No,
            }
        }
        Some(Line::Command { .. }) => {
            let from = side(payload.direction);
            if state.notes().is_some_and(|notes| notes[note::CLIENT] == from) {
                follow(payload, state);
                return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
            }
            if !on_port {
                return Verdict::No;
            }
            state.claim_notes()[note::CLIENT] = from;
            follow(payload, state);
            Verdict::Is(Confidence::HIGH, Method::Port)
        }
        Some(_) if on_port => {
            state.claim_notes()[note::CLIENT] = other_side(payload.direction);
            Verdict::Is(Confidence::MEDIUM, Method::Port)
        }
        _ => Verdict::No,
    }
}

fn continues(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> bool {
    if tls::begins_client_hello(payload.bytes) {
        return false;
    }
    follow(payload, state);
    true
}

/// Notes whether the client goes on with a command that it has begun: after a continuation request, or a literal that
/// waits for none (RFC 7888). The server's tagged response ends it.
fn follow(payload: &Payload, state: &mut FlowState) {
    let notes = state.claim_notes();
    if notes[note::CLIENT] == side(payload.direction) {
        if payload.bytes.ends_with(b"+}\r\n") {
            notes[note::LITERAL] = 1;
        }
    } else if payload.bytes.starts_with(b"+ ") || payload.bytes == b"+\r\n" {
        notes[note::LITERAL] = 1;
    } else if payload.bytes.first() != Some(&b'*') || notes[note::LITERAL] == 0 {
        notes[note::LITERAL] = 0;
    } else if let Some(Line::Status { tag: Some(_), .. }) = last_line(payload.bytes).and_then(Line::parse) {
        notes[note::LITERAL] = 0;
    }
}

fn last_line(bytes: &[u8]) -> Option<&[u8]> {
    let whole = bytes.strip_suffix(b"\r\n")?;
    whole.get(memchr::memrchr(b'\n', whole).map_or(0, |end| end + 1)..)
}

fn describe(payload: &Payload, state: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let notes = state.notes().copied().unwrap_or_default();
    let from_client = notes[note::CLIENT] == side(payload.direction);
    let line = payload.line(MOST_LINE).unwrap_or(payload.bytes);
    // The packet that begins a literal without waiting is a command still.
    if from_client && notes[note::LITERAL] != 0 && !payload.bytes.ends_with(b"+}\r\n") {
        let done = line.eq_ignore_ascii_case(b"DONE");
        facts.put("type", if done { b"command" } else { b"continuation" });
        return facts.say(if done { b"C: DONE" } else { b"C: continuation data" });
    }
    match Line::parse(line) {
        Some(Line::Command { tag, verb, arguments }) => put_command(tag, verb, arguments, facts),
        Some(Line::Status { tag, status, text }) if !from_client => {
            facts.put("type", b"response");
            match tag {
                Some(tag) => facts.put("tag", tag),
                None => facts.put_flag("untagged", true),
            }
            facts.put("status", status);
            facts.put("message", text);
            if tag.is_none() && contains(text, b"IMAP") {
                facts.put_flag("greeting", true);
            }
            if contains(text, b"STARTTLS") {
                facts.put_flag("starttls_capable", true);
            }
            facts.say(b"S: ");
            facts.say(line);
        }
        Some(Line::Data(name)) if !from_client => {
            facts.put("type", b"response");
            facts.put_flag("untagged", true);
            facts.put("response_type", name);
            if name == b"CAPABILITY" && contains(line, b"STARTTLS") {
                facts.put_flag("starttls_capable", true);
            }
            facts.say(b"S: * ");
            facts.say(name);
        }
        _ if line.starts_with(b"+") && !from_client => {
            facts.put("type", b"continuation_request");
            facts.say(b"S: +");
        }
        _ => facts.say(b"Continuation"),
    }
}

fn put_command(tag: &[u8], verb: &'static [u8], arguments: &[u8], facts: &mut Facts) {
    facts.put("type", b"command");
    facts.put("tag", tag);
    facts.put("command", verb);
    facts.say(b"C: ");
    facts.say(tag);
    facts.say(b" ");
    facts.say(verb);
    let shown: &[u8] = match verb {
        b"LOGIN" => b"*** ***",
        // The mechanism; what follows is an initial response (RFC 4959).
        b"AUTHENTICATE" => word(arguments).0,
        _ if OPEN.contains(&verb) => arguments,
        b"UID" => word(arguments).0,
        _ => b"",
    };
    if !shown.is_empty() {
        facts.put("args", shown);
        facts.say(b" ");
        facts.say(shown);
    }
    if verb == b"STARTTLS" {
        facts.put_flag("starttls_request", true);
    }
}

#[cfg(test)]
#[path = "tests/imap.rs"]
mod tests;
