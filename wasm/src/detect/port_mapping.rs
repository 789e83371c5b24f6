//! How hosts ask their router for ports: NAT-PMP (RFC 6886) and PCP (RFC 6887).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

const PORT: u16 = 5351;
/// Of an opcode: it is an answer.
const RESPONSE: u8 = 0x80;
/// What is the same in all messages of PCP.
const PCP_HEADER_LENGTH: usize = 24;
const PCP_MOST_LENGTH: usize = 1100;
const MAP_LENGTH: usize = 36;
const PEER_LENGTH: usize = 56;
const ANNOUNCE: u8 = 0;
const MAP: u8 = 1;
const PEER: u8 = 2;

/// NAT-PMP.
pub static NAT_PMP: Signature = Signature {
    name: "NAT-PMP",
    carriers: &[Carrier::Udp],
    ports: &[PORT],
    first: FirstBytes::OneOf(&[0]),
    examine: |payload, _, _| judge(payload, is_nat_pmp(payload)),
    describe: describe_nat_pmp,
    ..Signature::BASE
};

/// PCP.
pub static PCP: Signature = Signature {
    name: "PCP",
    carriers: &[Carrier::Udp],
    ports: &[PORT],
    first: FirstBytes::OneOf(&[2]),
    examine: |payload, _, _| judge(payload, is_pcp(payload)),
    describe: describe_pcp,
    ..Signature::BASE
};

/// Requests go to the port, answers come from it.
fn judge(payload: &Payload, fits: bool) -> Verdict {
    let is_answer = payload.u8(1).is_some_and(|opcode| opcode & RESPONSE != 0);
    let port = if is_answer { payload.source_port } else { payload.destination_port };
    match fits && port == PORT {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        false => Verdict::No,
    }
}

/// Exact lengths, what is reserved, and results that are assigned.
fn is_nat_pmp(payload: &Payload) -> bool {
    let Some([0, opcode]) = payload.array(0) else { return false };
    match (opcode, payload.length, payload.u16(2)) {
        (0, 2, _) | (1 | 2, 12, Some(0)) => true,
        (0x80, 12, Some(0..=5)) | (0x81 | 0x82, 16, Some(0..=5)) => true,
        // What went wrong, and nothing else.
        (0x80..=0xff, 8, Some(1..=5)) => true,
        _ => false,
    }
}

fn describe_nat_pmp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(opcode) = payload.u8(1) else { return };
    let name: &[u8] = match opcode & !RESPONSE {
        0 => b"External Address",
        1 => b"Map UDP",
        2 => b"Map TCP",
        _ => b"Unsupported opcode",
    };
    let is_answer = opcode & RESPONSE != 0;
    facts.say(name);
    facts.say(if is_answer { b" Response" } else { b" Request" });
    facts.put("opcode", name);
    facts.put("type", if is_answer { b"response" } else { b"request" });
    if let Some(result) = payload.u16(2).filter(|_| is_answer) {
        facts.put_number("result_code", result.into());
    }
    match (opcode, payload.array(8).map(Address::v4)) {
        (0x80, Some(address)) => {
            facts.say(b" ");
            facts.say_with(|info| address.write_text(info));
            facts.entry("external_ip", |text| address.write_text(text));
        }
        (1 | 2, _) => put_ports(payload, 4, facts),
        (0x81 | 0x82, _) => put_ports(payload, 8, facts),
        _ => {}
    }
}

/// The port of the host, and the one that the router has for it.
fn put_ports(payload: &Payload, at: usize, facts: &mut Facts) {
    let (Some(internal), Some(external)) = (payload.u16(at), payload.u16(at + 2)) else { return };
    facts.put_number("internal_port", internal.into());
    facts.put_number("external_port", external.into());
}

/// Version, an opcode that is assigned and all that it has, what is reserved, and a result that is assigned.
fn is_pcp(payload: &Payload) -> bool {
    let Some([2, opcode, 0, result]) = payload.array(0) else { return false };
    let is_answer = opcode & RESPONSE != 0;
    let least = match opcode & !RESPONSE {
        ANNOUNCE => 0,
        MAP => MAP_LENGTH,
        PEER => PEER_LENGTH,
        _ => return false,
    };
    let has_zeros = payload.array(12) == Some([0; 12]);
    let answers_well = is_answer && result <= 21 && has_zeros;
    // A client of IPv4 is written as one of IPv6 (RFC 6887 section 5), and an answer to what was not understood is short.
    let least = if is_answer && result != 0 { 0 } else { least };
    (PCP_HEADER_LENGTH + least..=PCP_MOST_LENGTH).contains(&payload.length)
        && payload.length.is_multiple_of(4)
        && (answers_well || !is_answer && result == 0)
}

fn describe_pcp(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some([_, opcode, _, result]) = payload.array(0) else { return };
    let is_answer = opcode & RESPONSE != 0;
    let name: &[u8] = match opcode & !RESPONSE {
        ANNOUNCE => b"Announce",
        MAP => b"Map",
        PEER => b"Peer",
        _ => b"Unknown opcode",
    };
    facts.say(name);
    facts.say(if is_answer { b" Response" } else { b" Request" });
    facts.put("opcode", name);
    facts.put("type", if is_answer { b"response" } else { b"request" });
    match payload.array(8).map(Address::v6) {
        Some(client) if !is_answer => facts.entry("client_ip", |text| client.write_text(text)),
        _ => facts.put_number("result_code", result.into()),
    }
    if let Some(lifetime) = payload.u32(4) {
        facts.put_number("lifetime", lifetime.into());
    }
    if matches!(opcode & !RESPONSE, MAP | PEER) {
        put_ports(payload, PCP_HEADER_LENGTH + 16, facts);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn pcp(opcode: u8) -> Vec<u8> {
        let mut payload = vec![2, opcode, 0, 0, 0, 0, 0x1c, 0x20];
        payload.resize(60, 0);
        payload[40..44].copy_from_slice(&[0x1f, 0x90, 0x1f, 0x91]);
        payload
    }

    #[test]
    fn both_protocols_both_ways() {
        let (request, answer) = (pcp(1), pcp(0x81));
        for (from_port, payload, name, expected) in [
            (false, &b"\0\0"[..], "NAT-PMP", "External Address Request"),
            (true, b"\0\x80\0\0\0\0\0\x05\xc0\0\x02\x01", "NAT-PMP", "External Address Response 192.0.2.1"),
            (false, b"\0\x01\0\0\x1f\x90\x1f\x90\0\0\x1c\x20", "NAT-PMP", "Map UDP Request"),
            (true, b"\0\x82\0\0\0\0\0\x05\x1f\x90\x1f\x90\0\0\x1c\x20", "NAT-PMP", "Map TCP Response"),
            (false, &request, "PCP", "Map Request"),
            (true, &answer, "PCP", "Map Response"),
        ] {
            let (source, destination) = if from_port { (5351, 40_001) } else { (40_001, 5351) };
            let packet = sent(Carrier::Udp, source, destination, payload);
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some(name), expected));
            assert_eq!(names(&[sent(Carrier::Udp, destination, source, payload)]), [None]);
            let longer = [payload, &[0]].concat();
            assert_eq!(names(&[sent(Carrier::Udp, source, destination, &longer)]), [None]);
        }
        let (_, details, _) =
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Udp, 40_001, 5351, &request));
        assert!(details.contains(&("internal_port", "8080".to_owned())));
        for (at, value) in [(0, 1), (1, 3), (2, 1), (3, 1)] {
            let mut payload = pcp(1);
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 40_001, 5351, &payload)]), [None], "{at} {value}");
        }
        let mut payload = pcp(0x81);
        payload[13] = 1;
        assert_eq!(names(&[sent(Carrier::Udp, 5351, 40_001, &payload)]), [None]);
    }
}
