//! L2TP version 2 (RFC 2661) and 3 (RFC 3931), over UDP and as IP protocol 115.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORT: u16 = 1701;
const IP_PROTOCOL: u8 = 115;

/// Bits of the first word (RFC 2661 section 3.1).
const TYPE: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;
const PRIORITY: u16 = 0x0100;
const RESERVED: u16 = 0x34f0;

/// Bytes of a control message without attributes.
const CONTROL_LENGTH: usize = 12;

/// L2TP: control messages by their strict header and first attribute, data on the port only.
pub static L2TP: Signature = Signature {
    name: "L2TP",
    carriers: &[Carrier::Udp, Carrier::Ip(IP_PROTOCOL)],
    ports: &[PORT],
    // Data, with a length, a sequence, an offset or a priority; control.
    first: FirstBytes::OneOf(&[
        0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, 0x40, 0x41, 0x42, 0x43, 0x48, 0x49, 0x4a, 0x4b, 0xc8,
    ]),
    examine,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> Verdict {
    if payload.carrier == Carrier::Ip(IP_PROTOCOL) {
        // Session 0: a control message.
        let fits = payload.length > 4 && (payload.u32(0) != Some(0) || control(payload, 4).is_some());
        return if fits { Verdict::Is(Confidence::HIGH, Method::Payload) } else { Verdict::No };
    }
    let on_port = payload.on_port(&[PORT]);
    match payload.u16(0) {
        Some(0xc802 | 0xc803) => match control(payload, 0) {
            Some(Some(_)) if on_port => Verdict::Is(Confidence::DEFINITE, Method::Port),
            Some(Some(_)) => Verdict::Is(Confidence::HIGH, Method::Payload),
            Some(None) if on_port => Verdict::Is(Confidence::MEDIUM, Method::Port),
            _ => Verdict::No,
        },
        Some(flags) if on_port && is_data(payload, flags) => Verdict::Is(Confidence::MEDIUM, Method::Port),
        _ => Verdict::No,
    }
}

/// The message type of the control message at `at`, `Some(None)` for one without attributes (an acknowledgement).
fn control(payload: &Payload, at: usize) -> Option<Option<u16>> {
    let length = usize::from(payload.u16(at + 2)?);
    if at + length != payload.length || length < CONTROL_LENGTH {
        return None;
    }
    if length == CONTROL_LENGTH {
        return Some(None);
    }
    // The first attribute is the message type: 8 bytes, vendor 0, type 0; its hidden and reserved bits are clear.
    let [bits, size] = payload.array(at + CONTROL_LENGTH)?;
    let is_type = bits & 0x7f == 0 && size == 8 && payload.u32(at + CONTROL_LENGTH + 2) == Some(0);
    is_type.then(|| payload.u16(at + CONTROL_LENGTH + 6))
}

/// Data: fields as the flags say, and a PPP frame in them; version 3: a session.
fn is_data(payload: &Payload, flags: u16) -> bool {
    if flags == 3 {
        return payload.u16(2) == Some(0) && payload.u32(4).is_some_and(|session| session != 0);
    }
    if flags & (TYPE | RESERVED) != 0 || flags & 0xf != 2 {
        return false;
    }
    let mut at = 2;
    if flags & LENGTH != 0 {
        if payload.u16(at).map(usize::from) != Some(payload.length) {
            return false;
        }
        at += 2;
    }
    let tunnel = payload.u16(at).is_some_and(|tunnel| tunnel != 0);
    at += 4;
    if flags & SEQUENCE != 0 {
        at += 4;
    }
    if flags & OFFSET != 0 {
        at += 2 + usize::from(payload.u16(at).unwrap_or(0));
    }
    // Address and control field, and a network or link protocol (RFC 1661 section 2).
    let protocol = match payload.u16(at) {
        Some(0xff03) => payload.u16(at + 2),
        protocol => protocol,
    };
    let known = protocol.is_some_and(|protocol| {
        matches!(protocol, 0x0021 | 0x0057 | 0x003d | 0x00fd | 0x8021 | 0x8057 | 0x80fd | 0xc021 | 0xc023)
            || matches!(protocol, 0xc025 | 0xc223 | 0xc227)
    });
    tunnel && known
}

/// Message type by its number (RFC 2661 section 3.2).
fn message_type_name(number: u16) -> &'static str {
    match number {
        1 => "SCCRQ",
        2 => "SCCRP",
        3 => "SCCCN",
        4 => "StopCCN",
        6 => "Hello",
        7 => "OCRQ",
        8 => "OCRP",
        9 => "OCCN",
        10 => "ICRQ",
        11 => "ICRP",
        12 => "ICCN",
        14 => "CDN",
        15 => "WEN",
        16 => "SLI",
        _ => "Unknown",
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    // Over IP, control messages are those of session 0 (RFC 3931 section 4.1.1).
    let at = match payload.carrier {
        Carrier::Udp => 0,
        _ => match payload.u32(0) {
            Some(0) => 4,
            Some(session) => return describe_data(3, None, session, facts),
            None => return,
        },
    };
    let Some(flags) = payload.u16(at) else { return };
    let version = flags & 0xf;
    if flags & TYPE == 0 {
        if version == 3 {
            return describe_data(3, None, payload.u32(4).unwrap_or(0), facts);
        }
        let at = if flags & LENGTH != 0 { 4 } else { 2 };
        let (Some(tunnel), Some(session)) = (payload.u16(at), payload.u16(at + 2)) else { return };
        describe_data(2, Some(tunnel), session.into(), facts);
        facts.put_flag("priority", flags & PRIORITY != 0);
        return;
    }
    facts.put_number("version", version.into());
    facts.put("packet_type", b"control");
    facts.put_number("length", payload.u16(at + 2).unwrap_or(0).into());
    facts.say(b"Control Message - ");
    let name = match control(payload, at) {
        Some(None) => "ZLB",
        Some(Some(number)) => message_type_name(number),
        None => "Unknown",
    };
    facts.say(name.as_bytes());
    facts.put("message_type", name.as_bytes());
    match version {
        3 => {
            let connection = payload.u32(at + 4).unwrap_or(0);
            facts.say(b" (control connection id=");
            facts.say_number(connection.into());
            facts.put_number("control_connection_id", connection.into());
        }
        _ => {
            let (tunnel, session) = (payload.u16(at + 4).unwrap_or(0), payload.u16(at + 6).unwrap_or(0));
            facts.say(b" (tunnel id=");
            facts.say_number(tunnel.into());
            facts.say(b", session id=");
            facts.say_number(session.into());
            facts.put_number("tunnel_id", tunnel.into());
            facts.put_number("session_id", session.into());
        }
    }
    facts.say(b")");
    facts.put_number("sequence_ns", payload.u16(at + 8).unwrap_or(0).into());
    facts.put_number("sequence_nr", payload.u16(at + 10).unwrap_or(0).into());
}

fn describe_data(version: u8, tunnel: Option<u16>, session: u32, facts: &mut Facts) {
    facts.say(b"Data Message (");
    facts.put_number("version", version.into());
    facts.put("packet_type", b"data");
    if let Some(tunnel) = tunnel {
        facts.say(b"tunnel id=");
        facts.say_number(tunnel.into());
        facts.say(b", ");
        facts.put_number("tunnel_id", tunnel.into());
    }
    facts.say(b"session id=");
    facts.say_number(session.into());
    facts.say(b")");
    facts.put_number("session_id", session.into());
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const REQUEST: &[u8] = b"\xc8\x02\0\x14\0\0\0\0\0\0\0\0\x80\x08\0\0\0\0\0\x01";

    #[test]
    fn control_messages_are_known_by_their_first_attribute() {
        let packet = sent(Carrier::Udp, 40001, 40003, REQUEST);
        let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!(name, Some("L2TP"));
        assert_eq!(info, "Control Message - SCCRQ (tunnel id=0, session id=0)");
        // Without one they need the port.
        let acknowledgement = [&REQUEST[..3], b"\x0c", &REQUEST[4..12]].concat();
        for (port, expected) in [(PORT, Some("L2TP")), (40003, None)] {
            assert_eq!(names(&[sent(Carrier::Udp, 40001, port, &acknowledgement)]), [expected]);
        }
        for (at, value) in [(3, 0x15), (12, 0xc0), (13, 10), (17, 1)] {
            let mut payload = REQUEST.to_vec();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 1701, 1701, &payload)]), [None], "{at}");
        }
    }

    #[test]
    fn over_ip_session_0_is_control() {
        let payload = [&[0; 4][..], b"\xc8\x03", &REQUEST[2..]].concat();
        let packet = sent(Carrier::Ip(IP_PROTOCOL), 0, 0, &payload);
        let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!(name, Some("L2TP"));
        assert_eq!(info, "Control Message - SCCRQ (control connection id=0)");
    }
}
