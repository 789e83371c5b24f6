//! DCE/RPC (C706 of The Open Group, MS-RPCE): connection-oriented PDUs over TCP, connectionless ones over UDP.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, http, tls};

/// Common header of connection-oriented PDUs, bytes.
const HEADER: usize = 16;
/// Header of connectionless PDUs, bytes.
const DATAGRAM_HEADER: usize = 80;
/// Credentials at the end are led by so many bytes.
const TRAILER: usize = 8;

/// DCE/RPC.
pub static DCERPC: Signature = Signature {
    name: "DCERPC",
    carriers: &[Carrier::Tcp, Carrier::Udp],
    ports: &[135],
    first: FirstBytes::OneOf(&[4, 5]),
    examine: |payload, state, _| {
        if payload.carrier == Carrier::Udp {
            return match Datagram::of(payload) {
                Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
                None => Verdict::No,
            };
        }
        let Some(pdu) = Pdu::of(payload) else {
            let begins = matches!(payload.bytes, [5, 0 | 1, kind, ..] if pdu_name(*kind).is_some());
            let more = begins && payload.bytes.len() < HEADER && state.may_ask_more(payload);
            return if more { Verdict::More } else { Verdict::No };
        };
        match payload.bytes.get(pdu.length..) {
            Some([]) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
            // Another PDU of the same version follows.
            Some([5, minor, ..]) if payload.u8(1) == Some(*minor) => {
                Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
            }
            Some([5]) => Verdict::Is(Confidence::HIGH, Method::Payload),
            Some(_) => Verdict::No,
            None if payload.on_port(&[135]) => Verdict::Is(Confidence::HIGH, Method::Port),
            // Small numbers in a row look like the beginning of a long one in the other byte order.
            None if pdu.little_endian => Verdict::Is(Confidence::HIGH, Method::Payload),
            None => Verdict::No,
        }
    },
    continues: |payload, _, _| {
        payload.carrier == Carrier::Udp
            || !(http::begins_message(payload.bytes) || tls::begins_client_hello(payload.bytes))
    },
    asks: FirstBytes::Ranges(&[(b'A', b'Z'), (22, 22)]),
    describe,
    ..Signature::BASE
};

/// Format label (C706 section 14.1): whether integers are little endian. The characters and floating-point numbers are
/// of a kind that there is, and what is reserved is 0.
fn is_little_endian([integers, floats]: [u8; 2], reserved: u8) -> Option<bool> {
    let fits = integers & 0xee == 0 && floats <= 3 && reserved == 0;
    fits.then_some(integers & 0x10 != 0)
}

fn number(bytes: [u8; 2], little_endian: bool) -> usize {
    usize::from(if little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
}

/// A connection-oriented PDU (C706 section 12.6.3.1).
struct Pdu {
    kind: u8,
    length: usize,
    call_id: u32,
    little_endian: bool,
}

impl Pdu {
    fn of(payload: &Payload) -> Option<Self> {
        let [5, 0 | 1, kind, _, d0, d1, d2, 0, f0, f1, a0, a1, id @ ..] = payload.array::<HEADER>(0)? else {
            return None;
        };
        let little_endian = is_little_endian([d0, d1], d2)?;
        let length = number([f0, f1], little_endian);
        let credentials = number([a0, a1], little_endian);
        let trailer = if credentials == 0 { 0 } else { credentials + TRAILER };
        let least = match kind {
            0 | 2 => 24,
            3 => 32,
            11 | 14 => 28,
            12 | 15 => 24,
            _ => HEADER,
        };
        let call_id = if little_endian { u32::from_le_bytes(id) } else { u32::from_be_bytes(id) };
        let fits = pdu_name(kind).is_some() && length >= least + trailer;
        fits.then_some(Self { kind, length, call_id, little_endian })
    }
}

fn pdu_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "request",
        2 => "response",
        3 => "fault",
        11 => "bind",
        12 => "bind_ack",
        13 => "bind_nak",
        14 => "alter_context",
        15 => "alter_context_resp",
        // Of Microsoft's extensions.
        16 => "rpc_auth_3",
        17 => "shutdown",
        18 => "co_cancel",
        19 => "orphaned",
        _ => return None,
    })
}

/// A connectionless PDU (C706 section 12.5.2).
struct Datagram {
    kind: u8,
    little_endian: bool,
}

impl Datagram {
    fn of(payload: &Payload) -> Option<Self> {
        let [4, kind, flags, more_flags, d0, d1, d2, _] = payload.array(0)? else { return None };
        let little_endian = is_little_endian([d0, d1], d2)?;
        let length = number(payload.array(74)?, little_endian);
        let authentication = payload.u8(78)?;
        let end = DATAGRAM_HEADER + length;
        let fits = datagram_name(kind).is_some()
            // Bits that are reserved.
            && flags & 0x81 == 0
            && more_flags & !2 == 0
            && match authentication {
                0 => end == payload.length,
                1 | 9 | 10 | 14 | 16 => end <= payload.length,
                _ => return None,
            };
        fits.then_some(Self { kind, little_endian })
    }
}

fn datagram_name(kind: u8) -> Option<&'static str> {
    const NAMES: [&str; 11] = [
        "request",
        "ping",
        "response",
        "fault",
        "working",
        "nocall",
        "reject",
        "ack",
        "cl_cancel",
        "fack",
        "cancel_ack",
    ];
    NAMES.get(usize::from(kind)).copied()
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if payload.carrier == Carrier::Udp {
        let Some(datagram) = Datagram::of(payload) else { return };
        let name = datagram_name(datagram.kind).unwrap_or_default();
        facts.say(name.as_bytes());
        facts.put("packet_type", name.as_bytes());
        put_uuid("interface", payload, 24, datagram.little_endian, facts);
        if let Some(operation) = payload.array(68) {
            facts.put_number("opnum", number(operation, datagram.little_endian) as u64);
        }
        return;
    }
    let Some(pdu) = Pdu::of(payload) else { return };
    let Some(name) = pdu_name(pdu.kind) else { return };
    facts.say(name.as_bytes());
    facts.put("packet_type", name.as_bytes());
    facts.put_number("call_id", pdu.call_id.into());
    facts.put_number("frag_length", pdu.length as u64);
    match pdu.kind {
        0 => {
            if let Some(operation) = payload.array(22) {
                let operation = number(operation, pdu.little_endian) as u64;
                facts.say(b" opnum ");
                facts.say_number(operation);
                facts.put_number("opnum", operation);
            }
        }
        // The abstract syntax of the first of the contexts.
        11 | 14 => put_uuid("interface", payload, 32, pdu.little_endian, facts),
        _ => {}
    }
}

/// Puts a UUID; its first three fields are integers.
fn put_uuid(key: &'static str, payload: &Payload, offset: usize, little_endian: bool, facts: &mut Facts) {
    let Some(mut uuid) = payload.array::<16>(offset) else { return };
    if little_endian {
        let [a, b, c, d, e, f, g, h, ..] = uuid;
        if let Some(fields) = uuid.first_chunk_mut() {
            *fields = [d, c, b, a, f, e, h, g];
        }
    }
    facts.entry(key, |text| {
        for (place, byte) in uuid.into_iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                text.push(b'-');
            }
            super::facts::put_hex_byte(text, byte);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn bind() -> Vec<u8> {
        let mut pdu = vec![5, 0, 11, 3, 0x10, 0, 0, 0, 72, 0, 0, 0, 7, 0, 0, 0];
        pdu.extend([0xb8, 0x10, 0xb8, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]);
        pdu.extend([8, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91, 0xa4, 8, 0, 0x2b, 0x14, 0xa0, 0xfa]);
        pdu.resize(72, 0);
        pdu
    }

    fn datagram() -> Vec<u8> {
        let mut pdu = vec![4, 0, 0x20, 0, 0x10, 0, 0, 0];
        pdu.resize(DATAGRAM_HEADER + 4, 0);
        pdu[74] = 4;
        pdu
    }

    #[test]
    fn pdus_and_what_they_say() {
        for port in [135, 49160] {
            let packet = sent(Carrier::Tcp, 40001, port, &bind());
            let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("DCERPC"), "bind"));
            let interface = ("interface", "e1af8308-5d1f-11c9-91a4-08002b14a0fa".into());
            assert!(details.contains(&interface), "{details:?}");
            assert_eq!(names(&[sent(Carrier::Udp, 40001, port, &datagram())]), [Some("DCERPC")]);
        }
        let two = [bind(), bind()].concat();
        assert_eq!(names(&[sent(Carrier::Tcp, 40001, 9000, &two)]), [Some("DCERPC")]);
        let whole = bind();
        let (first, second) = whole.split_at(10);
        let packets = [first, second].map(|part| sent(Carrier::Tcp, 40001, 9000, part));
        assert_eq!(names(&packets), [None, Some("DCERPC")]);
    }

    #[test]
    fn near_misses() {
        for (at, byte) in
            [(0, 4), (1, 2), (2, 1), (2, 20), (4, 0x20), (5, 4), (6, 1), (7, 1), (8, 71), (8, 20), (10, 60)]
        {
            let mut pdu = bind();
            pdu[at] = byte;
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 135, &pdu)]), [None], "byte {at}");
        }
        for (at, byte) in [(0, 5), (1, 11), (2, 1), (3, 1), (4, 0x22), (6, 1), (74, 5), (78, 2)] {
            let mut pdu = datagram();
            pdu[at] = byte;
            assert_eq!(names(&[sent(Carrier::Udp, 40001, 135, &pdu)]), [None], "byte {at}");
        }
    }
}
