//! Between routers: OSPF (RFC 2328, RFC 5340), EIGRP (RFC 7868) and BFD (RFC 5880).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

/// BFD on one hop, on several, on the links of a group, and without a session to set up (RFC 5881, RFC 5883, RFC 7130, RFC 7881).
const BFD_PORTS: &[u16] = &[3784, 4784, 6784, 7784];

/// OSPF versions 2 and 3.
pub static OSPF: Signature = Signature {
    name: "OSPF",
    carriers: &[Carrier::Ip(89)],
    examine: |payload, _, _| match (payload.array(0), payload.u16(2)) {
        // What authenticates a packet follows it, and is not part of its length.
        (Some([2 | 3, 1..=5]), Some(length)) if (16..=payload.length).contains(&usize::from(length)) => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        _ => Verdict::No,
    },
    describe: describe_ospf,
    ..Signature::BASE
};

/// EIGRP.
pub static EIGRP: Signature = Signature {
    name: "EIGRP",
    carriers: &[Carrier::Ip(88)],
    examine: |payload, _, _| match payload.array(0) {
        Some([2, 1..=11]) if payload.length >= 20 => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        _ => Verdict::No,
    },
    describe: describe_eigrp,
    ..Signature::BASE
};

/// BFD control packets.
pub static BFD: Signature = Signature {
    name: "BFD",
    carriers: &[Carrier::Udp],
    ports: BFD_PORTS,
    // Version 1, diagnostic codes that are assigned.
    first: FirstBytes::Ranges(&[(0x20, 0x29)]),
    examine: |payload, _, _| match payload.on_port(BFD_PORTS) && is_bfd(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        false => Verdict::No,
    },
    describe: describe_bfd,
    ..Signature::BASE
};

fn describe_ospf(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some([version, kind]), Some(router), Some(area)) =
        (payload.array(0), payload.array(4).map(Address::v4), payload.array(8).map(Address::v4))
    else {
        return;
    };
    let name: &[u8] = match kind {
        1 => b"Hello Packet",
        2 => b"DB Description",
        3 => b"LS Request",
        4 => b"LS Update",
        5 => b"LS Acknowledge",
        _ => b"Unknown type",
    };
    facts.say(name);
    facts.put_number("version", version.into());
    facts.put("packet_type", name);
    facts.entry("router_id", |text| router.write_text(text));
    facts.entry("area_id", |text| area.write_text(text));
}

fn describe_eigrp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some([version, opcode]) = payload.array(0) else { return };
    let acknowledges = payload.u32(12).is_some_and(|number| number != 0);
    let name: &[u8] = match opcode {
        1 => b"Update",
        2 => b"Request",
        3 => b"Query",
        4 => b"Reply",
        // An acknowledgement is a hello that says what it acknowledges (RFC 7868 section 5.3.1).
        5 if acknowledges => b"Acknowledge",
        5 => b"Hello",
        10 => b"SIA-Query",
        11 => b"SIA-Reply",
        _ => b"Unknown opcode",
    };
    facts.say(name);
    facts.put_number("version", version.into());
    facts.put("opcode", name);
    if let Some(number) = payload.u16(18) {
        facts.put_number("autonomous_system", number.into());
    }
}

fn is_bfd(payload: &Payload) -> bool {
    let Some([_, flags, multiplier, length]) = payload.array(0) else { return false };
    let authenticated = flags & 0x04 != 0;
    // An authentication section has a type of five, and fills the rest.
    let section = payload
        .array(24)
        .is_some_and(|[kind, rest]| matches!(kind, 1..=5) && usize::from(rest) + 24 == usize::from(length));
    let discriminator = payload.u32(4).is_some_and(|number| number != 0);
    usize::from(length) == payload.length
        && if authenticated { section } else { length == 24 }
        && multiplier != 0
        // The multipoint bit.
        && flags & 0x01 == 0
        && discriminator
}

fn describe_bfd(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some([first, flags]) = payload.array(0) else { return };
    let state: &[u8] = match flags >> 6 {
        0 => b"AdminDown",
        1 => b"Down",
        2 => b"Init",
        _ => b"Up",
    };
    const DIAGNOSTICS: [&str; 10] = [
        "No Diagnostic",
        "Control Detection Time Expired",
        "Echo Function Failed",
        "Neighbor Signaled Session Down",
        "Forwarding Plane Reset",
        "Path Down",
        "Concatenated Path Down",
        "Administratively Down",
        "Reverse Concatenated Path Down",
        "Mis-connectivity Defect",
    ];
    let diagnostic = DIAGNOSTICS.get(usize::from(first & 0x1f)).copied().unwrap_or("Unknown");
    facts.say(b"Diag: ");
    facts.say(diagnostic.as_bytes());
    facts.say(b", State: ");
    facts.say(state);
    facts.put("diagnostic", diagnostic.as_bytes());
    facts.put("state", state);
    for (key, offset) in [("my_discriminator", 4), ("your_discriminator", 8)] {
        if let Some(number) = payload.u32(offset) {
            facts.put_number(key, number.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn packets_and_what_they_say() {
        let hello = b"\x02\x01\0\x18\x01\x02\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let mut eigrp = [0; 20];
        eigrp[..2].copy_from_slice(&[2, 5]);
        let mut bfd = [0; 24];
        bfd[..8].copy_from_slice(&[0x20, 0xc0, 3, 24, 0, 0, 0, 1]);
        for (carrier, payload, name, expected) in [
            (Carrier::Ip(89), &hello[..], "OSPF", "Hello Packet"),
            (Carrier::Ip(88), &eigrp, "EIGRP", "Hello"),
            (Carrier::Udp, &bfd, "BFD", "Diag: No Diagnostic, State: Up"),
        ] {
            let packet = sent(carrier, 49152, 3784, payload);
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some(name), expected));
            // Cut by its own length, it is none of them.
            assert_eq!(names(&[sent(carrier, 49152, 3784, &payload[..payload.len() - 5])]), [None]);
        }
        assert_eq!(names(&[sent(Carrier::Udp, 49152, 3785, &bfd)]), [None]);
        assert_eq!(names(&[sent(Carrier::Udp, 49152, 7784, &bfd)]), [Some("BFD")]);
    }
}
