//! ZRTP (RFC 6189).

use super::rtp::say_hex;
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Bytes around the message: header and checksum.
const AROUND: usize = 12 + 4;

/// ZRTP: two magic numbers, and a length in words that is the datagram's.
pub static ZRTP: Signature = Signature {
    name: "ZRTP",
    carriers: &[Carrier::Udp],
    ports: &[],
    // 16 to 19 (RFC 7983).
    first: FirstBytes::Ranges(&[(0x10, 0x13)]),
    examine: |payload, _, _| match message_type(payload) {
        Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        None => Verdict::No,
    },
    continues: |payload, _, _| matches!(payload.u8(0), Some(0x10..=0x13)),
    describe,
    // RTP, whose keys it agrees on.
    yields: true,
    ..Signature::BASE
};

/// The message type block (RFC 6189 section 5.2).
fn message_type<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    let is_zrtp = payload.array(4)? == *b"ZRTP" && payload.u16(12)? == 0x505a;
    let length = AROUND + 4 * usize::from(payload.u16(14)?);
    let kind = payload.from(16).get(..8)?;
    (is_zrtp && length == payload.length && kind.iter().all(u8::is_ascii)).then_some(kind.trim_ascii_end())
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(kind) = message_type(payload) else { return };
    facts.say(kind);
    facts.put("message_type", kind);
    if let Some(sequence) = payload.u16(2) {
        facts.put_number("sequence_number", sequence.into());
    }
    if let Some(source) = payload.u32(8) {
        facts.say(b", SSRC=0x");
        say_hex(facts, source);
        facts.put_number("ssrc", source.into());
    }
    if kind == b"Hello" {
        facts.put("version", payload.from(24).get(..4).unwrap_or_default());
        facts.put("client_id", payload.from(28).get(..16).unwrap_or_default().trim_ascii_end());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Flow, judge, names, sent};
    use super::super::{Carrier, Detector};

    /// HelloACK: three words.
    fn hello_ack() -> Vec<u8> {
        let mut packet = vec![0x10, 0, 0, 9];
        packet.extend(b"ZRTP\0\0\0\x11\x50\x5a\0\x03HelloACKcrc!");
        packet
    }

    #[test]
    fn magic_numbers_and_length() {
        let mut good = Flow::default();
        let (name, details, info) =
            judge(&mut Detector::new(), &mut good, &sent(Carrier::Udp, 4000, 4002, &hello_ack()));
        assert_eq!((name, info.as_str()), (Some("ZRTP"), "HelloACK, SSRC=0x00000011"));
        assert!(details.contains(&("sequence_number", "9".into())), "{details:?}");
        for at in [0, 5, 12, 15] {
            let mut packet = hello_ack();
            packet[at] ^= 0x40;
            assert_eq!(names(&[sent(Carrier::Udp, 4000, 4002, &packet)]), [None], "byte {at}");
        }
    }
}
