//! Who wants which multicast: IGMP (RFC 1112, RFC 2236, RFC 3376) and PIM (RFC 7761).

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

/// IGMP.
pub static IGMP: Signature = Signature {
    name: "IGMP",
    carriers: &[Carrier::Ip(2)],
    examine: |payload, _, _| match payload.u8(0).and_then(igmp_name) {
        Some(_) if payload.length >= 8 => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        _ => Verdict::No,
    },
    describe: describe_igmp,
    ..Signature::BASE
};

/// PIM version 2.
pub static PIM: Signature = Signature {
    name: "PIM",
    carriers: &[Carrier::Ip(103)],
    examine: |payload, _, _| match payload.u8(0) {
        Some(first) if first >> 4 == 2 && payload.length >= 4 => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        _ => Verdict::No,
    },
    describe: describe_pim,
    ..Signature::BASE
};

fn igmp_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x11 => "Membership Query",
        0x12 => "Membership Report (version 1)",
        0x13 => "DVMRP",
        0x14 => "PIM version 1",
        0x16 => "Membership Report (version 2)",
        0x17 => "Leave Group",
        0x1e => "Multicast Traceroute Response",
        0x1f => "Multicast Traceroute",
        0x22 => "Membership Report (version 3)",
        0x30 => "Multicast Router Advertisement",
        0x31 => "Multicast Router Solicitation",
        0x32 => "Multicast Router Termination",
        _ => return None,
    })
}

fn describe_igmp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(kind) = payload.u8(0) else { return };
    let name = igmp_name(kind).unwrap_or("Unknown type");
    facts.say(name.as_bytes());
    facts.put_number("type", kind.into());
    facts.put("type_name", name.as_bytes());
    match kind {
        0x11 | 0x12 | 0x16 | 0x17 => {
            let Some(group) = payload.array(4) else { return };
            if group == [0; 4] {
                return facts.say(b", general");
            }
            let group = Address::v4(group);
            facts.say(b" group ");
            facts.say_with(|info| group.write_text(info));
            facts.entry("group", |text| group.write_text(text));
        }
        0x22 => {
            let Some(records) = payload.u16(6) else { return };
            facts.put_number("group_records", records.into());
            if let Some(group) = payload.array(12).map(Address::v4).filter(|_| records != 0) {
                facts.say(b" group ");
                facts.say_with(|info| group.write_text(info));
                facts.entry("group", |text| group.write_text(text));
            }
        }
        _ => {}
    }
}

fn describe_pim(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    const NAMES: [&str; 14] = [
        "Hello",
        "Register",
        "Register-stop",
        "Join/Prune",
        "Bootstrap",
        "Assert",
        "Graft",
        "Graft-Ack",
        "Candidate-RP-Advertisement",
        "State-Refresh",
        "DF election",
        "ECMP redirect",
        "PIM Flooding",
        "PIM Packed",
    ];
    let Some(kind) = payload.u8(0).map(|first| first & 15) else { return };
    let name = NAMES.get(usize::from(kind)).copied().unwrap_or("Unknown type");
    facts.say(name.as_bytes());
    facts.put_number("type", kind.into());
    facts.put("type_name", name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, sent};
    use super::*;

    #[test]
    fn groups_are_told() {
        for (protocol, payload, name, expected) in [
            (2, &b"\x11\x64\0\0\0\0\0\0"[..], Some("IGMP"), "Membership Query, general"),
            (2, b"\x16\0\0\0\xef\x01\x02\x03", Some("IGMP"), "Membership Report (version 2) group 239.1.2.3"),
            (
                2,
                b"\x22\0\0\0\0\0\0\x01\x04\0\0\0\xef\x01\x02\x03",
                Some("IGMP"),
                "Membership Report (version 3) group 239.1.2.3",
            ),
            (2, b"\x15\0\0\0\0\0\0\0", None, ""),
            (103, b"\x20\0\0\0", Some("PIM"), "Hello"),
            (103, b"\x10\0\0\0", None, ""),
        ] {
            let packet = sent(Carrier::Ip(protocol), 0, 0, payload);
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (name, expected));
        }
    }
}
