use super::super::message::{Header, MAX_ANSWERS, MAX_QUESTIONS, MAX_TEXT};
use super::*;

/// What a message must decode to. Empty answers and names are those of a message without them.
struct Expected {
    vector: usize,
    outcome: Outcome,
    id: u16,
    flags: &'static str,
    counts: [u16; 4],
    question: &'static str,
    answers: &'static [&'static str],
    info: &'static str,
}

/// Opcode, rcode and the flags that are set.
fn flags_text(message: &Message) -> String {
    let header = message.header();
    let mut text = format!(
        "{} {}",
        string(mnemonic::opcode(header.opcode()).as_bytes()),
        string(mnemonic::rcode(message.rcode()).as_bytes())
    );
    for (set, name) in [
        (header.is_response(), " QR"),
        (header.authoritative(), " AA"),
        (header.truncated(), " TC"),
        (header.recursion_desired(), " RD"),
        (header.recursion_available(), " RA"),
        (header.reserved(), " Z"),
        (header.authenticated_data(), " AD"),
        (header.checking_disabled(), " CD"),
    ] {
        if set {
            text.push_str(name);
        }
    }
    text
}

#[test]
fn vectors() {
    use Outcome::{Partial, Whole};
    let table = [
        Expected {
            vector: 1,
            outcome: Whole,
            id: 0x1234,
            flags: "QUERY NOERROR RD",
            counts: [1, 0, 0, 0],
            question: "example.com A IN",
            answers: &[],
            info: "A example.com?",
        },
        Expected {
            vector: 2,
            outcome: Whole,
            id: 0x1234,
            flags: "QUERY NOERROR QR RD RA",
            counts: [1, 1, 0, 0],
            question: "example.com A IN",
            answers: &["example.com A IN 300 93.184.216.34"],
            info: "A example.com -> 93.184.216.34",
        },
        Expected {
            vector: 3,
            outcome: Whole,
            id: 0xbeef,
            flags: "QUERY NOERROR QR RD RA",
            counts: [1, 2, 0, 0],
            question: "www.example.com A IN",
            answers: &["www.example.com CNAME IN 60 cdn.example.com", "cdn.example.com A IN 60 192.0.2.1"],
            info: "A www.example.com -> cdn.example.com",
        },
        Expected {
            vector: 4,
            outcome: Whole,
            id: 1,
            flags: "QUERY NOERROR QR RD RA",
            counts: [1, 1, 0, 0],
            question: "v6.example.com AAAA IN",
            answers: &["v6.example.com AAAA IN 3600 2001:db8::1"],
            info: "AAAA v6.example.com -> 2001:db8::1",
        },
        Expected {
            vector: 5,
            outcome: Whole,
            id: 2,
            flags: "QUERY NOERROR QR AA RD RA",
            counts: [1, 1, 0, 0],
            question: "example.com MX IN",
            answers: &["example.com MX IN 3600 10 mail.example.com"],
            info: "MX example.com -> 10 mail.example.com",
        },
        Expected {
            vector: 6,
            outcome: Whole,
            id: 3,
            flags: "QUERY NOERROR QR RD RA",
            counts: [1, 1, 0, 0],
            question: "example.com TXT IN",
            answers: &["example.com TXT IN 60 v=spf1 -all"],
            info: "TXT example.com -> v=spf1 -all",
        },
        Expected {
            vector: 7,
            outcome: Whole,
            id: 4,
            flags: "QUERY NXDOMAIN QR RD RA AD CD",
            counts: [1, 0, 0, 0],
            question: "nope.example.com A IN",
            answers: &[],
            info: "A nope.example.com NXDOMAIN",
        },
        Expected {
            vector: 8,
            outcome: Partial,
            id: 5,
            flags: "QUERY NOERROR RD",
            counts: [1, 0, 0, 0],
            question: "",
            answers: &[],
            info: "QUERY",
        },
        Expected {
            vector: 9,
            outcome: Partial,
            id: 6,
            flags: "QUERY NOERROR RD",
            counts: [1, 0, 0, 0],
            question: "",
            answers: &[],
            info: "QUERY",
        },
        Expected {
            vector: 10,
            outcome: Whole,
            id: 7,
            flags: "QUERY NOERROR RD AD",
            counts: [1, 0, 0, 1],
            question: "example.com A IN",
            answers: &[],
            info: "A example.com?",
        },
        Expected {
            vector: 11,
            outcome: Whole,
            id: 8,
            flags: "QUERY BADVERS QR RD",
            counts: [1, 0, 0, 1],
            question: "example.com A IN",
            answers: &[],
            info: "A example.com BADVERS",
        },
        Expected {
            vector: 12,
            outcome: Whole,
            id: 9,
            flags: "QUERY NOERROR QR RD RA",
            counts: [1, 1, 0, 0],
            question: "_sip._tcp.example.com SRV IN",
            answers: &["_sip._tcp.example.com SRV IN 300 10 60 5060 sip.example.com"],
            info: "SRV _sip._tcp.example.com -> 10 60 5060 sip.example.com",
        },
        Expected {
            vector: 13,
            outcome: Whole,
            id: 10,
            flags: "QUERY NOERROR QR RD RA",
            counts: [1, 1, 0, 0],
            question: "example.com NS IN",
            answers: &["example.com NS IN 300 ns1.example.com"],
            info: "NS example.com -> ns1.example.com",
        },
        Expected {
            vector: 14,
            outcome: Whole,
            id: 11,
            flags: "QUERY NOERROR QR RD RA",
            counts: [1, 1, 0, 0],
            question: "1.2.0.192.in-addr.arpa PTR IN",
            answers: &["1.2.0.192.in-addr.arpa PTR IN 300 host.example.com"],
            info: "PTR 1.2.0.192.in-addr.arpa -> host.example.com",
        },
        Expected {
            vector: 15,
            outcome: Whole,
            id: 12,
            flags: "QUERY NXDOMAIN QR RD RA",
            counts: [1, 0, 1, 0],
            question: "nx.example.com A IN",
            answers: &[],
            info: "A nx.example.com NXDOMAIN",
        },
        Expected {
            vector: 16,
            outcome: Whole,
            id: 13,
            flags: "QUERY NOERROR RD",
            counts: [1, 0, 0, 0],
            question: " NS IN",
            answers: &[],
            info: "NS ?",
        },
        Expected {
            vector: 17,
            outcome: Whole,
            id: 14,
            flags: "QUERY NOERROR RD",
            counts: [1, 0, 0, 0],
            question: r"a\.b.com A IN",
            answers: &[],
            info: r"A a\.b.com?",
        },
        Expected {
            vector: 18,
            outcome: Whole,
            id: 15,
            flags: "QUERY NOERROR RD",
            counts: [1, 0, 0, 0],
            question: "example.com HTTPS IN",
            answers: &[],
            info: "HTTPS example.com?",
        },
        Expected {
            vector: 19,
            outcome: Whole,
            id: 16,
            flags: "QUERY NOERROR RD",
            counts: [1, 0, 0, 0],
            question: "t.example.com NULL IN",
            answers: &[],
            info: "NULL t.example.com?",
        },
        // The four counts of the 13-octet message are at octets 4 to 11: the second of them is 65535.
        Expected {
            vector: 21,
            outcome: Partial,
            id: 0,
            flags: "QUERY NOERROR",
            counts: [0, 0xffff, 0, 0],
            question: "",
            answers: &[],
            info: "QUERY",
        },
        Expected {
            vector: 22,
            outcome: Whole,
            id: 0,
            flags: "UPDATE NOERROR",
            counts: [0; 4],
            question: "",
            answers: &[],
            info: "UPDATE",
        },
    ];
    // One message for all: nothing of a message may be left in the next.
    let mut message = Message::new();
    for expected in table {
        let payload = hex(VECTORS[expected.vector - 1]);
        assert_eq!(message.parse(&payload, false), expected.outcome, "vector {}", expected.vector);
        let header = message.header();
        let counts =
            [header.question_count, header.answer_count, header.authority_count, header.additional_count];
        let question = message.question().map_or(String::new(), |question| question_text(&message, question));
        let answers: Vec<String> =
            message.answers().iter().map(|answer| answer_text(&message, answer)).collect();
        assert_eq!(header.id, expected.id, "vector {}", expected.vector);
        assert_eq!(flags_text(&message), expected.flags, "vector {}", expected.vector);
        assert_eq!(counts, expected.counts, "vector {}", expected.vector);
        assert_eq!(question, expected.question, "vector {}", expected.vector);
        assert_eq!(answers, expected.answers, "vector {}", expected.vector);
        assert_eq!(info(&message), expected.info, "vector {}", expected.vector);
        if expected.outcome == Whole {
            assert_eq!(message.consumed(), payload.len(), "vector {}", expected.vector);
        }
    }
}

#[test]
fn shorter_than_a_header_is_not_dns() {
    let payload = hex(VECTORS[0]);
    for length in 0..12 {
        let (message, outcome) = parsed(&payload[..length]);
        assert_eq!(outcome, Outcome::NotDns);
        assert_eq!((message.header(), message.consumed()), (&Header::default(), 0));
    }
    let (message, outcome) = parsed(&payload[..12]);
    assert_eq!((outcome, message.header().id, message.consumed()), (Outcome::Partial, 0x1234, 12));
}

#[test]
fn a_cut_message_keeps_what_came_before() {
    let payload = hex(VECTORS[2]);
    let (whole, _) = parsed(&payload);
    for length in 12..payload.len() {
        let (message, outcome) = parsed(&payload[..length]);
        assert_eq!(outcome, Outcome::Partial, "{length} octets");
        assert_eq!(message.header(), whole.header());
        let answers = message.answers().iter().map(|answer| answer_text(&message, answer));
        let expected = whole.answers().iter().map(|answer| answer_text(&whole, answer));
        let count = usize::from(length >= 51);
        assert!(answers.eq(expected.take(count)), "{length} octets");
        assert_eq!(message.questions().len(), usize::from(length >= 33), "{length} octets");
    }
}

#[test]
fn lying_counts_cost_nothing() {
    // 65535 of everything, and one of each in the message.
    let mut payload = hex("0001 8180 ffff ffff ffff ffff");
    payload.extend(hex("01610000010001"));
    let (message, outcome) = parsed(&payload);
    assert_eq!((outcome, message.questions().len(), message.answers().len()), (Outcome::Partial, 1, 0));
    assert_eq!(message.header().question_count, 0xffff);
    assert_eq!(string(message.question_name()), "a");
}

#[test]
fn a_pointer_into_the_header_is_read_as_it_stands() {
    // Id and flags make a label there, at the offset of nothing known yet.
    let (message, outcome) = parsed(&hex("0161 0000 0001 0000 0000 0000 c000 0001 0001"));
    assert_eq!((outcome, string(message.question_name())), (Outcome::Whole, "a".into()));
}

#[test]
fn trailing_octets_are_not_consumed() {
    let mut payload = hex(VECTORS[1]);
    let length = payload.len();
    payload.extend_from_slice(b"padding");
    let (message, outcome) = parsed(&payload);
    assert_eq!((outcome, message.consumed()), (Outcome::Whole, length));
}

#[test]
fn extended_rcodes() {
    for (rcode, name) in [
        (0, "NOERROR"),
        (5, "REFUSED"),
        (11, "DSOTYPENI"),
        (12, "RCODE12"),
        (16, "BADVERS"),
        (23, "BADCOOKIE"),
        (24, "RCODE24"),
        (0xfff, "RCODE4095"),
    ] {
        let mut payload = hex("0001 8180 0000 0000 0000 0002");
        payload[3] |= rcode as u8 & 0xf;
        // An address record first, and OPT after it.
        payload.extend(hex("00 0001 0001 ff000000 0004 c0000201 00 0029 04d0"));
        payload.extend([(rcode >> 4) as u8, 0, 0, 0, 0, 0]);
        let (message, outcome) = parsed(&payload);
        assert_eq!((outcome, message.rcode()), (Outcome::Whole, rcode));
        assert_eq!(string(mnemonic::rcode(message.rcode()).as_bytes()), name);
    }
}

#[test]
fn opt_is_never_an_answer() {
    let payload =
        hex("0001 8180 0000 0002 0000 0000 00 0029 04d0 01000000 0000 00 0001 0001 0000003c 0004 c0000201");
    let (message, outcome) = parsed(&payload);
    assert_eq!((outcome, message.answers().len(), message.rcode()), (Outcome::Whole, 1, 0));
    assert_eq!(answer_text(&message, &message.answers()[0]), " A IN 60 192.0.2.1");
    assert_eq!(info(&message), "A  -> 192.0.2.1");
}

#[test]
fn class_flags_of_mdns() {
    // A question that wants a unicast response, and a record that flushes caches.
    let payload = hex(
        "0000 8400 0001 0001 0000 0000 0161056c6f63616c00 0001 8001 c00c 0001 8001 00000078 0004 c0000201",
    );
    let mut message = Message::new();
    for (mdns, class) in [(true, "IN"), (false, "CLASS32769")] {
        assert_eq!(message.parse(&payload, mdns), Outcome::Whole);
        assert_eq!(question_text(&message, &message.questions()[0]), format!("a.local A {class}"));
        assert_eq!(answer_text(&message, &message.answers()[0]), format!("a.local A {class} 120 192.0.2.1"));
    }
}

#[test]
fn names_for_filters() {
    // Two questions; a CNAME, its target, a malformed CNAME and another owner.
    let mut payload = hex("0001 8180 0002 0004 0000 0000");
    payload.extend(wire_name("one.example"));
    payload.extend(hex("0001 0001"));
    payload.extend(wire_name("two.example"));
    payload.extend(hex("0001 0001"));
    payload.extend(hex("c00c 0005 0001 0000003c 0005 03616263 00"));
    payload.extend(hex("03616263 00 0001 0001 0000003c 0004 c0000201"));
    payload.extend(hex("c00c 0005 0001 0000003c 0002 40 00"));
    payload.extend(hex("03646566 00 0002 0001 0000003c 0005 03676869 00"));
    let (message, outcome) = parsed(&payload);
    assert_eq!(outcome, Outcome::Whole);
    let names: Vec<String> = message.names().map(string).collect();
    assert_eq!(names, ["one.example", "two.example", "abc", "abc", "def"]);
    assert_eq!(string(message.text(message.answers()[2].data)), "<data 2 bytes>");
    assert_eq!(string(message.text(message.answers()[3].data)), "ghi");
}

#[test]
fn output_is_bounded() {
    // The longest names, each but the first a pointer.
    let mut payload = hex("0001 8180 0001 ffff 0000 0000");
    let long = wire_name(
        &["\u{1}".repeat(63), "\u{2}".repeat(63), "\u{3}".repeat(63), "\u{4}".repeat(61)].join("."),
    );
    assert_eq!(long.len(), 255);
    payload.extend(long);
    payload.extend(hex("0001 0001"));
    while payload.len() < 65_000 {
        payload.extend(hex("c00c 0005 0001 0000003c 0002 c00c"));
    }
    let (message, _) = parsed(&payload);
    let used = |message: &Message| -> usize {
        let answers = message.answers().iter();
        answers.map(|answer| message.text(answer.name).len() + message.text(answer.data).len()).sum()
    };
    assert!(message.clipped() && !message.answers().is_empty());
    assert!(used(&message) <= 2 * payload.len());
    payload.truncate(1400);
    let (message, _) = parsed(&payload);
    assert!(message.clipped() && message.answers().len() > 1);
    assert!(used(&message) <= MAX_TEXT);

    // Many small records.
    let mut payload = hex("0001 8180 0001 1000 0000 0000 0161 00 0001 0001");
    for number in 0..4096u16 {
        payload.extend(hex("c00c 0001 0001 0000003c 0004 0a00"));
        payload.extend(number.to_be_bytes());
    }
    let (message, outcome) = parsed(&payload);
    assert_eq!((outcome, message.answers().len(), message.clipped()), (Outcome::Whole, MAX_ANSWERS, true));

    // Many questions, and an answer behind them.
    let mut payload = hex("0001 0000 03e8 0001 0000 0000");
    for _ in 0..1000 {
        payload.extend(hex("0161 00 0001 0001"));
    }
    payload.extend(hex("0162 00 0001 0001 0000003c 0004 0a000001"));
    let (message, outcome) = parsed(&payload);
    assert_eq!(
        (outcome, message.questions().len(), message.answers().len()),
        (Outcome::Whole, MAX_QUESTIONS, 1)
    );
    assert!(message.clipped());
    assert!(!parsed(&hex(VECTORS[2])).0.clipped());
}

#[test]
fn numbers_have_the_names_of_the_registry() {
    let opcodes: Vec<String> = (0..16).map(|value| string(mnemonic::opcode(value).as_bytes())).collect();
    let expected = "QUERY IQUERY STATUS OPCODE3 NOTIFY UPDATE DSO OPCODE7 OPCODE8 OPCODE9 OPCODE10 OPCODE11 \
                    OPCODE12 OPCODE13 OPCODE14 OPCODE15";
    assert_eq!(opcodes.join(" "), expected);
    let rcodes: Vec<String> = (0..12).map(|value| string(mnemonic::rcode(value).as_bytes())).collect();
    let expected = "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE \
                    DSOTYPENI";
    assert_eq!(rcodes.join(" "), expected);
    for (value, name) in [
        (0, "CLASS0"),
        (1, "IN"),
        (2, "CS"),
        (3, "CH"),
        (4, "HS"),
        (254, "NONE"),
        (255, "ANY"),
        (65535, "CLASS65535"),
    ] {
        assert_eq!(string(mnemonic::class(value).as_bytes()), name);
    }
    for (value, name) in [
        (0, "TYPE0"),
        (1, "A"),
        (2, "NS"),
        (5, "CNAME"),
        (6, "SOA"),
        (10, "NULL"),
        (12, "PTR"),
        (13, "HINFO"),
        (15, "MX"),
        (16, "TXT"),
        (28, "AAAA"),
        (33, "SRV"),
        (35, "NAPTR"),
        (39, "DNAME"),
        (41, "OPT"),
        (43, "DS"),
        (46, "RRSIG"),
        (47, "NSEC"),
        (48, "DNSKEY"),
        (50, "NSEC3"),
        (52, "TLSA"),
        (64, "SVCB"),
        (65, "HTTPS"),
        (99, "SPF"),
        (252, "AXFR"),
        (255, "ANY"),
        (257, "CAA"),
        (65280, "TYPE65280"),
        (65535, "TYPE65535"),
    ] {
        assert_eq!(string(mnemonic::rr_type(value).as_bytes()), name);
    }
    // Different numbers have different names.
    let names: std::collections::HashSet<String> =
        (0..=u16::MAX).map(|value| string(mnemonic::rr_type(value).as_bytes())).collect();
    assert_eq!(names.len(), 65_536);
}

#[test]
fn info_of_messages_without_a_question() {
    for (payload, expected) in [
        (
            "0000 8400 0000 0001 0000 0000 0161056c6f63616c00 0001 8001 00000078 0004 c0000201",
            "A a.local -> 192.0.2.1",
        ),
        ("0001 8005 0000 0000 0000 0000", "REFUSED"),
        ("0001 3000 0000 0000 0000 0000", "DSO"),
    ] {
        assert_eq!(info(&parsed(&hex(payload)).0), expected);
    }
    // Long data is cut between characters.
    let mut data = vec![255];
    data.extend("é".repeat(127).as_bytes());
    data.extend_from_slice(b"x\x04abcd");
    let (message, _) = parsed(&answering(1, "a", 16, &data));
    let text = info(&message);
    assert_eq!(text, format!("TXT a -> {}x ...", "é".repeat(127)));
    let mut data = vec![255, b'x'];
    data.extend("é".repeat(127).as_bytes());
    data.extend_from_slice(b"\x04abcd");
    let (message, _) = parsed(&answering(1, "a", 16, &data));
    assert_eq!(info(&message), format!("TXT a -> x{} ...", "é".repeat(127)));
    let mut data = vec![255];
    data.extend("€".repeat(85).as_bytes());
    data.extend_from_slice(b"\x03\xe2\x82\xac");
    let (message, _) = parsed(&answering(1, "a", 16, &data));
    assert_eq!(info(&message), format!("TXT a -> {} ...", "€".repeat(85)));
    let mut data = vec![3, b'a', b'b', b'c', 255];
    data.extend("€".repeat(85).as_bytes());
    let (message, _) = parsed(&answering(1, "a", 16, &data));
    assert_eq!(info(&message), format!("TXT a -> abc {}...", "€".repeat(84)));
    data.splice(..4, [2, b'a', b'b']);
    let (message, _) = parsed(&answering(1, "a", 16, &data));
    assert_eq!(info(&message), format!("TXT a -> ab {}...", "€".repeat(84)));
}
