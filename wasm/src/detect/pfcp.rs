//! PFCP (3GPP TS 29.244).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORT: u16 = 8805;
/// Bits of the first byte: a session endpoint identifier is there, another message follows.
const SEID: u8 = 0x01;
const FOLLOW_ON: u8 = 0x04;

/// PFCP: exact length, filled by information elements.
pub static PFCP: Signature = Signature {
    name: "PFCP",
    carriers: &[Carrier::Udp],
    ports: &[PORT],
    first: FirstBytes::Ranges(&[(0x20, 0x27)]),
    examine: |payload, _, _| match is_message(payload) {
        true if payload.on_port(&[PORT]) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        true => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        false => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

fn is_message(payload: &Payload) -> bool {
    let (Some(first), Some(kind), Some(length)) = (payload.u8(0), payload.u8(1), payload.u16(2)) else {
        return false;
    };
    let end = usize::from(length) + 4;
    let fits = match first & FOLLOW_ON {
        0 => end == payload.length,
        _ => end < payload.length,
    };
    // Node messages have no endpoint identifier, session messages have one.
    let session = first & SEID != 0;
    fits && name(kind).is_some() && session == (kind >= 50) && elements_fit(payload, session, end)
}

fn elements_fit(payload: &Payload, session: bool, end: usize) -> bool {
    let mut at = if session { 16 } else { 8 };
    while at < end {
        match payload.u16(at + 2) {
            Some(length) => at += 4 + usize::from(length),
            None => return !payload.is_whole(),
        }
    }
    at == end
}

fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "PFCP Heartbeat Request",
        2 => "PFCP Heartbeat Response",
        3 => "PFCP PFD Management Request",
        4 => "PFCP PFD Management Response",
        5 => "PFCP Association Setup Request",
        6 => "PFCP Association Setup Response",
        7 => "PFCP Association Update Request",
        8 => "PFCP Association Update Response",
        9 => "PFCP Association Release Request",
        10 => "PFCP Association Release Response",
        11 => "PFCP Version Not Supported Response",
        12 => "PFCP Node Report Request",
        13 => "PFCP Node Report Response",
        14 => "PFCP Session Set Deletion Request",
        15 => "PFCP Session Set Deletion Response",
        16 => "PFCP Session Set Modification Request",
        17 => "PFCP Session Set Modification Response",
        50 => "PFCP Session Establishment Request",
        51 => "PFCP Session Establishment Response",
        52 => "PFCP Session Modification Request",
        53 => "PFCP Session Modification Response",
        54 => "PFCP Session Deletion Request",
        55 => "PFCP Session Deletion Response",
        56 => "PFCP Session Report Request",
        57 => "PFCP Session Report Response",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(first), Some(kind)) = (payload.u8(0), payload.u8(1)) else { return };
    let name = name(kind).unwrap_or("Unknown message");
    facts.say(name.as_bytes());
    facts.put_number("message_type", kind.into());
    facts.put("message_name", name.as_bytes());
    let session = first & SEID != 0;
    if let Some(seid) = payload.array::<8>(4).filter(|_| session) {
        facts.put_hex("seid", &seid);
    }
    if let Some(sequence) = payload.u24(if session { 12 } else { 4 }) {
        facts.put_number("sequence", sequence.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn elements_fill_the_message() {
        let heartbeat = b"\x20\x01\0\x0c\0\0\x01\0\0\x60\0\x04\xe5\xb1\xc3\xd2";
        let packet = sent(Carrier::Udp, PORT, PORT, heartbeat);
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("PFCP"), "PFCP Heartbeat Request"));
        assert!(details.contains(&("sequence", "1".to_owned())));
        for (at, value) in [(0, 0x21), (1, 18), (1, 50), (3, 0x0d), (11, 5)] {
            let mut payload = heartbeat.to_vec();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, PORT, PORT, &payload)]), [None], "{at} {value}");
        }
    }
}
