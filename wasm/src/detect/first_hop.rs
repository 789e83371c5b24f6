//! Which router is the first hop: VRRP (RFC 3768, RFC 5798), HSRP (RFC 2281) and GLBP. Their passwords are not shown.

use super::link_layer::write_mac;
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

/// HSRP, and its version for IPv6.
const HSRP_PORTS: &[u16] = &[1985, 2029];

const GLBP_PORTS: &[u16] = &[3222];

/// VRRP versions 2 and 3.
pub static VRRP: Signature = Signature {
    name: "VRRP",
    carriers: &[Carrier::Ip(112)],
    examine: |payload, _, _| match payload.array(0) {
        // Version and type; virtual router; priority; addresses.
        Some([0x21 | 0x31, 1..=255, _, 1..=255]) if payload.length >= 12 => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        _ => Verdict::No,
    },
    describe: describe_vrrp,
    ..Signature::BASE
};

/// HSRP versions 1 and 2.
pub static HSRP: Signature = Signature {
    name: "HSRP",
    carriers: &[Carrier::Udp],
    ports: HSRP_PORTS,
    first: FirstBytes::OneOf(&[0, 1, 2]),
    examine: |payload, _, _| match payload.on_port(HSRP_PORTS) && is_hsrp(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        false => Verdict::No,
    },
    describe: describe_hsrp,
    ..Signature::BASE
};

/// GLBP.
pub static GLBP: Signature = Signature {
    name: "GLBP",
    carriers: &[Carrier::Udp],
    ports: GLBP_PORTS,
    first: FirstBytes::OneOf(&[1]),
    examine: |payload, _, _| match payload.on_port(GLBP_PORTS) && is_glbp(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        false => Verdict::No,
    },
    describe: describe_glbp,
    ..Signature::BASE
};

fn describe_vrrp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some([first, router, priority]) = payload.array(0) else { return };
    facts.say(b"Announcement (v");
    facts.say_number((first >> 4).into());
    facts.say(b") VRID=");
    facts.say_number(router.into());
    facts.say(b", priority=");
    facts.say_number(priority.into());
    facts.put_number("version", (first >> 4).into());
    facts.put_number("virtual_router_id", router.into());
    facts.put_number("priority", priority.into());
    let is_ipv4 = payload.ip.is_none_or(|ip| ip.version == 4);
    let address = match is_ipv4 {
        true => payload.array(8).map(Address::v4),
        false => payload.array(8).map(Address::v6),
    };
    if let Some(address) = address {
        facts.entry("virtual_ip", |text| address.write_text(text));
    }
}

// Types of what a message consists of in version 2, and of what may follow one of version 1.
const GROUP_STATE: u8 = 1;
const INTERFACE_STATE: u8 = 2;
const TEXT_AUTHENTICATION: u8 = 3;
const MD5_AUTHENTICATION: u8 = 4;

/// Bytes of a message of version 1 without authentication by MD5.
const VERSION_1_LENGTH: usize = 20;

fn is_hsrp(payload: &Payload) -> bool {
    match payload.array(0) {
        // Version 2: group state first, or an interface's alone.
        Some([GROUP_STATE, 40, 2, 0..=3] | [INTERFACE_STATE, 4, ..]) => elements_fill(payload, 0),
        // Version 1: operation, state.
        Some([0, 0..=2, state, _]) => {
            matches!(state, 0 | 1 | 2 | 4 | 8 | 16) && elements_fill(payload, VERSION_1_LENGTH)
        }
        // Version 1: advertisement of an interface.
        Some([0, 3, 0, 1]) => payload.length >= 16,
        _ => false,
    }
}

/// Whether elements of known types and lengths lead from an offset to the end.
fn elements_fill(payload: &Payload, mut at: usize) -> bool {
    while at < payload.length {
        at += match payload.array(at) {
            Some([GROUP_STATE, 40]) => 42,
            Some([INTERFACE_STATE, 4]) => 6,
            Some([TEXT_AUTHENTICATION, 8]) => 10,
            Some([MD5_AUTHENTICATION, 28]) => 30,
            Some(_) => return false,
            None => return !payload.is_whole(),
        };
    }
    at == payload.length
}

fn describe_hsrp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(head) = payload.array::<4>(0) else { return };
    let (version, operation, state, group) = match head {
        [GROUP_STATE, 40, 2, operation] => {
            let state = payload.u8(4).unwrap_or(0);
            (2, operation, state, payload.u16(6).unwrap_or(0))
        }
        [0, operation @ 0..=2, state, _] => (1, operation, state, payload.u8(6).unwrap_or(0).into()),
        [0, 3, ..] => return facts.say(b"Advertise"),
        [INTERFACE_STATE, 4, ..] => {
            facts.put_number("version", 2);
            return facts.say(b"Interface State");
        }
        _ => return,
    };
    let operation: &[u8] = match operation {
        0 => b"Hello",
        1 => b"Coup",
        2 => b"Resign",
        _ => b"Unknown operation",
    };
    // In version 2 states are counted, in version 1 they are bits.
    let state: &[u8] = match (version, state) {
        (1, 0) | (2, 1) => b"Initial",
        (1, 1) | (2, 2) => b"Learn",
        (1, 2) | (2, 3) => b"Listen",
        (1, 4) | (2, 4) => b"Speak",
        (1, 8) | (2, 5) => b"Standby",
        (1, 16) | (2, 6) => b"Active",
        _ => b"Unknown state",
    };
    facts.say(operation);
    facts.say(b" (state ");
    facts.say(state);
    facts.say(b")");
    facts.put_number("version", version);
    facts.put("operation", operation);
    facts.put("state", state);
    facts.put_number("group", group.into());
}

/// Version, group, and the sender's address, in front of elements.
const GLBP_HEADER_LENGTH: usize = 12;
const GLBP_MOST_GROUP: u16 = 1023;
const GLBP_HELLO: u8 = 1;
const GLBP_HELLO_LENGTH: usize = 28;
/// Hellos, forwarders, authentication, and one more.
const GLBP_LAST_ELEMENT: u8 = 4;

/// Type and offset of the elements of GLBP, whose lengths count themselves.
fn glbp_elements(payload: &Payload) -> impl Iterator<Item = (u8, usize, usize)> {
    let payload = *payload;
    let mut at = GLBP_HEADER_LENGTH;
    std::iter::from_fn(move || {
        let [kind, length @ 2..=u8::MAX] = payload.array(at)? else { return None };
        let start = at;
        at += usize::from(length);
        Some((kind, start, at))
    })
}

/// What is zero, a group that can be, and elements that fill the datagram.
fn is_glbp(payload: &Payload) -> bool {
    let (Some([1, 0]), Some(..=GLBP_MOST_GROUP), Some(0)) =
        (payload.array(0), payload.u16(2), payload.u16(4))
    else {
        return false;
    };
    let mut end = GLBP_HEADER_LENGTH;
    for (kind, start, next) in glbp_elements(payload) {
        let is_known = (GLBP_HELLO..=GLBP_LAST_ELEMENT).contains(&kind)
            && (kind != GLBP_HELLO || next - start >= GLBP_HELLO_LENGTH);
        if !is_known {
            return false;
        }
        end = next;
    }
    end > GLBP_HEADER_LENGTH && (end == payload.length || !payload.is_whole() && end < payload.length)
}

fn describe_glbp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(group), Some(owner)) = (payload.u16(2), payload.array(6)) else { return };
    facts.put_number("group", group.into());
    facts.entry("owner", |text| write_mac(owner, text));
    let hello = glbp_elements(payload).find(|(kind, ..)| *kind == GLBP_HELLO);
    facts.say(if hello.is_some() { b"Hello" } else { b"Request/Response" });
    facts.say(b" (group ");
    facts.say_number(group.into());
    facts.say(b")");
    let Some((_, at, _)) = hello else { return };
    if let Some(priority) = payload.u8(at + 5) {
        facts.put_number("priority", priority.into());
    }
    if let Some([1, 4, a, b, c, d]) = payload.array(at + 22) {
        facts.entry("virtual_ip", |text| Address::v4([a, b, c, d]).write_text(text));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn passwords_are_not_told() {
        let hello = b"\0\0\x10\x03\x0a\x64\x01\0secret\0\0\x0a\0\0\x01";
        let packet = sent(Carrier::Udp, 1985, 1985, hello);
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("HSRP"), "Hello (state Active)"));
        assert!(details.iter().all(|(_, value)| !value.contains("secret")));
        for (at, value) in [(0, 1), (1, 4), (2, 3)] {
            let mut payload = hello.to_vec();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 1985, 1985, &payload)]), [None], "{at} {value}");
        }
    }

    #[test]
    fn authentication_by_md5_and_the_state_of_interfaces() {
        let hello = b"\0\0\x10\x03\x0a\x64\x01\0\0\0\0\0\0\0\0\0\x0a\0\0\x01";
        let mut group = vec![0; 42];
        group[..8].copy_from_slice(&[1, 40, 2, 0, 5, 4, 0, 9]);
        let mut digest = vec![4, 28, 1];
        digest.resize(30, 7);
        let interface = [2, 4, 0, 0, 0, 1];
        let cases: [(&[&[u8]], bool); 8] = [
            (&[hello, &digest], true),
            (&[&group, &digest], true),
            (&[&group, &interface, &digest], true),
            (&[&interface], true),
            (&[hello, &digest[..29]], false),
            (&[&group, &[9, 0]], false),
            (&[&interface, &[0]], false),
            (&[hello, &[0]], false),
        ];
        for (parts, is_hsrp) in cases {
            let packet = sent(Carrier::Udp, 1985, 1985, &parts.concat());
            assert_eq!(names(&[packet]), [is_hsrp.then_some("HSRP")], "{parts:?}");
        }
    }

    #[test]
    fn glbp_names_group_and_address() {
        let hello =
            b"\x01\x1c\0\x20\0\x64\0\0\0\0\x0b\xb8\0\0\x27\x10\x02\x58\x38\x40\0\0\x01\x04\x0a\0\0\x01";
        let payload = [&b"\x01\0\0\x07\0\0\x02\0\0\0\0\x01\x03\x08\x01\x06secr"[..], hello].concat();
        let packet = sent(Carrier::Udp, 3222, 3222, &payload);
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("GLBP"), "Hello (group 7)"));
        assert!(details.contains(&("virtual_ip", "10.0.0.1".to_owned())));
        assert!(details.contains(&("owner", "02:00:00:00:00:01".to_owned())));
        assert!(details.iter().all(|(_, value)| !value.contains("secr")));
        assert_eq!(names(&[sent(Carrier::Udp, 3223, 3223, &payload)]), [None]);
        for (at, value) in [(0, 2), (1, 1), (2, 4), (4, 1), (12, 5), (13, 7), (13, 9), (21, 0x1b)] {
            let mut payload = payload.clone();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 3222, 3222, &payload)]), [None], "{at} {value}");
        }
        assert_eq!(names(&[sent(Carrier::Udp, 3222, 3222, &payload[..12])]), [None]);
    }

    #[test]
    fn the_second_version_counts_its_states() {
        let mut payload = vec![0; 42];
        payload[..8].copy_from_slice(&[1, 40, 2, 0, 5, 4, 0, 9]);
        let packet = sent(Carrier::Udp, 1985, 1985, &payload);
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("HSRP"), "Hello (state Standby)"));
        assert!(details.contains(&("group", "9".to_owned())));
    }

    #[test]
    fn vrrp_names_router_and_address() {
        let packet = sent(Carrier::Ip(112), 0, 0, b"\x31\x07\x64\x01\0\x64\0\0\x0a\0\0\x01");
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("VRRP"), "Announcement (v3) VRID=7, priority=100"));
        assert!(details.contains(&("virtual_ip", "10.0.0.1".to_owned())));
    }
}
