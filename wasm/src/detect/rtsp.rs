//! RTSP 1.0 and 2.0 (RFC 2326, RFC 7826).

use super::http::mask_target;
use super::media::MediaKind;
use super::signature::FirstBytes;
use super::text_message::{self, HeaderFields, MOST_START_LINE, StartLine, number, split_at};
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

const VERSIONS: &[&[u8]] = &[b"RTSP/1.0", b"RTSP/2.0"];
const METHODS: &[&[u8]] = &[
    b"ANNOUNCE",
    b"DESCRIBE",
    b"GET_PARAMETER",
    b"OPTIONS",
    b"PAUSE",
    b"PLAY",
    b"PLAY_NOTIFY",
    b"RECORD",
    b"REDIRECT",
    b"SETUP",
    b"SET_PARAMETER",
    b"TEARDOWN",
];
const SCHEMES: &[&[u8]] = &[b"rtsp:", b"rtsps:", b"rtspu:"];

/// RTSP: a start line of version 1.0 or 2.0. Its streams hold interleaved media too (RFC 7826 section 14).
pub static RTSP: Signature = Signature {
    name: "RTSP",
    carriers: &[Carrier::Tcp],
    ports: &[554, 8554, 322],
    first: FirstBytes::OneOf(b"ADGOPRST"),
    examine: |payload, _, shared| {
        if start(payload).is_some() {
            learn(payload, shared);
            return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
        }
        match text_message::may_become_start_line(payload.bytes, METHODS, SCHEMES, b"RTSP/") {
            true => Verdict::More,
            false => Verdict::No,
        }
    },
    continues: |payload, _, shared| {
        if payload.u8(0) == Some(b'R') && payload.bytes.starts_with(b"RTSP/") {
            learn(payload, shared);
        }
        true
    },
    describe,
    ..Signature::BASE
};

fn start<'a>(payload: &Payload<'a>) -> Option<StartLine<'a>> {
    text_message::start_line(payload.line(MOST_START_LINE)?, VERSIONS)
}

/// Where the media of a stream go, by the answer to SETUP: `RTP/AVP;client_port=4588-4589;server_port=6256-6257`.
#[cold]
fn learn(payload: &Payload, shared: &mut Shared) {
    let Some((StartLine::Status { code: 200, .. }, ip)) = start(payload).zip(payload.ip) else { return };
    for (_, value) in
        HeaderFields::of(payload.bytes).filter(|(name, _)| name.eq_ignore_ascii_case(b"Transport"))
    {
        let parameter = |name: &[u8]| {
            value.split(|byte| *byte == b';').find_map(|parameter| {
                split_at(parameter, b'=')
                    .filter(|(one, _)| one.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value)
            })
        };
        let mut announce = |port: &[u8], address: &[u8], otherwise: &Address| {
            let (first, second) = split_at(port, b'-').unwrap_or((port, b""));
            let address = Address::from_text(address).unwrap_or(*otherwise);
            for (port, kind) in [(first, MediaKind::Rtp), (second, MediaKind::Rtcp)] {
                if let Some(port) = number(port.trim_ascii()).and_then(|port| u16::try_from(port).ok()) {
                    shared.media.announce(&address, port, kind, b"", payload.timestamp_ns);
                }
            }
        };
        if let Some(port) = parameter(b"client_port") {
            announce(port, parameter(b"destination").unwrap_or_default(), &ip.destination);
        }
        if let Some(port) = parameter(b"server_port") {
            announce(port, parameter(b"source").unwrap_or_default(), &ip.source);
        }
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    match start(payload) {
        Some(StartLine::Request { method, target }) => {
            facts.say(method);
            facts.say(b" ");
            facts.put("type", b"request");
            facts.put("method", method);
            // The authority of a URI may hold a password, its parameters a token.
            let mut buffer = [0; 256];
            let target = mask_target(target, &mut buffer);
            let target = target.split(|byte| b"?;#".contains(byte)).next().unwrap_or_default();
            facts.say(target);
            facts.put("uri", target);
        }
        Some(StartLine::Status { code, reason }) => {
            facts.say(b"Reply: ");
            facts.say_number(code.into());
            facts.say(b" ");
            facts.say(reason);
            facts.put("type", b"response");
            facts.put_number("status_code", code.into());
            facts.put("reason", reason);
        }
        None => match payload.array::<4>(0) {
            Some([b'$', channel, high, low]) => {
                facts.say(b"Interleaved channel ");
                facts.say_number(channel.into());
                facts.put("type", b"interleaved");
                facts.put_number("channel", channel.into());
                facts.put_number("length", u16::from_be_bytes([high, low]).into());
            }
            _ => {
                facts.say(b"Continuation");
                facts.put("type", b"continuation");
            }
        },
    }
    if start(payload).is_some() {
        for (name, value) in HeaderFields::of(payload.bytes) {
            for (wanted, key) in [("CSeq", "cseq"), ("User-Agent", "user_agent"), ("Server", "server")] {
                if name.eq_ignore_ascii_case(wanted.as_bytes()) {
                    facts.put(key, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::SIGNATURES;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::super::{Carrier, Detector};

    fn rtsp(text: &[u8]) -> Sent {
        sent(Carrier::Tcp, 40000, 8080, text)
    }

    #[test]
    fn start_lines_of_both_versions() {
        for (text, expected) in [
            (&b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"[..], Some("RTSP")),
            (b"PLAY rtsp://a/b RTSP/2.0\r\n\r\n", Some("RTSP")),
            (b"RTSP/1.0 401 Unauthorized\r\n\r\n", Some("RTSP")),
            (b"RTSP/1.1 200 OK\r\n\r\n", None),
            (b"OPTIONS rtsp://a RTSP/1.0x\r\n\r\n", None),
            (b"$\0\0\x10", None),
        ] {
            assert_eq!(names(&[rtsp(text)]), [expected], "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_split_start_line_is_waited_for() {
        let packets = [rtsp(b"DESCRIBE rtsp://10.0"), rtsp(b".0.2/x RTSP/1.0\r\n"), rtsp(b"CSeq: 2\r\n\r\n")];
        assert_eq!(names(&packets), [None, Some("RTSP"), Some("RTSP")]);
    }

    #[test]
    fn interleaved_frames_and_passwords() {
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        let (_, details, info) =
            judge(&mut detector, &mut flow, &rtsp(b"SETUP rtsp://u:secret@h/a RTSP/1.0\r\nCSeq: 3\r\n\r\n"));
        assert!(!format!("{details:?}{info}").contains("secret"));
        assert_eq!(info, "SETUP rtsp://***@h/a");
        let setup = rtsp(b"SETUP rtsp://h/a;token=secret?x=secret#secret RTSP/1.0\r\nCSeq: 3\r\n\r\n");
        let (_, details, info) = judge(&mut detector, &mut flow, &setup);
        assert!(!format!("{details:?}{info}").contains("secret"));
        assert_eq!(info, "SETUP rtsp://h/a");
        let (name, details, info) = judge(&mut detector, &mut flow, &rtsp(b"$\x01\x00\x20\x80\xc8"));
        assert_eq!((name, info.as_str()), (Some("RTSP"), "Interleaved channel 1"));
        assert_eq!(details[1..], [("channel", "1".into()), ("length", "32".into())]);
    }

    #[test]
    fn setup_announces_media() {
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        let answer = b"RTSP/1.0 200 OK\r\nTransport: RTP/AVP;unicast;client_port=5000-5001;server_port=6970-6971\r\n\r\n";
        judge(&mut detector, &mut flow, &Sent { reverse: true, ..rtsp(answer) });
        let mut media = Flow::default();
        let mut packet = vec![0x80, 96, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3];
        let packets = |payload: &[u8]| Sent { reverse: true, ..sent(Carrier::Udp, 6970, 5000, payload) };
        assert_eq!(judge(&mut detector, &mut media, &packets(&packet)).0, Some("RTP"));
        packet[3] = 9;
        assert_eq!(judge(&mut detector, &mut media, &packets(&packet)).0, Some("RTP"));
        assert!(SIGNATURES.iter().any(|signature| signature.name == "RTCP"));
    }
}
