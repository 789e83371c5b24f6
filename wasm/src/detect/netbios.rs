//! NetBIOS over UDP and TCP: name service, datagram service and session service (RFC 1001, RFC 1002).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

const HEADER_LENGTH: usize = 12;
/// Bytes of an encoded name: length, 32 letters, and the root (RFC 1001 section 14.1); more with a scope.
const NAME_LENGTH: usize = 34;

/// NetBIOS name service (RFC 1002 section 4.2): a DNS header, and a name of 32 letters from A to P.
pub static NBNS: Signature = Signature {
    name: "NBNS",
    carriers: &[Carrier::Udp],
    ports: &[137],
    first: FirstBytes::Any,
    examine: |payload, _, _| match is_name_service(payload) {
        true if payload.on_port(&[137]) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        true => Verdict::Is(Confidence::HIGH, Method::Payload),
        false => Verdict::No,
    },
    describe: describe_name_service,
    ..Signature::BASE
};

/// NetBIOS datagram service (RFC 1002 section 4.4).
pub static NBDS: Signature = Signature {
    name: "NBDS",
    carriers: &[Carrier::Udp],
    ports: &[138],
    first: FirstBytes::Ranges(&[(0x10, 0x16)]),
    examine: |payload, _, _| match is_datagram_service(payload) {
        true if payload.on_port(NBDS.ports) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        true => Verdict::Is(Confidence::HIGH, Method::Payload),
        false => Verdict::No,
    },
    describe: describe_datagram_service,
    ..Signature::BASE
};

/// NetBIOS session service (RFC 1002 section 4.3): how a session begins, by the two names in the request, and on the usual
/// port by the responses. What it carries is told by itself.
pub static NBSS: Signature = Signature {
    name: "NBSS",
    carriers: &[Carrier::Tcp],
    ports: &[139],
    first: FirstBytes::Ranges(&[(SESSION_REQUEST, SESSION_KEEP_ALIVE)]),
    examine: |payload, _, _| match payload.u8(0) {
        Some(SESSION_REQUEST) if is_session_request(payload) => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        Some(_) if payload.on_port(NBSS.ports) && session_response(payload).is_some() => {
            Verdict::Is(Confidence::HIGH, Method::Port)
        }
        _ => Verdict::No,
    },
    continues: |payload, _, _| payload.array(5) != Some(*b"SMB"),
    asks: FirstBytes::OneOf(&[0]),
    describe: describe_session_service,
    ..Signature::BASE
};

const SESSION_REQUEST: u8 = 0x81;
const SESSION_KEEP_ALIVE: u8 = 0x85;

/// The name that is called, and the one that calls, fill the message.
fn is_session_request(payload: &Payload) -> bool {
    payload.u8(1).is_some_and(|flags| flags & 0xfe == 0)
        && payload.u16(2).is_some_and(|length| usize::from(length) + 4 == payload.length)
        && is_encoded_name(payload, 4)
        // A scope may be behind the first one.
        && (payload.u8(4 + NAME_LENGTH - 1) != Some(0) || is_encoded_name(payload, 4 + NAME_LENGTH))
}

/// What a message without names is: its length goes with its type.
fn session_response(payload: &Payload) -> Option<&'static [u8]> {
    if payload.length != 4 + usize::from(payload.u16(2)?) || payload.u8(1) != Some(0) {
        return None;
    }
    match (payload.u8(0)?, payload.u16(2)?) {
        (0x82, 0) => Some(b"Positive session response"),
        // The reasons of RFC 1002 section 4.3.4.
        (0x83, 1) => {
            matches!(payload.u8(4), Some(0x80..=0x83 | 0x8f)).then_some(b"Negative session response")
        }
        (0x84, 6) => Some(b"Session retarget response"),
        (SESSION_KEEP_ALIVE, 0) => Some(b"Session keep-alive"),
        _ => None,
    }
}

fn describe_session_service(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if payload.u8(0) == Some(SESSION_REQUEST) && is_session_request(payload) {
        facts.put("message_type", b"Session request");
        facts.say(b"Session request ");
        say_name(payload, 4 + NAME_LENGTH, "calling_name", facts);
        facts.say(b" -> ");
        say_name(payload, 4, "called_name", facts);
    } else if let Some(name) = session_response(payload) {
        facts.put("message_type", name);
        facts.say(name);
    }
}

fn is_name_service(payload: &Payload) -> bool {
    let (Some(flags), Some(questions), Some(answers), Some(authority), Some(additional)) =
        (payload.u16(2), payload.u16(4), payload.u16(6), payload.u16(8), payload.u16(10))
    else {
        return false;
    };
    opcode_name(flags).is_some()
        && flags & 0x0060 == 0
        && questions <= 1
        && answers <= 16
        && authority <= 1
        && additional <= 1
        && questions + answers != 0
        && is_encoded_name(payload, HEADER_LENGTH)
        // Type NB or NBSTAT, or NULL in a negative response; class IN; where no scope follows.
        && (payload.u8(HEADER_LENGTH + NAME_LENGTH - 1) != Some(0)
            || matches!(payload.u16(HEADER_LENGTH + NAME_LENGTH), Some(0x0a | 0x20 | 0x21) | None))
}

fn is_encoded_name(payload: &Payload, at: usize) -> bool {
    payload.u8(at) == Some(32)
        && payload
            .bytes
            .get(at + 1..at + 33)
            .is_some_and(|letters| letters.iter().all(|letter| (b'A'..=b'P').contains(letter)))
}

/// Operation by its code (RFC 1002 section 4.2.1.1).
fn opcode_name(flags: u16) -> Option<&'static [u8]> {
    Some(match flags >> 11 & 0xf {
        0 => b"Name query",
        5 => b"Registration",
        6 => b"Release",
        7 => b"Wait for acknowledgement",
        8 | 9 => b"Refresh",
        15 => b"Multi-homed registration",
        _ => return None,
    })
}

/// The name at `at`, decoded: up to 15 characters without trailing blanks, and the suffix that says the kind of service.
fn decode_name(payload: &Payload, at: usize) -> Option<([u8; 15], usize, u8)> {
    let letters = payload.bytes.get(at + 1..at + 33).filter(|_| is_encoded_name(payload, at))?;
    let mut bytes = letters
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| high.wrapping_sub(b'A') << 4 | low.wrapping_sub(b'A') & 15);
    let mut name = [b' '; 15];
    for (to, from) in name.iter_mut().zip(bytes.by_ref()) {
        *to = from;
    }
    let end = name.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
    Some((name, end, bytes.next()?))
}

fn say_name(payload: &Payload, at: usize, key: &'static str, facts: &mut Facts) {
    let Some((name, end, suffix)) = decode_name(payload, at) else { return };
    let name = name.get(..end).unwrap_or_default();
    facts.put(key, name);
    facts.say(name);
    facts.say(b"<");
    facts.say_hex(&[suffix]);
    facts.say(b">");
}

fn describe_name_service(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(id), Some(flags)) = (payload.u16(0), payload.u16(2)) else { return };
    let response = flags & 0x8000 != 0;
    facts.say(opcode_name(flags).unwrap_or(b"Unknown operation"));
    if response {
        facts.say(b" response");
    }
    if payload.u16(HEADER_LENGTH + NAME_LENGTH) == Some(0x21) {
        facts.say(b" NBSTAT");
    }
    facts.say(b" ");
    facts.put_hex("transaction_id", &id.to_be_bytes());
    facts.put_flag("is_response", response);
    say_name(payload, HEADER_LENGTH, "name", facts);
    if response {
        facts.put_number("rcode", u64::from(flags & 15));
    }
}

fn is_datagram_service(payload: &Payload) -> bool {
    if payload.u8(1).is_none_or(|flags| flags & 0xf0 != 0) {
        return false;
    }
    let on_port = payload.on_port(NBDS.ports);
    match payload.u8(0) {
        Some(0x10..=0x12) => {
            payload.u16(10).is_some_and(|length| usize::from(length) + 14 == payload.length)
                && is_encoded_name(payload, 14)
                && (on_port || is_encoded_name(payload, 14 + NAME_LENGTH))
        }
        _ if !on_port => false,
        // An error has one byte more than the header, a query and its responses a name.
        Some(0x13) => payload.length == 11,
        _ => is_encoded_name(payload, 10),
    }
}

fn describe_datagram_service(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let name: &[u8] = match payload.u8(0) {
        Some(0x10) => b"Direct unique datagram",
        Some(0x11) => b"Direct group datagram",
        Some(0x12) => b"Broadcast datagram",
        Some(0x13) => b"Datagram error",
        Some(0x14) => b"Datagram query request",
        Some(0x15) => b"Datagram positive query response",
        Some(0x16) => b"Datagram negative query response",
        _ => return,
    };
    facts.say(name);
    facts.put("message_type", name);
    if let Some(address) = payload.array(4).map(Address::v4) {
        facts.entry("source_ip", |text| address.write_text(text));
    }
    if matches!(payload.u8(0), Some(0x10..=0x12)) {
        facts.say(b" ");
        say_name(payload, 14, "source_name", facts);
        facts.say(b" -> ");
        say_name(payload, 14 + NAME_LENGTH, "destination_name", facts);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn query(name: &[u8; 32]) -> Vec<u8> {
        let mut payload = b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\0\x20".to_vec();
        payload.extend_from_slice(name);
        payload.extend_from_slice(&[0, 0, 0x20, 0, 1]);
        payload
    }

    #[test]
    fn names_are_decoded() {
        let packet = sent(Carrier::Udp, 137, 137, &query(b"FEEFFDFECACACACACACACACACACACAAA"));
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!(name, Some("NBNS"));
        assert_eq!(info, "Name query TEST<00>");
        assert!(details.contains(&("name", "TEST".to_owned())));
    }

    #[test]
    fn letters_are_from_a_to_p() {
        let packet = sent(Carrier::Udp, 137, 137, &query(b"FEEFFDFECACACACACACACACACACACAAQ"));
        // Still a well-formed DNS query, off its port.
        assert_ne!(names(&[packet]), [Some("NBNS")]);
    }

    #[test]
    fn a_broadcast_datagram_says_who_speaks_to_whom() {
        let mut payload = b"\x11\x0a\x12\x34\xc0\0\x02\x01\0\x8a\0\0\0\0".to_vec();
        for name in [b"FEEFFDFECACACACACACACACACACACAAA", b"FEEFFDFECACACACACACACACACACACABO"] {
            payload.push(32);
            payload.extend_from_slice(name);
            payload.push(0);
        }
        payload[11] = payload.len() as u8 - 14;
        let packet = sent(Carrier::Udp, 138, 138, &payload);
        let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("NBDS"), "Direct group datagram TEST<00> -> TEST<1e>"));
        payload.push(0);
        assert_eq!(names(&[sent(Carrier::Udp, 138, 138, &payload)]), [None]);
    }
}
