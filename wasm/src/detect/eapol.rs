//! 802.1X: EAP over LAN (IEEE 802.1X), and the EAP packets in it (RFC 3748). Identities are not shown.

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const EAP_PACKET: u8 = 0;
const KEY: u8 = 3;

/// 802.1X.
pub static IEEE_802_1X: Signature = Signature {
    name: "802.1X",
    carriers: &[Carrier::Ethertype(0x888e)],
    examine: |payload, _, _| match (payload.array(0), payload.u16(2)) {
        (Some([1..=3, 0..=8]), Some(length)) if usize::from(length) + 4 <= payload.length => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        _ => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some([version, kind]) = payload.array(0) else { return };
    let name: &[u8] = match kind {
        EAP_PACKET => b"EAP Packet",
        1 => b"Start",
        2 => b"Logoff",
        KEY => b"Key",
        4 => b"Encapsulated ASF Alert",
        5 => b"MKA",
        _ => b"Announcement",
    };
    facts.put_number("version", version.into());
    facts.put("packet_type", name);
    if kind != EAP_PACKET {
        return facts.say(name);
    }
    let code: &[u8] = match payload.u8(4) {
        Some(1) => b"Request",
        Some(2) => b"Response",
        Some(3) => b"Success",
        Some(4) => b"Failure",
        _ => return facts.say(name),
    };
    facts.say(code);
    facts.put("eap_code", code);
    if let Some(method) = payload.u8(8).filter(|_| matches!(payload.u8(4), Some(1 | 2))) {
        let method: &[u8] = match method {
            1 => b"Identity",
            2 => b"Notification",
            3 => b"Legacy Nak",
            4 => b"MD5-Challenge EAP",
            6 => b"Generic Token Card EAP",
            13 => b"TLS EAP",
            21 => b"Tunneled TLS EAP",
            25 => b"Protected EAP",
            26 => b"MS-Authentication EAP",
            43 => b"Flexible Authentication via Secure Tunneling EAP",
            _ => b"EAP method",
        };
        facts.say(b", ");
        facts.say(method);
        facts.put("eap_method", method);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn identities_are_not_told() {
        let payload = b"\x01\0\0\x0a\x02\x07\0\x0a\x01alice\0\0";
        let packet = sent(Carrier::Ethertype(0x888e), 0, 0, payload);
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("802.1X"), "Response, Identity"));
        assert!(details.iter().all(|(_, value)| !value.contains("alice")));
        assert_eq!(names(&[sent(Carrier::Ethertype(0x888e), 0, 0, &payload[..10])]), [None]);
    }
}
