use super::super::tests::{Flow, Sent, from_hex, judge, names, sent};
use super::super::{Carrier, Detector};

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &(body.len() as u16).to_be_bytes(), body].concat()
}

fn client_hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = extensions.concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0, 0, 4, 0x1a, 0x1a, 0x13, 1, 1, 0],
        &(extensions.len() as u16).to_be_bytes(),
        &extensions,
    ]
    .concat();
    [&[1, 0][..], &(body.len() as u16).to_be_bytes(), &body].concat()
}

fn usual_hello() -> Vec<u8> {
    client_hello(&[
        extension(0x2a2a, b""),
        extension(0, b"\0\x0e\0\0\x0bexample.com"),
        extension(16, b"\0\x0f\x02\x3a\x3a\x02h2\x08http/1.1"),
        extension(43, &[6, 0x4a, 0x4a, 3, 4, 3, 3]),
        extension(51, &[9; 1500]),
    ])
}

fn record(content: u8, body: &[u8]) -> Vec<u8> {
    [&[content, 3, 1][..], &(body.len() as u16).to_be_bytes(), body].concat()
}

fn to_server(payload: &[u8]) -> Sent {
    sent(Carrier::Tcp, 40001, 4444, payload)
}

fn to_client(payload: &[u8]) -> Sent {
    Sent { reverse: true, ..sent(Carrier::Tcp, 4444, 40001, payload) }
}

fn value<'a>(details: &'a [(&'static str, String)], key: &str) -> Option<&'a str> {
    details.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
}

#[test]
fn a_client_hello_says_the_same_however_it_is_cut() {
    let hello = usual_hello();
    let whole = record(22, &hello);
    let in_records =
        [record(22, &hello[..1]), record(22, &hello[1..700]), record(22, &hello[700..])].concat();
    for stream in [whole, in_records] {
        for cut in [vec![], vec![1], vec![3], vec![6], vec![500], vec![100, 900], vec![1, 2, 3, 4, 5, 6]] {
            let (mut detector, mut flow) = (Detector::new(), Flow::default());
            let ends: Vec<usize> = cut.iter().copied().chain([stream.len()]).collect();
            let mut start = 0;
            for end in &ends {
                let (name, details, info) = judge(&mut detector, &mut flow, &to_server(&stream[start..*end]));
                start = *end;
                if *end < stream.len() {
                    continue;
                }
                // One byte alone is not beyond chance, so the flow is looked at anew from the second segment on.
                if cut.first() == Some(&1) {
                    continue;
                }
                assert_eq!(name, Some("TLS"), "{cut:?}");
                assert_eq!(value(&details, "sni"), Some("example.com"));
                assert_eq!(value(&details, "alpn"), Some("h2,http/1.1"));
                assert_eq!(value(&details, "version"), Some("TLS 1.3"));
                assert_eq!(value(&details, "handshake_type"), Some("ClientHello"));
                assert_eq!(info, "Client Hello (SNI=example.com)");
            }
        }
    }
}

#[test]
fn a_hello_whose_end_does_not_come_is_told_by_what_there_is() {
    let stream = record(22, &usual_hello());
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    let mut last = None;
    for piece in stream[..160].chunks(20) {
        let (name, details, _) = judge(&mut detector, &mut flow, &to_server(piece));
        last = name.map(|name| (name, value(&details, "sni").map(str::to_owned)));
    }
    assert_eq!(last, Some(("TLS", Some("example.com".to_owned()))));
}

/// Of a client with GREASE in all lists, and of its server: values of Wireshark, JA4 of its authors' program.
#[test]
fn hellos_have_fingerprints() {
    let client = from_hex(
        "160301006b010000670303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0000061a1a130113020100\
         00382a2a00000000000e000c000009622e6578616d706c65000a000600043a3a001d000d000400020403002b0007064a4a03040303fa\
         fa000100",
    );
    let server = from_hex(
        "160303005a020000560303202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f00130100002e0033002400\
         1d00200000000000000000000000000000000000000000000000000000000000000000002b00020304",
    );
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    let (_, of_client, _) = judge(&mut detector, &mut flow, &to_server(&client));
    let (_, of_server, _) = judge(&mut detector, &mut flow, &to_client(&server));
    for (details, key, expected) in [
        (&of_client, "ja3", Some("1003722e3f8a3cdbba77bc27e7694ad6")),
        (&of_client, "ja4", Some("t13d020400_62ed6f6ca7ad_9a0586ea5dd0")),
        (&of_client, "ja3s", None),
        (&of_server, "ja3s", Some("eb1d94daa7e0344597e756a1fb6e7054")),
        (&of_server, "ja3", None),
    ] {
        assert_eq!(value(details, key), expected, "{key}");
    }
    // A hello that is cut has none.
    let (_, details, _) =
        judge(&mut Detector::new(), &mut Flow::default(), &to_server(&client[..client.len() - 4]));
    assert_eq!((value(&details, "ja3"), value(&details, "ja4")), (None, None));
}

#[test]
fn the_flow_has_the_version_of_its_server_hello() {
    let body = |extensions: &[u8]| {
        [&[3, 3][..], &[8; 32], &[0, 0x13, 1, 0], &(extensions.len() as u16).to_be_bytes(), extensions]
            .concat()
    };
    for (extensions, version) in [(extension(43, &[3, 4]), "TLS 1.3"), (extension(23, b""), "TLS 1.2")] {
        let body = body(&extensions);
        let hello = [&[2, 0][..], &(body.len() as u16).to_be_bytes(), &body].concat();
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        judge(&mut detector, &mut flow, &to_server(&record(22, &usual_hello())));
        let flight = [record(22, &hello), record(20, &[1]), record(23, &[5; 40])].concat();
        let (_, details, info) = judge(&mut detector, &mut flow, &to_client(&flight));
        assert_eq!(info, "Server Hello, Change Cipher Spec, Application Data");
        assert_eq!(value(&details, "version"), Some(version));
        assert_eq!(value(&details, "cipher_suite"), Some("1301"));
        let (_, details, info) = judge(&mut detector, &mut flow, &to_server(&record(23, &[1; 30])));
        assert_eq!((info.as_str(), value(&details, "version")), ("Application Data", Some(version)));
        let (name, _, info) = judge(&mut detector, &mut flow, &to_client(b"\x77middle of a record"));
        assert_eq!((name, info.as_str()), (Some("TLS"), "Continuation"));
    }
}

#[test]
fn records_without_a_hello() {
    let chain = [record(22, &[99; 50]), record(23, &[5; 50])].concat();
    let cases: &[(&str, &[u8], Option<&str>)] = &[
        ("two records", &chain, Some("TLS")),
        ("two records, the last one cut", &chain[..70], Some("TLS")),
        ("alert", &record(21, &[2, 40]), Some("TLS")),
        ("alert of a wrong length", &record(21, &[2, 40, 1]), None),
        ("something behind a record", &[record(23, &[5; 50]), b"plain text".to_vec()].concat(), None),
        ("version 3.4", &[22, 3, 4, 0, 4, 1, 0, 0, 0], None),
        (
            "hello with a session id of 33 bytes",
            &record(22, &[&[1, 0, 0, 60, 3, 3][..], &[1; 32], &[33; 26]].concat()),
            None,
        ),
        (
            "hello with odd cipher suites",
            &record(22, &[&[1, 0, 0, 60, 3, 3][..], &[1; 32], &[0, 0, 3], &[1; 23]].concat()),
            None,
        ),
    ];
    for (what, payload, expected) in cases {
        assert_eq!(names(&[to_server(payload)]), [*expected], "{what}");
    }
    let (_, details, info) =
        judge(&mut Detector::new(), &mut Flow::default(), &to_server(&record(21, &[2, 40])));
    assert_eq!(info, "Alert (Fatal, handshake_failure)");
    assert_eq!(value(&details, "alert_description"), Some("handshake_failure"));
}

#[test]
fn a_second_hello_behind_a_change_of_cipher_that_means_nothing() {
    let hello = record(22, &usual_hello());
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    judge(&mut detector, &mut flow, &to_server(&hello));
    let second = [record(20, &[1]), hello].concat();
    let (name, details, info) = judge(&mut detector, &mut flow, &to_server(&second));
    assert_eq!((name, value(&details, "sni")), (Some("TLS"), Some("example.com")));
    assert_eq!(info, "Change Cipher Spec, Client Hello (SNI=example.com)");
    let finished = [record(20, &[1]), record(22, &[0x5a; 40])].concat();
    let (_, _, info) = judge(&mut detector, &mut flow, &to_server(&finished));
    assert_eq!(info, "Change Cipher Spec, Encrypted Handshake Message");
}
