//! Connections that were there before the capture: on the usual port, messages that begin where a segment does.

use super::super::Carrier::Tcp;
use super::super::Detector;
use super::super::tests::{Flow, judge, sent};

/// Name and info of the first segment of a flow to a port.
fn to(port: u16, payload: &[u8]) -> (Option<&'static str>, String) {
    let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &sent(Tcp, 40001, port, payload));
    (name, info)
}

#[test]
fn control_packets_of_mqtt() {
    for (payload, expected) in [
        (&b"\x82\x06\0\x01\0\x01x\0"[..], true),
        (b"\x90\x03\0\x01\0", true),
        (b"\x32\x06\0\x01x\0\x02y", true),
        (b"\x30\x04\0\x01xy", true),
        (b"\x40\x02\0\x02", true),
        (b"\x62\x02\0\x01\xe0\0", true),
        (b"\xe0\0", true),
        // Flags, lengths and topics that there are not.
        (b"\x42\x02\0\x02", false),
        (b"\x60\x02\0\x02", false),
        (b"\x36\x06\0\x01x\0\x02y", false),
        (b"\x30\x04\0\x03xy", false),
        (b"\x30\x04\0\x01#y", false),
        (b"\xc0\x01\0", false),
        (b"\x40\x02\0", false),
        (b"\x40\x02\0\x02\0", false),
        (b"\x82\x06\0\0\0\x01x\0", false),
    ] {
        assert_eq!(to(1883, payload).0, expected.then_some("MQTT"), "{payload:x?}");
        assert_eq!(to(9000, payload).0, None, "{payload:x?}");
    }
}

#[test]
fn chunks_of_rtmp() {
    for (payload, info) in [
        (&b"\x03\0\0\0\0\0\x08\x14\0\0\0\0\x02\0\x05start"[..], Some("Command Message")),
        (b"\x02\0\0\0\0\0\x04\x05\0\0\0\0\0\x4c\x4b\x40", Some("Window Acknowledgement Size")),
        (b"\x04\0\0\0\0\0\x20\x09\x01\0\0\0\x17", Some("Video Data")),
        (b"\x03\0\0\0\0\0\x08\x14\0\0\0\0\x05\0\x05start", None),
        (b"\x03\0\0\0\0\0\x04\x05\0\0\0\0\0\x4c\x4b\x40", None),
        (b"\x02\0\0\0\0\0\x05\x05\0\0\0\0\0\x4c\x4b\x40", None),
        (b"\x04\0\0\0\0\0\x20\x09\0\0\0\x01\x17", None),
        (b"\x04\0\0\0\0\0\x20\x0a\x01\0\0\0\x17", None),
    ] {
        let expected = (info.map(|_| "RTMP"), info.unwrap_or_default().to_owned());
        assert_eq!(to(1935, payload), expected, "{payload:x?}");
        assert_eq!(to(9000, payload).0, None, "{payload:x?}");
    }
}

#[test]
fn key_exchange_of_ssh_in_the_clear() {
    let packet = |message: u8, contents: &[u8], padding: usize| {
        let length = (2 + contents.len() + padding) as u32;
        [&length.to_be_bytes()[..], &[padding as u8, message], contents, &vec![0; padding]].concat()
    };
    let new_keys = packet(21, &[], 10);
    let own_key = packet(30, &[&[0, 0, 0, 32][..], &[7; 32]].concat(), 6);
    for (payload, info) in [
        (own_key.clone(), Some("Key Exchange")),
        (own_key[..30].to_vec(), Some("Key Exchange")),
        ([own_key.clone(), new_keys.clone(), vec![9; 40]].concat(), Some("Key Exchange")),
        ([new_keys.clone(), vec![9; 40]].concat(), Some("New Keys")),
        (packet(34, &[0; 12], 6), Some("Key Exchange")),
        ([own_key.clone(), vec![9; 40]].concat(), None),
        (new_keys[..15].to_vec(), None),
        (packet(21, &[], 9), None),
        (packet(21, &[0; 8], 10), None),
        (packet(30, &[&[0, 0, 0, 33][..], &[7; 32]].concat(), 6), None),
        (packet(35, &[&[0, 0, 0, 32][..], &[7; 32]].concat(), 6), None),
        (packet(30, &[&[0, 0, 0, 38][..], &[7; 38]].concat(), 0), None),
    ] {
        let expected = (info.map(|_| "SSH"), info.unwrap_or_default().to_owned());
        assert_eq!(to(22, &payload), expected, "{payload:x?}");
        assert_eq!(to(9000, &payload).0, None, "{payload:x?}");
    }
}
