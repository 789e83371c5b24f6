//! ICMP (RFC 792) and ICMPv6 (RFC 4443, RFC 4861): types and codes that are assigned. Checksums are not verified.

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

const PROTOCOL: u8 = 1;
const PROTOCOL_V6: u8 = 58;

/// ICMP.
pub static ICMP: Signature = Signature {
    name: "ICMP",
    carriers: &[Carrier::Ip(PROTOCOL)],
    examine: |payload, _, _| {
        judge(payload, 8, |kind, code| type_name(kind).is_some() && code <= last_code(kind))
    },
    describe,
    ..Signature::BASE
};

/// ICMPv6.
pub static ICMPV6: Signature = Signature {
    name: "ICMPv6",
    carriers: &[Carrier::Ip(PROTOCOL_V6)],
    examine: |payload, _, _| {
        judge(payload, 4, |kind, code| type_name_v6(kind).is_some() && code <= last_code_v6(kind))
    },
    describe: describe_v6,
    ..Signature::BASE
};

fn judge(payload: &Payload, least: usize, is_assigned: fn(u8, u8) -> bool) -> Verdict {
    match (payload.u8(0), payload.u8(1)) {
        (Some(kind), Some(code)) if payload.length >= least && is_assigned(kind, code) => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        _ => Verdict::No,
    }
}

fn type_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "Echo (ping) reply",
        3 => "Destination unreachable",
        4 => "Source quench",
        5 => "Redirect",
        6 => "Alternate host address",
        8 => "Echo (ping) request",
        9 => "Mobile IP Advertisement",
        10 => "Router solicitation",
        11 => "Time-to-live exceeded",
        12 => "Parameter problem",
        13 => "Timestamp request",
        14 => "Timestamp reply",
        15 => "Information request",
        16 => "Information reply",
        17 => "Address mask request",
        18 => "Address mask reply",
        30 => "Traceroute",
        40 => "Photuris",
        42 => "Extended Echo request",
        43 => "Extended Echo reply",
        _ => return None,
    })
}

/// Highest code of a type (IANA ICMP Parameters; RFC 5944 for 9, RFC 2521 for 40, RFC 8335 for 43).
fn last_code(kind: u8) -> u8 {
    match kind {
        3 => 15,
        5 => 3,
        9 => 16,
        11 | 30 => 1,
        12 => 2,
        40 => 5,
        43 => 4,
        _ => 0,
    }
}

fn code_name(kind: u8, code: u8) -> Option<&'static str> {
    const UNREACHABLE: [&str; 16] = [
        "Network unreachable",
        "Host unreachable",
        "Protocol unreachable",
        "Port unreachable",
        "Fragmentation needed",
        "Source route failed",
        "Destination network unknown",
        "Destination host unknown",
        "Source host isolated",
        "Network administratively prohibited",
        "Host administratively prohibited",
        "Network unreachable for TOS",
        "Host unreachable for TOS",
        "Communication administratively filtered",
        "Host precedence violation",
        "Precedence cutoff in effect",
    ];
    let names: &[&str] = match kind {
        3 => &UNREACHABLE,
        5 => &[
            "Redirect for network",
            "Redirect for host",
            "Redirect for TOS and network",
            "Redirect for TOS and host",
        ],
        11 => &["Time to live exceeded in transit", "Fragment reassembly time exceeded"],
        12 => &["Pointer indicates the error", "Required option missing", "Bad length"],
        _ => &[],
    };
    names.get(usize::from(code)).copied()
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(kind) = put_header(payload, type_name, code_name, facts) else { return };
    match kind {
        0 | 8 | 13..=18 | 42 | 43 => put_echo(payload, facts),
        3 if payload.u8(1) == Some(4) => {
            if let Some(mtu) = payload.u16(6) {
                facts.put_number("mtu", mtu.into());
            }
        }
        5 => {
            if let Some(gateway) = payload.array(4).map(Address::v4) {
                facts.entry("gateway", |text| gateway.write_text(text));
            }
        }
        _ => {}
    }
}

fn put_header(
    payload: &Payload,
    type_name: fn(u8) -> Option<&'static str>,
    code_name: fn(u8, u8) -> Option<&'static str>,
    facts: &mut Facts,
) -> Option<u8> {
    let [kind, code] = payload.array(0)?;
    let name = type_name(kind).unwrap_or("Unknown type");
    facts.say(name.as_bytes());
    facts.put_number("type", kind.into());
    facts.put_number("code", code.into());
    facts.put("type_name", name.as_bytes());
    if let Some(code_name) = code_name(kind, code) {
        facts.say(b" (");
        facts.say(code_name.as_bytes());
        facts.say(b")");
        facts.put("code_name", code_name.as_bytes());
    }
    if let Some(checksum) = payload.array::<2>(2) {
        facts.put_hex("checksum", &checksum);
    }
    Some(kind)
}

fn put_echo(payload: &Payload, facts: &mut Facts) {
    let (Some(identifier), Some(sequence)) = (payload.u16(4), payload.u16(6)) else { return };
    facts.say(b" id=0x");
    facts.say_hex(&identifier.to_be_bytes());
    facts.say(b", seq=");
    facts.say_number(sequence.into());
    facts.put_number("identifier", identifier.into());
    facts.put_number("sequence", sequence.into());
}

fn type_name_v6(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "Destination Unreachable",
        2 => "Packet Too Big",
        3 => "Time Exceeded",
        4 => "Parameter Problem",
        128 => "Echo (ping) request",
        129 => "Echo (ping) reply",
        130 => "Multicast Listener Query",
        131 => "Multicast Listener Report",
        132 => "Multicast Listener Done",
        133 => "Router Solicitation",
        134 => "Router Advertisement",
        135 => "Neighbor Solicitation",
        136 => "Neighbor Advertisement",
        137 => "Redirect",
        138 => "Router Renumbering",
        139 => "Node Information Query",
        140 => "Node Information Reply",
        141 => "Inverse Neighbor Discovery Solicitation",
        142 => "Inverse Neighbor Discovery Advertisement",
        143 => "Multicast Listener Report Message v2",
        144 => "Home Agent Address Discovery Request",
        145 => "Home Agent Address Discovery Reply",
        146 => "Mobile Prefix Solicitation",
        147 => "Mobile Prefix Advertisement",
        148 => "Certification Path Solicitation",
        149 => "Certification Path Advertisement",
        151 => "Multicast Router Advertisement",
        152 => "Multicast Router Solicitation",
        153 => "Multicast Router Termination",
        155 => "RPL Control",
        157 => "Duplicate Address Request",
        158 => "Duplicate Address Confirmation",
        160 => "Extended Echo Request",
        161 => "Extended Echo Reply",
        _ => return None,
    })
}

/// Highest code of a type (IANA ICMPv6 Parameters).
fn last_code_v6(kind: u8) -> u8 {
    match kind {
        1 => 8,
        3 => 1,
        4 => 11,
        138 | 155 => 255,
        139 | 140 => 2,
        157 | 158 => 255,
        161 => 4,
        _ => 0,
    }
}

fn code_name_v6(kind: u8, code: u8) -> Option<&'static str> {
    let names: &[&str] = match kind {
        1 => &[
            "no route to destination",
            "administratively prohibited",
            "beyond scope of source address",
            "address unreachable",
            "port unreachable",
            "source address failed ingress/egress policy",
            "reject route to destination",
            "error in source routing header",
            "headers too long",
        ],
        3 => &["hop limit exceeded in transit", "fragment reassembly time exceeded"],
        4 => &[
            "erroneous header field encountered",
            "unrecognized Next Header type encountered",
            "unrecognized IPv6 option encountered",
        ],
        _ => &[],
    };
    names.get(usize::from(code)).copied()
}

fn describe_v6(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(kind) = put_header(payload, type_name_v6, code_name_v6, facts) else { return };
    match kind {
        128 | 129 | 160 | 161 => put_echo(payload, facts),
        2 => {
            if let Some(mtu) = payload.u32(4) {
                facts.put_number("mtu", mtu.into());
            }
        }
        135..=137 => {
            if let Some(target) = payload.array(8).map(Address::v6) {
                facts.say(if kind == 136 { b" " } else { b" for " });
                facts.say_with(|info| target.write_text(info));
                facts.entry("target", |text| target.write_text(text));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn info(protocol: u8, payload: &[u8]) -> (Option<&'static str>, String) {
        let packet = sent(Carrier::Ip(protocol), 0, 0, payload);
        let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        (name, info)
    }

    #[test]
    fn types_have_their_codes() {
        for (kind, code, expected) in [
            (9, 16, true),
            (9, 17, false),
            (40, 5, true),
            (43, 4, true),
            (43, 5, false),
            (3, 16, false),
            (7, 0, false),
        ] {
            let name = names(&[sent(Carrier::Ip(1), 0, 0, &[kind, code, 0, 0, 0, 0, 0, 0])])[0];
            assert_eq!(name, expected.then_some("ICMP"), "{kind} {code}");
        }
        assert_eq!(info(1, &[8, 0, 0, 0, 0, 0, 0]).0, None);
    }

    #[test]
    fn what_a_packet_says() {
        for (protocol, payload, expected) in [
            (1, &[8, 0, 0, 0, 0, 1, 0, 7][..], "Echo (ping) request id=0x0001, seq=7"),
            (1, &[3, 3, 0, 0, 0, 0, 0, 0], "Destination unreachable (Port unreachable)"),
            (58, &[1, 4, 0, 0, 0, 0, 0, 0], "Destination Unreachable (port unreachable)"),
            (
                58,
                &[135, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
                "Neighbor Solicitation for fe80::1",
            ),
        ] {
            assert_eq!(info(protocol, payload).1, expected);
        }
    }

    #[test]
    fn the_mtu_is_that_of_fragmentation_needed() {
        for (code, told) in [(4, true), (3, false)] {
            let packet = sent(Carrier::Ip(1), 0, 0, &[3, code, 0, 0, 0, 0, 5, 0xdc]);
            let (_, details, _) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!(details.contains(&("mtu", "1500".to_owned())), told);
        }
    }
}
