//! PTP version 2 (IEEE 1588-2008 and later), over UDP and over Ethernet.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Event and general messages.
const PORTS: &[u16] = &[319, 320];
const HEADER_LENGTH: usize = 34;

/// PTP.
pub static PTP: Signature = Signature {
    name: "PTP",
    carriers: &[Carrier::Ethertype(0x88f7), Carrier::Udp],
    ports: PORTS,
    // Upper half: the standards organization's own number.
    first: FirstBytes::Ranges(&[(0x00, 0x0d), (0x10, 0x1d), (0x20, 0x2d), (0x30, 0x3d)]),
    examine: |payload, _, _| match is_message(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        false => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

fn is_message(payload: &Payload) -> bool {
    let (Some([first, version]), Some(length)) = (payload.array(0), payload.u16(2).map(usize::from)) else {
        return false;
    };
    // Frames are padded; datagrams are too, by two bytes over IPv6 (annex D).
    let length_fits = match payload.carrier {
        Carrier::Udp => payload.on_port(PORTS) && matches!(payload.length.checked_sub(length), Some(0 | 2)),
        _ => length <= payload.length,
    };
    name(first & 15).is_some() && version & 15 == 2 && length >= HEADER_LENGTH && length_fits
}

fn name(message_type: u8) -> Option<&'static str> {
    Some(match message_type {
        0 => "Sync Message",
        1 => "Delay_Req Message",
        2 => "Path_Delay_Req Message",
        3 => "Path_Delay_Resp Message",
        8 => "Follow_Up Message",
        9 => "Delay_Resp Message",
        10 => "Path_Delay_Resp_Follow_Up Message",
        11 => "Announce Message",
        12 => "Signaling Message",
        13 => "Management Message",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(first) = payload.u8(0) else { return };
    let name = name(first & 15).unwrap_or("Unknown message");
    facts.say(name.as_bytes());
    facts.put("message_type", name.as_bytes());
    facts.put_number("domain", payload.u8(4).unwrap_or(0).into());
    if let Some(sequence) = payload.u16(30) {
        facts.put_number("sequence", sequence.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn over_both_carriers() {
        let mut sync = vec![0; 44];
        (sync[1], sync[3]) = (0x12, 44);
        for packet in [sent(Carrier::Udp, 319, 319, &sync), sent(Carrier::Ethertype(0x88f7), 0, 0, &sync)] {
            let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("PTP"), "Sync Message"));
        }
        assert_eq!(names(&[sent(Carrier::Udp, 40001, 40003, &sync)]), [None]);
        for (at, value) in [(0, 4), (1, 1), (3, 45), (3, 33)] {
            let mut message = sync.clone();
            message[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 319, 319, &message)]), [None], "{at} {value}");
        }
    }
}
