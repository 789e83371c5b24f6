use super::super::tests::{Flow, Sent, judge, names, sent};
use super::super::{Confidence, Detector};
use super::*;

fn udp(text: &[u8]) -> Sent {
    sent(Carrier::Udp, 5060, 5070, text)
}

fn described(packet: &Sent) -> (Vec<(&'static str, String)>, String) {
    let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), packet);
    assert_eq!(name, Some("SIP"));
    (details, info)
}

fn value(details: &[(&'static str, String)], key: &str) -> Option<String> {
    details.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
}

#[test]
fn start_lines() {
    for (text, expected) in [
        (&b"INVITE sip:bob@x SIP/2.0\r\n"[..], Some("SIP")),
        (b"FOO-bar.1 urn:service:sos SIP/2.0\r\n\r\n", Some("SIP")),
        (b"OPTIONS sip:a SIP/2.0\n\n", Some("SIP")),
        (b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\n\r\n", Some("SIP")),
        (b"SIP/2.0 604 Nowhere\r\n\r\n", Some("SIP")),
        (b"INVITE sip:bob@x SIP/2.0", None),
        (b"INVITE * SIP/2.0\r\n\r\n", None),
        (b"INVITE :x SIP/2.0\r\n\r\n", None),
        (b"INVITE sip: SIP/2.0\r\n\r\n", None),
        (b"INVITE sip:bob@x SIP/2.1\r\n\r\n", None),
        (b"INVITE sip:bob@x HTTP/1.1\r\n\r\n", None),
        (b"INFO {\"a\":1}\r\n", None),
        (b"SIP/2.0 099 x\r\n\r\n", None),
    ] {
        assert_eq!(names(&[udp(text)]), [expected], "{}", text.escape_ascii());
    }
}

#[test]
fn via_call_id_and_cseq_make_it_sure() {
    for (text, expected) in [
        (&b"OPTIONS sip:a SIP/2.0\r\nv: x\r\ni: y\r\nCSEQ: 1 OPTIONS\r\n\r\n"[..], Confidence::DEFINITE),
        (b"OPTIONS sip:a SIP/2.0\r\nv: x\r\nCSEQ: 1 OPTIONS\r\n\r\ni: y\r\n", Confidence::VERY_HIGH),
    ] {
        let mut flow = Flow::default();
        judge(&mut Detector::new(), &mut flow, &udp(text));
        assert_eq!(flow.state.confidence(), expected, "{}", text.escape_ascii());
    }
}

#[test]
fn keep_alives() {
    let on_port = |text: &[u8]| sent(Carrier::Udp, 5060, 40000, text);
    assert_eq!(names(&[on_port(b"\r\n")]), [Some("SIP")]);
    assert_eq!(names(&[on_port(b"\r\n\r\n\r\n")]), [None]);
    assert_eq!(names(&[sent(Carrier::Udp, 40000, 40001, b"\r\n\r\n")]), [None]);
    let options = b"OPTIONS sip:a SIP/2.0\r\n\r\n";
    let packets = [&options[..], b"\r\n", b"\0\0\0\0", b"\x01\x02\x03\x04\x05\x06"];
    let packets = packets.map(|text| sent(Carrier::Udp, 40000, 40001, text));
    assert_eq!(names(&packets), [Some("SIP"), Some("SIP"), Some("SIP"), None]);
    let (details, info) = described(&on_port(b"\r\n\r\n"));
    assert_eq!((info.as_str(), value(&details, "type").as_deref()), ("Keep-alive", Some("keep_alive")));
}

#[test]
fn stun_on_a_sip_flow_keeps_its_name() {
    let binding = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let packets = [&b"OPTIONS sip:a SIP/2.0\r\n\r\n"[..], &binding, b"SIP/2.0 200 OK\r\n\r\n"].map(udp);
    assert_eq!(names(&packets), [Some("SIP"), Some("STUN"), Some("SIP")]);
}

#[test]
fn a_start_line_in_two_segments() {
    let packets = [&b"REGISTER sip:exam"[..], b"ple.net SIP/2.0\r\nVia", b": x\r\n\r\n"];
    let packets = packets.map(|text| sent(Carrier::Tcp, 40000, 9000, text));
    assert_eq!(names(&packets), [None, Some("SIP"), Some("SIP")]);
}

#[test]
fn requests_are_described_without_secrets() {
    let (details, info) =
        described(&udp(b"INVITE sip:bob:hunter2@x;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\
          f: \"A \\\" <sip:no@x>\" <sip:alice:pass9@example.net>;x=y ; Tag = 88\r\n\
          TO: tel:+4912;phone-context=x\r\nCall-ID:\r\n folded@h\r\nCSeq: 7 INVITE\r\n\
          Contact: <sip:alice:pass9@h>\r\nUser-Agent: Phone 1\r\nUser-Agent: other\r\n\
          Authorization: Digest username=\"alice\", response=\"abcd\"\r\n\r\nFrom: <sip:evil@x>\r\n"));
    assert_eq!(info, "Request: INVITE sip:bob@x");
    let expected = [
        ("type", "request"),
        ("method", "INVITE"),
        ("call_id", "folded@h"),
        ("from_user", "alice"),
        ("from_tag", "88"),
        ("to_user", "+4912"),
        ("cseq", "7 INVITE"),
        ("via", "SIP/2.0/UDP h"),
        ("user_agent", "Phone 1"),
    ];
    assert_eq!(details, expected.map(|(key, value)| (key, value.to_owned())));
}

/// Texts of the pieces that URIs are made of, in any order.
#[test]
fn a_look_at_a_uri_tells_what_taking_it_apart_does() {
    let pieces =
        ["sip:", "sips:", "SIP:", "a", "bob", "@", ":", ";", "?", "#", "%40", " ", "\u{e4}", "x.org", "5060"];
    let (mut state, mut plain) = (1u32, 0);
    for _ in 0..20_000 {
        let mut uri = String::from("sip:");
        for _ in 0..8 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            uri.push_str(pieces.get((state >> 24) as usize % 24).unwrap_or(&""));
        }
        let (mut quick, mut apart) = (Facts::default(), Facts::default());
        plain += usize::from(without_parameters(uri.as_bytes()).is_some());
        say_uri(&mut quick, uri.as_bytes());
        say_any_uri(&mut apart, uri.as_bytes());
        assert_eq!(quick.info(), apart.info(), "{uri:?}");
    }
    assert!((2_000..18_000).contains(&plain), "{plain}");
}

#[test]
fn contacts_with_passwords_are_left_out() {
    for (contact, is_shown) in [
        ("<sip:a@h:5060>", true),
        ("\"x\" <sip:a@[::1]:5060>, <sips:b@h>", true),
        ("*", true),
        ("<sip:s:secret@h>", false),
        ("<sip:a@h>, <sip:b:secret@h>", false),
        ("sip::secret@h", false),
    ] {
        let (details, _) =
            described(&udp(format!("OPTIONS sip:a SIP/2.0\r\nm: {contact}\r\n\r\n").as_bytes()));
        assert_eq!(value(&details, "contact").is_some(), is_shown, "{contact}");
    }
}

#[test]
fn parameters_and_header_fields_of_uris_are_left_out() {
    for (uri, shown) in [
        ("sip:e.com;password=hunter2", "sip:e.com"),
        ("sip:e.com?Authorization=hunter2", "sip:e.com"),
        ("sip:bob:hunter2@e.com;a=b?c=hunter2", "sip:bob@e.com"),
        ("sip:bob;password=hunter2@e.com", "sip:bob@e.com"),
        ("sips:bob:hun@hunter2@e.com", "sips:bob@***"),
        ("tel:+49;pin=hunter2", "tel:+49"),
        ("urn:service:sos", "urn:service:sos"),
        ("http://bob:hunter2@h/x?y=hunter2", "http://***@h/x"),
    ] {
        let contact = format!("\"a;<b\" <{uri}>;expires=60;x=hunter2, <sip:c@d?e=f,g>");
        let message = format!(
            "OPTIONS {uri} SIP/2.0\r\nFrom: <{uri}>;tag=1\r\nTo: {uri}\r\nContact: {contact}\r\n\r\n"
        );
        let (details, info) = described(&udp(message.as_bytes()));
        assert_eq!(info, format!("Request: OPTIONS {shown}"));
        assert!(!format!("{details:?}").contains("hunter2"), "{details:?}");
    }
    let (details, _) = described(&udp(
        b"OPTIONS sip:a SIP/2.0\r\nm: \"a;\\\"<b\" <sip:a@b;c=d>;e=\"f,g\", sip:h@i;j=k,<sip:l@m?n=o,p>\r\n\r\n",
    ));
    assert_eq!(value(&details, "contact").as_deref(), Some("\"a;\\\"<b\" <sip:a@b>, sip:h@i,<sip:l@m>"));
}

#[test]
fn responses_and_addresses_without_brackets() {
    let (details, info) = described(&udp(
        b"SIP/2.0 486 Busy Here\r\nf: sip:a@x;tag=1\r\nt: <sips:b%20c@x>;tag=2\r\nm: <sip:b@h:5080>\r\nCSeq: 9 INVITE\r\n\r\n",
    ));
    assert_eq!(info, "Status: 486 Busy Here (INVITE)");
    for (key, expected) in [
        ("type", "response"),
        ("status_code", "486"),
        ("reason", "Busy Here"),
        ("from_user", "a"),
        ("from_tag", "1"),
        ("to_user", "b%20c"),
        ("to_tag", "2"),
        ("contact", "<sip:b@h:5080>"),
    ] {
        assert_eq!(value(&details, key).as_deref(), Some(expected), "{key}");
    }
}

#[test]
fn hostile_addresses_are_taken_apart_without_harm() {
    for text in [
        "",
        "\"",
        "\"\\",
        "\"a\\\"",
        "<",
        "<>",
        "<sip:",
        "<sip:@>",
        ";;;=",
        "sip:@;tag",
        "<tel:>;tag=",
        "\"<\">",
    ] {
        let text = format!("OPTIONS sip:a@ SIP/2.0\r\nFrom: {text}\r\nTo: {text}\r\nm: {text}\r\n\r\n");
        described(&udp(text.as_bytes()));
    }
}

/// Whether an RTP packet to 10.0.0.2:6000 is one after these messages.
fn announces(messages: &[Sent]) -> bool {
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    for message in messages {
        judge(&mut detector, &mut flow, message);
    }
    let mut media = Flow::default();
    let packet = sent(Carrier::Udp, 7000, 6000, &[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]);
    judge(&mut detector, &mut media, &packet).0 == Some("RTP")
}

#[test]
fn session_descriptions_announce_media() {
    let sdp = "v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 6000 RTP/AVP 0\r\n";
    let message =
        |fields: &str| udp(format!("INVITE sip:b@x SIP/2.0\r\nCall-ID: 1\r\n{fields}\r\n{sdp}").as_bytes());
    let options = udp(b"OPTIONS sip:a SIP/2.0\r\n\r\n");
    assert!(announces(&[message("")]));
    assert!(announces(&[message("c: Application/SDP\r\n")]));
    assert!(announces(&[message("Content-Type: multipart/mixed;boundary=x\r\n")]));
    assert!(!announces(&[message("Content-Type: text/plain\r\n")]));
    // Also later in a flow that is known to be SIP, in both carriers; not the line that a segment cuts.
    assert!(announces(&[options.clone(), message("")]));
    let tcp = |packet: Sent| Sent { carrier: Carrier::Tcp, ..packet };
    assert!(announces(&[tcp(options.clone()), tcp(message(""))]));
    let mut cut = tcp(message(""));
    cut.payload.truncate(cut.payload.len() - 17);
    assert!(!announces(&[tcp(options), cut]));
}
