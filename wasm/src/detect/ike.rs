//! IKE version 2 (RFC 7296) and version 1 (RFC 2408, RFC 2409), also behind the non-ESP marker (RFC 3948).

use super::signature::FirstBytes;
use super::state::seen;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// ISAKMP, and the port that IKE and ESP share behind address translators.
const PORTS: &[u16] = &[500, SHARED_PORT];
const SHARED_PORT: u16 = 4500;
const HEADER_LENGTH: usize = 28;

/// IKEv2.
pub static IKEV2: Signature = Signature {
    name: "IKEv2",
    carriers: &[Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::Any,
    examine: |payload, state, _| examine(payload, state, 2),
    continues: |payload, _, _| continues(payload, 2),
    describe,
    yields: true,
    ..Signature::BASE
};

/// IKEv1.
pub static IKEV1: Signature = Signature {
    name: "IKEv1",
    carriers: &[Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::Any,
    examine: |payload, state, _| examine(payload, state, 1),
    continues: |payload, _, _| continues(payload, 1),
    describe,
    yields: true,
    ..Signature::BASE
};

/// Neither the other version, nor ESP or the keep-alive that goes with it on the port that both share.
fn continues(payload: &Payload, version: u8) -> bool {
    let is_esp = payload.on_port(&[SHARED_PORT]) && payload.u32(0) != Some(0);
    !is_esp && header(payload).is_none_or(|(_, found)| found == version)
}

fn examine(payload: &Payload, state: &mut FlowState, version: u8) -> Verdict {
    if header(payload).is_none_or(|(_, found)| found != version) {
        return Verdict::No;
    }
    state.seen |= seen::IKE;
    match payload.on_port(PORTS) {
        true => Verdict::Is(Confidence::DEFINITE, Method::Port),
        false => Verdict::Is(Confidence::HIGH, Method::Payload),
    }
}

/// Where the header begins, and its major version: next payload, exchange, flags and length as that version has them.
fn header(payload: &Payload) -> Option<(usize, u8)> {
    let marker = payload.on_port(&[SHARED_PORT]) && payload.u32(0) == Some(0);
    let at = if marker { 4 } else { 0 };
    let [next, version, exchange, flags] = payload.array(at + 16)?;
    let (initiator, length) = (payload.u64(at)?, payload.u32(at + 24)? as usize);
    if initiator == 0 || length < HEADER_LENGTH || payload.length.checked_sub(at) != Some(length) {
        return None;
    }
    let fits = match version {
        // Some use numbers that are not assigned.
        0x20 => {
            (matches!(next, 0 | 33..=54) || matches!(next, 55..=127) && payload.on_port(PORTS))
                && matches!(exchange, 34..=44)
                && flags & 0xc7 == 0
        }
        0x10 => matches!(next, 0..=21 | 130) && matches!(exchange, 1..=6 | 32..=34) && flags <= 7,
        _ => false,
    };
    fits.then_some((at, version >> 4))
}

fn exchange_name(major: u8, exchange: u8) -> &'static str {
    match exchange {
        34 if major == 1 => "Unknown",
        1 => "Base",
        2 => "Identity Protection (Main Mode)",
        3 => "Authentication Only",
        4 => "Aggressive",
        5 => "Informational",
        6 => "Transaction (Config Mode)",
        32 => "Quick Mode",
        33 => "New Group Mode",
        34 => "IKE_SA_INIT",
        35 => "IKE_AUTH",
        36 => "CREATE_CHILD_SA",
        37 => "INFORMATIONAL",
        38 => "IKE_SESSION_RESUME",
        43 => "IKE_INTERMEDIATE",
        44 => "IKE_FOLLOWUP_KE",
        _ => "Unknown",
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some((at, major)) = header(payload) else { return };
    let (Some([next, version, exchange, flags]), Some(message), Some(length)) =
        (payload.array(at + 16), payload.u32(at + 20), payload.u32(at + 24))
    else {
        return;
    };
    let name = exchange_name(major, exchange);
    facts.say(name.as_bytes());
    if major == 2 {
        facts.say(b" MID=");
        let digits = [message >> 24, message >> 16, message >> 8, message].map(|byte| byte as u8);
        facts.say_hex(digits.get(2..).filter(|_| message <= 0xffff).unwrap_or(&digits));
        facts.say(if flags & 0x08 != 0 { b" Initiator" } else { b" Responder" });
        facts.say(if flags & 0x20 != 0 { b" Response" } else { b" Request" });
        facts.put_flag("is_initiator", flags & 0x08 != 0);
        facts.put_flag("is_response", flags & 0x20 != 0);
    }
    facts.put_number("major_version", major.into());
    facts.put_number("minor_version", (version & 15).into());
    facts.put_number("exchange_type", exchange.into());
    facts.put("exchange_name", name.as_bytes());
    facts.put_number("next_payload", next.into());
    facts.put_number("message_id", message.into());
    facts.put_number("length", length.into());
    for (key, offset) in [("initiator_spi", 0), ("responder_spi", 8)] {
        if let Some(spi) = payload.array::<8>(at + offset) {
            facts.put_hex(key, &spi);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    fn message(version: u8, exchange: u8, flags: u8, next: u8) -> Vec<u8> {
        let mut payload = vec![0x11; 36];
        payload[16..20].copy_from_slice(&[next, version, exchange, flags]);
        payload[20..28].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 36]);
        payload
    }

    #[test]
    fn both_versions_have_their_own_numbers() {
        for (version, exchange, flags, next, expected) in [
            (0x20, 35, 0x08, 46, Some("IKEv2")),
            (0x20, 37, 0x20, 53, Some("IKEv2")),
            (0x20, 44, 0x00, 46, Some("IKEv2")),
            (0x20, 33, 0x08, 46, None),
            (0x20, 35, 0x0c, 46, None),
            (0x20, 35, 0x08, 127, Some("IKEv2")),
            (0x20, 35, 0x08, 8, None),
            (0x20, 35, 0x08, 128, None),
            (0x21, 35, 0x08, 46, None),
            (0x10, 32, 1, 8, Some("IKEv1")),
            (0x10, 6, 1, 8, Some("IKEv1")),
            (0x10, 32, 8, 8, None),
            (0x10, 7, 1, 8, None),
            (0x10, 32, 1, 33, None),
        ] {
            let payload = message(version, exchange, flags, next);
            let name = names(&[sent(Carrier::Udp, 500, 500, &payload)])[0];
            assert_eq!(name, expected, "{version:x} {exchange} {flags:x} {next}");
        }
    }

    #[test]
    fn on_the_shared_port_ike_and_esp_alternate() {
        let ike = [vec![0; 4], message(0x20, 36, 0x08, 46)].concat();
        let ike = sent(Carrier::Udp, 4500, 4500, &ike);
        // A sequence number that says nothing without the exchange before it.
        let esp =
            sent(Carrier::Udp, 4500, 4500, &[&[0xc0, 0xff, 0xee, 1, 0x10, 0, 0, 0][..], &[7; 40]].concat());
        let alive = Sent { reverse: true, ..sent(Carrier::Udp, 4500, 4500, &[0xff]) };
        let packets = [ike.clone(), esp.clone(), alive.clone(), ike, esp];
        let expected = ["IKEv2", "ESP", "ESP", "IKEv2", "ESP"].map(Some);
        assert_eq!(names(&packets), expected);
        assert_eq!(names(&[alive]), [Some("ESP")]);
    }

    #[test]
    fn exchanges_are_told() {
        let packet = sent(Carrier::Udp, 500, 500, &message(0x20, 35, 0x28, 46));
        let (_, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!(info, "IKE_AUTH MID=0001 Initiator Response");
    }
}
