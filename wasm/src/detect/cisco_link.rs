//! What switches of Cisco say on a link, behind a SNAP header: DTP, VTP, UDLD (RFC 5171) and PAgP. Their digests are not
//! shown.

use super::link_layer::{certain, cisco, write_mac};
use super::{Carrier, Facts, FlowState, Payload, Shared, Signature};

/// SNAP types.
const PAGP_TYPE: u16 = 0x0104;
const UDLD_TYPE: u16 = 0x0111;
const VTP_TYPE: u16 = 0x2003;
const DTP_TYPE: u16 = 0x2004;
/// Where the packet begins, behind LLC and SNAP.
const START: usize = 8;
/// Type and length of an element, which counts them.
const ELEMENT_HEADER_LENGTH: usize = 4;
const VTP_DOMAIN_LENGTH: usize = 32;
const VTP_HEADER_LENGTH: usize = 4 + VTP_DOMAIN_LENGTH;
const PAGP_INFORMATION: u8 = 1;
const PAGP_FLUSH: u8 = 2;

/// Dynamic Trunking Protocol.
pub static DTP: Signature = Signature {
    name: "DTP",
    carriers: &[Carrier::Llc],
    examine: |payload, _, _| certain(is_dtp(payload)),
    continues: |payload, _, _| is_dtp(payload),
    describe: describe_dtp,
    ..Signature::BASE
};

/// VLAN Trunking Protocol, versions 1 to 3.
pub static VTP: Signature = Signature {
    name: "VTP",
    carriers: &[Carrier::Llc],
    examine: |payload, _, _| certain(is_vtp(payload)),
    continues: |payload, _, _| is_vtp(payload),
    describe: describe_vtp,
    ..Signature::BASE
};

/// Unidirectional Link Detection.
pub static UDLD: Signature = Signature {
    name: "UDLD",
    carriers: &[Carrier::Llc],
    examine: |payload, _, _| certain(is_udld(payload)),
    continues: |payload, _, _| is_udld(payload),
    describe: describe_udld,
    ..Signature::BASE
};

/// Port Aggregation Protocol.
pub static PAGP: Signature = Signature {
    name: "PAgP",
    carriers: &[Carrier::Llc],
    examine: |payload, _, _| certain(is_pagp(payload)),
    continues: |payload, _, _| is_pagp(payload),
    describe: describe_pagp,
    ..Signature::BASE
};

/// Whether it is a packet of one of these.
pub(super) fn is_any(payload: &Payload) -> bool {
    is_dtp(payload) || is_vtp(payload) || is_udld(payload) || is_pagp(payload)
}

/// Type, offset and value of the elements from `at` on.
fn elements<'a>(payload: &Payload<'a>, mut at: usize) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
    let payload = *payload;
    std::iter::from_fn(move || {
        let (kind, length) = (payload.u16(at)?, usize::from(payload.u16(at + 2)?));
        let value = payload.bytes.get(at + ELEMENT_HEADER_LENGTH..at + length)?;
        at += length;
        Some((kind, value))
    })
}

/// Version 1, and the domain first.
fn is_dtp(payload: &Payload) -> bool {
    cisco(payload) == Some(DTP_TYPE)
        && payload.u8(START) == Some(1)
        && elements(payload, START + 1).next().is_some_and(|(kind, _)| kind == 1)
}

fn describe_dtp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    facts.say(b"Dynamic Trunk Protocol");
    for (kind, value) in elements(payload, START + 1).take(8) {
        match (kind, value) {
            (1, domain) => facts.put("domain", domain.split(|byte| *byte == 0).next().unwrap_or_default()),
            (2, [status]) => facts.put_hex("trunk_status", &[*status]),
            (3, [kind]) => facts.put_hex("trunk_type", &[*kind]),
            (4, neighbor) => {
                if let Some(neighbor) = neighbor.first_chunk() {
                    facts.say(b", Neighbor ");
                    facts.say_with(|info| write_mac(*neighbor, info));
                    facts.entry("neighbor", |text| write_mac(*neighbor, text));
                }
            }
            _ => {}
        }
    }
}

fn vtp_name(version: u8, code: u8) -> Option<&'static str> {
    Some(match (version, code) {
        (1..=3, 1) => "Summary Advertisement",
        (1..=3, 2) => "Subset Advertisement",
        (1..=3, 3) => "Advertisement Request",
        (1..=3, 4) => "Join/Prune Message",
        (3, 5) => "Takeover Request",
        (3, 6) => "Takeover Response",
        _ => return None,
    })
}

/// Version, code, and a domain that zeros fill up.
fn is_vtp(payload: &Payload) -> bool {
    if cisco(payload) != Some(VTP_TYPE) {
        return false;
    }
    let Some([version, code, _, length]) = payload.array(START) else { return false };
    let domain = payload.array::<VTP_DOMAIN_LENGTH>(START + 4);
    let is_filled = domain.is_some_and(|domain| domain.iter().skip(length.into()).all(|byte| *byte == 0));
    vtp_name(version, code).is_some() && usize::from(length) <= VTP_DOMAIN_LENGTH && is_filled
}

fn describe_vtp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some([version, code, _, length]) = payload.array(START) else { return };
    let Some(name) = vtp_name(version, code) else { return };
    facts.say(name.as_bytes());
    facts.put_number("version", version.into());
    facts.put("code", name.as_bytes());
    let domain = payload.array::<VTP_DOMAIN_LENGTH>(START + 4).unwrap_or_default();
    if let Some(domain) = domain.get(..length.into()).filter(|domain| !domain.is_empty()) {
        facts.say(b", Domain: ");
        facts.say(domain);
        facts.put("domain", domain);
    }
    if let Some(revision) = payload.u32(START + VTP_HEADER_LENGTH).filter(|_| matches!(code, 1 | 2)) {
        facts.say(b", Revision: ");
        facts.say_number(revision.into());
        facts.put_number("configuration_revision", revision.into());
    }
}

fn udld_name(opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        1 => "Probe",
        2 => "Echo",
        3 => "Flush",
        _ => return None,
    })
}

/// Version 1 (RFC 5171 section 3.2), an opcode that is assigned, and an element of a known type.
fn is_udld(payload: &Payload) -> bool {
    cisco(payload) == Some(UDLD_TYPE)
        && payload.u8(START).is_some_and(|first| first >> 5 == 1 && udld_name(first & 0x1f).is_some())
        && elements(payload, START + 4).next().is_some_and(|(kind, _)| matches!(kind, 1..=7))
}

fn describe_udld(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let name = payload.u8(START).and_then(|first| udld_name(first & 0x1f)).unwrap_or("Unknown opcode");
    facts.say(name.as_bytes());
    facts.put("opcode", name.as_bytes());
    for (kind, value) in elements(payload, START + 4).take(16) {
        match kind {
            1 => {
                facts.say(b" Device ID: ");
                facts.say(value);
                facts.put("device_id", value);
            }
            2 => {
                facts.say(b" Port ID: ");
                facts.say(value);
                facts.put("port_id", value);
            }
            6 => facts.put("device_name", value),
            _ => {}
        }
    }
}

/// What both sides of a port say, or a request to flush, in their fixed lengths.
fn is_pagp(payload: &Payload) -> bool {
    const INFORMATION_LENGTH: usize = 46;
    const FLUSH_LENGTH: usize = 18;
    let length = payload.length.saturating_sub(START);
    cisco(payload) == Some(PAGP_TYPE)
        && match payload.u8(START) {
            Some(PAGP_INFORMATION) => length >= INFORMATION_LENGTH,
            Some(PAGP_FLUSH) => length >= FLUSH_LENGTH,
            _ => false,
        }
}

fn describe_pagp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(kind) = payload.u8(START) else { return };
    let (name, partner_at): (&[u8], _) =
        if kind == PAGP_FLUSH { (b"Flush PDU", 8) } else { (b"Information PDU", 22) };
    facts.say(name);
    facts.put("type", name);
    for (text, key, at) in
        [("; Local DID: ", "local_device", 2), (", Partner DID: ", "partner_device", partner_at)]
    {
        if let Some(device) = payload.array(START + at) {
            facts.say(text.as_bytes());
            facts.say_with(|info| write_mac(device, info));
            facts.entry(key, |text| write_mac(device, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn snap(kind: u16, packet: &[u8]) -> Vec<u8> {
        [&[0xaa, 0xaa, 3, 0, 0, 0x0c][..], &kind.to_be_bytes(), packet].concat()
    }

    fn vtp() -> Vec<u8> {
        let mut packet = b"\x01\x01\0\x03lab".to_vec();
        packet.resize(36, 0);
        packet.extend_from_slice(&[0, 0, 0, 9]);
        snap(0x2003, &packet)
    }

    fn pagp() -> Vec<u8> {
        let mut packet = vec![1, 5, 2, 0, 0, 0, 0, 1];
        packet.resize(22, 0);
        packet.extend_from_slice(&[2, 0, 0, 0, 0, 2]);
        packet.resize(46, 0);
        snap(0x0104, &packet)
    }

    const DTP_PACKET: &[u8] = b"\x01\0\x01\0\x08lab\0\0\x02\0\x05\x03\0\x04\0\x0a\x02\0\0\0\0\x01";
    const UDLD_PACKET: &[u8] = b"\x21\0\0\0\0\x01\0\x07sw1\0\x02\0\x07Gi1";

    #[test]
    fn packets_and_what_they_say() {
        for (payload, name, expected) in [
            (snap(0x2004, DTP_PACKET), "DTP", "Dynamic Trunk Protocol, Neighbor 02:00:00:00:00:01"),
            (vtp(), "VTP", "Summary Advertisement, Domain: lab, Revision: 9"),
            (snap(0x0111, UDLD_PACKET), "UDLD", "Probe Device ID: sw1 Port ID: Gi1"),
            (pagp(), "PAgP", "Information PDU; Local DID: 02:00:00:00:00:01, Partner DID: 02:00:00:00:00:02"),
        ] {
            let packet = sent(Carrier::Llc, 0, 0, &payload);
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some(name), expected));
            // Frames of one flow are looked at each.
            let other = sent(Carrier::Llc, 0, 0, b"\xe0\xe0\x03\xff\xff");
            let found = names(&[packet.clone(), other.clone(), packet]);
            assert_eq!(found, [Some(name), Some("LLC"), Some(name)]);
        }
    }

    #[test]
    fn what_does_not_fit_is_llc() {
        let (dtp, udld) = (snap(0x2004, DTP_PACKET), snap(0x0111, UDLD_PACKET));
        for (payload, at, value) in [
            (&dtp, 8, 2),
            (&dtp, 10, 9),
            (&dtp, 12, 3),
            (&dtp, 12, 0xff),
            (&dtp, 5, 0x0d),
            (&vtp(), 8, 4),
            (&vtp(), 9, 5),
            (&vtp(), 11, 2),
            (&vtp(), 11, 33),
            (&udld, 8, 0x41),
            (&udld, 8, 0x24),
            (&udld, 13, 8),
            (&udld, 15, 3),
            (&pagp(), 8, 3),
        ] {
            let mut payload = payload.clone();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Llc, 0, 0, &payload)]), [Some("LLC")], "{at} {value}");
        }
        assert_eq!(names(&[sent(Carrier::Llc, 0, 0, &pagp()[..53])]), [Some("LLC")]);
    }
}
