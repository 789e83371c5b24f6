//! IAX version 2 (RFC 5456).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::flow::key::Direction;

const PORTS: &[u16] = &[4569];
/// Length in bytes of a full frame's header, and of a mini frame's.
const FULL_HEADER: usize = 12;
const MINI_HEADER: usize = 4;
/// Frame type of IAX control (RFC 5456 section 8.2), whose payload is information elements.
const IAX_CONTROL: u8 = 6;
const NEW: u8 = 1;
/// Information element of the protocol version, which is 2.
const VERSION: u8 = 11;
/// Most milliseconds between two mini frames of a call.
const MOST_STEP: u16 = 100;

/// IAX2: a full frame of IAX control on its port, or one that begins a call with the version; two mini frames of one
/// call on its port.
pub static IAX2: Signature = Signature {
    name: "IAX2",
    carriers: &[Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::Any,
    examine: |payload, state, _| {
        if payload.length < MINI_HEADER {
            return Verdict::No;
        }
        let on_port = payload.on_port(PORTS);
        match full_frame(payload) {
            Some(frame) if frame.is_iax_control() => match frame.begins_call() {
                true if elements(payload).any(|(kind, value)| kind == VERSION && value == [0, 2]) => {
                    Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
                }
                _ if on_port && elements_fit(payload) => Verdict::Is(Confidence::HIGH, Method::Port),
                _ => Verdict::No,
            },
            None if on_port && is_next_mini_frame(payload, state) => {
                Verdict::Is(Confidence::MEDIUM, Method::Port)
            }
            None if on_port => Verdict::Candidate,
            _ => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

struct FullFrame {
    source_call: u16,
    destination_call: u16,
    timestamp: u32,
    sequences: [u8; 2],
    kind: u8,
    subclass: u8,
}

impl FullFrame {
    fn is_iax_control(&self) -> bool {
        self.kind == IAX_CONTROL && (1..=0x28).contains(&self.subclass) && self.source_call != 0
    }

    fn begins_call(&self) -> bool {
        self.subclass == NEW && self.destination_call == 0 && self.sequences == [0, 0]
    }
}

/// A full frame: the top bit is set (RFC 5456 section 8.1.1).
fn full_frame(payload: &Payload) -> Option<FullFrame> {
    let (source, destination) = (payload.u16(0)?, payload.u16(2)?);
    if source & 0x8000 == 0 {
        return None;
    }
    Some(FullFrame {
        source_call: source & 0x7fff,
        destination_call: destination & 0x7fff,
        timestamp: payload.u32(4)?,
        sequences: payload.array(8)?,
        kind: payload.u8(10)?,
        subclass: payload.u8(11)?,
    })
}

/// Information elements of a control frame (RFC 5456 section 8.6): number, length, value.
fn elements<'a>(payload: &Payload<'a>) -> impl Iterator<Item = (u8, &'a [u8])> {
    let mut rest = payload.from(FULL_HEADER);
    std::iter::from_fn(move || {
        let (&[kind, length], after) = rest.split_first_chunk()?;
        let (value, after) = after.split_at_checked(length.into())?;
        rest = after;
        Some((kind, value))
    })
}

fn elements_fit(payload: &Payload) -> bool {
    let length: usize = elements(payload).map(|(_, value)| 2 + value.len()).sum();
    FULL_HEADER + length == payload.bytes.len() || !payload.is_whole()
}

/// Whether a mini frame (call number and milliseconds) follows the one that was noted for its direction; notes it.
fn is_next_mini_frame(payload: &Payload, state: &mut FlowState) -> bool {
    let Some((call, milliseconds)) = payload.u16(0).zip(payload.u16(2)).filter(|(call, _)| *call != 0) else {
        return false;
    };
    let side = usize::from(payload.direction == Direction::Reverse);
    let Some(noted) = state.claim_notes().get_mut(side) else { return false };
    let step = milliseconds.wrapping_sub(*noted as u16);
    let follows = *noted >> 16 == u32::from(call) && (1..=MOST_STEP).contains(&step);
    *noted = u32::from(call) << 16 | u32::from(milliseconds);
    follows
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(frame) = full_frame(payload) else {
        facts.say(b"Mini packet");
        facts.put("type", b"mini");
        if let Some(call) = payload.u16(0) {
            facts.put_number("source_call", call.into());
        }
        return;
    };
    facts.put("type", b"full");
    facts.put_number("source_call", frame.source_call.into());
    facts.put_number("destination_call", frame.destination_call.into());
    facts.put_number("timestamp", frame.timestamp.into());
    let kind = frame_type(frame.kind);
    facts.put("frame_type", kind.as_bytes());
    if frame.kind != IAX_CONTROL {
        return facts.say(kind.as_bytes());
    }
    let subclass = control_name(frame.subclass);
    facts.say(subclass.as_bytes());
    facts.put("subclass", subclass.as_bytes());
    for (kind, value) in elements(payload) {
        match kind {
            1 => facts.put("called_number", value),
            2 => facts.put("calling_number", value),
            _ => {}
        }
    }
}

/// Frame types (RFC 5456 section 8.2).
fn frame_type(kind: u8) -> &'static str {
    match kind {
        1 => "DTMF",
        2 => "Voice",
        3 => "Video",
        4 => "Control",
        5 => "Null",
        IAX_CONTROL => "IAX",
        7 => "Text",
        8 => "Image",
        9 => "HTML",
        10 => "Comfort noise",
        _ => "Unknown",
    }
}

/// Subclasses of IAX control frames (RFC 5456 section 8.4).
fn control_name(subclass: u8) -> &'static str {
    match subclass {
        1 => "NEW",
        2 => "PING",
        3 => "PONG",
        4 => "ACK",
        5 => "HANGUP",
        6 => "REJECT",
        7 => "ACCEPT",
        8 => "AUTHREQ",
        9 => "AUTHREP",
        10 => "INVAL",
        11 => "LAGRQ",
        12 => "LAGRP",
        13 => "REGREQ",
        14 => "REGAUTH",
        15 => "REGACK",
        16 => "REGREJ",
        17 => "REGREL",
        18 => "VNAK",
        19 => "DPREQ",
        20 => "DPREP",
        21 => "DIAL",
        22 => "TXREQ",
        23 => "TXCNT",
        24 => "TXACC",
        25 => "TXREADY",
        26 => "TXREL",
        27 => "TXREJ",
        28 => "QUELCH",
        29 => "UNQUELCH",
        30 => "POKE",
        32 => "MWI",
        33 => "UNSUPPORT",
        34 => "TRANSFER",
        40 => "CALLTOKEN",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::super::{Carrier, Detector};

    fn udp(port: u16, payload: &[u8]) -> Sent {
        sent(Carrier::Udp, 4000, port, payload)
    }

    #[test]
    fn full_frames() {
        let new = b"\x80\x01\0\0\0\0\0\x03\0\0\x06\x01\x0b\x02\0\x02\x01\x03123\x02\x02\x34\x35";
        let ping = b"\x80\x01\0\x05\0\0\0\x03\x01\x02\x06\x02";
        let mut changed = *new;
        changed[18] = 90;
        for (port, payload, expected) in [
            (4569, &new[..], Some("IAX2")),
            (9000, new, Some("IAX2")),
            (4569, ping, Some("IAX2")),
            (9000, ping, None),
            (4569, &changed[16..], None),
            (4569, b"\x80\x01\0\x05\0\0\0\x03\x01\x02\x06\x02\x05", None),
            (4569, b"\x80\x01\0\x05\0\0\0\x03\x01\x02\x06\x29", None),
        ] {
            assert_eq!(names(&[udp(port, payload)]), [expected], "{payload:?}");
        }
        let (_, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &udp(4569, new));
        assert_eq!(info, "NEW");
        assert!(details.contains(&("called_number", "123".into())), "{details:?}");
        assert!(details.contains(&("calling_number", "45".into())), "{details:?}");
    }

    #[test]
    fn two_mini_frames_of_a_call() {
        let mini = |call: u8, at: u8| udp(4569, &[0x12, call, 0, at, 1, 2, 3]);
        assert_eq!(names(&[mini(1, 20), mini(1, 40), mini(1, 60)]), [None, Some("IAX2"), Some("IAX2")]);
        assert_eq!(names(&[mini(1, 20), mini(2, 40), mini(3, 60)]), [None, None, None]);
        assert_eq!(names(&[mini(1, 20), mini(1, 140), mini(1, 130)]), [None, None, None]);
    }
}
