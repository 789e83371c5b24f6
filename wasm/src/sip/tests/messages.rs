use super::super::fault::Fault;
use super::super::header::{Header, unfolded};
use super::super::message::{BodyLength, MOST_CALL_ID, Message};
use super::super::start_line::{Refusal, StartLine};
use super::{faults, message, shown};
use crate::sip::address::{NameAddr, Uri, decoded, parameter};

#[test]
fn addresses() {
    for (value, user, uri, tag, display) in [
        ("Alicent <sip:alicent@domain.com>;tag=123", "alicent", "sip:alicent@domain.com", "123", "Alicent"),
        ("sip:robb@example.org", "robb", "sip:robb@example.org", "", ""),
        (
            "<sips:+49123@x.net:5061;transport=tls>;tag=a;b=c",
            "+49123",
            "sips:+49123@x.net:5061;transport=tls",
            "a",
            "",
        ),
        ("\"sip:fake@x\" <sip:real@y>", "real", "sip:real@y", "", "sip:fake@x"),
        ("<SIP:Alice@Example.com>;TAG=Zz", "Alice", "SIP:Alice@Example.com", "Zz", ""),
        ("<tel:+4915112345678>;tag=9", "+4915112345678", "tel:+4915112345678", "9", ""),
        ("<sip:example.com>;foo=a@b", "", "sip:example.com", "", ""),
        ("\"A <b\" <sip:c@d>;tag=1", "c", "sip:c@d", "1", "A <b"),
        ("<sip:a@b> ; tag=77", "a", "sip:a@b", "77", ""),
        ("<sip:a@b?subject=x;tag=5>", "a", "sip:a@b?subject=x;tag=5", "", ""),
        ("<sip:%2B49123;phone-context=x@h>", "+49123", "sip:%2B49123;phone-context=x@h", "", ""),
        ("sip:host.example", "", "sip:host.example", "", ""),
        ("sip:a@b;tag=1;x=\";tag=2\"", "a", "sip:a@b", "1", ""),
        ("<sip:a@b>;x=\";tag=2\";tag=\"3\"", "a", "sip:a@b", "3", ""),
        ("", "", "", "", ""),
        ("\"unfinished", "", "\"unfinished", "", ""),
        ("<sip:a@b", "a", "sip:a@b", "", ""),
    ] {
        let address = NameAddr::parse(value.as_bytes());
        let texts = [address.uri, address.tag, address.display].map(shown);
        assert_eq!(texts, [uri, tag, display].map(|text| shown(text.as_bytes())), "{value}");
        let found = Uri::parse(address.uri).map_or(vec![], |uri| decoded(uri.user).collect());
        assert_eq!(shown(&found), user, "{value}");
    }
}

/// What is read the quick way where a field is plain says the same as what is read the long way.
#[test]
fn branches() {
    let pieces = [
        "SIP/2.0/UDP a.example:5060",
        ";branch=",
        "z9hG4bK1",
        ";rport",
        ",",
        " ",
        "\"",
        "<",
        ">",
        ";BRANCH=x",
        "\r\n ",
        ";x=\"a;b\"",
        "\\",
        "=",
    ];
    let mut state = 7u64;
    let mut with_branch = 0;
    for _ in 0..20_000 {
        let mut via = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            via.push_str(pieces[(state >> 33) as usize % pieces.len()]);
        }
        let text = format!("BYE sip:a@b SIP/2.0\r\nVia: {via}\r\nCall-ID: 1\r\n\r\n");
        let Ok(message) = Message::parse(text.as_bytes()) else { continue };
        let element = message.values(Header::Via).next().unwrap_or_default();
        let start = element.iter().position(|octet| *octet == b';').unwrap_or(element.len());
        let parameters = element.get(start + 1..).unwrap_or_default();
        let expected = parameter(parameters, b"branch").unwrap_or_default();
        assert_eq!(shown(message.top_via_branch()), shown(expected), "{via:?}");
        with_branch += usize::from(!expected.is_empty());
    }
    assert!(with_branch > 1000, "{with_branch}");
}

#[test]
fn start_lines() {
    let request = |method, uri| Ok(StartLine::Request { method, uri });
    for (line, expected) in [
        ("MESSAGE sip:a@b SIP/2.0\r\n", request(&b"MESSAGE"[..], &b"sip:a@b"[..])),
        ("PUBLISH sip:a@b sip/2.0", request(b"PUBLISH", b"sip:a@b")),
        // Methods are case-sensitive: another one.
        ("invite sip:a@b SIP/2.0", request(b"invite", b"sip:a@b")),
        ("SIP/2.0 200 OK", Ok(StartLine::Status { code: 200, reason: b"OK" })),
        ("SIP/2.0 699", Ok(StartLine::Status { code: 699, reason: b"" })),
        ("SIP/2.0200", Err(Refusal::Version)),
        ("SIP/2.0 ", Err(Refusal::StatusCode)),
        ("SIP/2.0 2000", Err(Refusal::StatusCode)),
        ("SIP/2.0 99 x", Err(Refusal::StatusCode)),
        ("SIP/2.0 700 x", Err(Refusal::StatusCode)),
        ("SIP/2.0 2x0 x", Err(Refusal::StatusCode)),
        ("SIP/1.0 200 OK", Err(Refusal::Version)),
        ("INVITE sip:a SIP/2.01", Err(Refusal::Version)),
        ("INVITE SIP/2.0", Err(Refusal::StartLine)),
        ("INVITE  SIP/2.0", Err(Refusal::StartLine)),
        (" INVITE sip:a SIP/2.0", Err(Refusal::StartLine)),
        ("IN\u{1}VITE sip:a SIP/2.0", Err(Refusal::StartLine)),
        ("GET / HTTP/1.1", Err(Refusal::StartLine)),
        ("a b SIP/x", Err(Refusal::Version)),
        ("", Err(Refusal::StartLine)),
    ] {
        assert_eq!(StartLine::parse(line.as_bytes()), expected, "{line}");
    }
    for (length, is_method) in [(64, true), (65, false)] {
        let line = format!("{} sip:a SIP/2.0", "M".repeat(length));
        assert_eq!(StartLine::parse(line.as_bytes()).is_ok(), is_method);
    }
}

#[test]
fn cseq() {
    for (value, number, method) in [
        ("314159   bye ", Some(314_159), "bye"),
        ("INVITE", None, ""),
        ("1", None, ""),
        ("4294967295\tX", Some(u32::MAX), "X"),
        ("4294967296 X", None, "X"),
        ("-1 X", None, "X"),
        ("", None, ""),
    ] {
        let bytes = message(&format!("SIP/2.0 200 OK\ni: 1\nCSeq: {value}"), "");
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.cseq().map(|(number, _)| number), number, "{value}");
        assert_eq!(shown(message.transaction_method()), method, "{value}");
    }
}

#[test]
fn header_fields() {
    let head = "INVITE sip:a SIP/2.0
f: Alice
 <sip:alice@x>;tag=1
T : <sip:b@x>
c: application/sdp
m: <sip:alice@1.2.3.4>
I:x
no field
P-Asserted-Identity: <sip:a@b>
: nothing
p-asserted-identity:, <tel:+1>
Subject: a, b";
    let bytes = message(head, "a\r\n\r\nb");
    let message = Message::parse(&bytes).unwrap();
    let from: Vec<&[u8]> = unfolded(message.first(Header::From).unwrap()).collect();
    assert_eq!(shown(&from.concat()), "Alice <sip:alice@x>;tag=1");
    assert_eq!((message.from().display, message.from().tag), (&b"Alice"[..], &b"1"[..]));
    assert_eq!(message.to().uri, b"sip:b@x");
    assert_eq!(message.content_type(), b"application/sdp");
    assert_eq!(message.contact().unwrap().uri, b"sip:alice@1.2.3.4");
    assert_eq!(message.call_id(), b"x");
    let identities: Vec<_> = message.values(Header::PAssertedIdentity).map(shown).collect();
    assert_eq!(identities, ["<sip:a@b>", "<tel:+1>"]);
    assert_eq!(message.values(Header::Subject).map(shown).collect::<Vec<_>>(), ["a, b"]);
    assert_eq!(message.body(), b"a\r\n\r\nb");
    assert_eq!(faults(&message), [Fault::Line, Fault::Missing]);
    assert_eq!(message.fields().count(), 9);
}

#[test]
fn call_ids() {
    let long = "x".repeat(MOST_CALL_ID + 1);
    for (line, expected) in [
        ("i: x", Ok("x")),
        ("I:x", Ok("x")),
        ("CALL-ID:abc", Ok("abc")),
        ("Call-ID : abc", Ok("abc")),
        ("Call-ID: a...b", Ok("a...b")),
        ("Call-ID:\n abc", Ok("abc")),
        ("Call-ID: ../", Ok("../")),
        (&format!("i: {}", &long[1..]), Ok(&long[1..])),
        (&format!("i: {long}"), Err(Refusal::CallId)),
        ("i: a\u{0}b", Err(Refusal::CallId)),
        ("i: a\n b", Err(Refusal::CallId)),
        ("i: \u{7f}", Err(Refusal::CallId)),
        ("i:", Err(Refusal::NoCallId)),
        ("x: 1", Err(Refusal::NoCallId)),
    ] {
        let bytes = message(&format!("BYE sip:a SIP/2.0\n{line}"), "");
        let found = Message::parse(&bytes).map(|message| message.call_id());
        assert_eq!(found, expected.map(str::as_bytes), "{line}");
    }
}

#[test]
fn content_lengths() {
    use BodyLength::{Bytes, Invalid};
    for (value, expected) in [
        ("10abc", Bytes(10)),
        ("10", Bytes(10)),
        ("-1", Invalid),
        ("+5", Invalid),
        ("", Invalid),
        ("1048576", Bytes(1_048_576)),
        ("1048577", Invalid),
        ("9999999999", Invalid),
        ("99999999999", Invalid),
        ("99999999999999999999999999", Invalid),
        ("0000000000000005", Bytes(5)),
    ] {
        assert_eq!(BodyLength::parse(value.as_bytes()), expected, "{value}");
    }
}

/// The fields that matter are found wherever they are, and the body behind them.
#[test]
fn many_fields_hide_nothing() {
    let padding = "\nRoute: <sip:x>\nX-Padding: 1".repeat(500);
    let bytes =
        message(&format!("INVITE sip:a SIP/2.0{padding}\nCall-ID: here\nCSeq: 1 INVITE\nl: 3"), "v=0");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        (message.call_id(), message.body(), message.cseq()),
        (&b"here"[..], &b"v=0"[..], Some((1, &b"INVITE"[..])))
    );
    assert_eq!(message.values(Header::Route).count() + message.fields_left_out(), 500);
    assert_eq!(faults(&message), [Fault::Missing, Fault::TooMuch]);
}

#[test]
fn no_head_is_longer_than_the_limit() {
    let long = format!("BYE sip:a SIP/2.0\r\ni: 1\r\nX: {}\r\nf: sip:a\r\n\r\nbody", "x".repeat(70_000));
    let message = Message::parse(long.as_bytes()).unwrap();
    assert_eq!((message.call_id(), message.first(Header::From)), (&b"1"[..], None));
    assert!(message.is_cut() && message.body().is_empty());
    assert!(faults(&message).contains(&Fault::TooMuch));
    let line = format!("BYE sip:{} SIP/2.0\r\ni: 1\r\n\r\n", "x".repeat(5000));
    assert_eq!(Message::parse(line.as_bytes()).err(), Some(Refusal::StartLine));
}

/// Whatever of a message is there is read, and says so.
#[test]
fn beginnings_of_a_message() {
    let head = "INVITE sip:a@b;x SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1 , SIP/2.0/TCP b\nf: \"A \\\" B\" <sip:a@b>;tag=\"1\"\n\
        t:\n <tel:+1>\nm: *\ni: x\nCSeq: 1 INVITE\nWarning: 399 a \"b\"\nc: multipart/mixed;boundary=b\nl: 48";
    let bytes = message(head, "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--");
    for end in 0..=bytes.len() {
        let part = &bytes[..end];
        let Ok(message) = Message::scan(part) else {
            assert!(end < head.find('\n').unwrap(), "{end}");
            continue;
        };
        assert_eq!(message.is_cut(), end < bytes.len(), "{end}");
        message.session_descriptions(&mut |text| assert!(b"v=0\r\n--b--".starts_with(text)));
        assert_eq!(message.faults().contains(Fault::Cut), end < bytes.len());
        let mut out = Vec::new();
        crate::wire::sip_metadata::encode(&mut crate::wire::encoder::Protobuf(&mut out), &message);
        for header in Header::ALL {
            assert!(
                message.values(*header).all(|value| part.windows(value.len()).any(|window| window == value))
            );
        }
    }
}
