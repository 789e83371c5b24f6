//! Connections that were there before the capture: on the usual port, messages that begin where a segment does.

use super::super::Carrier::Tcp;
use super::super::Detector;
use super::super::tests::{Flow, judge, names, sent};

/// Name and info of the first segment of a flow to a port.
fn to(port: u16, payload: &[u8]) -> (Option<&'static str>, String) {
    let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &sent(Tcp, 40001, port, payload));
    (name, info)
}

/// Name of the first segment of a flow from a port.
fn from(port: u16, payload: &[u8]) -> Option<&'static str> {
    names(&[sent(Tcp, port, 40001, payload)])[0]
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
        // With properties, and with what is none.
        (b"\x82\x07\0\x01\0\0\x01x\x01", true),
        (b"\x82\x06\0\x01\0\x02x\0", false),
        (b"\x82\x06\0\x01\0\x01x\x43", false),
        (b"\x20\x03\0\0\0", true),
        (b"\x20\x02\x02\xff", false),
        (b"\x40\x04\0\x01\x10\0", true),
        (b"\x40\x04\0\x01\x10\x05", false),
        (b"\xf0\x03\x18\x01\x26", true),
        (b"\xf0\x03\x18\x09\x26", false),
        (b"\xb0\x04\0\x01\0\x11", true),
        (b"\xb0\x04\0\x01\x44\x55", false),
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

#[test]
fn responses_of_mysql() {
    let ok = b"\x07\0\0\x01\0\x01\0\x02\0\0\0";
    let rows = b"\x01\0\0\x01\x02\x03\0\0\x02abc\x03\0\0\x03abc";
    for (payload, expected) in [
        (&ok[..], true),
        (b"\x0c\0\0\x01\xff\x7a\x04#42S02wrong", false),
        (b"\x0e\0\0\x01\xff\x7a\x04#42S02wrong", true),
        (rows, true),
        (&rows[..17], true),
        (b"\x02\0\0\x01\x02\x01\x03\0\0\x02abc\x63\0\0\x03abc", true),
        (b"\x02\0\0\x01\x02\x02\x03\0\0\x02abc\x63\0\0\x03abc", false),
        (&rows[..8], false),
        (b"\x07\0\0\0\0\x01\0\x02\0\0\0", true),
        (b"\x06\0\0\x01\0\x01\0\x02\0\0", false),
        (b"\x01\0\0\x01\x02\x03\0\0\x03abc", false),
        (b"\x01\0\0\x01\xfb", false),
        (&ok[..10], false),
    ] {
        assert_eq!(from(3306, payload), expected.then_some("MySQL"), "{payload:x?}");
    }
    assert_eq!(to(3306, ok).0, None);
    assert_eq!(from(9000, ok), None);
}

#[test]
fn mysql_that_is_compressed() {
    for (payload, info) in [
        (&b"\x0d\0\0\0\0\0\0\x09\0\0\0\x03select 1"[..], Some("Compressed COM_QUERY")),
        (b"\x05\0\0\x01\x20\0\0\x78\x9cabc", Some("Compressed")),
        (b"\x05\0\0\x01\x20\0\0\x78\x9dabc", None),
        (b"\x06\0\0\x01\x20\0\0\x78\x9cabc", None),
        (b"\x05\0\0\0\0\0\0\x09\0\0\0\x03", None),
        (b"\0\0\0\0\0\0\0", None),
    ] {
        let expected = (info.map(|_| "MySQL"), info.unwrap_or_default().to_owned());
        assert_eq!(to(3306, payload), expected, "{payload:x?}");
        assert_eq!(to(9000, payload).0, None, "{payload:x?}");
    }
}

#[test]
fn replication_of_postgresql() {
    let log = |length: u32, kind: u8, start: u64, end: u64, sent: u64| {
        let numbers = [start, end, sent].map(u64::to_be_bytes).concat();
        [&b"d"[..], &length.to_be_bytes(), &[kind], &numbers, &[7; 900]].concat()
    };
    const NOW: u64 = 0x0003_03f8_6bce_6814;
    for (payload, expected) in [
        (log(0x20_001d, b'w', 0x0200_0000, 0x0219_1520, NOW), true),
        (log(0x20_001d, b'x', 0x0200_0000, 0x0219_1520, NOW), false),
        (log(0x20_001d, b'w', 0x0219_1520, 0x0200_0000, NOW), false),
        (log(0x20_001d, b'w', 0x0200_0000, 0x0219_1520, 7), false),
        (log(0x7020_001d, b'w', 0x0200_0000, 0x0219_1520, NOW), false),
    ] {
        assert_eq!(from(5432, &payload), expected.then_some("PostgreSQL"));
        assert_eq!(from(9000, &payload), None);
    }
}

#[test]
fn the_choice_of_socks() {
    for (payload, expected) in [([5, 0], true), ([5, 2], true), ([5, 0xff], true), ([5, 3], false)] {
        assert_eq!(from(1080, &payload), expected.then_some("SOCKS"), "{payload:x?}");
        assert_eq!(to(1080, &payload).0, None);
        assert_eq!(from(9000, &payload), None);
    }
}
