//! SMTP (RFC 5321) and message submission (RFC 6409).

use super::command_line::{MOST_LINE, Reply, command, contains, is_text, last_reply, other_side, side};
use super::signature::FirstBytes;
use super::state::seen;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};

/// Commands (IANA), and those of RFC 821 that are still seen.
const VERBS: &[&[u8]] = &[
    b"EHLO",
    b"HELO",
    b"MAIL",
    b"RCPT",
    b"DATA",
    b"BDAT",
    b"RSET",
    b"NOOP",
    b"QUIT",
    b"STARTTLS",
    b"AUTH",
    b"VRFY",
    b"EXPN",
    b"HELP",
    b"ETRN",
    b"TURN",
    b"ATRN",
];

/// Words of notes.
mod note {
    /// What is going on: a state of the next module.
    pub const STATE: usize = 0;
    /// The client's direction, or 0.
    pub const CLIENT: usize = 1;
    /// Whether a HELO or EHLO waits for its answer.
    pub const HELLO: usize = 2;
    /// Whether a packet has followed the one that gave the label, so that a 220 is no greeting.
    pub const BEGUN: usize = 3;
}

/// What the client sends next.
mod client {
    /// Commands.
    pub const COMMANDS: u32 = 0;
    /// The message (after reply 354).
    pub const MESSAGE: u32 = 1;
    /// Credentials (after reply 334).
    pub const CREDENTIALS: u32 = 2;
}

/// SMTP: on its ports any command or reply, elsewhere a greeting that says so, or greeting and hello.
pub static SMTP: Signature = Signature {
    name: "SMTP",
    carriers: &[Carrier::Tcp],
    ports: &[25, 465, 587, 2525],
    first: FirstBytes::OneOf(b"2345EHMRDBNQSAVTehmrdbnqsavt"),
    examine,
    continues,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let on_port = payload.on_port(SMTP.ports);
    let Some(line) = payload.line(MOST_LINE) else {
        let known =
            on_port || [&b"220"[..], b"EHLO ", b"HELO "].iter().any(|word| payload.bytes.starts_with(word));
        let more = known && payload.bytes.len() < MOST_LINE && is_text(payload.bytes);
        return if more && state.may_ask_more(payload) { Verdict::More } else { Verdict::No };
    };
    let verdict = match Reply::parse(line) {
        Some(reply) => examine_reply(&reply, payload, state, on_port),
        None => examine_command(line, payload, state, on_port),
    };
    if matches!(verdict, Verdict::Is(..)) {
        let is_reply = Reply::parse(line).is_some();
        let notes = state.claim_notes();
        notes[note::CLIENT] = if is_reply { other_side(payload.direction) } else { side(payload.direction) };
        follow(payload, state);
    }
    verdict
}

fn examine_reply(reply: &Reply, payload: &Payload, state: &mut FlowState, on_port: bool) -> Verdict {
    if reply.code == 220 {
        // FTP greets with the same code.
        if contains(reply.text, b"SMTP") {
            state.seen |= seen::GREETING;
            return Verdict::Is(Confidence::VERY_HIGH, Method::Payload);
        }
        if contains(reply.text, b"FTP") {
            return Verdict::No;
        }
        state.seen |= seen::GREETING;
        return if on_port { Verdict::Is(Confidence::HIGH, Method::Port) } else { Verdict::Candidate };
    }
    let answers = state.notes().is_some_and(|notes| notes[note::HELLO] == other_side(payload.direction));
    match reply.code {
        250 if answers => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        200..=559 if on_port => Verdict::Is(Confidence::MEDIUM, Method::Port),
        _ => Verdict::No,
    }
}

fn examine_command(line: &[u8], payload: &Payload, state: &mut FlowState, on_port: bool) -> Verdict {
    let Some((verb, arguments)) = command(line, VERBS) else { return Verdict::No };
    match verb {
        b"EHLO" | b"HELO" => {
            if arguments.is_empty() || arguments.contains(&b' ') {
                return Verdict::No;
            }
            if state.seen & seen::GREETING != 0 {
                return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
            }
            if on_port {
                return Verdict::Is(Confidence::HIGH, Method::Port);
            }
            state.claim_notes()[note::HELLO] = side(payload.direction);
            Verdict::Candidate
        }
        _ if on_port && fits(verb, arguments) => Verdict::Is(Confidence::HIGH, Method::Port),
        _ => Verdict::No,
    }
}

/// Whether the arguments are such as the verb takes.
fn fits(verb: &[u8], arguments: &[u8]) -> bool {
    let starts =
        |word: &[u8]| arguments.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    match verb {
        b"MAIL" => starts(b"FROM:"),
        b"RCPT" => starts(b"TO:"),
        b"DATA" | b"RSET" | b"QUIT" | b"STARTTLS" | b"TURN" => arguments.is_empty(),
        b"BDAT" => arguments.first().is_some_and(u8::is_ascii_digit),
        b"NOOP" | b"HELP" => true,
        _ => !arguments.is_empty(),
    }
}

fn continues(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> bool {
    if tls::begins_client_hello(payload.bytes) {
        return false;
    }
    follow(payload, state);
    state.claim_notes()[note::BEGUN] = 1;
    true
}

/// Notes what the client sends next, from the server's last reply.
fn follow(payload: &Payload, state: &mut FlowState) {
    let notes = state.claim_notes();
    if notes[note::CLIENT] != other_side(payload.direction) {
        return;
    }
    if let Some(reply) = last_reply(payload.bytes) {
        notes[note::STATE] = match reply.code {
            334 => client::CREDENTIALS,
            354 => client::MESSAGE,
            _ => client::COMMANDS,
        };
    }
}

fn describe(payload: &Payload, state: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let notes = state.notes().copied().unwrap_or_default();
    let from_client = notes[note::CLIENT] == side(payload.direction);
    if from_client && notes[note::STATE] != client::COMMANDS {
        let (kind, title): (&[u8], &[u8]) = match notes[note::STATE] {
            client::MESSAGE => (b"message_data", b"Message data"),
            _ => (b"authentication", b"Authentication data"),
        };
        facts.put("type", kind);
        return facts.say(title);
    }
    let line = payload.line(MOST_LINE).unwrap_or(payload.bytes);
    match (Reply::parse(line), command(line, VERBS)) {
        (Some(reply), _) if !from_client => put_reply(&reply, payload, notes[note::BEGUN] == 0, facts),
        (None, Some((verb, arguments))) if fits(verb, arguments) => put_command(verb, arguments, facts),
        _ => facts.say(b"Continuation"),
    }
}

fn put_reply(reply: &Reply, payload: &Payload, is_first: bool, facts: &mut Facts) {
    facts.put("type", b"response");
    facts.put_number("code", reply.code.into());
    facts.put("code_category", reply.category().as_bytes());
    facts.say(b"S: ");
    facts.say_number(reply.code.into());
    // The text of a 334 belongs to the authentication exchange.
    if reply.code != 334 {
        facts.put("message", reply.text);
        facts.say(b" ");
        facts.say(reply.text);
    }
    if reply.is_multiline {
        facts.put_flag("multiline", true);
    }
    if reply.code == 220 && is_first {
        facts.put_flag("greeting", true);
    }
    if reply.code == 250 && contains(payload.bytes, b"STARTTLS") {
        facts.put_flag("starttls_capable", true);
    }
}

fn put_command(verb: &'static [u8], arguments: &[u8], facts: &mut Facts) {
    facts.put("type", b"command");
    facts.put("command", verb);
    facts.say(b"C: ");
    facts.say(verb);
    let (shown, masked): (&[u8], &[u8]) = match verb {
        b"AUTH" => {
            let mechanism = memchr::memchr(b' ', arguments).unwrap_or(arguments.len());
            let (mechanism, rest) = arguments.split_at(mechanism);
            (mechanism, if rest.is_empty() { b"" } else { b" ***" })
        }
        b"EHLO" | b"HELO" | b"MAIL" | b"RCPT" | b"BDAT" | b"VRFY" | b"EXPN" | b"ETRN" | b"ATRN" => {
            (arguments, b"")
        }
        _ => (b"", b""),
    };
    if !shown.is_empty() {
        facts.say(b" ");
        facts.say(shown);
        facts.say(masked);
        facts.put_all("args", [shown.get(..200).unwrap_or(shown), masked].into_iter());
    }
    if verb == b"STARTTLS" {
        facts.put_flag("starttls_request", true);
    }
}

#[cfg(test)]
#[path = "tests/smtp.rs"]
pub(super) mod tests;
