//! Flow export: sFlow version 5, NetFlow versions 1, 5, 7 and 9 (RFC 3954), IPFIX (RFC 7011).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

const SFLOW_PORTS: &[u16] = &[6343];
const NETFLOW_PORTS: &[u16] = &[2055, 2056, 9995, 9996];
const IPFIX_PORTS: &[u16] = &[4739];
/// A record of version 1 without its four reserved bytes, as softflowd exports it, bytes.
const SHORT_RECORD: usize = 48;

/// sFlow: samples fill the datagram.
pub static SFLOW: Signature = Signature {
    name: "sFlow",
    carriers: &[Carrier::Udp],
    ports: SFLOW_PORTS,
    first: FirstBytes::OneOf(&[0]),
    examine: |payload, _, _| judge(payload, SFLOW_PORTS, is_sflow(payload)),
    describe: describe_sflow,
    ..Signature::BASE
};

/// NetFlow: records or sets fill the datagram.
pub static NETFLOW: Signature = Signature {
    name: "NetFlow",
    carriers: &[Carrier::Udp],
    ports: NETFLOW_PORTS,
    first: FirstBytes::OneOf(&[0]),
    examine: |payload, _, _| judge(payload, NETFLOW_PORTS, is_netflow(payload)),
    describe: describe_netflow,
    ..Signature::BASE
};

/// IPFIX: sets fill the datagram.
pub static IPFIX: Signature = Signature {
    name: "IPFIX",
    carriers: &[Carrier::Udp],
    ports: IPFIX_PORTS,
    first: FirstBytes::OneOf(&[0]),
    examine: |payload, _, _| judge(payload, IPFIX_PORTS, is_ipfix(payload)),
    describe: describe_ipfix,
    ..Signature::BASE
};

fn judge(payload: &Payload, ports: &[u16], fits: bool) -> Verdict {
    match fits {
        true if payload.on_port(ports) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        true => Verdict::Is(Confidence::HIGH, Method::Payload),
        false => Verdict::No,
    }
}

/// Offset behind the agent's address.
fn sflow_agent(payload: &Payload) -> Option<(Address, usize)> {
    match (payload.u32(0)?, payload.u32(4)?) {
        (5, 1) => Some((Address::v4(payload.array(8)?), 12)),
        (5, 2) => Some((Address::v6(payload.array(8)?), 24)),
        _ => None,
    }
}

fn is_sflow(payload: &Payload) -> bool {
    let Some((_, at)) = sflow_agent(payload) else { return false };
    let Some(samples) = payload.u32(at + 12) else { return false };
    let mut at = at + 16;
    for _ in 0..samples {
        match payload.u32(at + 4) {
            Some(length) if length % 4 == 0 && length as usize <= payload.length => at += 8 + length as usize,
            Some(_) => return false,
            None => return !payload.is_whole() && at <= payload.length,
        }
    }
    samples != 0 && at == payload.length
}

fn is_netflow(payload: &Payload) -> bool {
    let (Some(version), Some(count)) = (payload.u16(0), payload.u16(2).map(usize::from)) else {
        return false;
    };
    match version {
        1 => {
            let is_short = || {
                let fits = (1..=30).contains(&count) && payload.length == 16 + SHORT_RECORD * count;
                fits && payload.on_port(NETFLOW_PORTS)
            };
            (1..=24).contains(&count) && payload.length == 16 + 52 * count || is_short()
        }
        5 => (1..=30).contains(&count) && payload.length == 24 + 48 * count,
        7 => (1..=28).contains(&count) && payload.length == 24 + 52 * count,
        9 => count != 0 && sets_fit(payload, 20, 0..=1),
        _ => false,
    }
}

fn is_ipfix(payload: &Payload) -> bool {
    payload.u16(0) == Some(10)
        && payload.u16(2).map(usize::from) == Some(payload.length)
        && sets_fit(payload, 16, 2..=3)
}

/// Whether sets with identifiers of `templates`, or of 256 and above, fill the datagram from `at` on.
fn sets_fit(payload: &Payload, at: usize, templates: std::ops::RangeInclusive<u16>) -> bool {
    let start = at;
    let mut at = at;
    while let (Some(id), Some(length)) = (payload.u16(at), payload.u16(at + 2)) {
        if !(templates.contains(&id) || id >= 256) || length < 4 {
            return false;
        }
        at += usize::from(length);
    }
    match payload.is_whole() {
        true => at == payload.length && at > start,
        false => at > start && at <= payload.length,
    }
}

fn describe_sflow(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some((agent, at)) = sflow_agent(payload) else { return };
    let (Some(sequence), Some(samples)) = (payload.u32(at + 4), payload.u32(at + 12)) else { return };
    facts.say(b"V5, agent ");
    facts.say_with(|info| agent.write_text(info));
    facts.say(b", seq ");
    facts.say_number(sequence.into());
    facts.say(b", ");
    facts.say_number(samples.into());
    facts.say(b" samples");
    facts.put_number("version", 5);
    facts.entry("agent", |text| agent.write_text(text));
    facts.put_number("sequence", sequence.into());
    facts.put_number("samples", samples.into());
}

fn describe_netflow(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(version), Some(count)) = (payload.u16(0), payload.u16(2)) else { return };
    facts.say(b"v");
    facts.say_number(version.into());
    facts.say(b", ");
    facts.say_number(count.into());
    facts.say(if version == 9 { b" records" } else { b" flows" });
    facts.put_number("version", version.into());
    facts.put_number("count", count.into());
    let sequence = match version {
        5 | 7 => payload.u32(16),
        9 => payload.u32(12),
        _ => None,
    };
    if let Some(sequence) = sequence {
        facts.put_number("sequence", sequence.into());
    }
}

fn describe_ipfix(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(length), Some(sequence), Some(domain)) = (payload.u16(2), payload.u32(8), payload.u32(12))
    else {
        return;
    };
    facts.say(b"IPFIX (");
    facts.say_number(length.into());
    facts.say(b" bytes) Obs-Domain-ID=");
    facts.say_number(domain.into());
    facts.put_number("version", 10);
    facts.put_number("sequence", sequence.into());
    facts.put_number("observation_domain", domain.into());
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn check(payload: &[u8], name: &str, expected: &str) {
        let packet = sent(Carrier::Udp, 40001, 40003, payload);
        let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((found, info.as_str()), (Some(name), expected));
        let longer = [payload, &[0]].concat();
        assert_eq!(names(&[sent(Carrier::Udp, 40001, 40003, &longer)]), [None], "{name}");
    }

    #[test]
    fn what_is_counted_fills_the_datagram() {
        let mut netflow = vec![0, 5, 0, 2];
        netflow.resize(24 + 96, 1);
        check(&netflow, "NetFlow", "v5, 2 flows");
        let mut version_9 = vec![0, 9, 0, 1];
        version_9.resize(20, 1);
        version_9.extend_from_slice(&[0, 0, 0, 8, 1, 0, 0, 0, 1, 0, 0, 4]);
        check(&version_9, "NetFlow", "v9, 1 records");
        let ipfix = b"\0\x0a\0\x18\0\0\0\0\0\0\0\x07\0\0\0\x09\x01\0\0\x08\0\0\0\0";
        check(ipfix, "IPFIX", "IPFIX (24 bytes) Obs-Domain-ID=9");
        let sflow = b"\0\0\0\x05\0\0\0\x01\x0a\0\0\x01\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x01\
            \0\0\0\x01\0\0\0\x04abcd";
        check(sflow, "sFlow", "V5, agent 10.0.0.1, seq 7, 1 samples");
    }
}
