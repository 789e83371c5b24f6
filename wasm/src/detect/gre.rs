//! GRE (RFC 2784, RFC 2890), and its version for PPTP (RFC 2637), when nothing in it was decoded.

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PPP: u16 = 0x880b;
/// Flags of a key being there, and of a sequence number.
const KEY: u8 = 0x20;
const CHECKSUM: u8 = 0x80;

/// GRE.
pub static GRE: Signature = Signature {
    name: "GRE",
    carriers: &[Carrier::Ip(47)],
    examine: |payload, _, _| match (payload.array(0), payload.u16(2)) {
        (Some([_, version]), Some(_)) if version & 7 == 0 => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        (Some([flags, version]), Some(PPP)) if version & 7 == 1 && flags & KEY != 0 => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        _ => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some([flags, version]), Some(protocol)) = (payload.array(0), payload.u16(2)) else { return };
    let name: &[u8] = match protocol {
        PPP => b"PPP",
        0x0800 => b"IP",
        0x86dd => b"IPv6",
        0x6558 => b"Transparent Ethernet bridging",
        0x8847 => b"MPLS",
        0x88be => b"ERSPAN",
        0x22eb => b"ERSPAN Type III",
        0x2001 => b"NHRP",
        0 => b"Keepalive",
        _ => b"",
    };
    facts.say(b"Encapsulated ");
    if name.is_empty() {
        facts.say(b"0x");
        facts.say_hex(&protocol.to_be_bytes());
    } else {
        facts.say(name);
    }
    facts.put_number("version", (version & 7).into());
    facts.put_hex("protocol_type", &protocol.to_be_bytes());
    let at = if flags & CHECKSUM != 0 { 8 } else { 4 };
    if version & 7 == 1 {
        // The key is the length of the payload and the call (RFC 2637 section 4.1).
        if let Some(call) = payload.u16(6) {
            facts.put_number("call_id", call.into());
        }
    } else if let Some(key) = payload.array::<4>(at).filter(|_| flags & KEY != 0) {
        facts.put_hex("key", &key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn both_versions() {
        for (payload, expected) in [
            (&b"\x20\0\x65\x58\0\0\0\x07"[..], "Encapsulated Transparent Ethernet bridging"),
            (b"\x30\x81\x88\x0b\0\x0c\0\x05\0\0\0\x01\0\0\0\x02", "Encapsulated PPP"),
            (b"\0\0\x12\x34", "Encapsulated 0x1234"),
        ] {
            let packet = sent(Carrier::Ip(47), 0, 0, payload);
            let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("GRE"), expected));
        }
        for payload in [&b"\x30\x81\x08\0\0\0\0\0"[..], b"\0\x02\x08\0", b"\0\0\x08"] {
            assert_eq!(names(&[sent(Carrier::Ip(47), 0, 0, payload)]), [None]);
        }
    }
}
