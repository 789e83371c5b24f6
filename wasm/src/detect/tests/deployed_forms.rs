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
