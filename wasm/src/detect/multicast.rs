//! Who wants which multicast, and who sends it: IGMP (RFC 1112, RFC 2236, RFC 3376), PIM (RFC 7761) and MSDP (RFC 3618).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

const MSDP_PORTS: &[u16] = &[639];

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

/// MSDP: types and lengths alone, so that its port has to be there.
pub static MSDP: Signature = Signature {
    name: "MSDP",
    carriers: &[Carrier::Tcp],
    ports: MSDP_PORTS,
    first: FirstBytes::Ranges(&[(SOURCE_ACTIVE, KEEP_ALIVE)]),
    examine: |payload, _, _| match payload.on_port(MSDP_PORTS) {
        true => examine_msdp(payload),
        false => Verdict::No,
    },
    describe: describe_msdp,
    ..Signature::BASE
};

/// Types of MSDP messages (RFC 3618 section 12.2).
const SOURCE_ACTIVE: u8 = 1;
const SOURCE_ACTIVE_REQUEST: u8 = 2;
const SOURCE_ACTIVE_RESPONSE: u8 = 3;
const KEEP_ALIVE: u8 = 4;
/// Type and length.
const MSDP_HEADER_LENGTH: usize = 3;
/// In front of the entries of an active source: header, their count, and a rendezvous point.
const ENTRIES_AT: usize = 8;
const ENTRY_LENGTH: usize = 12;

fn examine_msdp(payload: &Payload) -> Verdict {
    let (Some(kind), Some(length)) = (payload.u8(0), payload.u16(1).map(usize::from)) else {
        return if payload.at_start { Verdict::More } else { Verdict::No };
    };
    let fits = match kind {
        KEEP_ALIVE => length == MSDP_HEADER_LENGTH,
        SOURCE_ACTIVE_REQUEST => length == ENTRIES_AT && payload.u8(3).is_none_or(|reserved| reserved == 0),
        SOURCE_ACTIVE | SOURCE_ACTIVE_RESPONSE => {
            match (payload.u8(3).map(usize::from), payload.array(ENTRIES_AT)) {
                (Some(0), _) => length == ENTRIES_AT,
                // Whole addresses are all that is allowed (RFC 3618 section 12.2.1).
                (Some(count), Some([0, 0, 0, 32])) => length >= ENTRIES_AT + count * ENTRY_LENGTH,
                (Some(_), Some(_)) => false,
                _ => return if payload.at_start { Verdict::More } else { Verdict::No },
            }
        }
        _ => false,
    };
    // What follows a message begins like another.
    let next = payload.u8(length).filter(|_| length > 0);
    match fits && next.is_none_or(|next| (SOURCE_ACTIVE..=KEEP_ALIVE).contains(&next)) {
        true => Verdict::Is(Confidence::HIGH, Method::Port),
        false => Verdict::No,
    }
}

fn describe_msdp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    // In the middle of a message is no header.
    if !matches!(examine_msdp(payload), Verdict::Is(..)) {
        return;
    }
    let name: &[u8] = match payload.u8(0) {
        Some(SOURCE_ACTIVE) => b"IPv4 Source-Active",
        Some(SOURCE_ACTIVE_REQUEST) => b"IPv4 Source-Active Request",
        Some(SOURCE_ACTIVE_RESPONSE) => b"IPv4 Source-Active Response",
        _ => b"KeepAlive",
    };
    facts.say(name);
    facts.put("type", name);
    let group_at = match payload.u8(0) {
        Some(SOURCE_ACTIVE_REQUEST) => 4,
        Some(SOURCE_ACTIVE | SOURCE_ACTIVE_RESPONSE) => {
            facts.put_number("entry_count", payload.u8(3).unwrap_or(0).into());
            if let Some(point) = payload.array(4).map(Address::v4) {
                facts.entry("rp_address", |text| point.write_text(text));
            }
            if payload.u8(3) == Some(0) {
                return;
            }
            ENTRIES_AT + 4
        }
        _ => return,
    };
    if let Some(group) = payload.array(group_at).map(Address::v4) {
        facts.say(b" group ");
        facts.say_with(|info| group.write_text(info));
        facts.entry("group", |text| group.write_text(text));
    }
}

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
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn active_sources_are_told_on_the_port() {
        let source = b"\x01\0\x14\x01\x0a\0\0\x01\0\0\0\x20\xef\x01\x02\x03\x0a\0\0\x09";
        for (payload, expected) in [
            (&source[..], "IPv4 Source-Active group 239.1.2.3"),
            (b"\x04\0\x03", "KeepAlive"),
            (b"\x04\0\x03\x04\0\x03", "KeepAlive"),
            (b"\x02\0\x08\0\xef\x01\x02\x03", "IPv4 Source-Active Request group 239.1.2.3"),
            (b"\x01\0\x08\0\x0a\0\0\x01", "IPv4 Source-Active"),
        ] {
            let packet = sent(Carrier::Tcp, 40_001, 639, payload);
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some("MSDP"), expected));
            assert_eq!(names(&[sent(Carrier::Tcp, 40_001, 6390, payload)]), [None]);
        }
        for (at, value) in [(0, 5), (2, 0x13), (8, 1), (11, 24)] {
            let mut payload = source.to_vec();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Tcp, 40_001, 639, &payload)]), [None], "{at} {value}");
        }
        for payload in [&b"\x04\0\x04\0"[..], b"\x04\0\x03\0", b"\x02\0\x08\x01\xef\x01\x02\x03"] {
            assert_eq!(names(&[sent(Carrier::Tcp, 40_001, 639, payload)]), [None]);
        }
        let pieces = [&source[..2], &source[2..]].map(|piece| sent(Carrier::Tcp, 40_001, 639, piece));
        assert_eq!(names(&pieces), [None, Some("MSDP")]);
    }

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
