//! RADIUS (RFC 2865, RFC 2866, RFC 5176). Attributes are checked, not shown: they hold names and passwords.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Authentication, accounting, and their ports of old; dynamic authorization.
const PORTS: &[u16] = &[1812, 1813, 1645, 1646, 3799];
const HEADER_LENGTH: usize = 20;
/// Longest packet in bytes (RFC 2865 section 3).
const MOST_LENGTH: usize = 4096;

/// RADIUS: attributes fill the packet.
pub static RADIUS: Signature = Signature {
    name: "RADIUS",
    carriers: &[Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::Ranges(&[(1, 5), (11, 13), (40, 45)]),
    examine: |payload, _, _| match attributes(payload) {
        Some(_) if payload.on_port(PORTS) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        Some(1..) => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        _ => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// How many attributes there are, if they fill the packet.
fn attributes(payload: &Payload) -> Option<u32> {
    code_name(payload.u8(0)?)?;
    let length = usize::from(payload.u16(2)?);
    if length != payload.length || !(HEADER_LENGTH..=MOST_LENGTH).contains(&length) {
        return None;
    }
    let (mut at, mut count) = (HEADER_LENGTH, 0);
    while at < length {
        match (payload.u8(at), payload.u8(at + 1)) {
            (Some(1..), Some(size @ 2..)) => at += usize::from(size),
            (_, None) if !payload.is_whole() => return Some(count),
            _ => return None,
        }
        count += 1;
    }
    (at == length).then_some(count)
}

fn code_name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "Access-Request",
        2 => "Access-Accept",
        3 => "Access-Reject",
        4 => "Accounting-Request",
        5 => "Accounting-Response",
        11 => "Access-Challenge",
        12 => "Status-Server",
        13 => "Status-Client",
        40 => "Disconnect-Request",
        41 => "Disconnect-ACK",
        42 => "Disconnect-NAK",
        43 => "CoA-Request",
        44 => "CoA-ACK",
        45 => "CoA-NAK",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(code), Some(identifier), Some(length)) = (payload.u8(0), payload.u8(1), payload.u16(2)) else {
        return;
    };
    let name = code_name(code).unwrap_or("Unknown code");
    facts.say(name.as_bytes());
    facts.say(b" id=");
    facts.say_number(identifier.into());
    facts.put_number("code", code.into());
    facts.put("code_name", name.as_bytes());
    facts.put_number("identifier", identifier.into());
    facts.put_number("length", length.into());
    if let Some(count) = attributes(payload) {
        facts.put_number("attributes", count.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn attributes_fill_the_packet_and_stay_secret() {
        let mut packet = vec![1, 7, 0, 27];
        packet.extend_from_slice(&[9; 16]);
        packet.extend_from_slice(b"\x01\x07alice");
        let (name, details, info) =
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Udp, 40001, 1812, &packet));
        assert_eq!((name, info.as_str()), (Some("RADIUS"), "Access-Request id=7"));
        assert!(details.iter().all(|(_, value)| !value.contains("alice")));
        assert_eq!(names(&[sent(Carrier::Udp, 40001, 40003, &packet)]), [Some("RADIUS")]);
        for (at, value) in [(0, 6), (3, 26), (21, 6), (21, 1), (20, 0)] {
            let mut packet = packet.clone();
            packet[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 40001, 1812, &packet)]), [None], "{at} {value}");
        }
    }
}
