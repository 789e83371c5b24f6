//! RTP (RFC 3550).
//!
//! A flow is RTP when its endpoint was announced, or when two packets of one source follow each other. Later packets
//! are told by what the flow has shown so far: sources by direction, and payload types. Another source with a known
//! payload type is RTP at once, one with a new payload type after two packets in sequence.

use super::media::{MediaKind, keep_endpoint, put_call};
use super::signature::FirstBytes;
use super::state::seen;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::flow::key::Direction;
pub use crate::rtp::codec::static_name as codec;
use crate::rtp::packet::{FIXED_HEADER, Header, is_rtcp};

/// Longest frame in bytes that is waited for in a TCP stream.
const MOST_FRAME: usize = 4096;

/// RTP: announced, or two packets in sequence. In TCP each packet is led by its length (RFC 4571).
pub static RTP: Signature = Signature {
    name: "RTP",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: &[],
    // 128 to 191 in a datagram (RFC 7983), any length in a stream.
    first: FirstBytes::Any,
    examine,
    continues,
    describe,
    ..Signature::BASE
};

/// Places of the notes: payload types of the flow as a set of 64, the source of each direction, and of each direction
/// what would come next in sequence from a source that is not known yet.
mod note {
    pub(super) const PAYLOAD_TYPES: [usize; 2] = [0, 1];
    pub(super) const SOURCES: usize = 2;
    pub(super) const NEXT: usize = 4;
}

/// The header at `offset` of a payload in which `end` bytes belong to the packet.
#[inline]
fn header(payload: &Payload, offset: usize, end: usize) -> Option<Header> {
    Header::parse_captured(payload.from(offset), end.checked_sub(offset)?)
}

fn type_bit(header: &Header) -> (usize, u32) {
    // Types 96 to 127 share the bits of 32 to 63, which are hardly used beside them.
    let bit = u32::from(header.payload_type) & 63;
    let [low, high] = note::PAYLOAD_TYPES;
    (if bit < 32 { low } else { high }, 1 << (bit & 31))
}

/// What is remembered of a source on probation: the next sequence number, and half of the source's identifier.
fn expected_next(header: &Header, ahead: u16) -> u32 {
    // Never 0, which is no source.
    let folded = (header.ssrc ^ header.ssrc >> 16) as u16 | 1;
    u32::from(header.sequence.wrapping_add(ahead)) << 16 | u32::from(folded)
}

#[inline]
fn side(payload: &Payload) -> usize {
    usize::from(payload.direction == Direction::Reverse)
}

fn examine(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> Verdict {
    if payload.carrier == Carrier::Tcp {
        return examine_stream(payload, state);
    }
    if payload.u8(0).is_none_or(|first| first >> 6 != 2) {
        return Verdict::No;
    }
    let Some(header) = header(payload, 0, payload.length) else { return Verdict::No };
    if shared.media.find(payload) == Some(MediaKind::Rtp) {
        accept(payload, state, &header);
        return Verdict::Is(Confidence::DEFINITE, Method::Sdp);
    }
    match follows(payload, state, &header) {
        true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        false => Verdict::Candidate,
    }
}

/// Two packets of one source in sequence (RFC 3550 appendix A.1); notes the packet for the next one if they are not. Where
/// STUN and DTLS went before, nothing else begins so (RFC 7983 section 7).
fn follows(payload: &Payload, state: &mut FlowState, header: &Header) -> bool {
    if state.seen & seen::DTLS_SRTP == seen::DTLS_SRTP {
        accept(payload, state, header);
        return true;
    }
    let Some(next) = state.claim_notes().get_mut(note::NEXT + side(payload)) else { return false };
    if *next == expected_next(header, 0) {
        accept(payload, state, header);
        return true;
    }
    *next = expected_next(header, 1);
    false
}

fn accept(payload: &Payload, state: &mut FlowState, header: &Header) {
    state.seen |= seen::RTP;
    let (word, bit) = type_bit(header);
    let notes = state.claim_notes();
    if let Some(types) = notes.get_mut(word) {
        *types |= bit;
    }
    if let Some(source) = notes.get_mut(note::SOURCES + side(payload)) {
        *source = header.ssrc;
    }
}

/// Frames of a length and a packet each; two packets of one source in sequence decide, RTCP may be between them.
fn examine_stream(payload: &Payload, state: &mut FlowState) -> Verdict {
    let (mut offset, mut next) = (0, None);
    while let Some(length) = payload.u16(offset).map(usize::from) {
        let end = offset + 2 + length;
        if offset == 0 && end > payload.bytes.len() {
            return Verdict::No;
        }
        if payload.bytes.len() < offset + 2 + FIXED_HEADER {
            break;
        }
        if length > MOST_FRAME || payload.u8(offset + 2).is_none_or(|first| first >> 6 != 2) {
            return Verdict::No;
        }
        if !payload.u8(offset + 3).is_some_and(is_rtcp) {
            let Some(header) = header(payload, offset + 2, end) else { return Verdict::No };
            if next == Some((header.ssrc, header.sequence)) {
                state.seen |= seen::RTP;
                return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
            }
            next = Some((header.ssrc, header.sequence.wrapping_add(1)));
        }
        offset = end;
    }
    if next.is_some() { Verdict::More } else { Verdict::No }
}

/// Known sources pass by four comparisons.
#[inline]
fn continues(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> bool {
    if payload.carrier == Carrier::Tcp {
        return true;
    }
    let Some([first, second, _, sequence_low]) = payload.array(0) else { return false };
    if first >> 6 != 2 || is_rtcp(second) {
        return false;
    }
    keep_endpoint(&mut shared.media, payload, sequence_low);
    let known = state.notes().and_then(|notes| notes.get(note::SOURCES + side(payload)));
    if known.is_some_and(|known| payload.u32(8) == Some(*known)) {
        return true;
    }
    continues_otherwise(payload, state)
}

#[cold]
fn continues_otherwise(payload: &Payload, state: &mut FlowState) -> bool {
    let Some(header) = header(payload, 0, payload.length) else { return false };
    let (word, bit) = type_bit(&header);
    let type_is_known = state.notes().and_then(|notes| notes.get(word)).is_some_and(|types| types & bit != 0);
    if state.method() == Method::Sdp || (type_is_known && header.padding_fits) {
        accept(payload, state, &header);
        return true;
    }
    follows(payload, state, &header)
}

fn describe(payload: &Payload, _: &mut FlowState, shared: &mut Shared, facts: &mut Facts) {
    let offset = if payload.carrier == Carrier::Tcp { 2 } else { 0 };
    let Some(header) = header(payload, offset, payload.length) else { return };
    let codec = codec(header.payload_type);
    facts.say(b"PT=");
    facts.say(codec.as_bytes());
    facts.say(b", SSRC=0x");
    say_hex(facts, header.ssrc);
    facts.say(b", Seq=");
    facts.say_number(header.sequence.into());
    facts.say(b", Time=");
    facts.say_number(header.timestamp.into());
    if header.marker {
        facts.say(b", Mark");
    }
    facts.put_number("version", 2);
    facts.put_flag("padding", header.has_padding());
    facts.put_flag("extension", header.has_extension());
    facts.put_number("csrc_count", header.csrc_count().into());
    facts.put_flag("marker", header.marker);
    facts.put_number("payload_type", header.payload_type.into());
    facts.put("codec", codec.as_bytes());
    facts.put_number("sequence_number", header.sequence.into());
    facts.put_number("timestamp", header.timestamp.into());
    facts.put_number("ssrc", header.ssrc.into());
    put_call(&shared.media, payload, facts);
}

/// Says a number as eight hexadecimal digits.
pub(super) fn say_hex(facts: &mut Facts, number: u32) {
    for shift in (0..8).rev() {
        let digit = (number >> (shift * 4)) as usize & 15;
        facts.say(b"0123456789abcdef".get(digit..=digit).unwrap_or_default());
    }
}

#[cfg(test)]
#[path = "tests/rtp.rs"]
mod tests;
