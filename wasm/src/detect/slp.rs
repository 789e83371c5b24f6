//! SLP: version 1 (RFC 2165) and version 2 (RFC 2608).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[427];
const HEADER_LENGTH_1: usize = 12;
/// Without the language.
const HEADER_LENGTH_2: usize = 14;
const FIRST_FUNCTION: u8 = 1;
const LAST_FUNCTION: u8 = 11;
/// Longest language tag that is believed (RFC 5646 section 4.4.1).
const MOST_LANGUAGE: usize = 35;
const SERVICE_REQUEST: u8 = 1;

/// Where both versions have the identifier of a transaction.
const TRANSACTION_AT: usize = 10;

/// SLP.
pub static SLP: Signature = Signature {
    name: "SLP",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[1, 2]),
    examine: |payload, _, _| match (payload.u8(0), payload.on_port(PORTS)) {
        (Some(2), true) if is_version_2(payload) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        (Some(2), false) if is_version_2(payload) => Verdict::Is(Confidence::HIGH, Method::Payload),
        (Some(1), true) if is_version_1(payload) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        _ => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// Whether a message of `length` bytes is what was sent: a datagram, or the beginning of a stream.
fn fits(payload: &Payload, length: usize, least: usize) -> bool {
    match payload.carrier {
        Carrier::Udp => length == payload.length,
        _ if payload.on_port(PORTS) => length >= least,
        _ => length >= least && length == payload.bytes.len(),
    }
}

/// Function, length, reserved flags, and a language tag.
fn is_version_2(payload: &Payload) -> bool {
    const RESERVED_FLAGS: u16 = 0x1fff;
    let (Some(function), Some(length), Some(flags), Some(language_length)) =
        (payload.u8(1), payload.u24(2), payload.u16(5), payload.u16(12).map(usize::from))
    else {
        return false;
    };
    let language = payload.bytes.get(HEADER_LENGTH_2..HEADER_LENGTH_2 + language_length);
    let is_tag = |tag: &[u8]| {
        tag.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') && tag.first() != Some(&b'-')
    };
    (FIRST_FUNCTION..=LAST_FUNCTION).contains(&function)
        && fits(payload, length as usize, HEADER_LENGTH_2 + language_length)
        && flags & RESERVED_FLAGS == 0
        && (1..=MOST_LANGUAGE).contains(&language_length)
        && language.is_some_and(is_tag)
}

/// Function, length, reserved flags, dialect, and a language of two letters (ISO 639).
fn is_version_1(payload: &Payload) -> bool {
    const RESERVED_FLAGS: u8 = 0x07;
    let (Some(function), Some(length), Some([flags, 0, first, second])) =
        (payload.u8(1), payload.u16(2), payload.array(4))
    else {
        return false;
    };
    (FIRST_FUNCTION..LAST_FUNCTION).contains(&function)
        && fits(payload, length.into(), HEADER_LENGTH_1)
        && flags & RESERVED_FLAGS == 0
        && first.is_ascii_alphabetic()
        && second.is_ascii_alphabetic()
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    const NAMES: [&str; 11] = [
        "Service Request",
        "Service Reply",
        "Service Registration",
        "Service Deregister",
        "Service Acknowledge",
        "Attribute Request",
        "Attribute Reply",
        "DA Advertisement",
        "Service Type Request",
        "Service Type Reply",
        "SA Advertisement",
    ];
    let Some([version, function]) = payload.array(0) else { return };
    let fits = match version {
        1 => is_version_1(payload),
        _ => version == 2 && is_version_2(payload),
    };
    let name = NAMES.get(usize::from(function).wrapping_sub(1));
    let (Some(name), Some(transaction), true) = (name, payload.u16(TRANSACTION_AT), fits) else { return };
    facts.say(name.as_bytes());
    facts.say(b", V");
    facts.say_number(version.into());
    facts.say(b" Transaction ID - ");
    facts.say_number(transaction.into());
    facts.put("function", name.as_bytes());
    facts.put_number("version", version.into());
    facts.put_number("xid", transaction.into());
    if let Some(service) = service_type(payload).filter(|_| (version, function) == (2, SERVICE_REQUEST)) {
        facts.put("service_type", service);
    }
}

/// Of a request of version 2: behind the language and the list of those that have answered before.
fn service_type<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    let responders_at = HEADER_LENGTH_2 + usize::from(payload.u16(12)?);
    let at = responders_at + 2 + usize::from(payload.u16(responders_at)?);
    let length = usize::from(payload.u16(at)?);
    payload.bytes.get(at + 2..at + 2 + length)
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const REQUEST: &[u8] =
        b"\x02\x01\0\0\x2d\x20\0\0\0\0\0\x05\0\x02en\0\0\0\x0eservice:nsmith\0\x07DEFAULT\0\0\0\0";
    const OLD: &[u8] = b"\x01\x01\0\x10\0\0en\0\x03\0\x07\0\0\0\0";

    #[test]
    fn both_versions() {
        let request = [REQUEST[..4].to_vec(), vec![REQUEST.len() as u8], REQUEST[5..].to_vec()].concat();
        for (carrier, payload, expected) in [
            (Carrier::Udp, &request[..], "Service Request, V2 Transaction ID - 5"),
            (Carrier::Tcp, &request, "Service Request, V2 Transaction ID - 5"),
            (Carrier::Udp, OLD, "Service Request, V1 Transaction ID - 7"),
        ] {
            let packet = sent(carrier, 40_001, 427, payload);
            let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("SLP"), expected));
            let service = details.contains(&("service_type", "service:nsmith".to_owned()));
            assert_eq!(service, payload.len() > 16);
        }
        assert_eq!(names(&[sent(Carrier::Udp, 40_001, 40_002, &request)]), [Some("SLP")]);
        assert_eq!(names(&[sent(Carrier::Udp, 40_001, 40_002, OLD)]), [None]);
        for (at, value) in [(0, 3), (1, 0), (1, 12), (4, 9), (5, 1), (6, 1), (13, 0), (13, 40), (14, b'-')] {
            let mut payload = request.clone();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 40_001, 427, &payload)]), [None], "{at} {value}");
        }
        for (at, value) in [(1, 11), (3, 17), (4, 1), (5, 1), (6, b'1')] {
            let mut payload = OLD.to_vec();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 40_001, 427, &payload)]), [None], "{at} {value}");
        }
    }
}
