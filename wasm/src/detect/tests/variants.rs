//! Forms of protocols that are older, rarer or sloppier than the usual one.

use super::super::Carrier::{self, Tcp, Udp};
use super::super::Detector;
use super::super::tests::{Flow, Sent, judge, names, sent};

/// The first packet of a flow: name and info.
fn first(carrier: Carrier, ports: (u16, u16), payload: &[u8]) -> (Option<&'static str>, String) {
    let packet = sent(carrier, ports.0, ports.1, payload);
    let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
    (name, info)
}

#[test]
fn a_client_hello_in_the_format_of_ssl_2() {
    let hello = |version: [u8; 2], ciphers: usize, session: usize, challenge: usize| {
        let length = 9 + ciphers + session + challenge;
        let lengths = [ciphers, session, challenge].map(|length| (length as u16).to_be_bytes());
        let head = [&[0x80, length as u8, 1][..], &version, &lengths.concat()].concat();
        [head, vec![7; ciphers + session + challenge]].concat()
    };
    let told = Some("Client Hello (SSL 2.0 format)");
    for (payload, info) in [
        (hello([3, 1], 9, 0, 32), told),
        (hello([0, 2], 21, 16, 16), told),
        (hello([3, 3], 3, 0, 16), told),
        (hello([3, 4], 9, 0, 32), None),
        (hello([3, 1], 10, 0, 32), None),
        (hello([3, 1], 0, 0, 32), None),
        (hello([3, 1], 9, 8, 32), None),
        (hello([3, 1], 9, 0, 15), None),
        ([hello([3, 1], 9, 0, 32), vec![0]].concat(), None),
    ] {
        let expected = (info.map(|_| "TLS"), info.unwrap_or_default().to_owned());
        assert_eq!(first(Tcp, (40001, 4444), &payload), expected, "{payload:?}");
    }
}

#[test]
fn ssh_from_the_methods_of_key_exchange_on() {
    let init = |names: &[u8]| {
        let length = 2 + 16 + 4 + names.len() as u32 + 40;
        let head =
            [&length.to_be_bytes()[..], &[4, 20], &[9; 16], &(names.len() as u32).to_be_bytes()].concat();
        [&head[..], names, &[0; 40]].concat()
    };
    let told = (Some("SSH"), "Key Exchange Init".to_owned());
    assert_eq!(first(Tcp, (40001, 22), &init(b"curve25519-sha256,ext-info-c")), told);
    assert_eq!(first(Tcp, (40001, 4444), &init(b"x@y,diffie-hellman-group14-sha1")), told);
    for payload in [init(b"unknown-method"), init(b"ecdh-\x01"), init(b"curve25519-sha256")[1..].to_vec()] {
        assert_eq!(first(Tcp, (40001, 22), &payload).0, None);
    }
}

#[test]
fn a_mysql_server_that_refuses() {
    let packet = |code: u16, text: &[u8]| {
        let length = 3 + text.len() as u8;
        [&[length, 0, 0, 0, 0xff][..], &code.to_le_bytes(), text].concat()
    };
    let text = b"Host '10.0.0.9' is not allowed to connect";
    let from_server = (3306, 40001);
    assert_eq!(first(Tcp, from_server, &packet(1130, text)), (Some("MySQL"), "Error 1130".to_owned()));
    for (ports, payload) in [
        ((4444, 40001), packet(1130, text)),
        (from_server, packet(9, text)),
        (from_server, packet(1130, b"Host \x01 is not allowed")),
        (from_server, [&packet(1130, text)[..], b"."].concat()),
    ] {
        assert_eq!(first(Tcp, ports, &payload).0, None, "{ports:?} {payload:?}");
    }
}

#[test]
fn functions_of_makers_in_modbus() {
    let unity = [0, 1, 0, 0, 0, 4, 0, 90, 0, 2];
    assert_eq!(first(Tcp, (40001, 502), &unity), (Some("Modbus"), "Unity (Schneider Electric)".to_owned()));
    let answer = Sent { reverse: true, ..sent(Tcp, 4444, 40001, &unity) };
    assert_eq!(names(&[sent(Tcp, 40001, 4444, &unity), answer]), [None, None]);
    assert_eq!(first(Tcp, (40001, 502), &[0, 1, 0, 0, 0, 4, 0, 0, 0, 2]).0, None);
}

#[test]
fn rdp_over_udp() {
    let syn = |flags: u16, up: u16, length: usize| {
        let head = [&[0xff; 4][..], &[0, 64], &flags.to_be_bytes(), &[7; 4], &up.to_be_bytes(), &[4, 208]];
        let mut datagram = head.concat();
        datagram.resize(length, 0);
        datagram
    };
    assert_eq!(first(Udp, (40001, 3389), &syn(0x1801, 1232, 1232)), (Some("RDP"), "SYN".to_owned()));
    for payload in [syn(0x0005, 1232, 1232), syn(0x0001, 1000, 1232), syn(0x0001, 1232, 400)] {
        assert_eq!(first(Udp, (40001, 3389), &payload).0, None);
    }
}

/// A connection request or confirm that negotiates TLS.
fn rdp_connection(code: u8, kind: &[u8; 2]) -> Vec<u8> {
    [&[3, 0, 0, 19, 14, code, 0, 0, 0, 0, 0][..], kind, &[8, 0, 1, 0, 0, 0]].concat()
}

#[test]
fn rdp_says_the_user_of_its_cookie() {
    let cookie = b"Cookie: mstshash=ann\r\n";
    let request = [&[3, 0, 0, 41, 36, 0xe0, 0, 0, 0, 0, 0][..], cookie, &[1, 0, 8, 0, 1, 0, 0, 0]].concat();
    let (name, details, _) =
        judge(&mut Detector::new(), &mut Flow::default(), &sent(Tcp, 40001, 3389, &request));
    assert_eq!(name, Some("RDP"));
    assert!(details.contains(&("user", "ann".into())), "{details:?}");
}

#[test]
fn rdp_in_the_middle_of_a_connection() {
    let data = |length: u8, rest: &[u8]| [&[3, 0, 0, length, 2, 0xf0, 0x80][..], rest].concat();
    let send = [0x64, 0, 7, 3, 0xeb, 0x70, 2, 1, 2];
    for (payload, expected) in [
        (data(16, &send), Some("RDP")),
        (data(16, &[&send[..], &[3, 0, 0, 12]].concat()), Some("RDP")),
        (data(200, &send), Some("RDP")),
        (data(12, &[0x7f, 0x65, 1, 2, 3]), Some("RDP")),
        (data(16, &[&send[..], &[9]].concat()), None),
        (data(12, &[0x7f, 0x67, 1, 2, 3]), None),
        (data(12, &[0x50, 1, 2, 3, 4]), None),
    ] {
        assert_eq!(first(Tcp, (40001, 3389), &payload).0, expected, "{payload:?}");
        assert_ne!(first(Tcp, (40001, 9000), &payload).0, Some("RDP"));
    }
    // Output by the fast path: a synchronisation, and a bitmap that is compressed.
    let output = [0, 12, 3, 0, 0, 0x81, 0x20, 3, 0, 1, 2, 3];
    assert_eq!(first(Tcp, (3389, 40001), &output).0, Some("RDP"));
    assert_eq!(first(Tcp, (40001, 3389), &output).0, None);
    for (at, byte) in [(0, 0xc0), (1, 13), (2, 0x4c), (3, 2), (7, 2)] {
        let mut other = output;
        other[at] = byte;
        assert_eq!(first(Tcp, (3389, 40001), &other).0, None, "byte {at}");
    }
}

#[test]
fn mysql_asks_for_tls_before_it_says_who_logs_in() {
    let request = |length: u8, capabilities: u8| {
        [&[length, 0, 0, 1, 0x84, capabilities, 0xbf, 0][..], &vec![0; usize::from(length) - 4]].concat()
    };
    for (payload, info) in [
        (request(32, 0xaa), "SSL request"),
        (request(32, 0xa2), "Login request"),
        (request(60, 0xaa), "Login request"),
    ] {
        assert_eq!(first(Tcp, (40001, 3306), &payload), (Some("MySQL"), info.to_owned()));
    }
}

#[test]
fn data_of_tls_without_a_handshake_have_no_version() {
    for (payload, version) in [
        (&[23, 3, 3, 0, 3, 1, 2, 3][..], None),
        (&[23, 3, 2, 0, 3, 1, 2, 3], Some("TLS 1.1")),
        (&[21, 3, 3, 0, 2, 2, 40], Some("TLS 1.2")),
    ] {
        let (name, details, _) =
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Tcp, 40001, 443, payload));
        assert_eq!(name, Some("TLS"));
        let told = details.iter().find(|(key, _)| *key == "version").map(|(_, value)| value.as_str());
        assert_eq!(told, version, "{payload:?}");
    }
}

#[test]
fn blanks_behind_the_version_of_http() {
    let notify = b"NOTIFY * HTTP/1.1 \r\nHOST: 239.255.255.250:1900\r\nNTS: ssdp:alive\r\n\r\n";
    assert_eq!(first(Udp, (1900, 1900), notify).0, Some("SSDP"));
    assert_eq!(first(Tcp, (40001, 80), b"GET / HTTP/1.1  \r\nHost: a\r\n\r\n").0, Some("HTTP"));
    assert_eq!(first(Tcp, (40001, 80), b"      \r\n\r\n").0, None);
}

#[test]
fn longer_digests_in_ntp() {
    let with = |extra: &[u8]| [&[0x23][..], &[0; 47], extra].concat();
    for (key, digest, expected) in [
        (5u32, 32, Some("NTP")),
        (5, 48, Some("NTP")),
        (5, 64, Some("NTP")),
        (0, 32, None),
        (0x1_0000, 32, None),
    ] {
        let payload = with(&[&key.to_be_bytes()[..], &vec![7; digest]].concat());
        assert_eq!(first(Udp, (40001, 123), &payload).0, expected, "{key} {digest}");
    }
}

#[test]
fn the_second_message_of_two_in_gtp() {
    let echo = b"\x40\x01\0\x09\0\0\x01\0\x03\0\x01\0\x05";
    let piggybacked = |second: &[u8]| [&[0x50][..], &echo[1..], second].concat();
    assert_eq!(first(Udp, (40001, 40003), &piggybacked(echo)).0, Some("GTPv2-C"));
    assert_eq!(first(Udp, (40001, 2123), &piggybacked(b"12")).0, Some("GTPv2-C"));
    for second in [
        &[][..],
        &echo[..12],
        b"\x20\x01\0\x09\0\0\x01\0\x03\0\x01\0\x05",
        b"\x50\x01\0\x09\0\0\x01\0\x03\0\x01\0\x05",
    ] {
        assert_eq!(first(Udp, (40001, 40003), &piggybacked(second)).0, None, "{second:?}");
    }
}

#[test]
fn databases_and_directories_go_over_to_tls() {
    let hello = {
        let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
        let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
        [&[22, 3, 1, 0, message.len() as u8][..], &message].concat()
    };
    let greeting = [&[0x4a, 0, 0, 0, 10][..], b"8.0.36\0", &[7; 66]].concat();
    let ssl_request = [&[0x20, 0, 0, 1][..], &[0; 32]].concat();
    let start_tls = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
    for (port, before, name) in [
        (5432, vec![(false, b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec()), (true, b"S".to_vec())], "PostgreSQL"),
        (3306, vec![(true, greeting), (false, ssl_request)], "MySQL"),
        (389, vec![(false, start_tls.to_vec())], "LDAP"),
        (3389, vec![(false, rdp_connection(0xe0, &[1, 0])), (true, rdp_connection(0xd0, &[2, 0]))], "RDP"),
    ] {
        let before = before.into_iter().map(|(reverse, payload)| match reverse {
            true => Sent { reverse, ..sent(Tcp, port, 40001, &payload) },
            false => sent(Tcp, 40001, port, &payload),
        });
        let packets: Vec<_> = before.chain([sent(Tcp, 40001, port, &hello)]).collect();
        let mut expected = vec![Some(name); packets.len() - 1];
        expected.push(Some("TLS"));
        assert_eq!(names(&packets), expected, "{port}");
    }
}

/// Names of payloads that begin connections of their own on a port of nobody.
fn on_any_port(payloads: &[&[u8]]) -> Vec<Option<&'static str>> {
    payloads.iter().map(|payload| first(Tcp, (40001, 9000), payload).0).collect()
}

#[test]
fn small_numbers_in_a_row_are_nothing() {
    let words = |first: u8, count: usize| [vec![first], vec![0; count]].concat();
    let little_endian = [5, 0, 3, 0, 0, 0, 0, 0, 2, 0, 1, 0, 4, 0, 0, 0, 9, 0, 0, 0];
    let service_location = [2, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x41, 0];
    assert_eq!(on_any_port(&[&little_endian, &words(3, 1700), &words(0x81, 23)]), [None; 3]);
    assert_eq!(
        on_any_port(&[&service_location, &[0, 1, 0, 40, 0, 0, 0, 9, 0, 0, 2, 0, 0, 4, 0, 0]]),
        [None; 2]
    );
    assert_eq!(first(Tcp, (40001, 44818), &[0; 24]).0, None);
}

#[test]
fn what_follows_in_a_connection_is_told_by_itself() {
    let bind = [&[5, 0, 11, 3, 0x10, 0, 0, 0, 28, 0, 0, 0, 1, 0, 0, 0][..], &[0; 12]].concat();
    let packets = [
        sent(Tcp, 40001, 9000, &bind),
        Sent { reverse: true, ..sent(Tcp, 9000, 40001, b"HTTP/1.1 400 Bad Request\r\n\r\n") },
    ];
    assert_eq!(names(&packets), [Some("DCERPC"), Some("HTTP")]);
    let on_irc_port = |text: &[u8]| sent(Tcp, 40001, 6667, text);
    let packets = [on_irc_port(b"NICK a\r\n"), on_irc_port(b"*1\r\n$4\r\nPING\r\n")];
    assert_eq!(names(&packets), [Some("IRC"), Some("Redis")]);
    for text in [&b"PING a\r\n"[..], b"QUIT now\r\n", b"JOIN me\r\n"] {
        assert_eq!(names(&[on_irc_port(text)]), [None]);
    }
}

#[test]
fn irc_registers_line_by_line() {
    for lines in
        [&[&b"CAP LS 302\r\n"[..], b"NICK a\r\n"][..], &[b"PASS b\r\n", b"NICK a\r\n"], &[b"NICK a\r\n"]]
    {
        let sent_lines = lines.iter().copied().chain([&b"USER a 0 * :b\r\n"[..]]);
        // Each in the middle of a stream, as if the one before had been taken as nothing.
        let (mut detector, mut state) = (Detector::new(), Flow::default());
        let told: Vec<_> = sent_lines
            .map(|line| judge(&mut detector, &mut state, &sent(Tcp, 40001, 9000, line)).0)
            .collect();
        assert_eq!(told.last(), Some(&Some("IRC")), "{lines:?} {told:?}");
    }
}
