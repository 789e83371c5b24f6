//! The vectors of the specification, one set of filters each, against what packets carry.

use super::contents::Content;
use super::filter_set::{FilterSet, NoFilterPolicy, Subject, Workspace};
use super::filter_type::FilterType::{self, *};
use crate::sip::parts::Known;

/// The ids of `filters` that a content matches; the ids are the patterns.
fn matched(filters: &[(FilterType, &str)], content: Content, bytes: &[u8]) -> Vec<String> {
    let mut set = FilterSet::new(NoFilterPolicy::Deny);
    for (filter_type, pattern) in filters {
        set.add(*filter_type as u32, pattern, pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    }
    set.build().unwrap();
    let mut workspace = Workspace::default();
    let subject = Subject {
        addresses: None,
        outer_addresses: None,
        domains: &|_| {},
        content: Some((content, bytes)),
        message: None,
        known: Known::default(),
    };
    let passes = set.decide(&subject, &mut workspace);
    assert_eq!(passes, !workspace.matched.is_empty());
    workspace.matched.iter().map(|number| set.id(number).to_owned()).collect()
}

fn from(value: &str) -> Vec<u8> {
    format!("OPTIONS sip:nobody SIP/2.0\r\nFrom: {value}\r\n\r\no=alice\r\n").into_bytes()
}

#[test]
fn sip_users() {
    for (pattern, value, expected) in [
        ("alice", "<sip:alice@x>", true),
        ("alice", "<sip:Malice@x>", true),
        ("alice*", "<sip:malice@x>", false),
        ("*456789", "<sip:+49123456789@x>", true),
        ("alice", r#""alice" <sip:bob@x>"#, false),
        (r"\*31#", "<sip:*31#49@x>", true),
        ("alice", "<sip:bob@x>", false),
        ("al*ce", "<sip:alice@x>", true),
        ("al*ce", "<sip:malice@x>", false),
        ("+4915", "<tel:+49-151-2345678>", true),
        ("+49-30-12345678", "<tel:+49-30-12345678>", true),
        ("+49-30-12345678", "<tel:+493012345678>", true),
        ("+49(30)123*", "<tel:+49.30.12345678>", true),
        ("+49-30-12345678", "<sip:+49-30-12345678@gw;user=phone>", true),
        ("+49-30-12345678", "<sip:%2B4930(1234)5678@gw>", true),
        ("+49-30-12345678", "<sip:+493012345678@gw>", true),
        ("+493012345678", "<sip:+49-30-12345678;isub=1@gw>", true),
        ("*30-12345678", "<sip:(0)30/12345678@gw>", false),
        ("+49-30-12345678", "<sip:+49-30-1234567@gw>", false),
        ("30*-5678", "<sip:30.1234-5678@gw>", true),
        ("-5678", "<sip:30.1234-5678@gw>", true),
        ("100-200", "<sip:ext-100-200@gw>", true),
        ("johndoe", "<sip:john.doe@gw>", false),
        ("100200", "<sip:a100-200@gw>", false),
        ("*", "<sip:bob@x>", true),
        ("*", "<sip:x>", false),
        // Octets beyond ASCII are compared as they are, by every algorithm.
        ("MÜLLER", "<sip:müller@x>", false),
        ("MüLLER", "<sip:müller@x>", true),
    ] {
        let found = matched(&[(SipUser, pattern)], Content::Sip, &from(value));
        assert_eq!(!found.is_empty(), expected, "{pattern} against {value}");
    }
    for (message, pattern) in [
        ("OPTIONS sip:x SIP/2.0\r\nFrom : <sip:alice@x>\r\n\r\n", "alice"),
        ("INVITE sip:bob@x SIP/2.0\r\n\r\n", "bob"),
        ("SIP/2.0 200 OK\r\nP-Called-Party-ID: <sip:carol@x>\r\n\r\n", "carol"),
    ] {
        assert_eq!(matched(&[(SipUser, pattern)], Content::Sip, message.as_bytes()), [pattern]);
    }
}

#[test]
fn sip_uris() {
    for (pattern, value, expected) in [
        ("alice@example.com", "<sip:alice@example.com>", true),
        ("alice@example.com", "<sip:alice@example.com:5060;transport=tcp>", true),
        ("alice@example.com", "<sip:malice@example.com.evil>", false),
        ("*@example.com", "<sip:alice@example.com:5060>", true),
        ("sip:*@example.com", "<sip:alice@example.com>", true),
        ("ALICE@EXAMPLE.COM", "<sips:alice@example.com>", true),
        ("tel:+49-151", "<tel:+49.151>", true),
        ("+49-151@gw", "<sip:+49151@GW>", true),
        ("+49151@gw", "<sip:+49-151@gw;user=phone>", true),
        ("+49151@g-w", "<sip:+49-151@g-w>", true),
        ("*-151@gw", "<sip:+49-151@gw>", true),
        ("10.0.0.1", "<sip:10.0.0.1>", true),
        ("10.0.0.1", "<sip:10001>", false),
        ("ALICE@[2001:db8::A]", "<SIP:Alice@[2001:DB8::a]:5060>", true),
        ("sip:%2b49@h", "<sip:+49@h>", true),
        ("alice@[2001:db8::1]:5060", "<sip:alice@[2001:DB8::1]>", true),
    ] {
        let found = matched(&[(SipUri, pattern)], Content::Sip, &from(value));
        assert_eq!(!found.is_empty(), expected, "{pattern} against {value}");
    }
}

#[test]
fn phone_numbers() {
    for (patterns, user, expected) in [
        (&["+49123456789"][..], "+49123456789", &["+49123456789"][..]),
        (&["+49123456789"], "0049123456789", &["+49123456789"]),
        (&["+49123456789"], "*31#49123456789", &["+49123456789"]),
        (&["+49123456789"], "0123456789", &[]),
        (&["*456789"], "+49123456789", &["*456789"]),
        (&["0049*"], "+49123456789", &["0049*"]),
        (&["0049*"], "49123456789", &["0049*"]),
        (&["0049*"], "01149123456789", &["0049*"]),
        (&["110"], "110", &["110"]),
        (&["110"], "+491234567110", &[]),
        (&["110", "*110"], "user110", &[]),
        (&["+49123456789"], "ext+49123456789", &["+49123456789"]),
        (&["123456789"], "+49123456789", &[]),
        (&["49123456789", "1234567890"], "0001234567890;npdi", &["1234567890"]),
        (&["49123456789", "1234567890"], "+4912345678", &[]),
        (&["49123456789", "9123456789"], "+49123456789", &["49123456789", "9123456789"]),
    ] {
        let filters: Vec<_> = patterns.iter().map(|pattern| (PhoneNumber, *pattern)).collect();
        let message = from(&format!("<sip:{user}@x>"));
        assert_eq!(matched(&filters, Content::Sip, &message), expected, "{patterns:?} against {user}");
    }
    assert_eq!(
        matched(&[(PhoneNumber, "+49123456789")], Content::Sip, &from("<tel:+49-123-456789;ext=1>")),
        ["+49123456789"]
    );
}

#[test]
fn subscribers_and_equipment() {
    let message = b"REGISTER sip:x SIP/2.0\r\n\
        Authorization: Digest username=\"310260123456789@ims.mnc260.mcc310.3gppnetwork.org\"\r\n\
        Contact: <sip:a@b>;+sip.instance=\"<urn:gsma:imei:90420156-025763-0>\"\r\n\r\n";
    let filters = [
        (Imei, "904201560257637"),
        (Imei, "90420156025763"),
        (Imsi, "310-260-123456789"),
        (Imsi, "310260123456780"),
        (Imei, "9042015602576399"),
    ];
    let expected = ["310-260-123456789", "904201560257637", "90420156025763", "9042015602576399"];
    assert_eq!(matched(&filters, Content::Sip, message), expected);
    let short =
        b"REGISTER sip:x SIP/2.0\r\nm: <sip:a@b>;+sip.instance=\"<urn:gsma:imei:90420156025763>\"\r\n\r\n";
    assert_eq!(matched(&filters[..2], Content::Sip, short), ["904201560257637", "90420156025763"]);
}

#[test]
fn calls_and_codecs() {
    let message = b"INVITE sip:b@x SIP/2.0\r\nCall-ID: abc-1@host\r\nContent-Type: application/sdp\r\n\r\n\
        v=0\r\nm=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 opus/48000/2\r\n";
    let filters = [
        (CallId, "ABC-1@host"),
        (CallId, "abc*"),
        (CallId, "abc"),
        (Codec, "Opus"),
        (Codec, "PCM?"),
        (Codec, "pcm*"),
    ];
    assert_eq!(matched(&filters, Content::Sip, message), ["ABC-1@host", "abc*", "Opus", "pcm*"]);
    let rtp = [0x80, 0x88, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2];
    assert_eq!(matched(&[(Codec, "PCMA/8000"), (Codec, "PCMU")], Content::Rtp, &rtp), ["PCMA/8000"]);
    // A user filter says nothing of media.
    assert!(matched(&[(SipUser, "*")], Content::Rtp, &rtp).is_empty());
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Hello, server name, JA3 and JA4.
const CLIENT_HELLOS: &[(&str, &str, &str, &str)] = &[
    (
        "160301006f0100006b0303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f000004c02fc0300100003e0000000e000c000009612e6578616d706c65000a0006000400170018000b00020100000d00060004040304010010000e000c02683208687474702f312e31",
        "a.example",
        "6ec7ec4e17bd45598c0055d05f975374",
        "t12d0205h2_04659ec43a24_94ae408008e8",
    ),
    (
        "160301006b010000670303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0000061a1a13011302010000382a2a00000000000e000c000009622e6578616d706c65000a000600043a3a001d000d000400020403002b0007064a4a03040303fafa000100",
        "b.example",
        "1003722e3f8a3cdbba77bc27e7694ad6",
        "t13d020400_62ed6f6ca7ad_9a0586ea5dd0",
    ),
    (
        "16030100410100003d0301000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00001600040005000a000900640062000300060013001200630100",
        "",
        "de350869b8c85de67a350c8d186f11e6",
        "t10i110000_3609b414f052_000000000000",
    ),
    (
        "16030100610100005d0301000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f000018002f00350005000ac009c00ac013c01400320038001300040100001c00000006000400000178000a00080006001700180019000b00020100",
        "x",
        "ada70206e40642a3e4461f35503241d5",
        "t10d120300_d94e65cdb899_33a13ba74d1c",
    ),
    (
        "1603010049010000450303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f000002002f0100001a0000000e000c000009632e6578616d706c650010000400020168",
        "c.example",
        "c0aa4b955cfe1951eebea4819cd199ac",
        "t12d0102hh_ba72b8082249_000000000000",
    ),
    (
        "16030100400100003c0303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f000002002f0100001100100005000302abcd000d000400020401",
        "",
        "",
        "t12i0102ad_ba72b8082249_032c60bb0d32",
    ),
    (
        "160301003c010000380303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f000002002f0100000d00000000002b00050403030304",
        "",
        "a32079850b1a20ac1afc6ddd81a199c9",
        "t13d010200_ba72b8082249_b9a491fefe05",
    ),
    (
        "160301003c010000380303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00000600ff5600130101000009002b00050403040303",
        "",
        "",
        "t13i030100_4f4105ad3cd0_b9a491fefe05",
    ),
];

#[test]
fn fingerprints() {
    for (hello, name, ja3, ja4) in CLIENT_HELLOS {
        let filters: Vec<_> = [(TlsSni, *name), (TlsJa3, ja3), (TlsJa4, ja4)]
            .into_iter()
            .filter(|(_, pattern)| !pattern.is_empty())
            .collect();
        let patterns: Vec<_> = filters.iter().map(|(_, pattern)| *pattern).collect();
        assert_eq!(matched(&filters, Content::Tls, &bytes(hello)), patterns, "{hello}");
    }
    // In two records; with a length that lies; for another filter of the same value, in capitals.
    let (hello, name, ja3, ja4) = CLIENT_HELLOS[0];
    let whole = bytes(hello);
    let filters = [(TlsSni, "*.EXAMPLE"), (TlsJa3, ja3), (TlsJa4, ja4), (TlsJa3, &ja3.to_uppercase())];
    let parts = [&bytes("1603010028")[..], &whole[5..45], &bytes("1603010047"), &whole[45..]].concat();
    assert_eq!(matched(&filters, Content::Tls, &parts).len(), 4);
    // A part of it has the name, but no fingerprint.
    assert_eq!(matched(&filters, Content::Tls, &whole[..85]), ["*.EXAMPLE"]);
    let lies = hello.replace("0100003e", "010000ff");
    assert!(matched(&[(TlsSni, name)], Content::Tls, &bytes(&lies)).is_empty());
    for (hello, ja3s) in [
        (
            "160303005a020000560303202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f00130100002e00330024001d00200000000000000000000000000000000000000000000000000000000000000000002b00020304",
            "eb1d94daa7e0344597e756a1fb6e7054",
        ),
        (
            "1603030037020000330303202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f00c02f00000bff01000100000b00020100",
            "303951d4c50efb2e991652225a6f02b1",
        ),
    ] {
        assert_eq!(matched(&[(TlsJa3s, ja3s), (TlsJa3, ja3s)], Content::Tls, &bytes(hello)), [ja3s]);
    }
}

#[test]
fn published_ja4_of_protocols() {
    // The last word of the first part, by the first application protocol.
    for (protocol, expected) in [
        ("ab", "ab"),
        ("20", "20"),
        ("abcd", "ad"),
        ("2061", "21"),
        ("30ab", "3b"),
        ("6120", "60"),
        ("3031abcd", "3d"),
        ("30abcd31", "01"),
    ] {
        let name = bytes(protocol);
        let list = name.len() as u16 + 1;
        let body = [&(list + 2).to_be_bytes()[..], &list.to_be_bytes(), &[name.len() as u8], &name].concat();
        let extension = [&[0, 16][..], &body].concat();
        let rest = [&[0, 2, 0, 0x2f, 1, 0][..], &(extension.len() as u16).to_be_bytes(), &extension].concat();
        let mut message = [&[3, 3][..], &[7; 32], &[0], &rest].concat();
        message.splice(0..0, [1, 0, 0, message.len() as u8]);
        let pattern = format!("t12i0101{expected}_ba72b8082249_000000000000");
        assert_eq!(matched(&[(TlsJa4, &pattern)], Content::QuicHello, &message).len(), 0);
        let record = [&[22, 3, 1, 0, message.len() as u8][..], &message].concat();
        assert_eq!(matched(&[(TlsJa4, &pattern)], Content::Tls, &record), [pattern], "{protocol}");
    }
}

#[test]
fn web_requests() {
    let head = b"GET /a/B?x=1 HTTP/1.1\r\nhost: Www.Example.com:8080\r\n\r\n";
    let filters = [
        (HttpHost, "www.example.com"),
        (HttpHost, "*.example.com:8080"),
        (HttpHost, "example.com"),
        (HttpUrl, "/a/b"),
        (HttpUrl, "/a/b?*"),
        (HttpUrl, "www.example.com:8080/a/*"),
        (HttpUrl, "http://*x=1"),
        (HttpUrl, "/a"),
    ];
    assert_eq!(
        matched(&filters, Content::Http, head),
        [
            "www.example.com",
            "*.example.com:8080",
            "/a/b",
            "/a/b?*",
            "www.example.com:8080/a/*",
            "http://*x=1"
        ]
    );
    for (head, host) in [
        (&b"GET http://u@a.example/x HTTP/1.1\r\nHost: b.example\r\n\r\n"[..], "a.example"),
        (b"CONNECT c.example:443 HTTP/1.1\r\n\r\n", "c.example"),
        (b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\nHost: second.example\r\n\r\n", "second.example"),
        (b"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", "[2001:db8::1]"),
    ] {
        assert_eq!(matched(&[(HttpHost, host), (HttpHost, "b.example")], Content::Http, head), [host]);
    }
    let several = b"GET /x HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n";
    let filters = [(HttpHost, "a.example"), (HttpHost, "b.example"), (HttpUrl, "a.example/x")];
    assert_eq!(matched(&filters, Content::Http, several), ["a.example", "b.example", "a.example/x"]);
    let none = b"GET /x HTTP/1.0\r\nHost:\r\n\r\nGET /y HTTP/1.0\r\n\r\n";
    assert_eq!(
        matched(&[(HttpHost, "*"), (HttpUrl, "/x"), (HttpUrl, "/y")], Content::Http, none),
        ["/x", "/y"]
    );
}

#[test]
fn mails() {
    for (lines, pattern, expected) in [
        ("MAIL FROM:<user@example.com> SIZE=1\r\n", "user@example.com", true),
        ("RCPT TO: User@Example.com BODY=8BITMIME\r\n", "user@example.com", true),
        ("rcpt to:<@relay,@other:u@e>\r\n", "u@e", true),
        ("MAIL FROM:<>\r\n", "*", false),
        ("From: \"N, M\" <u@e>, v@e\r\n", "v@e", true),
        ("From: \"N <x@y>\" <u@e>\r\n", "x@y", false),
        ("Message-ID: <u@e>\r\n", "u@e", false),
        ("From: u@e (Jo (at) e)\r\n", "u@e", true),
        ("To: Friends: u@e, \"a, b\"\r\n <v@e>;\r\n", "u@e", true),
        ("To: Friends: u@e, \"a, b\"\r\n <v@e>;\r\n", "v@e", true),
        ("Cc: a@b, u@e;\r\n", "u@e", true),
        ("Cc: \"a b\"@e\r\n", "\"a b\"@e", true),
        ("MAIL FROM:<user@example.com>\r\n", "*@example.com", true),
        ("RCPT TO:<\"a b\"@e>\r\n", "*@e", true),
        ("RCPT TO:<\"a>\\\" b\"@e> SIZE=1\r\n", "*\"@e", true),
        ("To: x <\"a>b\"@e>\r\n", "*@e", true),
        ("Resent-To: u@e\r\n", "u@e", true),
        ("MAIL FROM:<u\"x@e> SIZE=1\r\n", "*@e", true),
        ("MAIL FROM:<\"u@e>\r\n", "*@e", true),
        ("To: x <u\"a@e>, y <k@l>\r\n", "*@e", true),
        ("MAIL FROM:<user@example.com>\r\n", "example.com", false),
    ] {
        let found = matched(&[(EmailAddress, pattern)], Content::Mail, lines.as_bytes());
        assert_eq!(!found.is_empty(), expected, "{pattern} in {lines}");
    }
    let subject = b"Subject: Quarterly\r\n report\r\n";
    let filters = [(EmailSubject, "quarterly report"), (EmailSubject, "*REPORT"), (EmailSubject, "report")];
    assert_eq!(matched(&filters, Content::Mail, subject), ["quarterly report", "*REPORT"]);
}

#[test]
fn any_bytes_are_harmless() {
    let filters: Vec<_> = FilterType::ALL
        .into_iter()
        .filter_map(|one| match one {
            Bpf | IpAddress | TlsJa3 | TlsJa3s | TlsJa4 | Imsi | Imei => None,
            _ => Some((one, "*a*")),
        })
        .collect();
    let filters = filters.iter().filter(|(one, _)| *one != PhoneNumber).copied().collect::<Vec<_>>();
    let seeds: [&[u8]; 4] = [
        b"INVITE sip:a%4@b;x SIP/2.0\r\nf: \"\\\"<sip:a@[\r\nm: *;+sip.instance=\"<urn:gsma:imei:1\r\n\r\nv=0\r\na=rtpmap:",
        b"\x16\x03\x01\x00\x41\x01\x00\x00\x3d\x03\x01",
        b"GET http://a@[b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"MAIL FROM:<@a:\r\nSubject: a\r\n b\r\n",
    ];
    let mut random = 0x1234_5678_9abc_def1_u64;
    let mut next = |bound: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 20) % bound
    };
    let contents = [
        Content::Sip,
        Content::SipStream,
        Content::Rtp,
        Content::Tls,
        Content::QuicHello,
        Content::Http,
        Content::Mail,
    ];
    for round in 0..1500 {
        let mut text = seeds[round % seeds.len()].to_vec();
        for _ in 0..next(6) {
            let at = next(text.len() as u64) as usize;
            match next(3) {
                0 => text.truncate(at + 1),
                1 => text[at] = next(256) as u8,
                _ => text.insert(at, b"\"<>@:;,=%\r\n* "[next(13) as usize]),
            }
        }
        for content in contents {
            matched(&filters, content, &text);
        }
    }
}
