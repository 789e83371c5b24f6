//! LISP: who is where (RFC 9301, control), and packets on their way there (RFC 9300, data). Digests are not shown.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

const DATA_PORTS: &[u16] = &[4341];
const CONTROL_PORTS: &[u16] = &[4342];
const PORTS: &[u16] = &[4341, 4342];
/// Data header; also what is in front of the packet in an encapsulated control message.
const DATA_HEADER_LENGTH: usize = 8;
const ENCAPSULATION_HEADER_LENGTH: usize = 4;
/// Type, flags, count of records and nonce.
const CONTROL_HEADER_LENGTH: usize = 12;
/// In a record in front of the address: time to live, count, mask, flags, version.
const RECORD_HEADER_LENGTH: usize = 10;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const REGISTER: u8 = 3;
const NOTIFY: u8 = 4;
const NOTIFY_ACKNOWLEDGMENT: u8 = 5;
const ENCAPSULATED: u8 = 8;

/// LISP.
pub static LISP: Signature = Signature {
    name: "LISP",
    carriers: &[Carrier::Udp],
    ports: PORTS,
    // Types of control messages, and flags of data that go together.
    first: FirstBytes::Ranges(&[
        (0x00, 0x03),
        (0x08, 0x0b),
        (0x10, 0x5f),
        (0x80, 0x8f),
        (0xa0, 0xa3),
        (0xa8, 0xab),
        (0xc0, 0xc3),
        (0xc8, 0xcb),
        (0xe0, 0xe3),
        (0xe8, 0xeb),
    ]),
    examine: |payload, _, _| {
        let fits = if payload.on_port(CONTROL_PORTS) {
            control_name(payload).is_some()
        } else {
            payload.on_port(DATA_PORTS) && is_data(payload)
        };
        if fits { Verdict::Is(Confidence::HIGH, Method::Port) } else { Verdict::No }
    },
    describe,
    ..Signature::BASE
};

/// Whether an IP packet fills the payload from `at` on.
fn is_filled_by_ip(payload: &Payload, at: usize) -> bool {
    let length = match payload.u8(at) {
        Some(0x45..=0x4f) => payload.u16(at + 2).map(usize::from),
        Some(0x60..=0x6f) => payload.u16(at + 4).map(|length| 40 + usize::from(length)),
        _ => None,
    };
    length.is_some_and(|length| at + length == payload.length)
}

/// Flags that go together (RFC 9300 section 5.3), and an IP packet to the end.
fn is_data(payload: &Payload) -> bool {
    const NONCE: u8 = 0x80;
    const ECHO: u8 = 0x20;
    const MAP_VERSION: u8 = 0x10;
    const RESERVED: u8 = 0x04;
    payload.u8(0).is_some_and(|flags| {
        flags & RESERVED == 0
            && flags & (NONCE | MAP_VERSION) != NONCE | MAP_VERSION
            && flags & (NONCE | ECHO) != ECHO
    }) && is_filled_by_ip(payload, DATA_HEADER_LENGTH)
}

/// Whether there is the number of an address family that LISP has addresses of: IP, names, MAC addresses, and its own
/// format (RFC 8060).
fn is_family(payload: &Payload, at: usize, allows_none: bool) -> bool {
    match payload.u16(at) {
        Some(0) => allows_none,
        Some(1 | 2 | 17 | 16387 | 16389) => true,
        _ => false,
    }
}

/// Where the records of a message begin that is authenticated.
fn records_at(payload: &Payload) -> Option<usize> {
    let (algorithm, length) = (payload.u8(13)?, usize::from(payload.u16(14)?));
    let at = CONTROL_HEADER_LENGTH + 4 + length;
    (algorithm <= 5 && matches!(length, 0 | 12 | 16 | 20 | 32) && at <= payload.length).then_some(at)
}

/// A record with an address, its reserved bits not set.
fn is_record(payload: &Payload, at: usize) -> bool {
    payload.u16(at + 6).is_some_and(|flags| flags & 0x0fff == 0)
        && payload.u8(at + 8).is_some_and(|version| version & 0xf0 == 0)
        && is_family(payload, at + RECORD_HEADER_LENGTH, true)
}

/// Name of a control message, if its structure is that of its type.
fn control_name(payload: &Payload) -> Option<&'static str> {
    let [first, second, third, records] = payload.array(0)?;
    let has_records = (1..=64).contains(&records);
    let (name, fits) = match first >> 4 {
        REQUEST => {
            // Behind the address that asks, as far as it is one of IP, those to answer to.
            let asker = CONTROL_HEADER_LENGTH;
            let answers_at = match payload.u16(asker)? {
                0 => asker + 2,
                1 => asker + 6,
                2 => asker + 18,
                _ => asker,
            };
            let has_families =
                is_family(payload, asker, true) && is_family(payload, answers_at, answers_at == asker);
            ("Map-Request", has_records && second & 0x3f == 0 && has_families)
        }
        REPLY => {
            let is_plain = first & 1 == 0 && [second, third] == [0; 2];
            ("Map-Reply", has_records && is_plain && is_record(payload, CONTROL_HEADER_LENGTH))
        }
        kind @ (REGISTER | NOTIFY | NOTIFY_ACKNOWLEDGMENT) => {
            let name = match kind {
                REGISTER => "Map-Register",
                NOTIFY => "Map-Notify",
                _ => "Map-Notify-Ack",
            };
            let at = records_at(payload)?;
            (name, has_records && is_record(payload, at))
        }
        ENCAPSULATED => {
            let is_plain = [second, third, records] == [0; 3];
            (
                "Encapsulated Control Message",
                is_plain && is_filled_by_ip(payload, ENCAPSULATION_HEADER_LENGTH),
            )
        }
        _ => return None,
    };
    fits.then_some(name)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if !payload.on_port(CONTROL_PORTS) {
        facts.say(b"Data");
        facts.put("message_type", b"Data");
        // The identifier of an instance takes the place of most of the locators' states.
        if let Some([flags, ..]) = payload.array::<1>(0)
            && flags & 0x08 != 0
            && let Some(instance) = payload.u24(4)
        {
            facts.put_number("instance_id", instance.into());
        }
        return;
    }
    let Some(name) = control_name(payload) else { return };
    facts.say(name.as_bytes());
    facts.put("message_type", name.as_bytes());
    let Some(kind) = payload.u8(0).map(|first| first >> 4).filter(|kind| *kind != ENCAPSULATED) else {
        return;
    };
    facts.put_number("records", payload.u8(3).unwrap_or(0).into());
    if let Some(nonce) = payload.array::<8>(4) {
        facts.put_hex("nonce", &nonce);
    }
    let record = match kind {
        REPLY => Some(CONTROL_HEADER_LENGTH),
        REQUEST => None,
        _ => records_at(payload),
    };
    let Some(at) = record else { return };
    let prefix = match payload.u16(at + RECORD_HEADER_LENGTH) {
        Some(1) => payload.array(at + RECORD_HEADER_LENGTH + 2).map(Address::v4),
        Some(2) => payload.array(at + RECORD_HEADER_LENGTH + 2).map(Address::v6),
        _ => None,
    };
    if let (Some(prefix), Some(mask)) = (prefix, payload.u8(at + 5)) {
        facts.say(b" for ");
        facts.say_with(|info| prefix.write_text(info));
        facts.say(b"/");
        facts.say_number(mask.into());
        facts.entry("eid_prefix", |text| prefix.write_text(text));
        facts.put_number("eid_mask_length", mask.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const NONCE_BYTES: [u8; 8] = [0xa1; 8];
    const RECORD: &[u8] = b"\0\0\x05\xa0\x01\x18\x10\0\0\0\0\x01\x0a\x01\x01\0";

    fn reply() -> Vec<u8> {
        [&[0x20, 0, 0, 1][..], &NONCE_BYTES, RECORD].concat()
    }

    fn register() -> Vec<u8> {
        [&[0x30, 0, 1, 1][..], &NONCE_BYTES, &[0, 1, 0, 20], &[9; 20], RECORD].concat()
    }

    fn request() -> Vec<u8> {
        [&[0x10, 0, 0, 1][..], &NONCE_BYTES, b"\0\0\0\x01\x0a\0\0\x01\0\x20\0\x01\x0a\0\0\x02"].concat()
    }

    fn ip() -> Vec<u8> {
        let mut ip = vec![0x45, 0, 0, 20];
        ip.resize(20, 0);
        ip
    }

    #[test]
    fn messages_and_what_they_say() {
        let control = [&[0x80, 0, 0, 0][..], &ip()].concat();
        let data = [&[0x88, 0, 0, 1, 0, 0, 7, 0][..], &ip()].concat();
        for (port, payload, expected) in [
            (4342, request(), "Map-Request"),
            (4342, reply(), "Map-Reply for 10.1.1.0/24"),
            (4342, register(), "Map-Register for 10.1.1.0/24"),
            (4342, control, "Encapsulated Control Message"),
            (4341, data, "Data"),
        ] {
            let packet = sent(Carrier::Udp, 40_001, port, &payload);
            let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("LISP"), expected));
            assert_eq!(names(&[sent(Carrier::Udp, 40_001, 4343, &payload)]), [None]);
        }
    }

    #[test]
    fn what_is_reserved_and_lengths_are_checked() {
        let control = [&[0x80, 0, 0, 0][..], &ip()].concat();
        let data = [&[0x80, 0, 0, 1, 0, 0, 0, 1][..], &ip()].concat();
        for (port, payload, at, value) in [
            (4342, request(), 1, 0x01),
            (4342, request(), 3, 0),
            (4342, request(), 13, 5),
            (4342, request(), 15, 9),
            (4342, reply(), 0, 0x21),
            (4342, reply(), 2, 1),
            (4342, reply(), 19, 1),
            (4342, reply(), 20, 0x10),
            (4342, reply(), 23, 9),
            (4342, register(), 13, 6),
            (4342, register(), 15, 21),
            (4342, register(), 0, 0x60),
            (4342, control.clone(), 1, 1),
            (4342, control, 7, 21),
            (4341, data.clone(), 0, 0x90),
            (4341, data.clone(), 0, 0x20),
            (4341, data.clone(), 0, 0x04),
            (4341, data.clone(), 8, 0x55),
            (4341, data, 11, 19),
        ] {
            let mut payload = payload.clone();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 40_001, port, &payload)]), [None], "{port} {at} {value}");
        }
    }
}
