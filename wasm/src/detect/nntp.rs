//! NNTP (RFC 3977).

use super::command_line::{MOST_LINE, Reply, command, contains};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};

const PORTS: &[u16] = &[119, 433];

const VERBS: &[&[u8]] = &[
    b"ARTICLE",
    b"AUTHINFO",
    b"BODY",
    b"CAPABILITIES",
    b"CHECK",
    b"COMPRESS",
    b"DATE",
    b"GROUP",
    b"HDR",
    b"HEAD",
    b"HELP",
    b"IHAVE",
    b"LAST",
    b"LIST",
    b"LISTGROUP",
    b"MODE",
    b"NEWGROUPS",
    b"NEWNEWS",
    b"NEXT",
    b"OVER",
    b"POST",
    b"QUIT",
    b"SLAVE",
    b"STARTTLS",
    b"STAT",
    b"TAKETHIS",
    b"XHDR",
    b"XOVER",
    b"XPAT",
    b"XREPLIC",
];

/// NNTP: on its ports any command or reply, elsewhere a greeting that says so, or the command of a reader.
pub static NNTP: Signature = Signature {
    name: "NNTP",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(b"12345ABCDGHILMNOPQSTXabcdghilmnopqstx"),
    examine: |payload, _, _| {
        let Some(line) = payload.line(MOST_LINE) else { return Verdict::No };
        let on_port = payload.on_port(PORTS);
        match (Reply::parse(line), command(line, VERBS)) {
            (Some(Reply { code: 200 | 201, text, .. }), _) if names_news(text) => {
                Verdict::Is(Confidence::HIGH, Method::Payload)
            }
            (Some(Reply { code, is_multiline: false, .. }), _) if on_port && is_code(code) => {
                Verdict::Is(Confidence::HIGH, Method::Port)
            }
            (_, Some((b"MODE", arguments))) if arguments.eq_ignore_ascii_case(b"READER") => {
                Verdict::Is(Confidence::HIGH, Method::Payload)
            }
            (_, Some(_)) if on_port => Verdict::Is(Confidence::HIGH, Method::Port),
            _ => Verdict::No,
        }
    },
    continues: |payload, _, _| !tls::begins_client_hello(payload.bytes),
    asks: tls::BEGINS_CLIENT_HELLO,
    describe,
    ..Signature::BASE
};

/// Whether a greeting is a news server's.
fn names_news(text: &[u8]) -> bool {
    [&b"NNTP"[..], b"InterNetNews", b"NNRP"].iter().any(|word| contains(text, word))
}

/// Second digit: what a reply is about (RFC 3977 section 3.2).
fn is_code(code: u16) -> bool {
    matches!(code / 10 % 10, 0..=4 | 8 | 9)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(line) = payload.line(MOST_LINE) else { return };
    // Lines of articles may look like either: commands are the client's.
    let from_server = PORTS.contains(&payload.source_port);
    if let Some(reply) = Reply::parse(line) {
        facts.say(b"S: ");
        facts.say(line);
        facts.put("type", b"response");
        facts.put_number("code", reply.code.into());
        facts.put("message", reply.text);
    } else if let Some((verb, arguments)) = command(line, VERBS).filter(|_| !from_server) {
        facts.say(b"C: ");
        facts.say(verb);
        facts.put("type", b"command");
        facts.put("command", verb);
        // Names and passwords.
        if verb != b"AUTHINFO" && !arguments.is_empty() {
            facts.say(b" ");
            facts.say(arguments);
            facts.put("args", arguments);
        }
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
            (119, "200 news.example.net ready\r\n", Some("NNTP")),
            (9000, "201 server InterNetNews NNRP server\r\n", Some("NNTP")),
            (9000, "mode reader\r\n", Some("NNTP")),
            (119, "GROUP misc.test\r\n", Some("NNTP")),
            (119, "211 1 2 3 misc.test\r\n", Some("NNTP")),
            (9000, "200 news.example.net ready\r\n", None),
            (9000, "220 nntp\r\n", None),
            (9000, "MODE other\r\n", None),
            (119, "200-x\r\n", None),
            (119, "FETCH x\r\n", None),
        ] {
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, port, text.as_bytes())]), [expected], "{text:?}");
        }
        let packet = sent(Carrier::Tcp, 40001, 119, b"AUTHINFO PASS secret\r\n");
        let (_, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!(info, "C: AUTHINFO");
        assert!(details.iter().all(|(_, value)| !value.contains("secret")), "{details:?}");
    }
}
