//! ESP (RFC 4303), over IP and over UDP (RFC 3948), and AH (RFC 4302).

use super::signature::FirstBytes;
use super::state::seen;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::flow::key::Direction;

const ESP_PROTOCOL: u8 = 50;
const AH_PROTOCOL: u8 = 51;
/// Port of ESP over UDP.
const PORT: u16 = 4500;
/// Security parameter indices up to this one are reserved (RFC 4303 section 2.1).
const LAST_RESERVED_SPI: u32 = 255;
/// Sequence numbers up to this one are those of a young association.
const YOUNG: u32 = 1 << 14;
/// Most packets that may be missing between two that agree.
const MOST_GAP: u32 = 1024;
/// Least bytes: header, and something in it.
const LEAST_LENGTH: usize = 20;

/// ESP: by its protocol number; over UDP after IKE, from the first packets of an association on, or when two packets
/// of one association follow each other. The NAT keep-alive on the same port counts as it.
pub static ESP: Signature = Signature {
    name: "ESP",
    carriers: &[Carrier::Ip(ESP_PROTOCOL), Carrier::Udp],
    ports: &[PORT],
    first: FirstBytes::Any,
    examine: examine_esp,
    // The non-ESP marker is IKE's.
    continues: |payload, _, _| payload.carrier != Carrier::Udp || payload.u32(0) != Some(0),
    describe: describe_esp,
    yields: true,
    ..Signature::BASE
};

/// AH.
pub static AH: Signature = Signature {
    name: "AH",
    carriers: &[Carrier::Ip(AH_PROTOCOL)],
    examine: |payload, _, _| match ah(payload) {
        Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        None => Verdict::No,
    },
    describe: describe_ah,
    ..Signature::BASE
};

fn examine_esp(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let over_udp = payload.carrier == Carrier::Udp;
    if over_udp && !payload.on_port(&[PORT]) {
        return Verdict::No;
    }
    if over_udp && is_keep_alive(payload) {
        return Verdict::Is(Confidence::HIGH, Method::Port);
    }
    let (Some(spi), Some(sequence)) = (payload.u32(0), payload.u32(4)) else { return Verdict::No };
    if spi <= LAST_RESERVED_SPI || payload.length < LEAST_LENGTH {
        return Verdict::No;
    }
    if !over_udp {
        return Verdict::Is(Confidence::VERY_HIGH, Method::Payload);
    }
    if state.seen & seen::IKE != 0 {
        return Verdict::Is(Confidence::VERY_HIGH, Method::Handshake);
    }
    if (1..=YOUNG).contains(&sequence) {
        return Verdict::Is(Confidence::HIGH, Method::Port);
    }
    let [spi_a, sequence_a, spi_b, sequence_b, ..] = state.claim_notes();
    let (last_spi, last) = match payload.direction {
        Direction::Forward => (spi_a, sequence_a),
        Direction::Reverse => (spi_b, sequence_b),
    };
    let follows = *last_spi == spi && (1..=MOST_GAP).contains(&sequence.wrapping_sub(*last));
    (*last_spi, *last) = (spi, sequence);
    match follows {
        true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        false => Verdict::Candidate,
    }
}

fn is_keep_alive(payload: &Payload) -> bool {
    payload.length == 1 && payload.u8(0) == Some(0xff)
}

fn describe_esp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if is_keep_alive(payload) {
        return facts.say(b"NAT-keepalive");
    }
    let (Some(spi), Some(sequence)) = (payload.array::<4>(0), payload.u32(4)) else { return };
    facts.say(b"ESP (SPI=0x");
    facts.say_hex(&spi);
    facts.say(b")");
    facts.put_hex("spi", &spi);
    facts.put_number("sequence", sequence.into());
}

/// Next header, security parameter index and sequence number.
fn ah(payload: &Payload) -> Option<(u8, u32, u32)> {
    let ([next, words], spi) = (payload.array(0)?, payload.u32(4)?);
    let length = (usize::from(words) + 2) * 4;
    let fits =
        payload.u16(2) == Some(0) && length >= 12 && length <= payload.length && spi > LAST_RESERVED_SPI;
    fits.then_some((next, spi, payload.u32(8)?))
}

fn describe_ah(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some((next, spi, sequence)) = ah(payload) else { return };
    facts.say(b"AH (SPI=0x");
    facts.say_hex(&spi.to_be_bytes());
    facts.say(b")");
    facts.put_number("next_header", next.into());
    facts.put_hex("spi", &spi.to_be_bytes());
    facts.put_number("sequence", sequence.into());
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    fn esp(carrier: Carrier, spi: u32, sequence: u32) -> Sent {
        let payload = [&spi.to_be_bytes()[..], &sequence.to_be_bytes(), &[9; 40]].concat();
        sent(carrier, PORT, PORT, &payload)
    }

    #[test]
    fn over_ip_the_protocol_number_says_it() {
        for (spi, expected) in [(0x1000, Some("ESP")), (255, None)] {
            assert_eq!(names(&[esp(Carrier::Ip(50), spi, 1 << 30)]), [expected]);
        }
        let (_, details, info) =
            judge(&mut Detector::new(), &mut Flow::default(), &esp(Carrier::Ip(50), 0xc0ffee01, 7));
        assert_eq!(info, "ESP (SPI=0xc0ffee01)");
        assert!(details.contains(&("sequence", "7".to_owned())));
    }

    #[test]
    fn over_udp_two_packets_agree() {
        let packet = |spi, sequence| esp(Carrier::Udp, spi, sequence);
        let old = 0x1234_5678;
        assert_eq!(names(&[packet(0x1000, 1)]), [Some("ESP")]);
        assert_eq!(names(&[packet(0x1000, old), packet(0x1000, old + 2)]), [None, Some("ESP")]);
        assert_eq!(names(&[packet(0x1000, old), packet(0x1000, old)]), [None, None]);
        assert_eq!(names(&[packet(0x1000, old), packet(0x1001, old + 1)]), [None, None]);
        assert_eq!(names(&[Sent { destination_port: 1, source_port: 1, ..packet(0x1000, 1) }]), [None]);
    }

    #[test]
    fn authentication_headers_have_a_length() {
        let mut payload = b"\x06\x04\0\0\0\0\x12\x34\0\0\0\x05".to_vec();
        payload.resize(24, 7);
        let packet = sent(Carrier::Ip(51), 0, 0, &payload);
        let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("AH"), "AH (SPI=0x00001234)"));
        payload[1] = 5;
        assert_eq!(names(&[sent(Carrier::Ip(51), 0, 0, &payload)]), [None]);
    }
}
