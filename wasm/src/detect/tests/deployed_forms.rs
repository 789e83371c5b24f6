//! Forms that clients and servers in wide use send: other carriers, other ports, numbers from before a standard.

use super::super::Carrier::{self, Tcp, Udp};
use super::super::Detector;
use super::super::tests::{Flow, Sent, judge, names, sent};

/// The first packet of a flow: name and info.
fn first(carrier: Carrier, ports: (u16, u16), payload: &[u8]) -> (Option<&'static str>, String) {
    let packet = sent(carrier, ports.0, ports.1, payload);
    let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
    (name, info)
}

/// The names of a request and what answers it.
fn exchange(carrier: Carrier, port: u16, request: &[u8], answer: &[u8]) -> [Option<&'static str>; 2] {
    let packets =
        [sent(carrier, 40001, port, request), Sent { reverse: true, ..sent(carrier, port, 40001, answer) }];
    names(&packets).try_into().unwrap()
}

fn length_of(bytes: &[u8]) -> [u8; 2] {
    (bytes.len() as u16).to_be_bytes()
}

#[test]
fn turn_channels_beyond_those_of_today() {
    let refreshed = [&[1, 4, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let channel = |number: u16, length: u16, data: usize| {
        [&number.to_be_bytes()[..], &length.to_be_bytes(), &vec![9; data]].concat()
    };
    let turn = Some("TURN");
    for (port, data, expected) in [
        (3478, channel(0x71f2, 100, 100), turn),
        (9000, channel(0x71f2, 100, 100), turn),
        (9000, channel(0x7fff, 1, 4), turn),
        (9000, channel(0x4fff, 7, 7), turn),
        (9000, channel(0x71f2, 100, 99), None),
        (9000, channel(0x71f2, 100, 104), None),
        (9000, channel(0x8000, 100, 100), None),
    ] {
        assert_eq!(exchange(Udp, port, &refreshed, &data), [turn, expected], "{port} {data:x?}");
    }
    assert_eq!(first(Udp, (40001, 9000), &channel(0x71f2, 100, 100)).0, None);
}

#[test]
fn snmp_over_tcp() {
    const GET: &[u8] = b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x07\x02\x01\0\x02\x01\0\
        \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0\x05\0";
    let told = (Some("SNMP"), "get-request 1.3.6.1.2.1.1.1.0".to_owned());
    assert_eq!(first(Tcp, (40001, 161), GET), told);
    assert_eq!(first(Tcp, (40001, 9000), GET), told);
    assert_eq!(first(Tcp, (40001, 9000), &[GET, GET].concat()), told);
    assert_eq!(first(Tcp, (40001, 161), &GET[..30]).0, Some("SNMP"));
    for payload in [&GET[..30], &[GET, b"x"].concat()] {
        assert_eq!(first(Tcp, (40001, 9000), payload).0, None);
    }
}

#[test]
fn coap_over_tcp() {
    const SETTINGS: &[u8] = b"\x50\xe1\x23\x80\x01\0\x20";
    const GET: &[u8] = b"\x51\x01\x01\xb4time";
    for (port, payload, info) in [
        (5683, SETTINGS, Some("7.01 CSM")),
        (9000, SETTINGS, Some("7.01 CSM")),
        (9000, &[SETTINGS, GET].concat(), Some("7.01 CSM")),
        (5683, GET, Some("GET, /time")),
        (5683, b"\xd1\x06\x45\x01\xd1\x01\x01\xff0123456789abcde", Some("2.05 Content")),
        (9000, GET, None),
        // Unknown settings, one that is too long, an end that does not fit, none at all.
        (9000, b"\x20\xe1\x31\0", None),
        (9000, b"\x60\xe1\x25\x80\x01\0\0\0", None),
        (9000, b"\x50\xe1\x23\x80\x01\0\x20\x0f", None),
        (9000, b"\0\xe1", None),
        (5683, b"\x51\x01\x01\xb4tim", None),
        (5683, b"\x50\xe6\x23\x80\x01\0\x20", None),
        (5683, b"\x59\x01\x01\xb4time", None),
    ] {
        let expected = (info.map(|_| "CoAP"), info.unwrap_or_default().to_owned());
        assert_eq!(first(Tcp, (40001, port), payload), expected, "{port} {payload:x?}");
    }
}

#[test]
fn coap_requests_for_the_root() {
    for (ports, payload, expected) in [
        ((40001, 5683), &b"\x41\x01\x09\xbc\x01"[..], Some("CoAP")),
        ((40001, 5683), b"\x40\x01\x09\xbc", Some("CoAP")),
        ((40001, 9000), b"\x41\x01\x09\xbc\x01", None),
        ((5683, 40001), b"\x41\x01\x09\xbc\x01", None),
        ((40001, 5683), b"\x42\x01\x09\xbc\x01", None),
        ((40001, 5683), b"\x61\x01\x09\xbc\x01", None),
        ((40001, 5683), b"\x41\x08\x09\xbc\x01", None),
    ] {
        assert_eq!(first(Udp, ports, payload).0, expected, "{ports:?} {payload:x?}");
    }
}

#[test]
fn modbus_over_udp() {
    let read = [0, 1, 0, 0, 0, 6, 1, 3, 0, 1, 0, 10];
    let answer = [0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 0x11];
    let modbus = Some("Modbus");
    assert_eq!(exchange(Udp, 502, &read, &answer), [modbus; 2]);
    assert_eq!(exchange(Udp, 9000, &read, &answer), [None, modbus]);
    assert_eq!(exchange(Udp, 502, &read[..11], &answer[..10]), [None; 2]);
}

#[test]
fn administration_of_kerberos_by_remote_calls() {
    for (program, expected) in [(2112u32, Some("RPC")), (2111, None), (2113, None)] {
        let words = [0x8000_0028, 7, 0, 2, program, 2, 0, 0, 0, 0, 0];
        let call: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        assert_eq!(first(Tcp, (40001, 749), &call).0, expected, "{program}");
    }
}

#[test]
fn passwords_of_kerberos() {
    let element = |tag: u8, contents: usize| [&[tag, contents as u8][..], &vec![5; contents]].concat();
    let message = |version: u16, ticket: &[u8], rest: &[u8]| {
        let parts = [&version.to_be_bytes()[..], &length_of(ticket), ticket, rest].concat();
        [&(parts.len() as u16 + 2).to_be_bytes()[..], &parts].concat()
    };
    let private = element(0x75, 30);
    let change = message(1, &element(0x6e, 20), &private);
    for (payload, info) in [
        (change.clone(), Some("Change password request")),
        (message(0xff80, &element(0x6e, 20), &private), Some("Set password request")),
        (message(1, &element(0x6f, 20), &private), Some("Reply")),
        (message(1, &[], &element(0x7e, 30)), Some("Error")),
        (message(2, &element(0x6e, 20), &private), None),
        (message(1, &element(0x6d, 20), &private), None),
        (message(1, &[], &private), None),
        (message(1, &element(0x6e, 20), &element(0x74, 30)), None),
        (message(1, &element(0x6e, 20)[1..], &private), None),
        (message(1, &element(0x6e, 20), &private[..31]), None),
        (change[..change.len() - 1].to_vec(), None),
    ] {
        let expected = (info.map(|_| "KPASSWD"), info.unwrap_or_default().to_owned());
        assert_eq!(first(Udp, (40001, 464), &payload), expected, "{payload:x?}");
        let marked = [&[0, 0], &payload[..2], &payload].concat();
        // Over TCP the rest of one that is cut may be in the next segment.
        if payload.len() >= usize::from(u16::from_be_bytes([payload[0], payload[1]])) {
            assert_eq!(first(Tcp, (40001, 464), &marked), expected, "{payload:x?}");
        }
    }
}

#[test]
fn short_records_of_netflow() {
    let export = |version: u8, count: usize, record: usize| {
        [&[0, version, 0, count as u8][..], &vec![7; 12 + record * count]].concat()
    };
    for (port, payload, expected) in [
        (2055, export(1, 29, 48), Some("NetFlow")),
        (9995, export(1, 1, 48), Some("NetFlow")),
        (9000, export(1, 1, 52), Some("NetFlow")),
        (9000, export(1, 1, 48), None),
        (2055, export(1, 1, 47), None),
        (2055, export(1, 31, 48), None),
        (2055, export(2, 1, 48), None),
    ] {
        assert_eq!(first(Udp, (40001, port), &payload).0, expected, "{port} {}", payload.len());
    }
}

#[test]
fn bittorrent_in_the_local_network() {
    let announcement = b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6882\r\n\
        Infohash: 0123456789abcdef\r\n\r\n\r\n";
    let packet = sent(Udp, 40001, 6771, announcement);
    let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
    assert_eq!((name, info.as_str()), (Some("BitTorrent"), "Local service discovery"));
    assert!(details.contains(&("info_hash", "0123456789abcdef".to_owned())));
    assert_eq!(first(Udp, (40001, 6771), b"BT-SEARCH * HTTP/1.0\r\n\r\n").0, None);
}

/// A name of NetBIOS in its 32 letters.
const NETBIOS_NAME: &[u8] = b"\x20FEEFFDFECACACACACACACACACACACAAA\0";

#[test]
fn sessions_of_netbios() {
    let request = [&[0x81, 0, 0, 68][..], NETBIOS_NAME, NETBIOS_NAME].concat();
    let told = (Some("NBSS"), "Session request TEST<00> -> TEST<00>".to_owned());
    assert_eq!(first(Tcp, (40001, 139), &request), told);
    assert_eq!(first(Tcp, (40001, 9000), &request), told);
    for (payload, expected) in [
        (&[0x82, 0, 0, 0][..], Some("NBSS")),
        (&[0x83, 0, 0, 1, 0x82], Some("NBSS")),
        (&[0x85, 0, 0, 0], Some("NBSS")),
        (&[0x83, 0, 0, 1, 0x42], None),
        (&[0x82, 0, 0, 1], None),
        (&[0x82, 1, 0, 0], None),
        (&request[..70], None),
    ] {
        assert_eq!(first(Tcp, (139, 40001), payload).0, expected, "{payload:x?}");
        assert_eq!(first(Tcp, (9000, 40001), payload).0, None, "{payload:x?}");
    }
    let negotiate = [&[0, 0, 0, 62][..], b"\xffSMBr", &[0; 57]].concat();
    let packets = [
        sent(Tcp, 40001, 139, &request),
        Sent { reverse: true, ..sent(Tcp, 139, 40001, &[0x82, 0, 0, 0]) },
        sent(Tcp, 40001, 139, &negotiate),
    ];
    assert_eq!(names(&packets), [Some("NBSS"), Some("NBSS"), Some("SMB")]);
}

#[test]
fn datagrams_of_netbios_off_the_port() {
    let rest = [&[0; 2][..], NETBIOS_NAME, NETBIOS_NAME, b"\xffSMB"].concat();
    let length = (rest.len() as u16 - 2).to_be_bytes();
    let datagram = [&b"\x11\x0a\x12\x34\x0a\x09\0\x01\0\x8a"[..], &length, &rest].concat();
    assert_eq!(first(Udp, (19141, 19141), &datagram).0, Some("NBDS"));
    for (at, byte) in [(0, 0x17), (1, 0x10), (11, 0), (20, b'Z'), (14 + 34, 31)] {
        let mut other = datagram.clone();
        other[at] = byte;
        assert_eq!(first(Udp, (19141, 19141), &other).0, None, "{at}");
    }
    let query = [&b"\x14\x0a\x12\x34\x0a\x09\0\x01\0\x8a"[..], NETBIOS_NAME].concat();
    assert_eq!(first(Udp, (19141, 138), &query).0, Some("NBDS"));
    assert_eq!(first(Udp, (19141, 19141), &query).0, None);
}

#[test]
fn rtmp_off_the_port_by_both_sides() {
    let half = |version: u8, zeros: usize| [&[version][..], &vec![0; zeros], &vec![7; 1536 - zeros]].concat();
    let (client, server) = (half(3, 4), half(3, 0));
    let rtmp = Some("RTMP");
    assert_eq!(exchange(Tcp, 9000, &client, &server), [None, rtmp]);
    assert_eq!(exchange(Tcp, 9000, &client, &[&server[..], &client[1..]].concat()), [None, rtmp]);
    for (request, answer) in [
        (&client, &half(4, 0)),
        (&half(4, 4), &server),
        (&client, &half(3, 1500)),
        (&half(3, 1500), &half(3, 1500)),
        (&client, &server[..1536].to_vec()),
        (&[&client[..], &[0]].concat(), &server),
    ] {
        assert_eq!(exchange(Tcp, 9000, request, answer), [None; 2]);
    }
    // One side in two segments.
    let packets = [
        sent(Tcp, 40001, 9000, &client[..1448]),
        sent(Tcp, 40001, 9000, &client[1448..]),
        Sent { reverse: true, ..sent(Tcp, 9000, 40001, &server[..800]) },
        Sent { reverse: true, ..sent(Tcp, 9000, 40001, &server[800..]) },
    ];
    assert_eq!(names(&packets), [None, None, None, rtmp]);
}

#[test]
fn memcached_datagrams_off_the_port() {
    let request = b"\0\x01\0\0\0\x01\0\0stats\r\n";
    let memcached = Some("Memcached");
    for (answer, expected) in [
        (&b"\0\x01\0\0\0\x02\0\0STAT pid 8512\r\n"[..], [None, memcached]),
        (b"\0\x01\0\0\0\x01\0\0END\r\n", [None, memcached]),
        (b"\0\x02\0\0\0\x01\0\0END\r\n", [None; 2]),
        (b"\0\x01\0\x01\0\x01\0\0END\r\n", [None; 2]),
        (b"\0\x01\0\0\0\x01\0\0stats\r\n", [None; 2]),
    ] {
        assert_eq!(exchange(Udp, 9000, request, answer), expected, "{answer:?}");
    }
}

#[test]
fn redis_commands_without_types() {
    let redis = [None, Some("Redis")];
    for (request, answer, expected) in [
        (&b"PING\r\nSET a b\r\nGET a\r\nQUIT\r\n"[..], &b"+PONG\r\n+OK\r\n$1\r\nb\r\n+OK\r\n"[..], redis),
        (b"get a\r\n", b"$1\r\nb\r\n", redis),
        (b"GET a\r\n", b"$-1\r\n", redis),
        (b"INCR a\r\n", b":7\r\n", redis),
        (b"PING\r\n", b"+OK\r\n", [None; 2]),
        (b"PONG\r\n", b"+PONG\r\n", [None; 2]),
        (b"SET a b\r\n", b"+OK ready\r\n", [None; 2]),
        (b"GET a\r\n", b"$2\r\nbcd\r\n", [None; 2]),
        (b"INCR a\r\n", b":irc.example 001 a\r\n", [None; 2]),
    ] {
        assert_eq!(exchange(Tcp, 9000, request, answer), expected, "{request:?} {answer:?}");
    }
}

#[test]
fn socks_without_waiting() {
    let request = [5, 1, 0, 5, 1, 0, 1, 10, 0, 0, 7, 0, 80];
    let answer = [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let socks = Some("SOCKS");
    assert_eq!(first(Tcp, (40001, 1080), &request), (socks, "CONNECT".to_owned()));
    assert_eq!(exchange(Tcp, 1080, &request, &answer), [socks; 2]);
    assert_eq!(exchange(Tcp, 9000, &request, &answer), [None, socks]);
    assert_eq!(exchange(Tcp, 9000, &request, &[5, 0]), [None, socks]);
    for payload in [&request[..12], &[5, 1, 0, 5, 0, 0, 1, 10, 0, 0, 7, 0, 80]] {
        assert_eq!(first(Tcp, (40001, 1080), payload).0, None, "{payload:x?}");
    }
}

#[test]
fn the_header_of_a_proxy() {
    let binary = |family: u8, length: u8| {
        [&b"\r\n\r\n\0\r\nQUIT\n\x21"[..], &[family, 0, length], &vec![7; usize::from(length)]].concat()
    };
    let proxy = Some("PROXY");
    for (payload, expected) in [
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 40001 80\r\n".to_vec(), proxy),
        (b"PROXY TCP6 ::1 ::1 40001 80\r\n".to_vec(), proxy),
        (b"PROXY UNKNOWN\r\n".to_vec(), proxy),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), proxy),
        (binary(0x11, 12), proxy),
        (binary(0x21, 36), proxy),
        (binary(0x41, 36), None),
        (binary(0x11, 11), None),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 40001\r\n".to_vec(), None),
        (b"PROXY TCP4 a b 40001 80\r\n".to_vec(), None),
        (b"PROXY of something\r\n".to_vec(), None),
    ] {
        assert_eq!(first(Tcp, (40001, 9000), &payload).0, expected, "{payload:?}");
    }
    let hello = {
        let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
        let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
        [&[22, 3, 1, 0, message.len() as u8][..], &message].concat()
    };
    for (what, name) in [(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], "HTTP"), (&hello, "TLS")] {
        let packets = [
            sent(Tcp, 40001, 9000, &binary(0x11, 12)),
            sent(Tcp, 40001, 9000, what),
            sent(Tcp, 40001, 9000, what),
        ];
        assert_eq!(names(&packets), [proxy, Some(name), Some(name)]);
    }
}
