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
