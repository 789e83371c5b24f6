//! SNMP versions 1 and 2c (RFC 1157, RFC 3416) and 3 (RFC 3412), over UDP and TCP (RFC 3430). The community is never shown.

use super::ber::{self, split, split_tag};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

const PORTS: &[u16] = &[161, 162];

/// SNMP: lengths of all headers fit into each other and into the datagram, or in a stream into the first message.
pub static SNMP: Signature = Signature {
    name: "SNMP",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[SEQUENCE]),
    examine: |payload, _, _| match read(payload) {
        Some(_) if payload.on_port(PORTS) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        Some(_) => Verdict::Is(Confidence::HIGH, Method::Payload),
        None => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// What is in front of the variable bindings.
struct Message<'a> {
    version: u64,
    /// Bytes of the community; versions 1 and 2c.
    community: Option<usize>,
    /// Tag and contents of the protocol data unit, if it is not encrypted.
    pdu: Option<(u8, &'a [u8])>,
}

fn read<'a>(payload: &Payload<'a>) -> Option<Message<'a>> {
    let (message, _) = split_tag(payload.bytes, SEQUENCE)?;
    // Nothing may follow the message, and all of its parts must end with it. In a stream the next one may follow, and on
    // the usual port the end be missing (RFC 3430 section 2.1).
    let end = message.header + message.length;
    let fits = end == payload.length
        || payload.carrier == Carrier::Tcp
            && match payload.u8(end) {
                Some(next) => next == SEQUENCE,
                None => payload.on_port(PORTS),
            };
    if !fits {
        return None;
    }
    let (version, rest) = split_tag(message.value, INTEGER).filter(|(version, _)| version.length == 1)?;
    match *version.value {
        [version @ (0 | 1)] => {
            let (community, rest) = split_tag(rest, OCTET_STRING)?;
            let (pdu, after) = split(rest)?;
            let left = message.length.checked_sub(3 + community.header + community.length)?;
            let fits = after.is_empty() && pdu.header + pdu.length == left;
            (fits && matches!(pdu.tag, 0xa0..=0xa8)).then_some(Message {
                version: version.into(),
                community: Some(community.length),
                pdu: Some((pdu.tag, pdu.value)),
            })
        }
        [3] => read_version_3(rest),
        _ => None,
    }
}

/// msgGlobalData and msgSecurityParameters, then the scoped data (RFC 3412 section 6).
fn read_version_3(rest: &[u8]) -> Option<Message<'_>> {
    let (global, rest) = split_tag(rest, SEQUENCE)?;
    let (_id, fields) = split_tag(global.value, INTEGER)?;
    let (_max_size, fields) = split_tag(fields, INTEGER)?;
    let (_flags, fields) = split_tag(fields, OCTET_STRING).filter(|(flags, _)| flags.length == 1)?;
    let (_model, fields) = split_tag(fields, INTEGER)?;
    let (_security, rest) = split_tag(rest, OCTET_STRING).filter(|_| fields.is_empty())?;
    let (data, _) = split(rest).filter(|(data, _)| matches!(data.tag, SEQUENCE | OCTET_STRING))?;
    let pdu = || {
        let (_engine, rest) = split_tag(data.value, OCTET_STRING)?;
        let (_name, rest) = split_tag(rest, OCTET_STRING)?;
        let (pdu, _) = split(rest)?;
        Some((pdu.tag, pdu.value))
    };
    let pdu = if data.tag == SEQUENCE { pdu() } else { None };
    Some(Message { version: 3, community: None, pdu })
}

/// Wireshark's name, and the name of the standard.
fn pdu_name(tag: u8) -> Option<(&'static str, &'static str)> {
    Some(match tag {
        0xa0 => ("get-request", "GetRequest"),
        0xa1 => ("get-next-request", "GetNextRequest"),
        0xa2 => ("get-response", "Response"),
        0xa3 => ("set-request", "SetRequest"),
        0xa4 => ("trap", "Trap"),
        0xa5 => ("getBulkRequest", "GetBulkRequest"),
        0xa6 => ("informRequest", "InformRequest"),
        0xa7 => ("snmpV2-trap", "SNMPv2-Trap"),
        0xa8 => ("report", "Report"),
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(message) = read(payload) else { return };
    facts.put(
        "version",
        match message.version {
            0 => b"SNMPv1",
            1 => b"SNMPv2c",
            _ => b"SNMPv3",
        },
    );
    facts.put_number("version_code", message.version);
    if let Some(length) = message.community {
        facts.put_flag("has_community", length != 0);
        facts.put_number("community_length", length as u64);
    }
    let Some((tag, pdu)) = message.pdu else {
        facts.say(b"encryptedPDU");
        return;
    };
    let Some((name, type_name)) = pdu_name(tag) else { return };
    facts.say(name.as_bytes());
    facts.put("pdu_type", type_name.as_bytes());
    describe_pdu(tag, pdu, facts);
}

fn describe_pdu(tag: u8, pdu: &[u8], facts: &mut Facts) -> Option<()> {
    const TRAP_VERSION_1: u8 = 0xa4;
    let object = if tag == TRAP_VERSION_1 {
        split_tag(pdu, OBJECT_IDENTIFIER)?.0
    } else {
        let (id, rest) = split_tag(pdu, INTEGER)?;
        if let Some(id) = ber::unsigned(id.value) {
            facts.put_number("request_id", id);
        }
        let (status, rest) = split_tag(rest, INTEGER)?;
        let (_index, rest) = split_tag(rest, INTEGER)?;
        // In a GetBulkRequest the two are other numbers.
        if tag == 0xa2 {
            facts.put_number("error_status", ber::unsigned(status.value)?);
        }
        let (bindings, _) = split_tag(rest, SEQUENCE)?;
        let (binding, _) = split_tag(bindings.value, SEQUENCE)?;
        split_tag(binding.value, OBJECT_IDENTIFIER)?.0
    };
    facts.say(b" ");
    facts.say_with(|info| ber::write_object_identifier(object.value, info));
    facts.entry("oid", |text| ber::write_object_identifier(object.value, text));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const GET: &[u8] = b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x07\x02\x01\0\x02\x01\0\
        \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0\x05\0";

    #[test]
    fn the_community_is_not_told() {
        let packet = sent(Carrier::Udp, 40001, 161, GET);
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("SNMP"), "get-request 1.3.6.1.2.1.1.1.0"));
        assert!(details.contains(&("community_length", "6".to_owned())));
        assert!(details.iter().all(|(_, value)| !value.contains("public")));
    }

    #[test]
    fn lengths_fit_into_each_other() {
        for (at, value) in [(1, 0x27), (1, 0x25), (4, 2), (6, 7), (13, 0xa9), (14, 0x18)] {
            let mut payload = GET.to_vec();
            payload[at] = value;
            let name = names(&[sent(Carrier::Udp, 40001, 161, &payload)])[0];
            assert_eq!(name, None, "{at} {value}");
        }
    }
}
