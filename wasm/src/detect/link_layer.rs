//! What stays on a link: LLDP (IEEE 802.1AB), CDP, STP (IEEE 802.1D, 802.1w), the Ethernet configuration testing
//! protocol, LACP and the other slow protocols (IEEE 802.3), PPPoE discovery (RFC 2516), and 802.2 LLC in general. Frames
//! of different protocols may share a flow, so each is looked at again.

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use super::{cisco_link, isis};

/// Organizations behind a SNAP header.
const CISCO: [u8; 3] = [0, 0, 0x0c];
/// LLC header of SNAP: both service access points, unnumbered information.
const SNAP: [u8; 3] = [0xaa, 0xaa, 3];
/// LLC header of STP.
const STP_HEADER: [u8; 3] = [0x42, 0x42, 3];
const CDP_TYPE: u16 = 0x2000;
/// STP per VLAN.
const PVST_TYPE: u16 = 0x010b;

/// LLDP: chassis, port and time to live come first.
pub static LLDP: Signature = Signature {
    name: "LLDP",
    carriers: &[Carrier::Ethertype(0x88cc)],
    examine: |payload, _, _| certain(lldp(payload).take(2).map(|(kind, _)| kind).eq([1, 2])),
    describe: describe_lldp,
    ..Signature::BASE
};

/// CDP.
pub static CDP: Signature = Signature {
    name: "CDP",
    carriers: &[Carrier::Llc],
    examine: |payload, _, _| certain(is_cdp(payload)),
    continues: |payload, _, _| is_cdp(payload),
    describe: describe_cdp,
    ..Signature::BASE
};

/// STP, RSTP, MSTP, and Cisco's per VLAN.
pub static STP: Signature = Signature {
    name: "STP",
    carriers: &[Carrier::Llc],
    examine: |payload, _, _| certain(bridge_data(payload).is_some()),
    continues: |payload, _, _| bridge_data(payload).is_some(),
    describe: describe_stp,
    ..Signature::BASE
};

/// Ethernet configuration testing protocol (loopback).
pub static ETHERNET_CTP: Signature = Signature {
    name: "EthernetCTP",
    carriers: &[Carrier::Ethertype(0x9000)],
    examine: |payload, _, _| certain(matches!(ctp_function(payload), Some(1 | 2))),
    describe: |payload, _, _, facts| {
        facts.say(match ctp_function(payload) {
            Some(1) => b"Reply",
            Some(2) => b"Forward Data",
            _ => b"Unknown function",
        });
    },
    ..Signature::BASE
};

/// LACP.
pub static LACP: Signature = Signature {
    name: "LACP",
    carriers: &[Carrier::Ethertype(0x8809)],
    examine: |payload, _, _| certain(is_lacp(payload)),
    continues: |payload, _, _| is_lacp(payload),
    describe: describe_lacp,
    ..Signature::BASE
};

/// The other slow protocols.
pub static SLOW_PROTOCOLS: Signature = Signature {
    name: "Slow Protocols",
    carriers: &[Carrier::Ethertype(0x8809)],
    examine: |payload, _, _| certain(payload.u8(0).and_then(slow_protocol).is_some()),
    continues: |payload, _, _| payload.u8(0).and_then(slow_protocol).is_some(),
    describe: |payload, _, _, facts| {
        facts.say(payload.u8(0).and_then(slow_protocol).unwrap_or(b"Unknown subtype"))
    },
    ..Signature::BASE
};

/// PPPoE discovery.
pub static PPPOE: Signature = Signature {
    name: "PPPoE",
    carriers: &[Carrier::Ethertype(0x8863)],
    examine: |payload, _, _| certain(pppoe_code(payload).is_some()),
    describe: describe_pppoe,
    ..Signature::BASE
};

/// Any other frame with an 802.2 header.
pub static LLC: Signature = Signature {
    name: "LLC",
    carriers: &[Carrier::Llc],
    examine: |payload, _, _| match payload.bytes.len() {
        3.. => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        _ => Verdict::No,
    },
    continues: |payload, _, _| !has_name(payload),
    describe: describe_llc,
    ..Signature::BASE
};

/// Whether a frame with an 802.2 header is one of a protocol that is known.
fn has_name(payload: &Payload) -> bool {
    is_cdp(payload) || bridge_data(payload).is_some() || cisco_link::is_any(payload) || isis::is_isis(payload)
}

pub(super) fn certain(fits: bool) -> Verdict {
    if fits { Verdict::Is(Confidence::VERY_HIGH, Method::Payload) } else { Verdict::No }
}

/// Appends a MAC address with colons.
pub(super) fn write_mac(address: [u8; 6], out: &mut Vec<u8>) {
    for (place, byte) in address.into_iter().enumerate() {
        if place != 0 {
            out.push(b':');
        }
        super::facts::put_hex_byte(out, byte);
    }
}

/// Organization and type of a SNAP header.
fn snap(payload: &Payload) -> Option<([u8; 3], u16)> {
    (payload.array(0)? == SNAP).then_some((payload.array(3)?, payload.u16(6)?))
}

/// Cisco's type behind a SNAP header.
pub(super) fn cisco(payload: &Payload) -> Option<u16> {
    snap(payload).filter(|(organization, _)| *organization == CISCO).map(|(_, kind)| kind)
}

fn is_cdp(payload: &Payload) -> bool {
    cisco(payload) == Some(CDP_TYPE) && matches!(payload.u8(8), Some(1 | 2))
}

/// Subtype, version, and the information of the actor with its length.
fn is_lacp(payload: &Payload) -> bool {
    matches!(payload.array(0), Some([1, 1 | 2, 1, 20]))
}

/// Type and value of the elements until the one that ends them.
fn lldp<'a>(payload: &Payload<'a>) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
    let mut rest = payload.bytes;
    std::iter::from_fn(move || {
        let ([high, low], after) = rest.split_first_chunk()?;
        let (kind, length) = (high >> 1, usize::from(u16::from_be_bytes([high & 1, *low])));
        let (value, after) = after.split_at_checked(length).filter(|_| kind != 0)?;
        rest = after;
        Some((kind, value))
    })
}

fn describe_lldp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    for (kind, value) in lldp(payload) {
        match (kind, value) {
            (1, [subtype, id @ ..]) => {
                facts.say(b"Chassis ");
                put_identifier("chassis_id", matches!(subtype, 4), id, facts);
            }
            (2, [subtype, id @ ..]) => {
                facts.say(b" Port ");
                put_identifier("port_id", matches!(subtype, 3), id, facts);
            }
            (3, [high, low, ..]) => {
                facts.put_number("ttl", u16::from_be_bytes([*high, *low]).into());
            }
            (4, description) => facts.put("port_description", description),
            (5, name) => {
                facts.say(b" System ");
                facts.say(name);
                facts.put("system_name", name);
            }
            (6, description) => facts.put("system_description", description),
            _ => {}
        }
    }
}

/// An identifier that is a MAC address or an interface name; anything else shown as text too.
fn put_identifier(key: &'static str, is_mac: bool, id: &[u8], facts: &mut Facts) {
    match id.first_chunk().filter(|_| is_mac) {
        Some(mac) => {
            facts.say_with(|info| write_mac(*mac, info));
            facts.entry(key, |text| write_mac(*mac, text));
        }
        None => {
            facts.say(id);
            facts.put(key, id);
        }
    }
}

fn describe_cdp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    facts.put_number("version", payload.u8(8).unwrap_or(0).into());
    facts.put_number("ttl", payload.u8(9).unwrap_or(0).into());
    let mut rest = payload.from(12);
    while let Some((&[t0, t1, l0, l1], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let Some((value, next)) = length.checked_sub(4).and_then(|length| after.split_at_checked(length))
        else {
            return;
        };
        match u16::from_be_bytes([t0, t1]) {
            1 => {
                facts.say(b"Device ID: ");
                facts.say(value);
                facts.put("device_id", value);
            }
            3 => {
                facts.say(b" Port ID: ");
                facts.say(value);
                facts.put("port_id", value);
            }
            6 => facts.put("platform", value),
            _ => {}
        }
        rest = next;
    }
}

/// Version, type, and offset of a bridge protocol data unit.
fn bridge_data(payload: &Payload) -> Option<(u8, u8, usize)> {
    let at = match snap(payload) {
        Some((CISCO, PVST_TYPE)) => 8,
        _ if payload.array(0) == Some(STP_HEADER) => 3,
        _ => return None,
    };
    let [0, 0, version, kind] = payload.array(at)? else { return None };
    (matches!(version, 0 | 2..=4) && matches!(kind, 0 | 2 | 0x80)).then_some((version, kind, at))
}

fn describe_stp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some((version, kind, at)) = bridge_data(payload) else { return };
    facts.put_number("version", version.into());
    if kind == 0x80 {
        facts.put("type", b"Topology Change Notification");
        return facts.say(b"Topology Change Notification");
    }
    facts.put("type", b"Configuration");
    facts.say(match version {
        2 => b"RST.",
        3 => b"MST.",
        4 => b"SPT.",
        _ => b"Conf.",
    });
    if payload.u8(at + 4).is_some_and(|flags| flags & 1 != 0) {
        facts.say(b" TC +");
    }
    if let (Some(priority), Some(root), Some(cost)) =
        (payload.u16(at + 5), payload.array(at + 7), payload.u32(at + 13))
    {
        facts.say(b" Root = ");
        facts.say_number((priority & 0xf000).into());
        facts.say(b"/");
        facts.say_with(|info| write_mac(root, info));
        facts.say(b" Cost = ");
        facts.say_number(cost.into());
        facts.put_number("root_priority", (priority & 0xf000).into());
        facts.entry("root", |text| write_mac(root, text));
        facts.put_number("root_path_cost", cost.into());
    }
}

/// Function behind the skip count, which is little endian and counts from the field after it.
fn ctp_function(payload: &Payload) -> Option<u16> {
    let skip = usize::from(u16::from_le_bytes(payload.array(0)?));
    payload.le16(2 + skip).filter(|_| skip.is_multiple_of(2))
}

fn slow_protocol(subtype: u8) -> Option<&'static [u8]> {
    Some(match subtype {
        2 => b"Marker Protocol",
        3 => b"OAM",
        10 => b"Organization Specific Slow Protocol",
        _ => return None,
    })
}

fn describe_lacp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    for (text, key, at) in [("Actor ", "actor_system", 6), (" Partner ", "partner_system", 26)] {
        if let Some(system) = payload.array(at) {
            facts.say(text.as_bytes());
            facts.say_with(|info| write_mac(system, info));
            facts.entry(key, |text| write_mac(system, text));
        }
    }
}

fn pppoe_code(payload: &Payload) -> Option<(&'static str, &'static str)> {
    let [0x11, code] = payload.array(0)? else { return None };
    let length = usize::from(payload.u16(4)?);
    let names = match code {
        0x09 => ("Active Discovery Initiation (PADI)", "PADI"),
        0x07 => ("Active Discovery Offer (PADO)", "PADO"),
        0x19 => ("Active Discovery Request (PADR)", "PADR"),
        0x65 => ("Active Discovery Session-confirmation (PADS)", "PADS"),
        0xa7 => ("Active Discovery Terminate (PADT)", "PADT"),
        _ => return None,
    };
    (length + 6 <= payload.length).then_some(names)
}

fn describe_pppoe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some((name, code)) = pppoe_code(payload) else { return };
    facts.say(name.as_bytes());
    facts.put("code", code.as_bytes());
    facts.put_number("session_id", payload.u16(2).unwrap_or(0).into());
    let end = 6 + usize::from(payload.u16(4).unwrap_or(0));
    let mut at = 6;
    while let (Some(tag), Some(length)) = (payload.u16(at), payload.u16(at + 2)) {
        let next = at + 4 + usize::from(length);
        let Some(value) = payload.bytes.get(at + 4..next).filter(|_| next <= end) else { return };
        match tag {
            0x0000 => return,
            0x0101 if !value.is_empty() => facts.put("service_name", value),
            0x0102 => {
                facts.say(b" AC-Name='");
                facts.say(value);
                facts.say(b"'");
                facts.put("ac_name", value);
            }
            _ => {}
        }
        at = next;
    }
}

fn describe_llc(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some([destination, source]) = payload.array::<2>(0) else { return };
    facts.say(b"DSAP 0x");
    facts.say_hex(&[destination]);
    facts.say(b" SSAP 0x");
    facts.say_hex(&[source]);
    facts.put_hex("dsap", &[destination]);
    facts.put_hex("ssap", &[source]);
    if let Some((organization, kind)) = snap(payload) {
        facts.say(b" OUI ");
        facts.say_hex(&organization);
        facts.say(b" PID 0x");
        facts.say_hex(&kind.to_be_bytes());
        facts.put_hex("oui", &organization);
        facts.put_hex("pid", &kind.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn frames_and_what_they_say() {
        for (carrier, payload, name, expected) in [
            (
                Carrier::Ethertype(0x88cc),
                &b"\x02\x07\x04\x02\0\0\0\0\x01\x04\x05\x05eth0\x06\x02\0\x78\x0a\x02sw\0\0"[..],
                "LLDP",
                "Chassis 02:00:00:00:00:01 Port eth0 System sw",
            ),
            (
                Carrier::Llc,
                b"\xaa\xaa\x03\0\0\x0c\x20\0\x02\xb4\0\0\0\x01\0\x06r1\0\x03\0\x07Gi0",
                "CDP",
                "Device ID: r1 Port ID: Gi0",
            ),
            (
                Carrier::Llc,
                b"\x42\x42\x03\0\0\x02\x02\x3c\x80\x01\x02\0\0\0\0\x01\0\0\0\x04",
                "STP",
                "RST. Root = 32768/02:00:00:00:00:01 Cost = 4",
            ),
            (Carrier::Llc, b"\x42\x42\x03\0\0\0\x80", "STP", "Topology Change Notification"),
            (Carrier::Llc, b"\xe0\xe0\x03\xff\xff", "LLC", "DSAP 0xe0 SSAP 0xe0"),
            (
                Carrier::Llc,
                b"\xaa\xaa\x03\0\0\x0c\x01\x11\0\0",
                "LLC",
                "DSAP 0xaa SSAP 0xaa OUI 00000c PID 0x0111",
            ),
            (Carrier::Ethertype(0x9000), b"\0\0\x01\0\0\0", "EthernetCTP", "Reply"),
            (
                Carrier::Ethertype(0x8863),
                b"\x11\x07\0\0\0\x0a\x01\x01\0\0\x01\x02\0\x02ac\0\0",
                "PPPoE",
                "Active Discovery Offer (PADO) AC-Name='ac'",
            ),
            (Carrier::Ethertype(0x8809), b"\x03\0\x50\0", "Slow Protocols", "OAM"),
            (
                Carrier::Ethertype(0x8809),
                b"\x01\x01\x01\x14\x80\0\x02\0\0\0\0\x01",
                "LACP",
                "Actor 02:00:00:00:00:01",
            ),
        ] {
            let packet = sent(carrier, 0, 0, payload);
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some(name), expected));
        }
    }

    #[test]
    fn frames_of_one_flow_are_looked_at_each() {
        let cdp = b"\xaa\xaa\x03\0\0\x0c\x20\0\x02\xb4\0\0";
        let stp = b"\x42\x42\x03\0\0\0\x80";
        let other = b"\xe0\xe0\x03\xff\xff";
        let frames = [&cdp[..], stp, other, cdp].map(|frame| sent(Carrier::Llc, 0, 0, frame));
        assert_eq!(names(&frames), ["CDP", "STP", "LLC", "CDP"].map(Some));
        let slow = [&b"\x01\x01\x01\x14"[..], b"\x03\0\x50\0", b"\x09\0\0\0"]
            .map(|frame| sent(Carrier::Ethertype(0x8809), 0, 0, frame));
        assert_eq!(names(&slow), [Some("LACP"), Some("Slow Protocols"), None]);
    }

    #[test]
    fn what_does_not_fit_is_nothing() {
        for (carrier, payload) in [
            (Carrier::Ethertype(0x88cc), &b"\x04\x02\x05x\x02\x02\x04x"[..]),
            (Carrier::Ethertype(0x88cc), b"\x02\x40\x04"),
            (Carrier::Ethertype(0x9000), b"\x01\0\x01\0\0\0"),
            (Carrier::Ethertype(0x8863), b"\x11\x07\0\0\0\x20\x01\x01"),
            (Carrier::Ethertype(0x8863), b"\x11\x00\0\0\0\0"),
            (Carrier::Ethertype(0x8809), b"\x04\0\0\0"),
            (Carrier::Llc, b"\x42\x42"),
        ] {
            let packet = sent(carrier, 0, 0, payload);
            let (found, ..) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!(found, None, "{payload:02x?}");
        }
    }
}
