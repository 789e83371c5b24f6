//! MGCP (RFC 3435).

use super::media::find_sdp;
use super::signature::FirstBytes;
use super::text_message::{HeaderFields, number, split_at_blank};
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[2427, 2727];
/// Longest first line in bytes.
const MOST_LINE: usize = 512;
/// Verbs of commands (RFC 3435 section 2.3).
const VERBS: &[&[u8]] = &[b"EPCF", b"CRCX", b"MDCX", b"DLCX", b"RQNT", b"NTFY", b"AUEP", b"AUCX", b"RSIP"];

/// MGCP: a command line of version 1.0; a response on its ports.
pub static MGCP: Signature = Signature {
    name: "MGCP",
    carriers: &[Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::OneOf(b"0123456789ACDEMNRacdemnr"),
    examine: |payload, _, shared| match line(payload) {
        Some(Line::Command { .. }) => {
            learn(payload, shared);
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        Some(Line::Response { .. }) if payload.on_port(PORTS) && has_only_parameters(payload) => {
            learn(payload, shared);
            Verdict::Is(Confidence::MEDIUM, Method::Port)
        }
        _ => Verdict::No,
    },
    continues: |payload, _, shared| {
        // A command or response without session description is short, or one line.
        if payload.bytes.len() > 40 {
            learn(payload, shared);
        }
        true
    },
    describe,
    ..Signature::BASE
};

enum Line<'a> {
    Command { verb: &'a [u8], transaction: u32, endpoint: &'a [u8] },
    Response { code: u32, transaction: u32, comment: &'a [u8] },
}

/// The first line: verb, transaction, endpoint and version, or code, transaction and comment (RFC 3435 sections 3.2, 3.3).
fn line<'a>(payload: &Payload<'a>) -> Option<Line<'a>> {
    // A response may be a line without end.
    let line = match payload.line(MOST_LINE) {
        Some(line) => line,
        None => payload.bytes.get(..payload.bytes.len().min(MOST_LINE))?,
    };
    let (word, rest) = split_at_blank(line)?;
    let (transaction, rest) = split_at_blank(rest).unwrap_or((rest, b""));
    let transaction = number(transaction).filter(|number| *number != 0)?;
    if word.len() == 3
        && let Some(code) = number(word)
    {
        return Some(Line::Response { code, transaction, comment: rest });
    }
    let (endpoint, version) = split_at_blank(rest)?;
    let is_command = VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(word))
        && version.get(..8).is_some_and(|version| version.eq_ignore_ascii_case(b"MGCP 1.0"));
    (is_command && !endpoint.is_empty()).then_some(Line::Command { verb: word, transaction, endpoint })
}

/// Whether the lines after the first are parameters, up to the session description.
fn has_only_parameters(payload: &Payload) -> bool {
    let mut lines = payload.bytes.split(|byte| *byte == b'\n').skip(1).map(<[u8]>::trim_ascii);
    lines.by_ref().take_while(|line| !line.is_empty() && *line != b".").all(|line| {
        line.iter().position(|byte| *byte == b':').is_some_and(|at| {
            (1..=16).contains(&at)
                && line.get(..at).is_some_and(|name| {
                    name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-+/".contains(byte))
                })
        })
    })
}

/// Media endpoints of the session descriptions: of the gateway's side, and of the other (RFC 3435 section 3.3). They have
/// no Call-ID: that of MGCP names something else than SIP's.
#[cold]
fn learn(payload: &Payload, shared: &mut Shared) {
    let mut rest = payload.bytes;
    while let Some(sdp) = find_sdp(rest) {
        shared.media.announce_sdp(sdp, b"", payload.timestamp_ns);
        rest = sdp.get(1..).unwrap_or_default();
    }
}

fn call_id(message: &[u8]) -> Option<&[u8]> {
    HeaderFields::of(message).find(|(name, _)| name.eq_ignore_ascii_case(b"C")).map(|(_, value)| value)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    match line(payload) {
        Some(Line::Command { verb, transaction, endpoint }) => {
            facts.say(verb);
            facts.say(b" ");
            facts.say_number(transaction.into());
            facts.say(b" ");
            facts.say(endpoint);
            facts.put("type", b"request");
            facts.put("verb", verb);
            facts.put_number("transaction_id", transaction.into());
            facts.put("endpoint", endpoint);
        }
        Some(Line::Response { code, transaction, comment }) => {
            facts.say_number(code.into());
            facts.say(b" ");
            facts.say_number(transaction.into());
            facts.say(b" ");
            facts.say(comment);
            facts.put("type", b"response");
            facts.put_number("status_code", code.into());
            facts.put_number("transaction_id", transaction.into());
        }
        None => return,
    }
    if let Some(call_id) = call_id(payload.bytes) {
        facts.put("call_id", call_id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::super::{Carrier, Detector};

    fn udp(port: u16, text: &str) -> Sent {
        sent(Carrier::Udp, 2727, port, text.as_bytes())
    }

    #[test]
    fn commands_anywhere_and_responses_on_the_ports() {
        for (port, text, expected) in [
            (9999, "CRCX 1204 aaln/1@rgw MGCP 1.0\r\nC: A3\r\n", Some("MGCP")),
            (9999, "ntfy 1 *@gw mgcp 1.0 NCS 1.0\r\n", Some("MGCP")),
            (2427, "200 1204 OK\r\nI: FDE2\r\n\r\nv=0\r\n", Some("MGCP")),
            (2427, "200 1204", Some("MGCP")),
            (2427, "200 1204 OK\r\nfoo bar\r\n", None),
            (2427, "200 0 OK\r\n", None),
            (2427, "20 1204 OK\r\n", None),
            (9999, "CRCX 1204 aaln/1@rgw MGCP 2.0\r\n", None),
            (9999, "CRCX 12x4 aaln/1@rgw MGCP 1.0\r\n", None),
            (9999, "CRCXX 1204 aaln/1@rgw MGCP 1.0\r\n", None),
        ] {
            let mut packet = udp(port, text);
            packet.source_port = if port == 2427 { 2727 } else { 9998 };
            assert_eq!(names(&[packet]), [expected], "{text}");
        }
        let packet = Sent { source_port: 9998, ..udp(9999, "200 1204 OK\r\n") };
        assert_eq!(names(&[packet]), [None]);
    }

    #[test]
    fn its_session_descriptions_announce_media() {
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        let text = "CRCX 7 a@b MGCP 1.0\r\nC: C1\r\nM: sendrecv\r\n\r\nv=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 6000 RTP/AVP 0\r\n";
        let (_, details, info) = judge(&mut detector, &mut flow, &udp(2427, text));
        assert_eq!(info, "CRCX 7 a@b");
        assert!(details.contains(&("call_id", "C1".into())), "{details:?}");
        let mut media = Flow::default();
        let packet = sent(Carrier::Udp, 7000, 6000, &[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]);
        assert_eq!(judge(&mut detector, &mut media, &packet).0, Some("RTP"));
        // Both sides in one message.
        let other = format!("{text}v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 6100 RTP/AVP 0\r\n");
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        judge(&mut detector, &mut flow, &udp(2427, &other));
        for port in [6000, 6100] {
            let packet = Sent { destination_port: port, ..packet.clone() };
            assert_eq!(judge(&mut detector, &mut Flow::default(), &packet).0, Some("RTP"), "{port}");
        }
    }
}
