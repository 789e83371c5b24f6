//! TACACS+ (RFC 8907).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Header of a packet, bytes (RFC 8907 section 4.1).
const HEADER: usize = 12;
/// Longest body, bytes.
const MOST_BODY: u32 = 1 << 16;

/// TACACS+: a packet of exact length; its body usually is obfuscated.
pub static TACACS_PLUS: Signature = Signature {
    name: "TACACS+",
    carriers: &[Carrier::Tcp],
    ports: &[49],
    first: FirstBytes::OneOf(&[0xc0, 0xc1]),
    examine: |payload, _, _| match header(payload) {
        Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        None => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

struct Header {
    kind: &'static str,
    sequence: u8,
    flags: u8,
    session: u32,
}

fn header(payload: &Payload) -> Option<Header> {
    let [0xc0 | 0xc1, kind, sequence @ 1..=255, flags] = payload.array(0)? else { return None };
    let kind = match kind {
        1 => "Authentication",
        2 => "Authorization",
        3 => "Accounting",
        _ => return None,
    };
    let (session, length) = (payload.u32(4)?, payload.u32(8)?);
    // Unencrypted, and single connection.
    let fits = flags & !5 == 0
        && (5..=MOST_BODY).contains(&length)
        && length as usize + HEADER == payload.bytes.len();
    fits.then_some(Header { kind, sequence, flags, session })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(header) = header(payload) else { return };
    // The client's numbers are odd.
    let from = if header.sequence & 1 == 1 { "request" } else { "reply" };
    facts.say(header.kind.as_bytes());
    facts.say(b" ");
    facts.say(from.as_bytes());
    facts.put("packet_type", header.kind.as_bytes());
    facts.put("type", from.as_bytes());
    facts.put_number("sequence_number", header.sequence.into());
    facts.put_number("session_id", header.session.into());
    facts.put_flag("encrypted", header.flags & 1 == 0);
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn packets_of_exact_length() {
        let start = [0xc0, 1, 1, 0, 1, 2, 3, 4, 0, 0, 0, 6, 9, 9, 9, 9, 9, 9];
        for port in [49, 9000] {
            let packet = sent(Carrier::Tcp, 40001, port, &start);
            let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("TACACS+"), "Authentication request"));
        }
        for (at, byte) in [(0, 0xc2), (1, 0), (1, 4), (2, 0), (3, 2), (9, 1), (11, 5), (11, 7)] {
            let mut packet = start;
            packet[at] = byte;
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 49, &packet)]), [None], "byte {at}");
        }
    }
}
