//! SMPP (SMPP 3.4 and 5.0): PDUs of a length, a command, a status and a sequence number.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[2775];
const HEADER: usize = 16;
/// Longest PDU that is believed, bytes.
const MOST_LENGTH: u32 = 1 << 17;
/// Set in the command of a response.
const RESPONSE: u32 = 0x8000_0000;

/// SMPP: elsewhere than on its port by PDUs with a body that fits.
pub static SMPP: Signature = Signature {
    name: "SMPP",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[0]),
    examine: |payload, _, _| {
        let Some(first) = Pdu::at(payload, 0) else { return Verdict::No };
        let mut offset = 0;
        while let Some(pdu) = Pdu::at(payload, offset) {
            offset += pdu.length;
        }
        let on_port = payload.on_port(PORTS);
        match offset == payload.bytes.len() {
            true if body_tells(payload, &first) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
            true if on_port => Verdict::Is(Confidence::HIGH, Method::Port),
            false if on_port && offset > payload.bytes.len() => Verdict::Is(Confidence::MEDIUM, Method::Port),
            _ => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

struct Pdu {
    length: usize,
    command: u32,
    status: u32,
    sequence: u32,
}

impl Pdu {
    fn at(payload: &Payload, offset: usize) -> Option<Self> {
        let [length, command, status, sequence] = [0, 4, 8, 12].map(|at| payload.u32(offset + at));
        let (length, command, status, sequence) = (length?, command?, status?, sequence?);
        let fits = (HEADER as u32..=MOST_LENGTH).contains(&length)
            && command_name(command & !RESPONSE).is_some()
            // Of those commands that have no answer.
            && !matches!(command, 0 | 0x8000_000b | 0x8000_0102)
            // 0x400 to 0x4ff are the vendors'.
            && status <= 0x4ff
            && (command & RESPONSE != 0 || status == 0)
            && (sequence != 0 || command == RESPONSE)
            && sequence <= i32::MAX as u32;
        fits.then_some(Self { length: length as usize, command, status, sequence })
    }
}

/// Whether the body begins with what the command asks for.
fn body_tells(payload: &Payload, pdu: &Pdu) -> bool {
    let body = payload.bytes.get(HEADER..pdu.length).unwrap_or_default();
    match pdu.command {
        // Binding: name, password and type of the system, and the version of the interface.
        1 | 2 | 9 => {
            let rest = string(body, 16).and_then(|rest| string(rest, 9)).and_then(|rest| string(rest, 13));
            matches!(rest, Some([0..=0x50, _, _, ..]))
        }
        0x8000_0001 | 0x8000_0002 | 0x8000_0009 => {
            pdu.status == 0 && body.len() > 2 && string(body, 16).is_some()
        }
        // Type of service; numbering types and plans of the source, then its address, and those of the destination.
        4 | 5 => {
            let source = match string(body, 6) {
                Some([0..=6, 0..=18, source @ ..]) => string(source, 21),
                _ => None,
            };
            matches!(source, Some([0..=6, 0..=18, destination @ ..]) if string(destination, 21).is_some())
        }
        _ => false,
    }
}

/// What follows a string of at most `most` bytes with the zero that ends it.
fn string(bytes: &[u8], most: usize) -> Option<&[u8]> {
    let end = memchr::memchr(0, bytes.get(..most.min(bytes.len()))?)?;
    let (text, rest) = bytes.split_at_checked(end)?;
    text.iter().all(|byte| (b' '..0x7f).contains(byte)).then(|| rest.get(1..))?
}

fn command_name(command: u32) -> Option<&'static str> {
    Some(match command {
        0x000 => "generic_nack",
        0x001 => "bind_receiver",
        0x002 => "bind_transmitter",
        0x003 => "query_sm",
        0x004 => "submit_sm",
        0x005 => "deliver_sm",
        0x006 => "unbind",
        0x007 => "replace_sm",
        0x008 => "cancel_sm",
        0x009 => "bind_transceiver",
        0x00b => "outbind",
        0x015 => "enquire_link",
        0x021 => "submit_multi",
        0x102 => "alert_notification",
        0x103 => "data_sm",
        0x111 => "broadcast_sm",
        0x112 => "query_broadcast_sm",
        0x113 => "cancel_broadcast_sm",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(pdu) = Pdu::at(payload, 0) else { return };
    let name = command_name(pdu.command & !RESPONSE).unwrap_or_default();
    let suffix: &[u8] = if pdu.command > RESPONSE { b"_resp" } else { b"" };
    facts.say(name.as_bytes());
    facts.say(suffix);
    facts.put_all("command", [name.as_bytes(), suffix].into_iter());
    facts.put_number("command_status", pdu.status.into());
    facts.put_number("sequence_number", pdu.sequence.into());
    facts.put_number("command_length", pdu.length as u64);
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn pdu(command: u32, status: u32, body: &[u8]) -> Vec<u8> {
        let mut pdu = Vec::new();
        for word in [(HEADER + body.len()) as u32, command, status, 7] {
            pdu.extend(word.to_be_bytes());
        }
        pdu.extend(body);
        pdu
    }

    #[test]
    fn pdus_and_where_they_are_known() {
        let bind = pdu(9, 0, b"me\0secret\0\0\x34\0\0\0");
        let submit = pdu(4, 0, b"\0\x01\x01123\0\x01\x01456\0\0\0\0");
        let link = pdu(0x15, 0, b"");
        let two = [link.clone(), submit.clone()].concat();
        for (port, payload, expected) in [
            (2775, &bind, Some("SMPP")),
            (9000, &bind, Some("SMPP")),
            (9000, &submit, Some("SMPP")),
            (2775, &link, Some("SMPP")),
            (2775, &two, Some("SMPP")),
            (9000, &link, None),
            (2775, &pdu(0x16, 0, b""), None),
            (2775, &pdu(0x15, 1, b""), None),
            (2775, &pdu(0x8000_0015, 0x500, b""), None),
            (2775, &[&link[..], b"?"].concat(), None),
            (9000, &pdu(9, 0, b"me\0secret"), None),
        ] {
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, port, payload)]), [expected], "{payload:x?}");
        }
    }

    #[test]
    fn the_command_is_told_and_no_password() {
        let bind = pdu(0x8000_0009, 0, b"me\0");
        let (_, details, info) =
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Tcp, 2775, 40001, &bind));
        assert_eq!(info, "bind_transceiver_resp");
        assert!(details.contains(&("sequence_number", "7".into())), "{details:?}");
    }
}
