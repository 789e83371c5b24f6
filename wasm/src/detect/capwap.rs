//! CAPWAP (RFC 5415): wireless access points and their controller.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const CONTROL_PORTS: &[u16] = &[5246];
const PORTS: &[u16] = &[5246, 5247];
/// Version 0, and what follows: a header, or one and DTLS.
const CLEAR: u8 = 0;
const DTLS: u8 = 1;
const DTLS_HEADER_LENGTH: usize = 4;
const LEAST_HEADER_LENGTH: usize = 8;
/// Type, sequence number, length and flags of a control message.
const CONTROL_HEADER_LENGTH: usize = 8;
/// What the standard has the length count of that; many count none of it.
const COUNTED: usize = 3;
const LAST_MESSAGE: u32 = 26;

/// CAPWAP, control and data.
pub static CAPWAP: Signature = Signature {
    name: "CAPWAP",
    carriers: &[Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[CLEAR, DTLS]),
    examine: |payload, _, _| match payload.on_port(PORTS) && is_capwap(payload) {
        true => Verdict::Is(Confidence::HIGH, Method::Port),
        false => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

fn is_capwap(payload: &Payload) -> bool {
    match payload.u8(0) {
        Some(DTLS) => is_dtls(payload),
        _ => match header_length(payload) {
            Some(length) if payload.on_port(CONTROL_PORTS) => {
                is_fragment(payload) || control_type(payload, length).is_some()
            }
            Some(length) => length < payload.length,
            None => false,
        },
    }
}

/// A record of a type, a version and a length that DTLS has.
fn is_dtls(payload: &Payload) -> bool {
    const RECORD_HEADER_LENGTH: usize = 13;
    let length = payload.u16(DTLS_HEADER_LENGTH + 11).map(usize::from);
    payload.array(0) == Some([DTLS, 0, 0, 0])
        && matches!(payload.array(DTLS_HEADER_LENGTH), Some([20..=26, 0xfe, 0xfd | 0xff]))
        && length.is_some_and(|length| DTLS_HEADER_LENGTH + RECORD_HEADER_LENGTH + length <= payload.length)
}

fn is_fragment(payload: &Payload) -> bool {
    payload.u8(3).is_some_and(|flags| flags & 0x80 != 0)
}

/// Length of a header without reserved bits: of IEEE 802.11 or, in control messages, of no kind; with an identifier and
/// an offset only if it is that of a fragment, and with an address only if there is room for it.
fn header_length(payload: &Payload) -> Option<usize> {
    let [CLEAR, lengths, binding, flags, i0, i1, o0, o1] = payload.array(0)? else { return None };
    let length = usize::from(lengths >> 3) * 4;
    let (binding, is_control) = (binding >> 1 & 0x1f, payload.on_port(CONTROL_PORTS));
    let has_address = flags & 0x10 != 0;
    let has_more = flags & 0x20 != 0;
    let least = LEAST_HEADER_LENGTH + if has_address { 8 } else { 0 } + if has_more { 4 } else { 0 };
    // Some leave an identifier in packets that are whole, never an offset.
    let is_whole = [o0, o1] == [0; 2] && flags & 0x40 == 0;
    let fits = (least..=payload.length).contains(&length)
        && flags & 0x07 == 0
        && o1 & 0x07 == 0
        && (binding == 1 || is_control && binding == 0)
        && (is_fragment(payload) || is_whole && (is_control || [i0, i1] == [0; 2]));
    fits.then_some(length)
}

/// Type of the control message behind a header of this length, if it is one of the standard and the length of its
/// elements fits.
fn control_type(payload: &Payload, at: usize) -> Option<u32> {
    let (kind, length, flags) = (payload.u32(at)?, usize::from(payload.u16(at + 5)?), payload.u8(at + 7)?);
    let rest = payload.length.checked_sub(at + CONTROL_HEADER_LENGTH)?;
    let fits = length == rest || length == rest + COUNTED;
    ((1..=LAST_MESSAGE).contains(&kind) && flags == 0 && fits).then_some(kind)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    const MESSAGES: [&str; LAST_MESSAGE as usize] = [
        "Discovery Request",
        "Discovery Response",
        "Join Request",
        "Join Response",
        "Configuration Status Request",
        "Configuration Status Response",
        "Configuration Update Request",
        "Configuration Update Response",
        "WTP Event Request",
        "WTP Event Response",
        "Change State Event Request",
        "Change State Event Response",
        "Echo Request",
        "Echo Response",
        "Image Data Request",
        "Image Data Response",
        "Reset Request",
        "Reset Response",
        "Primary Discovery Request",
        "Primary Discovery Response",
        "Data Transfer Request",
        "Data Transfer Response",
        "Clear Configuration Request",
        "Clear Configuration Response",
        "Station Configuration Request",
        "Station Configuration Response",
    ];
    let is_control = payload.on_port(CONTROL_PORTS);
    facts.put("channel", if is_control { b"control" } else { b"data" });
    facts.say(if is_control { b"CAPWAP-Control - " } else { b"CAPWAP-Data - " });
    if payload.u8(0) == Some(DTLS) {
        return facts.say(b"DTLS");
    }
    let Some(at) = header_length(payload) else { return };
    let message = control_type(payload, at).filter(|_| is_control);
    let name = message.and_then(|kind| MESSAGES.get((kind as usize).wrapping_sub(1)));
    match name {
        Some(name) => {
            facts.say(name.as_bytes());
            facts.put("message_type", name.as_bytes());
            if let Some(sequence) = payload.u8(at + 4) {
                facts.put_number("sequence_number", sequence.into());
            }
        }
        None if is_fragment(payload) => facts.say(b"Fragment"),
        None => {
            let keeps_alive = payload.u8(3).is_some_and(|flags| flags & 0x08 != 0);
            facts.say(if keeps_alive { b"Keep-Alive" } else { b"Frame" });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const DISCOVERY: &[u8] = b"\0\x10\x02\0\0\0\0\0\0\0\0\x01\x07\0\x08\0\0\x14\0\x01\0";
    const KEEP_ALIVE: &[u8] = b"\0\x10\x02\x08\0\0\0\0\0\x16";
    const RECORD: &[u8] = b"\x01\0\0\0\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x02ab";

    #[test]
    fn messages_and_what_they_say() {
        for (port, payload, expected) in [
            (5246, DISCOVERY, "CAPWAP-Control - Discovery Request"),
            (5247, KEEP_ALIVE, "CAPWAP-Data - Keep-Alive"),
            (5246, RECORD, "CAPWAP-Control - DTLS"),
            (5247, RECORD, "CAPWAP-Data - DTLS"),
        ] {
            let packet = sent(Carrier::Udp, 40_001, port, payload);
            let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("CAPWAP"), expected));
            assert_eq!(names(&[sent(Carrier::Udp, 40_001, 5248, payload)]), [None]);
        }
        // The length of elements without what is in front of them.
        let mut counted = DISCOVERY.to_vec();
        counted[14] = 5;
        assert_eq!(names(&[sent(Carrier::Udp, 5246, 40_001, &counted)]), [Some("CAPWAP")]);
    }

    #[test]
    fn reserved_bits_and_lengths_are_checked() {
        for (port, payload, at, value) in [
            (5246, DISCOVERY, 0, 0x10),
            (5246, DISCOVERY, 1, 0x08),
            (5246, DISCOVERY, 2, 0x04),
            (5246, DISCOVERY, 3, 0x01),
            (5246, DISCOVERY, 6, 0x01),
            (5246, DISCOVERY, 11, 27),
            (5246, DISCOVERY, 14, 7),
            (5246, DISCOVERY, 15, 1),
            (5247, KEEP_ALIVE, 1, 0x18),
            (5247, KEEP_ALIVE, 2, 0),
            (5247, KEEP_ALIVE, 3, 0x10),
            (5247, KEEP_ALIVE, 5, 1),
            (5247, KEEP_ALIVE, 7, 1),
            (5246, RECORD, 3, 1),
            (5246, RECORD, 4, 19),
            (5246, RECORD, 6, 1),
            (5246, RECORD, 16, 3),
        ] {
            let mut payload = payload.to_vec();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 40_001, port, &payload)]), [None], "{port} {at} {value}");
        }
    }
}
