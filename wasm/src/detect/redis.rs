//! Redis serialisation protocol, versions 2 and 3 (RESP).

use super::command_line::{other_side, side};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[6379];
/// The word of notes that keeps the client's direction.
const CLIENT: usize = 0;
/// Longest line of a number, a type or an error that is looked at, bytes.
const MOST_LINE: usize = 512;

/// Redis: aggregates whose elements are typed; on the usual port any typed line.
pub static REDIS: Signature = Signature {
    name: "Redis",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(b"*%~>$+-:_#,(!=|DEGIKPSdegikps"),
    examine,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let verdict = examine_element(payload, state);
    if let Verdict::Is(..) = verdict {
        let is_client = is_from_client(payload);
        state.claim_notes()[CLIENT] =
            if is_client { side(payload.direction) } else { other_side(payload.direction) };
    }
    verdict
}

/// Whether the first payload of a flow that is told is the client's: commands are arrays of strings, or lines without a type.
/// In the middle of a connection a server may send arrays, too.
fn is_from_client(payload: &Payload) -> bool {
    let [to_server, from_server] =
        [payload.destination_port, payload.source_port].map(|port| PORTS.contains(&port));
    match payload.at_start || to_server == from_server {
        true => matches!(payload.u8(0), Some(b'*' | b'P' | b'I' | b'p')),
        false => to_server,
    }
}

fn examine_element(payload: &Payload, state: &mut FlowState) -> Verdict {
    let Some((kind, line, rest)) = element(payload.bytes) else {
        let may_go_on = matches!(payload.u8(0), Some(b'*' | b'%' | b'~'))
            && payload.bytes.len() < 12
            && payload.from(1).iter().all(|byte| byte.is_ascii_digit() || *byte == b'\r');
        return if may_go_on { Verdict::More } else { Verdict::No };
    };
    let on_port = payload.on_port(PORTS);
    match kind {
        b'*' | b'%' | b'~' | b'>' => {
            if !is_count(line) || line == b"0" {
                return if on_port && is_count(line) { port_only() } else { Verdict::No };
            }
            match element(rest) {
                Some((inner, inner_line, value))
                    if fits(inner, inner_line) && holds(inner, inner_line, value) =>
                {
                    Verdict::Is(Confidence::HIGH, Method::Payload)
                }
                Some(_) => Verdict::No,
                None if rest.len() < 16 && rest.first().is_none_or(|inner| is_type(*inner)) => Verdict::More,
                None => Verdict::No,
            }
        }
        _ if !on_port => examine_inline(payload, state),
        b'+' | b'-' | b':' | b'$' | b'_' | b'#' | b',' | b'(' | b'!' | b'=' | b'|' if fits(kind, line) => {
            port_only()
        }
        // Commands without types.
        b'P' | b'I' | b'p' if matches!(payload.line(64), Some(b"PING" | b"INFO" | b"ping")) => port_only(),
        _ => Verdict::No,
    }
}

/// Commands without types off the port: one waits for the typed lines that answer it.
fn examine_inline(payload: &Payload, state: &mut FlowState) -> Verdict {
    const COMMANDS: [&[u8]; 10] =
        [b"PING", b"SET", b"GET", b"INFO", b"ECHO", b"DEL", b"INCR", b"KEYS", b"SELECT", b"DBSIZE"];
    let Some(line) = payload.line(MOST_LINE) else { return Verdict::No };
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    // Notes: the client's direction, and whether the command was PING.
    if let Some(place) = COMMANDS.iter().position(|command| command.eq_ignore_ascii_case(word)) {
        let notes = state.claim_notes();
        if notes[CLIENT] == 0 {
            (notes[CLIENT], notes[1]) = (side(payload.direction), u32::from(place == 0));
        }
        return Verdict::Candidate;
    }
    let Some((kind, line, rest)) = element(payload.bytes) else { return Verdict::No };
    let answers = match (state.notes(), kind) {
        (Some(notes), _) if notes[CLIENT] != other_side(payload.direction) => false,
        // OK alone may be the beginning of others.
        (Some([_, 1, ..]), b'+') => line == b"PONG",
        (Some(_), b'$') => line == b"-1" || fits(kind, line) && holds(kind, line, rest),
        (Some(_), b':') => fits(kind, line) && rest.is_empty(),
        _ => false,
    };
    match answers {
        true => Verdict::Is(Confidence::HIGH, Method::Handshake),
        false => Verdict::No,
    }
}

fn port_only() -> Verdict {
    Verdict::Is(Confidence::MEDIUM, Method::Port)
}

/// Type byte, the rest of its line, and what follows the line.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let end = memchr::memchr(b'\n', rest.get(..rest.len().min(MOST_LINE))?)?;
    let line = rest.get(..end)?.strip_suffix(b"\r")?;
    Some((*kind, line, rest.get(end + 1..)?))
}

fn is_type(kind: u8) -> bool {
    b"+-:$*_#,(!=%~>|".contains(&kind)
}

fn is_count(line: &[u8]) -> bool {
    (1..=9).contains(&line.len()) && line.iter().all(u8::is_ascii_digit)
}

/// Whether a line has the form that its type asks for.
fn fits(kind: u8, line: &[u8]) -> bool {
    let number = line.strip_prefix(b"-").unwrap_or(line);
    match kind {
        b'$' | b'!' | b'=' => is_count(line) || line == b"-1",
        b'*' | b'%' | b'~' | b'>' | b'|' => is_count(line) || line == b"-1",
        b':' | b'(' => !number.is_empty() && number.iter().all(u8::is_ascii_digit),
        b'_' => line.is_empty(),
        b'#' => matches!(line, b"t" | b"f"),
        b',' => !number.is_empty() && number.iter().all(|byte| b"0123456789.eE+-infa".contains(byte)),
        b'+' | b'-' => !line.is_empty() && line.iter().all(|byte| (0x20..0x7f).contains(byte)),
        _ => false,
    }
}

/// Whether the bytes of a string are there, as far as they are, and end where its length says.
fn holds(kind: u8, line: &[u8], value: &[u8]) -> bool {
    if !matches!(kind, b'$' | b'!' | b'=') {
        return true;
    }
    let length = line.iter().fold(0usize, |sum, digit| sum * 10 + usize::from(digit.wrapping_sub(b'0') & 15));
    value.get(length..).is_none_or(|end| b"\r\n".starts_with(end.get(..2).unwrap_or(end)))
}

fn describe(payload: &Payload, state: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some((kind, line, rest)) = element(payload.bytes) else { return };
    let name = match kind {
        b'+' => "Simple String",
        b'-' => "Error",
        b':' => "Integer",
        b'$' => "Bulk String",
        b'*' => "Array",
        b'_' => "Null",
        b'#' => "Boolean",
        b',' => "Double",
        b'(' => "Big Number",
        b'!' => "Bulk Error",
        b'=' => "Verbatim String",
        b'%' => "Map",
        b'~' => "Set",
        b'>' => "Push",
        b'|' => "Attribute",
        _ => return,
    };
    facts.put("resp_type", name.as_bytes());
    // The first string of a client's array is a command; keys and values are not told.
    let is_client = match state.notes() {
        Some(notes) => notes[CLIENT] == side(payload.direction),
        None => is_from_client(payload),
    };
    let command = element(rest)
        .filter(|(inner, ..)| is_client && kind == b'*' && *inner == b'$')
        .and_then(|(_, _, value)| value.get(..memchr::memchr(b'\r', value)?))
        .filter(|word| (2..=20).contains(&word.len()) && word.iter().all(u8::is_ascii_alphabetic));
    match (command, kind) {
        (Some(command), _) => {
            facts.put("command", command.to_ascii_uppercase().as_slice());
            facts.say(command);
        }
        (None, b'-') => {
            let code = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            facts.put_flag("error", true);
            facts.put("message", code);
            facts.say(b"Error ");
            facts.say(code);
        }
        (None, b':') => {
            facts.put("value", line);
            facts.say(b"Integer");
        }
        _ => facts.say(name.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Flow, Sent, judge, sent};
    use super::super::{Carrier, Detector};

    #[test]
    fn servers_send_no_commands() {
        let array: &[u8] = b"*2\r\n$4\r\nsave\r\n$4\r\n3600\r\n";
        let (up, down) = (false, true);
        for (port, packets, expected) in [
            (6379, &[(up, array), (down, array), (up, array)][..], &["save", "Array", "save"][..]),
            (9000, &[(up, array), (down, array)], &["save", "Array"]),
            // From the middle of a connection on.
            (6379, &[(down, b"+OK\r\n"), (down, array), (up, array)], &["Simple String", "Array", "save"]),
            (6379, &[(down, b"-DENIED a\r\n"), (up, array)], &["Error DENIED", "save"]),
            (9000, &[(up, b">2\r\n$1\r\na\r\n$1\r\nb\r\n"), (down, array)], &["Push", "save"]),
        ] {
            let (mut detector, mut flow) = (Detector::new(), Flow::default());
            let told = packets.iter().map(|(reverse, payload)| {
                let packet = match reverse {
                    true => Sent { reverse: true, ..sent(Carrier::Tcp, port, 40001, payload) },
                    false => sent(Carrier::Tcp, 40001, port, payload),
                };
                let (name, details, info) = judge(&mut detector, &mut flow, &packet);
                assert_eq!(name, Some("Redis"));
                assert_eq!(details.iter().any(|(key, _)| *key == "command"), info == "save");
                info
            });
            assert_eq!(told.collect::<Vec<_>>(), expected, "{port} {packets:?}");
        }
    }
}
