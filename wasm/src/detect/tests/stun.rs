use super::super::tests::{Flow, Sent, judge, names, sent};
use super::super::{Carrier, Detector};

fn message(kind: u16, attributes: &[u8]) -> Vec<u8> {
    let mut message = kind.to_be_bytes().to_vec();
    message.extend((attributes.len() as u16).to_be_bytes());
    message.extend(0x2112_a442u32.to_be_bytes());
    message.extend([7; 12]);
    message.extend(attributes);
    message
}

fn udp(payload: &[u8]) -> Sent {
    sent(Carrier::Udp, 40001, 9000, payload)
}

#[test]
fn cookie_and_length() {
    let classic = |attributes: &[u8]| {
        let mut message = message(1, attributes);
        message[4..8].fill(9);
        message
    };
    for (payload, expected) in [
        (message(1, &[]), Some("STUN")),
        (message(0x111, &[0, 9, 0, 4, 0, 0, 4, 1]), Some("STUN")),
        (message(3, &[]), Some("TURN")),
        (message(0x17, &[]), Some("TURN")),
        (message(1, &[0; 3]), None),
        // The last attribute without its padding.
        (message(1, &[0, 6, 0, 3, 97, 58, 98]), Some("STUN")),
        (message(3, &[0, 0x19, 0, 4, 17, 0, 0, 0, 0x40, 0, 0, 2, 7, 7]), Some("TURN")),
        (message(1, &[0, 6, 0, 4, 97, 58, 98]), None),
        (message(0x4001, &[]), None),
        ([message(1, &[]), vec![0]].concat(), None),
        // RFC 3489: attributes instead of the cookie.
        (classic(&[0, 3, 0, 4, 0, 0, 0, 6]), Some("STUN")),
        (classic(&[]), None),
        (classic(&[0, 3, 0, 8, 0, 0, 0, 6]), None),
        (classic(&[1, 3, 0, 4, 0, 0, 0, 6]), None),
    ] {
        assert_eq!(names(&[udp(&payload)]), [expected], "{payload:?}");
    }
}

#[test]
fn channel_data_need_an_allocation() {
    let channel = |length: u8, data: usize| [vec![0x40, 1, 0, length], vec![5; data]].concat();
    let (request, success) = (message(3, &[]), message(0x103, &[]));
    assert_eq!(names(&[udp(&channel(8, 8))]), [None]);
    let packets =
        [request, success, channel(8, 8), message(1, &[]), channel(6, 8)].map(|payload| udp(&payload));
    assert_eq!(names(&packets), [Some("TURN"), Some("TURN"), Some("TURN"), Some("STUN"), Some("TURN")]);
    // TURN takes a flow over that began with STUN.
    let packets =
        [message(1, &[]), message(3, &[]), message(0x103, &[]), channel(8, 8)].map(|payload| udp(&payload));
    assert_eq!(names(&packets), [Some("STUN"), Some("TURN"), Some("TURN"), Some("TURN")]);
}

#[test]
fn streams() {
    let tcp = |payload: &[u8]| sent(Carrier::Tcp, 40001, 9000, payload);
    let allocate = message(3, &[0, 0x19, 0, 4, 17, 0, 0, 0]);
    assert_eq!(names(&[tcp(&allocate), tcp(&[0x40, 1, 0, 9]), tcp(&[0xff])]), [Some("TURN"); 3]);
    assert_eq!(names(&[tcp(&allocate[..10]), tcp(&allocate[10..])]), [None, Some("TURN")]);
    let framed = [&[0, 20][..], &message(1, &[])].concat();
    assert_eq!(names(&[tcp(&framed)]), [Some("STUN")]);
    assert_eq!(names(&[tcp(&[0, 1, 0, 0])]), [None]);
}

#[test]
fn says_what_it_is() {
    let mapped = [0, 0x20, 0, 8, 0, 1, 0x21 ^ 0x13, 0x12 ^ 0x88, 0x21 ^ 10, 0x12, 0xa4, 0x42 ^ 9];
    let relayed = [&[0, 0x16, 0, 20, 0, 2, 0x21, 0x13, 0x21, 0x12, 0xa4, 0x42][..], &[7; 11], &[6]].concat();
    let software = [0x80, 0x22, 0, 3, b'a', b'b', b'c', 0];
    let attributes = [&mapped[..], &software, &relayed].concat();
    let (_, details, info) =
        judge(&mut Detector::new(), &mut Flow::default(), &udp(&message(0x101, &attributes)));
    assert_eq!(info, "Binding Success Response");
    for (key, value) in [
        ("method", "Binding"),
        ("class", "Success Response"),
        ("transaction_id", "070707070707070707070707"),
        ("mapped_address", "10.0.0.9:5000"),
        ("software", "abc"),
        ("relayed_address", "[::1]:1"),
    ] {
        assert!(details.contains(&(key, value.into())), "{key}: {details:?}");
    }
    let error = message(0x113, &[0, 9, 0, 4, 0, 0, 4, 1]);
    let (_, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &udp(&error));
    assert_eq!(info, "Allocate Error Response 401");
    assert!(details.contains(&("error_code", "401".into())));
}
