//! DNS over UDP and TCP (RFC 1035, RFC 7766), mDNS (RFC 6762) and LLMNR (RFC 4795). What a message says is written by
//! the parser, [`crate::dns`], not here.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Method, Payload, Signature, Verdict};
use crate::dns::message::{HEADER_LENGTH, Header};
use crate::dns::{names, stream};
use crate::net::Address;

const PORT: u16 = 53;
const MDNS_PORT: u16 = 5353;
const LLMNR_PORT: u16 = 5355;

/// DNS on any port: whole messages whose names and counts fit.
pub static DNS: Signature = Signature {
    name: "DNS",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: &[PORT],
    first: FirstBytes::Any,
    examine: |payload, _, _| match payload.carrier {
        Carrier::Tcp => examine_stream(payload),
        _ => examine_datagram(payload),
    },
    continues: |payload, _, _| {
        payload.carrier == Carrier::Tcp || payload.on_port(&[PORT]) || looks_like_dns(payload)
    },
    ..Signature::BASE
};

/// Multicast DNS: DNS messages on port 5353.
pub static MDNS: Signature = Signature {
    name: "mDNS",
    carriers: &[Carrier::Udp],
    ports: &[MDNS_PORT],
    first: FirstBytes::Any,
    examine: |payload, _, _| examine_multicast(payload, MDNS_PORT, [224, 0, 0, 251], 0xfb),
    ..Signature::BASE
};

/// LLMNR: DNS messages on port 5355.
pub static LLMNR: Signature = Signature {
    name: "LLMNR",
    carriers: &[Carrier::Udp],
    ports: &[LLMNR_PORT],
    first: FirstBytes::Any,
    examine: |payload, _, _| examine_multicast(payload, LLMNR_PORT, [224, 0, 0, 252], 0x1_0003),
    ..Signature::BASE
};

fn examine_multicast(payload: &Payload, port: u16, group: [u8; 4], group_v6: u32) -> Verdict {
    if !payload.on_port(&[port]) || !looks_like_dns(payload) {
        return Verdict::No;
    }
    let groups = [Address::v4(group), Address::v6((0xff02 << 112 | u128::from(group_v6)).to_be_bytes())];
    match payload.ip.is_some_and(|ip| groups.contains(&ip.destination)) {
        true => Verdict::Is(Confidence::DEFINITE, Method::Port),
        false => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
    }
}

fn examine_datagram(payload: &Payload) -> Verdict {
    if !looks_like_dns(payload) {
        return Verdict::No;
    }
    if payload.on_port(&[PORT]) {
        return Verdict::Is(Confidence::VERY_HIGH, Method::Port);
    }
    match Header::read(payload.bytes) {
        Some(header) if header.question_count == 1 => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        _ => Verdict::No,
    }
}

/// A message behind its length. On port 53 also one in the middle of a connection.
fn examine_stream(payload: &Payload) -> Verdict {
    let on_port = payload.on_port(&[PORT]);
    let Some(length) = payload.u16(0).map(usize::from) else {
        return if on_port && payload.at_start { Verdict::More } else { Verdict::No };
    };
    if let Some(message) = payload.bytes.get(2..).and_then(|rest| rest.get(..length)) {
        if length >= HEADER_LENGTH && stream::looks_like_dns(message, length) {
            return match on_port {
                true => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
                false => Verdict::Is(Confidence::HIGH, Method::Payload),
            };
        }
    } else if payload.at_start && may_begin(payload.from(2), length) {
        return Verdict::More;
    }
    match on_port && stream::messages(payload.bytes).next().is_some() {
        true => Verdict::Is(Confidence::MEDIUM, Method::Port),
        false => Verdict::No,
    }
}

/// Whether `bytes` may be the beginning of a message of `length` bytes that is not all there yet.
fn may_begin(bytes: &[u8], length: usize) -> bool {
    length >= HEADER_LENGTH && (bytes.len() < HEADER_LENGTH || begins_like_dns(bytes))
}

/// A whole message, or as much of one as was captured.
fn looks_like_dns(payload: &Payload) -> bool {
    match payload.is_whole() {
        true => stream::looks_like_dns(payload.bytes, payload.length),
        false => begins_like_dns(payload.bytes),
    }
}

/// A header without bits that no message has, small counts, and a question that can be.
fn begins_like_dns(bytes: &[u8]) -> bool {
    let Some(header) = Header::read(bytes) else { return false };
    let counts = [header.answer_count, header.authority_count, header.additional_count];
    let sane = header.opcode() <= 6
        && !header.reserved()
        && (header.is_response() || header.rcode() == 0)
        && header.question_count <= 1
        && counts.iter().all(|count| *count <= 255);
    sane && header.question_count == 1
        && match names::skip(bytes, HEADER_LENGTH) {
            Ok(end) => bytes.get(end + 2..end + 4).is_none_or(|class| matches!(class, [0 | 0x80, 1 | 255])),
            Err(error) => error == names::NameError::Cut,
        }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Sent, names, sent};
    use super::*;

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";

    fn name(packet: Sent) -> Option<&'static str> {
        names(&[packet]).pop().flatten()
    }

    #[test]
    fn ports_tell_the_three_apart() {
        for (port, expected) in [(53, "DNS"), (9953, "DNS"), (5353, "mDNS"), (5355, "LLMNR")] {
            assert_eq!(name(sent(Carrier::Udp, 40001, port, QUERY)), Some(expected), "{port}");
        }
    }

    #[test]
    fn a_message_may_come_in_pieces_of_a_stream() {
        let mut framed = vec![0, QUERY.len() as u8];
        framed.extend_from_slice(QUERY);
        let whole = names(&[sent(Carrier::Tcp, 40001, 853, &framed)]);
        assert_eq!(whole, [Some("DNS")]);
        let pieces = [
            sent(Carrier::Tcp, 40001, 53, &framed[..2]),
            sent(Carrier::Tcp, 40001, 53, &framed[2..20]),
            sent(Carrier::Tcp, 40001, 53, &framed[20..]),
        ];
        assert_eq!(names(&pieces), [None, None, Some("DNS")]);
    }

    #[test]
    fn a_message_with_something_wrong_is_none() {
        let change = |at: usize, value: u8| {
            let mut query = QUERY.to_vec();
            query[at] = value;
            query
        };
        // Reserved bit, response code in a query, two questions, label too long, class 2.
        for (at, value) in [(3, 0x40), (3, 3), (5, 2), (12, 64), (28, 2)] {
            let payload = change(at, value);
            assert_eq!(name(sent(Carrier::Udp, 40001, 53, &payload)), None, "{at} {value}");
        }
    }
}
