use super::super::tests::{Flow, Sent, from_hex, judge, names, sent};
use super::super::{Carrier, Detector};
use super::*;

const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
/// The ClientHello of RFC 9001 appendix A.2: example.com, ALPN "alpn".
const HELLO: &str = "010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c0\
    00000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e000500050100000000\
    003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403\
    050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff08011001048000\
    75300901100f088394c8f03e51570806048000ffff";

fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    let varint = |value: usize| ((value as u16) | 0x4000).to_be_bytes();
    [&[6][..], &varint(offset), &varint(data.len()), data].concat()
}

/// A client's Initial packet of 1,200 bytes.
fn initial(version: u32, id: &[u8], token: &[u8], frames: &[u8]) -> Vec<u8> {
    let first = if version == V2 { 0xd3 } else { 0xc3 };
    let mut header =
        [&[first][..], &version.to_be_bytes(), &[id.len() as u8], id, &[0, token.len() as u8], token]
            .concat();
    let rest = 1200 - header.len() - 2;
    header.extend_from_slice(&((rest as u16) | 0x4000).to_be_bytes());
    let mut frames = frames.to_vec();
    frames.resize(rest - 4 - 16, 0);
    InitialKeys::of_client(secrets(version).unwrap(), id).unwrap().seal(&header, &frames)
}

fn udp(payload: Vec<u8>) -> Sent {
    sent(Carrier::Udp, 40001, 443, &payload)
}

type Details = Vec<(&'static str, String)>;

fn value<'a>(details: &'a Details, key: &str) -> Option<&'a str> {
    details.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
}

#[test]
fn opens_the_packet_of_the_rfc() {
    let mut frames = crypto(0, &from_hex(HELLO));
    // The RFC writes the offset in one byte.
    frames.splice(1..3, [0]);
    let packet = initial(V1, &ID, b"", &frames);
    // Its packet number is 2, that here 0; so compare what the RFC gives for the header that is not protected.
    assert_eq!(packet[1..18], from_hex("00000001088394c8f03e5157080000449e"));
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    let (name, details, info) = judge(&mut detector, &mut flow, &udp(packet));
    assert_eq!(name, Some("QUIC"));
    assert_eq!(flow.state.confidence(), Confidence::DEFINITE);
    assert_eq!(value(&details, "sni"), Some("example.com"));
    assert_eq!(value(&details, "alpn"), Some("alpn"));
    assert_eq!(value(&details, "ja3").map(str::len), Some(32));
    assert!(value(&details, "ja4").is_some_and(|ja4| ja4.starts_with("q13d")));
    assert_eq!(value(&details, "version"), Some("QUIC v1"));
    assert_eq!(value(&details, "packet_type"), Some("Initial"));
    assert_eq!(value(&details, "dcid_length"), Some("8"));
    assert_eq!(value(&details, "application"), None);
    assert_eq!(info, "Initial, SNI=example.com");
}

#[test]
fn every_version_is_opened_and_damage_is_noticed() {
    for (version, name) in [
        (V1, "QUIC v1"),
        (V2, "QUIC v2"),
        (0xff00_001d, "draft-29"),
        (0xff00_0020, "draft-32"),
        (0xff00_0021, "draft-33"),
        (0xff00_0022, "draft-34"),
    ] {
        let packet = initial(version, &ID, b"tok", &crypto(0, &from_hex(HELLO)));
        for at in [None, Some(30), Some(600), Some(1199)] {
            let mut packet = packet.clone();
            if let Some(at) = at {
                packet[at] ^= 1;
            }
            let (mut detector, mut flow) = (Detector::new(), Flow::default());
            let (found, details, _) = judge(&mut detector, &mut flow, &udp(packet));
            assert_eq!(found, Some("QUIC"));
            assert_eq!(value(&details, "version"), Some(name));
            assert_eq!(value(&details, "sni").is_some(), at.is_none(), "{name} {at:?}");
            assert_eq!(flow.state.confidence() == Confidence::DEFINITE, at.is_none());
        }
    }
}

#[test]
fn a_hello_comes_in_parts_in_any_order_and_after_a_retry() {
    let hello = from_hex(HELLO);
    let part = |from: usize, to: usize| crypto(from, &hello[from..to]);
    let orders: &[&[&[Vec<u8>]]] = &[
        &[&[part(0, 100)], &[part(100, hello.len())]],
        &[&[part(100, hello.len())], &[part(0, 100)]],
        &[&[part(50, 120), part(0, 60), vec![1, 0]], &[part(110, 130)], &[part(125, hello.len())]],
        &[&[part(200, hello.len()), part(10, 20)], &[part(0, 210)]],
    ];
    for packets in orders {
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        for (number, frames) in packets.iter().enumerate() {
            let packet = initial(V1, &ID, b"", &frames.concat());
            let (name, details, _) = judge(&mut detector, &mut flow, &udp(packet));
            assert_eq!(name, Some("QUIC"));
            let expected = (number + 1 == packets.len()).then_some("example.com");
            assert_eq!(value(&details, "sni"), expected, "{number}");
        }
        // After a Retry the secrets come from the connection id that the server has chosen.
        let retry = [&[0xf0, 0, 0, 0, 1, 0, 4, 9, 8, 7, 6][..], &[5; 40]].concat();
        let answer = Sent { reverse: true, ..sent(Carrier::Udp, 443, 40001, &retry) };
        let (_, details, info) = judge(&mut detector, &mut flow, &answer);
        assert_eq!((value(&details, "packet_type"), info.as_str()), (Some("Retry"), "Retry"));
        let again = initial(V1, &[9, 8, 7, 6], b"token", &crypto(0, &hello));
        let (_, details, _) = judge(&mut detector, &mut flow, &udp(again));
        assert_eq!(value(&details, "sni"), Some("example.com"));
    }
}

/// The ServerHello of RFC 9001 appendix A.3, in one packet and in two.
#[test]
fn a_server_answers_under_the_id_of_its_client() {
    let hello = from_hex(
        "020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c\
         940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304",
    );
    for parts in [&[(0, hello.len())][..], &[(40, hello.len()), (0, 41)]] {
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        judge(&mut detector, &mut flow, &udp(initial(V1, &ID, b"", &crypto(0, &from_hex(HELLO)))));
        for (number, (start, end)) in parts.iter().copied().enumerate() {
            // To the client's own connection id, behind an acknowledgement.
            let frames = [&[2, 0, 0, 0, 0][..], &crypto(start, &hello[start..end])].concat();
            let mut header = vec![0xc3, 0, 0, 0, 1, 0, 2, 7, 7, 0];
            header.extend_from_slice(&((4 + frames.len() as u16 + 16) | 0x4000).to_be_bytes());
            let packet = InitialKeys::of_server(Secrets::V1, &ID).unwrap().seal(&header, &frames);
            let answer = Sent { reverse: true, ..sent(Carrier::Udp, 443, 40001, &packet) };
            let (name, details, _) = judge(&mut detector, &mut flow, &answer);
            assert_eq!(name, Some("QUIC"));
            let expected = (number + 1 == parts.len()).then_some("eb1d94daa7e0344597e756a1fb6e7054");
            assert_eq!(value(&details, "ja3s"), expected, "{number}");
        }
        // The client's hello, sent again, is not told again.
        let again = udp(initial(V1, &ID, b"", &crypto(0, &from_hex(HELLO))));
        let (_, details, _) = judge(&mut detector, &mut flow, &again);
        assert_eq!((value(&details, "sni"), value(&details, "ja3s")), (None, None));
    }
}

#[test]
fn a_server_id_keeps_the_keys_and_time_ends_a_hello() {
    let hello = from_hex(HELLO);
    for (pause, found) in [(0, Some("example.com")), (HELLO_FOR_NS + 1, None)] {
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        judge(&mut detector, &mut flow, &udp(initial(V1, &ID, b"", &crypto(0, &hello[..99]))));
        flow.clock += pause;
        // The second part goes to another connection id, under the keys of the first.
        let mut header = vec![0xc3, 0, 0, 0, 1, 2, 7, 7, 0, 0];
        let rest = 1200 - header.len() - 2;
        header.extend_from_slice(&((rest as u16) | 0x4000).to_be_bytes());
        let mut frames = crypto(99, &hello[99..]);
        frames.resize(rest - 20, 0);
        let packet = InitialKeys::of_client(Secrets::V1, &ID).unwrap().seal(&header, &frames);
        let (_, details, _) = judge(&mut detector, &mut flow, &udp(packet));
        assert_eq!(value(&details, "sni"), found);
    }
}

#[test]
fn tables_stay_within_their_bounds() {
    let mut detector = Detector::new();
    let frames = crypto(5, &[7; 20]);
    for port in 0..MOST_HELLOS as u16 + 50 {
        let packet = sent(Carrier::Udp, 20000 + port, 443, &initial(V1, &ID, b"", &frames));
        judge(&mut detector, &mut Flow::default(), &packet);
    }
    assert_eq!(detector.shared().quic.pending.len(), MOST_HELLOS);
}

#[test]
fn only_structure_that_fits_is_quic() {
    let filler = |length: usize| (0..length).map(|k| (0x5b + 29 * k) as u8).collect::<Vec<_>>();
    let cases: &[(&str, Vec<u8>, Option<&str>)] = &[
        ("handshake", [&[0xe0, 0, 0, 0, 1, 1, 5, 0, 0x40, 60][..], &filler(60)].concat(), Some("QUIC")),
        ("length too long", [&[0xe0, 0, 0, 0, 1, 1, 5, 0, 0x40, 61][..], &filler(60)].concat(), None),
        ("no fixed bit", [&[0xa0, 0, 0, 0, 1, 1, 5, 0, 0x40, 60][..], &filler(60)].concat(), None),
        ("unknown version", [&[0xe0, 0, 0, 0, 9, 1, 5, 0, 0x40, 60][..], &filler(60)].concat(), None),
        ("short header alone", [&[0x40][..], &filler(60)].concat(), None),
        ("negotiation without a version known", from_hex("80000000000004010203040a0b0c0d"), None),
        ("negotiation", from_hex("8000000000000401020304ff00001d"), Some("QUIC")),
        (
            "reserved version",
            [&[0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8][..], &ID, &[0], &filler(1190)].concat(),
            Some("QUIC"),
        ),
    ];
    for (what, payload, expected) in cases {
        assert_eq!(names(&[udp(payload.clone())]), [*expected], "{what}");
    }
    // Short headers in a flow with long ones.
    let long = udp(initial(V1, &ID, b"", &crypto(0, &from_hex(HELLO))));
    let short =
        Sent { reverse: true, ..sent(Carrier::Udp, 443, 40001, &[&[0x41][..], &filler(60)].concat()) };
    assert_eq!(names(&[long, short]), [Some("QUIC"), Some("QUIC")]);
}

#[test]
fn tells_the_versions_of_googles_quic() {
    let public = |flags: u8, version: &[u8]| [&[flags][..], &ID, version, &[1, 2, 3, 4]].concat();
    let long = |version: &[u8]| [&[0xc3][..], version, &[0x50], &ID, &[0; 8]].concat();
    for (payload, expected) in [
        (public(0x0d, b"Q035"), Some("Google Q035")),
        (public(0x09, b"Q043"), Some("Google Q043")),
        (public(0x19, b"Q039"), Some("Google Q039")),
        (long(b"Q046"), Some("Google Q046")),
        (long(b"T051"), Some("Google T051")),
        (public(0x09, b"Q143"), None),
        (public(0x09, b"R043"), None),
        (public(0x09, b"Q04"), None),
        (public(0x0a, b"Q043"), None),
        (public(0x09, b"Q000"), None),
        (public(0x3d, b"Q050"), Some("Google Q050")),
        (public(0x09, b"Q051"), None),
        (public(0x09, b"T051"), None),
        (long(b"T048"), Some("Google T048")),
        (long(b"T047"), None),
        (long(b"T052"), None),
        (long(b"Q043"), None),
        (long(b"Q051"), None),
        // Text with a time, and with what would be a version.
        (b"\t20261123T051200Z".to_vec(), None),
        (b"-20261123T0122".to_vec(), None),
        (b"=20261123T048 and more".to_vec(), None),
        (b"\ttoolboxQ035 and more".to_vec(), None),
        (b"-abcdefghQ043 and more".to_vec(), None),
    ] {
        let (name, details, _) = judge(&mut Detector::new(), &mut Flow::default(), &udp(payload.clone()));
        assert_eq!(name, expected.map(|_| "QUIC"), "{payload:x?}");
        assert_eq!(value(&details, "version"), expected, "{payload:x?}");
    }
}

#[test]
fn later_packets_of_googles_quic_are_not_read_as_the_ietfs() {
    let hello = [&[0x0d][..], &ID, b"Q043", &[1, 2, 3, 4]].concat();
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    judge(&mut detector, &mut flow, &udp(hello));
    for later in [[&[0x0c][..], &ID, &[5, 6, 7, 8]].concat(), vec![0x40; 30], vec![0x08; 30]] {
        let (name, details, info) = judge(&mut detector, &mut flow, &udp(later));
        assert_eq!((name, info.as_str()), (Some("QUIC"), "Google QUIC"));
        assert_eq!((value(&details, "header_type"), value(&details, "spin_bit")), (None, None));
    }
    // After a version of the IETF was agreed on, its packets follow.
    let (_, details, _) =
        judge(&mut detector, &mut flow, &udp(initial(V1, &ID, b"", &crypto(0, &from_hex(HELLO)))));
    assert_eq!(value(&details, "version"), Some("QUIC v1"));
    let (_, _, info) = judge(&mut detector, &mut flow, &udp(vec![0x40; 30]));
    assert_eq!(info, "Protected Payload");
}
