//! Who uses which labels: LDP (RFC 5036) and RSVP (RFC 2205, RFC 3209).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

const LDP_PORTS: &[u16] = &[646];
/// Version, length, and identifier of the sender.
const LDP_HEADER_LENGTH: usize = 10;
/// What the length of an LDP packet leaves out.
const LDP_UNCOUNTED: usize = 4;
/// Least length of a message by its own field: its identifier.
const LDP_LEAST_MESSAGE: usize = 4;
const LDP_HELLO: u16 = 0x0100;
const LDP_INITIALIZATION: u16 = 0x0200;
const RSVP_HEADER_LENGTH: usize = 8;
const OBJECT_HEADER_LENGTH: usize = 4;

/// LDP: hellos in datagrams, all else in a stream.
pub static LDP: Signature = Signature {
    name: "LDP",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: LDP_PORTS,
    first: FirstBytes::OneOf(&[0]),
    examine: |payload, _, _| match ldp_message(payload) {
        Some(_) if payload.on_port(LDP_PORTS) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        // What a session begins with.
        Some(LDP_HELLO | LDP_INITIALIZATION) if ldp_ends(payload) => {
            Verdict::Is(Confidence::HIGH, Method::Payload)
        }
        Some(_) => Verdict::No,
        None if payload.carrier == Carrier::Tcp && may_begin_ldp(payload) => Verdict::More,
        None => Verdict::No,
    },
    describe: describe_ldp,
    ..Signature::BASE
};

/// RSVP.
pub static RSVP: Signature = Signature {
    name: "RSVP",
    carriers: &[Carrier::Ip(46)],
    examine: |payload, _, _| match is_rsvp(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        false => Verdict::No,
    },
    describe: describe_rsvp,
    ..Signature::BASE
};

fn ldp_name(kind: u16) -> Option<&'static str> {
    Some(match kind {
        0x0001 => "Notification Message",
        LDP_HELLO => "Hello Message",
        LDP_INITIALIZATION => "Initialization Message",
        0x0201 => "Keep Alive Message",
        0x0202 => "Capability Message",
        0x0300 => "Address Message",
        0x0301 => "Address Withdraw Message",
        0x0400 => "Label Mapping Message",
        0x0401 => "Label Request Message",
        0x0402 => "Label Withdraw Message",
        0x0403 => "Label Release Message",
        0x0404 => "Label Abort Request Message",
        _ => return None,
    })
}

/// Type of the first message of a packet: its version, lengths that fit into each other, and an
/// identifier of the sender.
fn ldp_message(payload: &Payload) -> Option<u16> {
    let (1, length) = (payload.u16(0)?, usize::from(payload.u16(2)?)) else { return None };
    let router = payload.u32(4)?;
    let kind = payload.u16(LDP_HEADER_LENGTH)?;
    let message_length = usize::from(payload.u16(LDP_HEADER_LENGTH + 2)?);
    let room = length.checked_sub(LDP_HEADER_LENGTH)?;
    let is_carried = match payload.carrier {
        Carrier::Udp => kind == LDP_HELLO && length + LDP_UNCOUNTED == payload.length,
        _ => ldp_name(kind).is_some(),
    };
    (is_carried && router != 0 && (LDP_LEAST_MESSAGE..=room).contains(&message_length)).then_some(kind)
}

/// Whether the first packet data unit is all that there is.
fn ldp_ends(payload: &Payload) -> bool {
    payload.u16(2).is_some_and(|length| usize::from(length) + LDP_UNCOUNTED == payload.bytes.len())
}

/// Whether the rest of a first message may be missing.
fn may_begin_ldp(payload: &Payload) -> bool {
    let is_version = [0, 1].starts_with(payload.bytes.get(..2).unwrap_or(payload.bytes));
    payload.at_start && is_version && payload.bytes.len() < LDP_HEADER_LENGTH + LDP_UNCOUNTED
}

fn describe_ldp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(kind), Some(router)) = (ldp_message(payload), payload.array(4).map(Address::v4)) else {
        return;
    };
    let name = ldp_name(kind).unwrap_or("Unknown type").as_bytes();
    facts.say(name);
    facts.put("message_type", name);
    facts.entry("lsr_id", |text| router.write_text(text));
    if let Some(space) = payload.u16(8) {
        facts.put_number("label_space_id", space.into());
    }
}

fn rsvp_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "PATH Message",
        2 => "RESV Message",
        3 => "PATH ERROR Message",
        4 => "RESV ERROR Message",
        5 => "PATH TEAR Message",
        6 => "RESV TEAR Message",
        7 => "CONFIRM Message",
        12 => "BUNDLE Message",
        13 => "ACK Message",
        15 => "SREFRESH Message",
        20 => "HELLO Message",
        25 => "INTEGRITY CHALLENGE Message",
        26 => "INTEGRITY RESPONSE Message",
        29 => "NOTIFY Message",
        _ => return None,
    })
}

/// Version, a type that is known, all of the packet, and a first object that fits into it.
fn is_rsvp(payload: &Payload) -> bool {
    let (Some([0x10..=0x1f, kind]), Some(length)) = (payload.array(0), payload.u16(6).map(usize::from))
    else {
        return false;
    };
    let first = payload.u16(RSVP_HEADER_LENGTH).map(usize::from);
    let has_object = first.is_none_or(|object| {
        object.is_multiple_of(4)
            && (OBJECT_HEADER_LENGTH..=length.saturating_sub(RSVP_HEADER_LENGTH)).contains(&object)
    });
    rsvp_name(kind).is_some()
        && length.is_multiple_of(4)
        && (RSVP_HEADER_LENGTH..=payload.length).contains(&length)
        && (length == RSVP_HEADER_LENGTH || has_object)
}

/// Offset of the first object of this class, and its type.
fn rsvp_object(payload: &Payload, class: u8) -> Option<(usize, u8)> {
    let mut at = RSVP_HEADER_LENGTH;
    loop {
        let length = usize::from(payload.u16(at)?);
        let [found, kind] = payload.array(at + 2)?;
        if found == class {
            return Some((at, kind));
        }
        if length < OBJECT_HEADER_LENGTH {
            return None;
        }
        at += length;
    }
}

fn describe_rsvp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    const SESSION: u8 = 1;
    let Some(name) = payload.u8(1).and_then(rsvp_name) else { return };
    facts.say(name.as_bytes());
    facts.put("message_type", name.as_bytes());
    // A session of IP addresses, or of a label-switched path (RFC 3209 section 4.6.1).
    let Some((at, kind @ (1 | 2 | 7 | 8))) = rsvp_object(payload, SESSION) else { return };
    let destination = match kind {
        1 | 7 => payload.array(at + 4).map(Address::v4),
        _ => payload.array(at + 4).map(Address::v6),
    };
    let Some(destination) = destination else { return };
    facts.say(b" SESSION: ");
    facts.say_with(|info| destination.write_text(info));
    facts.entry("session_destination", |text| destination.write_text(text));
    let tunnel = match kind {
        7 => payload.u16(at + 10),
        8 => payload.u16(at + 22),
        _ => None,
    };
    if let Some(tunnel) = tunnel {
        facts.say(b", Tunnel ID ");
        facts.say_number(tunnel.into());
        facts.put_number("tunnel_id", tunnel.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const HELLO: &[u8] =
        b"\0\x01\0\x1e\x0a\0\0\x01\0\0\x01\0\0\x14\0\0\0\x07\x04\0\0\x04\0\x0f\0\0\x04\x01\0\x04\x0a\0\0\x01";
    const KEEP_ALIVE: &[u8] = b"\0\x01\0\x0e\x0a\0\0\x01\0\0\x02\x01\0\x04\0\0\0\x09";
    const PATH: &[u8] = b"\x10\x01\0\0\xff\0\0\x18\0\x10\x01\x07\x0a\0\0\x02\0\0\0\x05\x0a\0\0\x01";

    #[test]
    fn messages_and_what_they_say() {
        for (carrier, payload, name, expected) in [
            (Carrier::Udp, HELLO, "LDP", "Hello Message"),
            (Carrier::Tcp, KEEP_ALIVE, "LDP", "Keep Alive Message"),
            (Carrier::Ip(46), PATH, "RSVP", "PATH Message SESSION: 10.0.0.2, Tunnel ID 5"),
            (Carrier::Ip(46), b"\x11\x0d\0\0\xff\0\0\x08", "RSVP", "ACK Message"),
        ] {
            let packet = sent(carrier, 646, 646, payload);
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some(name), expected));
        }
        // Off its port as well, and in pieces.
        assert_eq!(names(&[sent(Carrier::Udp, 40_001, 40_002, HELLO)]), [Some("LDP")]);
        assert_eq!(names(&[sent(Carrier::Tcp, 40_001, 40_002, KEEP_ALIVE)]), [None]);
        let pieces = [&KEEP_ALIVE[..1], &KEEP_ALIVE[1..]].map(|piece| sent(Carrier::Tcp, 40_001, 646, piece));
        assert_eq!(names(&pieces), [None, Some("LDP")]);
    }

    #[test]
    fn lengths_and_types_are_checked() {
        for (at, value) in [(1, 2), (3, 0x1d), (3, 0x1f), (4, 0), (11, 1), (13, 3), (13, 0x15)] {
            let mut payload = HELLO.to_vec();
            payload[at] = value;
            if at == 4 {
                payload[4..8].fill(0);
            }
            assert_eq!(names(&[sent(Carrier::Udp, 646, 646, &payload)]), [None], "{at} {value}");
        }
        for (at, value) in [(1, 2), (3, 9), (10, 9), (13, 5)] {
            let mut payload = KEEP_ALIVE.to_vec();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Tcp, 646, 646, &payload)]), [None], "{at} {value}");
        }
        for (at, value) in [(0, 0x20), (1, 8), (7, 0x1c), (7, 0x16), (9, 3), (9, 0x14)] {
            let mut payload = PATH.to_vec();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Ip(46), 0, 0, &payload)]), [None], "{at} {value}");
        }
    }
}
