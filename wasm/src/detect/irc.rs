//! IRC (RFC 1459, RFC 2812): lines of an optional prefix, a command or a number, and parameters.

use super::command_line::{command, is_text, other_side, side};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, http, tls};

const PORTS: &[u16] = &[194, 6660, 6661, 6662, 6663, 6664, 6665, 6666, 6667, 6668, 6669, 6697, 7000];
/// Longest line in bytes; tags (IRCv3) may be in front of it.
const MOST_LINE: usize = 1024;

const COMMANDS: &[&[u8]] = &[
    b"NICK",
    b"USER",
    b"PASS",
    b"CAP",
    b"JOIN",
    b"PART",
    b"PRIVMSG",
    b"NOTICE",
    b"PING",
    b"PONG",
    b"MODE",
    b"TOPIC",
    b"NAMES",
    b"LIST",
    b"INVITE",
    b"KICK",
    b"WHO",
    b"WHOIS",
    b"WHOWAS",
    b"QUIT",
    b"ERROR",
    b"AWAY",
    b"ISON",
    b"USERHOST",
    b"MOTD",
    b"LUSERS",
    b"VERSION",
    b"OPER",
    b"KILL",
    b"SERVER",
    b"AUTHENTICATE",
    b"STARTTLS",
];

/// The word of notes that keeps the direction of a NICK.
const NICK: usize = 0;

/// IRC: on its ports any line, elsewhere a registration, or what a server says to somebody.
pub static IRC: Signature = Signature {
    name: "IRC",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(b":@ACEIJKLMNOPQSTUVWacijlmnopquw"),
    examine,
    continues: |payload, _, _| {
        let is_command_of_redis = matches!(payload.bytes, [b'*', b'0'..=b'9', ..]);
        !(is_command_of_redis
            || http::begins_message(payload.bytes)
            || tls::begins_client_hello(payload.bytes))
    },
    asks: FirstBytes::Ranges(&[(b'*', b'*'), (b'A', b'Z'), (22, 22)]),
    describe,
    ..Signature::BASE
};

struct Line<'a> {
    /// Server or user that a line comes from.
    prefix: Option<&'a [u8]>,
    /// As the list has it; `None` for a number.
    command: Option<&'static [u8]>,
    number: u16,
    parameters: &'a [u8],
}

fn line(bytes: &[u8]) -> Option<Line<'_>> {
    // Nothing else is forbidden (RFC 1459 section 2.3); clients put control characters around what is for clients.
    if bytes.iter().any(|byte| matches!(byte, 0 | b'\r')) {
        return None;
    }
    let bytes = match bytes {
        [b'@', ..] => bytes.get(memchr::memchr(b' ', bytes)? + 1..)?,
        _ => bytes,
    };
    let (prefix, rest) = match bytes {
        [b':', prefixed @ ..] => {
            let end = memchr::memchr(b' ', prefixed)?;
            let (prefix, rest) = prefixed.split_at_checked(end)?;
            let is_sound = !prefix.is_empty() && prefix.iter().all(|byte| byte.is_ascii_graphic());
            (is_sound.then_some(prefix)?.into(), rest.get(1..)?)
        }
        _ => (None, bytes),
    };
    if let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', parameters @ ..] = rest {
        let number = [a, b, c].iter().fold(0, |number, digit| number * 10 + u16::from(**digit - b'0'));
        return prefix.map(|_| Line { prefix, command: None, number, parameters });
    }
    // Texts may hold formatting characters: only the first word is a matter of `command`.
    let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    let (name, _) = command(rest.get(..end)?, COMMANDS)?;
    let parameters = rest.get(end..).unwrap_or_default().trim_ascii_start();
    Some(Line { prefix, command: Some(name), number: 0, parameters })
}

fn first_line<'a>(payload: &Payload<'a>) -> Option<Line<'a>> {
    payload.line(MOST_LINE).and_then(line)
}

/// Whether the parameters are `words` words and a text behind a colon.
fn ends_in_text(parameters: &[u8], words: usize) -> bool {
    let mut rest = parameters;
    for _ in 0..words {
        let Some(end) = memchr::memchr(b' ', rest).filter(|end| *end > 0) else { return false };
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    rest.starts_with(b":")
}

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let Some(first) = first_line(payload) else { return Verdict::No };
    let is_registration = |line: &Line| line.command == Some(b"USER") && ends_in_text(line.parameters, 3);
    let tells = match (first.prefix, first.command) {
        // To a target, or to everybody who is not registered yet.
        (Some(_), None) => first.number <= 5 && ends_in_text(first.parameters, 1),
        (Some(_), Some(b"NOTICE")) => ends_in_text(first.parameters, 1),
        (Some(from), Some(b"PRIVMSG")) => from.contains(&b'!') && ends_in_text(first.parameters, 1),
        _ => false,
    };
    if tells {
        return Verdict::Is(Confidence::HIGH, Method::Payload);
    }
    let has = |fits: &dyn Fn(&Line) -> bool| {
        let mut lines = payload.bytes.split(|byte| *byte == b'\n').take(6);
        lines.any(|bytes| line(bytes.strip_suffix(b"\r").unwrap_or(bytes)).is_some_and(|line| fits(&line)))
    };
    let registers = has(&is_registration);
    let begins = matches!(first.command, Some(b"NICK" | b"CAP" | b"PASS"));
    let begun = state.notes().is_some_and(|notes| notes[NICK] == side(payload.direction));
    match first.prefix {
        None if registers && (begins || begun) => Verdict::Is(Confidence::VERY_HIGH, Method::Handshake),
        _ if payload.on_port(PORTS) && fits(&first) => Verdict::Is(Confidence::HIGH, Method::Port),
        // PASS is what clients of mail and files say, too.
        None if begins && has(&|line| matches!(line.command, Some(b"NICK" | b"CAP"))) => {
            let notes = state.claim_notes();
            // The other side does not register.
            if notes[NICK] != other_side(payload.direction) {
                notes[NICK] = side(payload.direction);
            }
            Verdict::Candidate
        }
        _ => Verdict::No,
    }
}

/// Whether the parameters are such as the command takes; a command by itself could be anybody's.
fn fits(line: &Line) -> bool {
    match line.command {
        None | Some(b"STARTTLS") => true,
        Some(b"NICK" | b"PASS" | b"CAP" | b"AUTHENTICATE") => !line.parameters.is_empty(),
        Some(b"PING" | b"PONG") => line.parameters.starts_with(b":"),
        Some(b"JOIN") => matches!(line.parameters, [b'#' | b'&' | b'+' | b'!' | b':', ..]),
        Some(b"PRIVMSG" | b"NOTICE") => line.parameters.contains(&b' '),
        Some(b"USER") => line.parameters.split(|byte| *byte == b' ').count() >= 4,
        Some(b"ERROR") => line.parameters.starts_with(b":"),
        Some(_) => line.prefix.is_some(),
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(line) = first_line(payload) else { return };
    if let Some(prefix) = line.prefix {
        facts.put("prefix", prefix);
    }
    let Some(name) = line.command else {
        facts.say(b"Reply ");
        facts.say_number(line.number.into());
        facts.put("type", b"reply");
        return facts.put_number("code", line.number.into());
    };
    facts.say(name);
    facts.put("command", name);
    let target = line.parameters.split(|byte| *byte == b' ').next().unwrap_or_default();
    if matches!(
        name,
        b"JOIN" | b"PART" | b"PRIVMSG" | b"NOTICE" | b"NICK" | b"TOPIC" | b"MODE" | b"USER" | b"CAP"
    ) && is_text(target)
    {
        facts.say(b" ");
        facts.say(target);
        facts.put("target", target);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn lines_and_where_they_are_known() {
        for (port, text, expected) in [
            (6667, "NICK me\r\n", Some("IRC")),
            (9000, "NICK me\r\nUSER me 0 * :My Name\r\n", Some("IRC")),
            (9000, "CAP LS 302\r\nNICK me\r\nUSER me 0 * :My Name\r\n", Some("IRC")),
            (9000, ":irc.example.net 001 me :Welcome\r\n", Some("IRC")),
            (9000, ":irc.example.net NOTICE AUTH :*** Looking up\r\n", Some("IRC")),
            (9000, ":a!b@c PRIVMSG #x :\u{1}ACTION waves\u{1}\r\n", Some("IRC")),
            (6667, "PING :irc.example.net\r\n", Some("IRC")),
            (6667, "STARTTLS\r\n", Some("IRC")),
            (9000, "NICK me\r\n", None),
            (9000, "USER me\r\n", None),
            (9000, ":irc.example.net 372 me\r\n", None),
            (6667, "LIST\r\n", None),
            (6667, "HELO x\r\n", None),
            (6667, "NICK me", None),
            (6667, ": 001 me :Welcome\r\n", None),
        ] {
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, port, text.as_bytes())]), [expected], "{text:?}");
        }
        let lines = [&b"NICK me\r\n"[..], b"USER me 0 * :My Name\r\n"];
        assert_eq!(names(&lines.map(|line| sent(Carrier::Tcp, 40001, 9000, line))), [None, Some("IRC")]);
    }

    #[test]
    fn no_password_is_told() {
        let packet = sent(Carrier::Tcp, 40001, 6667, b"PASS secret\r\n");
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("IRC"), "PASS"));
        assert!(details.iter().all(|(_, value)| !value.contains("secret")), "{details:?}");
    }
}
