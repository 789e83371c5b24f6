//! Synchrophasor data (IEEE C37.118.2): frames with a size, and a CRC at their end.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const SYNC: u8 = 0xaa;
/// Synchronization word to fraction of second.
const HEADER: usize = 14;
/// Header and CRC.
const LEAST_SIZE: usize = 16;

/// Synchrophasor.
pub static SYNCHROPHASOR: Signature = Signature {
    name: "Synchrophasor",
    carriers: &[Carrier::Tcp, Carrier::Udp],
    ports: &[4712, 4713],
    first: FirstBytes::OneOf(&[SYNC]),
    examine: |payload, state, _| {
        let Some(header) = header(payload) else { return Verdict::No };
        match payload.bytes.get(..header.size).map(|frame| frame.split_last_chunk()) {
            Some(Some((checked, check))) if crc(checked) == u16::from_be_bytes(*check) => {
                Verdict::Is(Confidence::DEFINITE, Method::Payload)
            }
            None if payload.carrier == Carrier::Tcp
                && payload.on_port(SYNCHROPHASOR.ports)
                && state.may_ask_more(payload) =>
            {
                Verdict::More
            }
            _ => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

struct Header {
    kind: &'static str,
    size: usize,
    id: u16,
    seconds: u32,
}

fn header(payload: &Payload) -> Option<Header> {
    // A reserved bit, type of the frame, version.
    let [SYNC, kind] = payload.array(0)? else { return None };
    let name = match kind >> 4 {
        0 => "Data Frame",
        1 => "Header Frame",
        2 => "Configuration Frame 1",
        3 => "Configuration Frame 2",
        4 => "Command Frame",
        5 => "Configuration Frame 3",
        _ => return None,
    };
    let size = usize::from(payload.u16(2)?);
    let fits = (1..=3).contains(&(kind & 0x0f))
        && size >= LEAST_SIZE
        && payload.bytes.len() >= HEADER
        && (payload.carrier == Carrier::Tcp || size == payload.length);
    fits.then_some(Header { kind: name, size, id: payload.u16(4)?, seconds: payload.u32(6)? })
}

/// CRC-CCITT, from all ones (IEEE C37.118.2 annex B).
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc: u16, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(header) = header(payload) else { return };
    facts.say(header.kind.as_bytes());
    facts.put("frame_type", header.kind.as_bytes());
    facts.put_number("frame_size", header.size as u64);
    facts.put_number("id_code", header.id.into());
    facts.put_number("soc", header.seconds.into());
    if header.kind != "Command Frame" {
        return;
    }
    let command = match payload.u16(HEADER) {
        Some(1) => "Data transmission off",
        Some(2) => "Data transmission on",
        Some(3) => "Send header frame",
        Some(4) => "Send configuration frame 1",
        Some(5) => "Send configuration frame 2",
        Some(6) => "Send configuration frame 3",
        Some(8) => "Extended frame",
        _ => return,
    };
    facts.say(b": ");
    facts.say(command.as_bytes());
    facts.put("command", command.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn command() -> Vec<u8> {
        let mut frame = vec![SYNC, 0x41, 0, 18, 0, 7, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        frame.extend(crc(&frame).to_be_bytes());
        frame
    }

    #[test]
    fn the_crc_is_that_of_the_standard() {
        assert_eq!(crc(b"123456789"), 0x29b1);
    }

    #[test]
    fn frames_by_their_crc() {
        for (carrier, port) in [(Carrier::Udp, 4713), (Carrier::Tcp, 4712), (Carrier::Tcp, 9000)] {
            let packet = sent(carrier, 40001, port, &command());
            let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("Synchrophasor"), "Command Frame: Data transmission on"));
            assert!(details.contains(&("id_code", "7".into())), "{details:?}");
        }
        for at in 0..18 {
            let mut frame = command();
            frame[at] ^= 1;
            assert_eq!(names(&[sent(Carrier::Udp, 4713, 4713, &frame)]), [None], "byte {at}");
        }
        let whole = command();
        let (first, second) = whole.split_at(15);
        let packets = [first, second].map(|part| sent(Carrier::Tcp, 40001, 4712, part));
        assert_eq!(names(&packets), [None, Some("Synchrophasor")]);
    }
}
