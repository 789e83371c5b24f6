//! RTCP (RFC 3550 section 6, RFC 4585, RFC 5506).

use super::media::{MediaKind, put_call};
use super::rtp::say_hex;
use super::signature::FirstBytes;
use super::state::seen;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::rtp::rtcp::{RECEIVER_REPORT, SENDER_REPORT, is_compound, looks_like_rtcp, packet_at};

/// Most packets of one compound that are described.
const MOST_PACKETS: usize = 16;

/// RTCP: a compound packet whose lengths add up; where RTP was seen or announced, any packet of its type range, since
/// what follows the first header may be encrypted (RFC 3711 section 3.4).
pub static RTCP: Signature = Signature {
    name: "RTCP",
    carriers: &[Carrier::Udp],
    ports: &[],
    first: FirstBytes::Ranges(&[(0x80, 0xbf)]),
    examine: |payload, state, shared| {
        let Some((first, _)) = packet_at(payload.bytes, payload.length, 0) else { return Verdict::No };
        let fits = is_compound(payload.bytes, payload.length);
        match first {
            SENDER_REPORT | RECEIVER_REPORT | 204..=207 if fits => {
                Verdict::Is(Confidence::HIGH, Method::Payload)
            }
            _ if state.seen & seen::RTP != 0 || state.seen & seen::DTLS_SRTP == seen::DTLS_SRTP => {
                Verdict::Is(Confidence::HIGH, Method::Handshake)
            }
            _ if matches!(shared.media.find(payload), Some(MediaKind::Rtp | MediaKind::Rtcp)) => {
                Verdict::Is(Confidence::DEFINITE, Method::Sdp)
            }
            _ => Verdict::No,
        }
    },
    continues: |payload, _, shared| {
        // A report every few seconds keeps its endpoint alive.
        shared.media.find(payload);
        looks_like_rtcp(payload.bytes)
    },
    describe,
    // RTP that shares the port.
    yields: true,
    ..Signature::BASE
};

fn describe(payload: &Payload, _: &mut FlowState, shared: &mut Shared, facts: &mut Facts) {
    let (mut offset, mut count) = (0, 0);
    let mut types = [0; MOST_PACKETS];
    while let (Some((kind, length)), Some(place)) =
        (packet_at(payload.bytes, payload.length, offset), types.get_mut(count))
    {
        *place = kind;
        facts.say(if count == 0 { b"" } else { b", " });
        facts.say(name(kind).0.as_bytes());
        offset += length;
        count += 1;
    }
    facts.entry("packet_types", |text| {
        for (place, kind) in types.iter().take(count).enumerate() {
            text.extend_from_slice(if place == 0 { b"" } else { b"," });
            text.extend_from_slice(name(*kind).1.as_bytes());
        }
    });
    facts.put_number("pt", types.first().copied().unwrap_or(0).into());
    if let Some(source) = payload.u32(4).filter(|_| count != 0) {
        facts.say(b", SSRC=0x");
        say_hex(facts, source);
        facts.put_number("ssrc", source.into());
    }
    put_call(&shared.media, payload, facts);
}

/// Name and abbreviation of a packet type (IANA).
fn name(kind: u8) -> (&'static str, &'static str) {
    match kind {
        192 => ("Full intra request", "FIR"),
        193 => ("Negative acknowledgement", "NACK"),
        195 => ("Inter-arrival jitter", "IJ"),
        SENDER_REPORT => ("Sender report", "SR"),
        RECEIVER_REPORT => ("Receiver report", "RR"),
        202 => ("Source description", "SDES"),
        203 => ("Goodbye", "BYE"),
        204 => ("Application specific", "APP"),
        205 => ("Transport feedback", "RTPFB"),
        206 => ("Payload-specific feedback", "PSFB"),
        207 => ("Extended report", "XR"),
        208 => ("AVB", "AVB"),
        209 => ("Receiver summary", "RSI"),
        210 => ("Port mapping", "TOKEN"),
        211 => ("IDMS settings", "IDMS"),
        212 => ("Reporting group", "RGRS"),
        213 => ("Splicing notification", "SNM"),
        _ => ("Unknown", "unknown"),
    }
}

#[cfg(test)]
#[path = "tests/rtcp.rs"]
mod tests;
