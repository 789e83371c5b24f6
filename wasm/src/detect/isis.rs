//! IS-IS (ISO/IEC 10589, RFC 1195): routers of a link, and what they know of the network. Its passwords are not shown.

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// LLC header of ISO network protocols.
const LLC_HEADER: [u8; 3] = [0xfe, 0xfe, 3];
/// LLC frames behind an EtherType, because of their length.
const LONG_LLC: u16 = 0x8870;
/// ISO network protocols in Cisco HDLC, perhaps behind a byte of padding.
const HDLC: u16 = 0xfefe;
/// Identifier of the network layer protocol (ISO/IEC TR 9577).
const IDENTIFIER: u8 = 0x83;
/// Usual length of a system's identifier, which is written as 0.
const SYSTEM_LENGTH: usize = 6;

/// IS-IS.
pub static IS_IS: Signature = Signature {
    name: "IS-IS",
    carriers: &[Carrier::Llc, Carrier::Ethertype(LONG_LLC), Carrier::Ethertype(HDLC)],
    examine: |payload, _, _| match is_isis(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        false => Verdict::No,
    },
    continues: |payload, _, _| is_isis(payload),
    describe,
    ..Signature::BASE
};

/// Where the common header begins.
fn start(payload: &Payload) -> Option<usize> {
    let at = match payload.carrier {
        Carrier::Ethertype(HDLC) if payload.u8(0) != Some(IDENTIFIER) => 1,
        Carrier::Ethertype(HDLC) => 0,
        _ if payload.array(0) == Some(LLC_HEADER) => LLC_HEADER.len(),
        _ => return None,
    };
    (payload.u8(at) == Some(IDENTIFIER)).then_some(at)
}

/// Name of a packet type, the length of its fixed header with identifiers of the usual length, and the offset of the
/// sender's identifier, or of the one that the packet is about.
fn packet_type(number: u8) -> Option<(&'static str, usize, usize)> {
    Some(match number & 0x1f {
        15 => ("L1 HELLO", 27, 9),
        16 => ("L2 HELLO", 27, 9),
        17 => ("P2P HELLO", 20, 9),
        18 => ("L1 LSP", 27, 12),
        20 => ("L2 LSP", 27, 12),
        24 => ("L1 CSNP", 33, 10),
        25 => ("L2 CSNP", 33, 10),
        26 => ("L1 PSNP", 17, 10),
        27 => ("L2 PSNP", 17, 10),
        _ => return None,
    })
}

/// Versions, a type that is known, and a header of its length.
pub(super) fn is_isis(payload: &Payload) -> bool {
    let Some(at) = start(payload) else { return false };
    let Some([_, header_length, 1, system_length, number, 1, 0]) = payload.array(at) else { return false };
    let Some((_, least, _)) = packet_type(number) else { return false };
    let fits = match system_length {
        0 | 6 => usize::from(header_length) == least,
        1..=8 | 255 => header_length >= 8,
        _ => false,
    };
    fits && at + usize::from(header_length) <= payload.length
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(at) = start(payload) else { return };
    let Some([_, _, _, system_length, number]) = payload.array(at) else { return };
    let Some((name, _, system_at)) = packet_type(number) else { return };
    facts.say(name.as_bytes());
    facts.put("pdu_type", name.as_bytes());
    if !matches!(system_length, 0 | 6) {
        return;
    }
    let Some(system) = payload.array::<SYSTEM_LENGTH>(at + system_at) else { return };
    facts.say(b", System-ID: ");
    facts.say_with(|info| write_system(system, info));
    facts.entry("system_id", |text| write_system(system, text));
}

/// Appends an identifier in groups of four digits.
fn write_system(system: [u8; SYSTEM_LENGTH], out: &mut Vec<u8>) {
    for (place, byte) in system.into_iter().enumerate() {
        if place != 0 && place % 2 == 0 {
            out.push(b'.');
        }
        super::facts::put_hex_byte(out, byte);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn hello() -> Vec<u8> {
        let mut hello =
            b"\xfe\xfe\x03\x83\x1b\x01\0\x0f\x01\0\0\x01\x19\x21\x68\0\x10\x01\0\x1e\0\x1b\x40".to_vec();
        hello.resize(3 + 27, 0);
        hello
    }

    #[test]
    fn routers_are_told() {
        let llc = hello();
        let padded = [&[3][..], &llc[3..]].concat();
        for (carrier, payload) in [
            (Carrier::Llc, &llc[..]),
            (Carrier::Ethertype(0x8870), &llc),
            (Carrier::Ethertype(0xfefe), &llc[3..]),
            (Carrier::Ethertype(0xfefe), &padded),
        ] {
            let packet = sent(carrier, 0, 0, payload);
            let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("IS-IS"), "L1 HELLO, System-ID: 1921.6800.1001"));
            assert!(details.contains(&("system_id", "1921.6800.1001".to_owned())));
        }
    }

    #[test]
    fn headers_have_their_lengths() {
        for (at, value) in [(0, 0xff), (3, 0x82), (4, 26), (5, 2), (6, 9), (7, 19), (8, 2), (9, 1)] {
            let mut payload = hello();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Llc, 0, 0, &payload)]), [Some("LLC")], "{at} {value}");
        }
        assert_eq!(names(&[sent(Carrier::Llc, 0, 0, &hello()[..29])]), [Some("LLC")]);
    }
}
