//! T.38 fax over UDPTL (ITU-T T.38 section 9.1), where a session description announced it.

use super::media::{MediaKind, keep_endpoint, put_call};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// T38: an announced endpoint, and a UDPTL packet that is sound in itself. There is no other way to tell it.
pub static T38: Signature = Signature {
    name: "T38",
    carriers: &[Carrier::Udp],
    ports: &[],
    first: FirstBytes::Any,
    examine: |payload, _, shared| {
        let announced = shared.media.has_udptl() && shared.media.find(payload) == Some(MediaKind::Udptl);
        match announced && primary(payload).is_some() {
            true => Verdict::Is(Confidence::DEFINITE, Method::Sdp),
            false => Verdict::No,
        }
    },
    continues: |payload, _, shared| {
        keep_endpoint(&mut shared.media, payload, payload.u8(1).unwrap_or(0));
        match payload.u8(0) {
            // RTP, if the call has gone back to it; or a sequence number above 32767.
            Some(0x80..=0xbf) => fills(payload),
            _ => true,
        }
    },
    describe,
    yields: true,
    ..Signature::BASE
};

/// The primary packet.
fn primary<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    open_type(payload.from(2)).map(|(primary, _)| primary).filter(|primary| !primary.is_empty())
}

/// A value that is led by its length in packed encoding (ITU-T X.691 section 11.9), and what follows.
fn open_type(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match *bytes {
        [length @ ..=127, ref rest @ ..] => rest.split_at_checked(length.into()),
        [high @ 128..=191, low, ref rest @ ..] => {
            rest.split_at_checked(usize::from(high & 0x3f) << 8 | usize::from(low))
        }
        _ => None,
    }
}

/// Whether primary packet and error recovery fill the datagram.
fn fills(payload: &Payload) -> bool {
    let Some((_, [choice, rest @ ..])) = open_type(payload.from(2)) else { return false };
    let mut rest = match choice {
        // Secondary packets: a count, and the packets.
        0 => rest,
        // Forward error correction: a number, then a count, and the data.
        0x80 => match open_type(rest) {
            Some((_, rest)) => rest,
            None => return false,
        },
        _ => return false,
    };
    let Some((count, packets)) = rest.split_first() else { return false };
    rest = packets;
    for _ in 0..*count {
        let Some((_, next)) = open_type(rest) else { return false };
        rest = next;
    }
    rest.is_empty()
}

fn describe(payload: &Payload, _: &mut FlowState, shared: &mut Shared, facts: &mut Facts) {
    let Some((sequence, primary)) = payload.u16(0).zip(primary(payload)) else { return };
    // Choice and value of the first field of the packet: indicator or data (ITU-T T.38 annex A).
    let kind: &[u8] =
        if primary.first().is_some_and(|first| first & 0x40 != 0) { b"data" } else { b"indicator" };
    facts.say(b"UDPTL, ");
    facts.say(kind);
    facts.say(b", Seq=");
    facts.say_number(sequence.into());
    facts.put("type", kind);
    facts.put_number("sequence_number", sequence.into());
    put_call(&shared.media, payload, facts);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Flow, Sent, judge, sent};
    use super::super::{Carrier, Detector};

    fn invite(media: &str) -> Sent {
        let text = format!(
            "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCall-ID: fax\r\nCSeq: 1 INVITE\r\n\r\n\
             v=0\r\nc=IN IP4 10.0.0.2\r\nm={media}\r\n"
        );
        sent(Carrier::Udp, 5060, 5060, text.as_bytes())
    }

    #[test]
    fn follows_the_session_description_from_voice_to_fax_and_back() {
        let mut detector = Detector::new();
        let (mut signalling, mut media) = (Flow::default(), Flow::default());
        let packet = |payload: &[u8]| sent(Carrier::Udp, 7000, 6000, payload);
        let fax = packet(&[0, 1, 2, 6, 5, 0, 0]);
        let late_fax = packet(&[0x80, 1, 2, 6, 5, 0, 1, 1, 0]);
        let voice = packet(&[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]);
        assert_eq!(judge(&mut detector, &mut media, &fax).0, None);
        judge(&mut detector, &mut signalling, &invite("audio 6000 RTP/AVP 0"));
        assert_eq!(judge(&mut detector, &mut media, &fax).0, None);
        assert_eq!(judge(&mut detector, &mut media, &voice).0, Some("RTP"));
        judge(&mut detector, &mut signalling, &invite("image 6000 udptl t38"));
        let (name, details, info) = judge(&mut detector, &mut media, &fax);
        assert_eq!((name, info.as_str()), (Some("T38"), "UDPTL, indicator, Seq=1"));
        assert!(details.contains(&("call_id", "fax".into())), "{details:?}");
        // A flow that began as fax.
        let mut media = Flow::default();
        assert_eq!(judge(&mut detector, &mut media, &fax).0, Some("T38"));
        assert_eq!(judge(&mut detector, &mut media, &late_fax).0, Some("T38"));
        judge(&mut detector, &mut signalling, &invite("audio 6000 RTP/AVP 0"));
        assert_eq!(judge(&mut detector, &mut media, &voice).0, Some("RTP"));
    }
}
