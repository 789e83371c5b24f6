//! POP3 (RFC 1939).

use super::command_line::{MOST_LINE, command, contains, is_text, other_side, side};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};

/// Commands (RFC 1939, 2449, 2595, 5034, 6856).
const VERBS: &[&[u8]] = &[
    b"USER", b"PASS", b"APOP", b"AUTH", b"CAPA", b"STLS", b"STAT", b"LIST", b"UIDL", b"RETR", b"TOP",
    b"DELE", b"NOOP", b"RSET", b"QUIT", b"LAST", b"UTF8", b"LANG",
];

/// Words of notes.
mod note {
    /// Whether the server has asked for credentials.
    pub const CREDENTIALS: usize = 0;
    /// The client's direction, or 0: known from the greeting on.
    pub const CLIENT: usize = 1;
}

/// POP3: on its port any command or answer, elsewhere a greeting that says so, or greeting and command.
pub static POP3: Signature = Signature {
    name: "POP3",
    carriers: &[Carrier::Tcp],
    ports: &[110, 995],
    first: FirstBytes::OneOf(b"+-UPACSLRTDNQupacslrtdnq"),
    examine,
    continues,
    describe,
    ..Signature::BASE
};

/// An answer: whether it is positive, and its text (RFC 1939 section 3).
fn answer(line: &[u8]) -> Option<(bool, &[u8])> {
    let (positive, rest) = match line.strip_prefix(b"+OK") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix(b"-ERR")?),
    };
    match rest {
        [] => Some((positive, rest)),
        [b' ', text @ ..] => is_text(text).then_some((positive, text)),
        _ => None,
    }
}

/// The time stamp of APOP: `<local@host>` at the end of the greeting.
fn has_time_stamp(text: &[u8]) -> bool {
    let Some(start) = memchr::memrchr(b'<', text) else { return false };
    let stamp = text.get(start..).unwrap_or_default();
    stamp.contains(&b'@') && stamp.trim_ascii_end().ends_with(b">")
}

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let on_port = payload.on_port(POP3.ports);
    let Some(line) = payload.line(MOST_LINE) else {
        let known = on_port || payload.bytes.starts_with(b"+OK ");
        let more = known && payload.bytes.len() < MOST_LINE && is_text(payload.bytes);
        return if more && state.may_ask_more(payload) { Verdict::More } else { Verdict::No };
    };
    if let Some((positive, text)) = answer(line) {
        let says_so = positive && (contains(text, b"POP3") || has_time_stamp(text));
        if !on_port && !positive {
            return Verdict::No;
        }
        state.claim_notes()[note::CLIENT] = other_side(payload.direction);
        return match (says_so, on_port) {
            (true, _) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
            (false, true) => Verdict::Is(Confidence::HIGH, Method::Port),
            (false, false) => Verdict::Candidate,
        };
    }
    let Some((verb, arguments)) = command(line, VERBS) else { return Verdict::No };
    let greeted = state.notes().is_some_and(|notes| notes[note::CLIENT] == side(payload.direction));
    if !fits(verb, arguments) {
        return Verdict::No;
    }
    match (greeted, on_port) {
        (true, _) if matches!(verb, b"USER" | b"APOP" | b"AUTH" | b"CAPA" | b"STLS") => {
            Verdict::Is(Confidence::DEFINITE, Method::Handshake)
        }
        (_, true) => {
            state.claim_notes()[note::CLIENT] = side(payload.direction);
            Verdict::Is(Confidence::HIGH, Method::Port)
        }
        _ => Verdict::No,
    }
}

/// Whether the arguments are such as the verb takes.
fn fits(verb: &[u8], arguments: &[u8]) -> bool {
    let words = arguments.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count();
    let numbers = arguments.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ');
    match verb {
        b"USER" | b"PASS" => words > 0,
        b"APOP" => words == 2,
        b"RETR" | b"DELE" => words == 1 && numbers,
        b"TOP" => words == 2 && numbers,
        b"LIST" | b"UIDL" => words <= 1 && numbers,
        b"AUTH" => words <= 2,
        b"LANG" => words <= 1,
        _ => words == 0,
    }
}

fn continues(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> bool {
    if tls::begins_client_hello(payload.bytes) {
        return false;
    }
    let notes = state.claim_notes();
    if notes[note::CLIENT] == other_side(payload.direction) {
        notes[note::CREDENTIALS] = payload.bytes.starts_with(b"+ ").into();
    }
    true
}

fn describe(payload: &Payload, state: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let notes = state.notes().copied().unwrap_or_default();
    let from_client = notes[note::CLIENT] == side(payload.direction);
    if from_client && notes[note::CREDENTIALS] != 0 {
        facts.put("type", b"authentication");
        return facts.say(b"Authentication data");
    }
    let line = payload.line(MOST_LINE).unwrap_or(payload.bytes);
    match (answer(line), command(line, VERBS)) {
        (Some((positive, text)), _) if !from_client => {
            facts.put("type", b"response");
            facts.put("status", if positive { b"OK" } else { b"ERR" });
            facts.put("message", text);
            if positive && (contains(text, b"POP3") || has_time_stamp(text)) {
                facts.put_flag("greeting", true);
            }
            if contains(
                payload.bytes.get(..payload.bytes.len().min(MOST_LINE)).unwrap_or_default(),
                b"\r\nSTLS\r\n",
            ) {
                facts.put_flag("stls_capable", true);
            }
            facts.say(b"S: ");
            facts.say(line);
        }
        (None, Some((verb, arguments))) if fits(verb, arguments) => put_command(verb, arguments, facts),
        _ if line.starts_with(b"+ ") && !from_client => {
            facts.put("type", b"authentication");
            facts.say(b"S: +");
        }
        _ => facts.say(b"Continuation"),
    }
}

fn put_command(verb: &'static [u8], arguments: &[u8], facts: &mut Facts) {
    facts.put("type", b"command");
    facts.put("command", verb);
    facts.say(b"C: ");
    facts.say(verb);
    let shown: &[u8] = match verb {
        b"PASS" | b"APOP" => b"***",
        b"AUTH" => arguments.split(|byte| *byte == b' ').next().unwrap_or_default(),
        _ => arguments,
    };
    if !shown.is_empty() {
        facts.put("args", shown);
        facts.say(b" ");
        facts.say(shown);
    }
    if verb == b"STLS" {
        facts.put_flag("stls_request", true);
    }
}

#[cfg(test)]
#[path = "tests/pop3.rs"]
mod tests;
